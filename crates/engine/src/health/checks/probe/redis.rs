//! A server of Redis' protocol (RESP2): `AUTH` where there is a password, `SELECT` where a database is
//! named, then `PING`.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use watchkeep_model::{Error, Result};

use super::super::config::{CheckConfig, Hidden};
use super::stream::{Duplex, Trust, connect};
use super::{Place, decoded, url, words};

/// Where Redis listens.
const PORT: u16 = 6379;
/// Bytes of a line of an answer.
const LINE_BYTES_MAX: u64 = 1024;

/// What is asked of a server of Redis' protocol.
#[derive(Debug)]
pub(in crate::health) struct Redis {
    place: Place,
    user: String,
    pub(super) password: Hidden,
    database: Option<u32>,
    trust: Option<Trust>,
}

impl Redis {
    pub(super) fn new(config: &CheckConfig) -> Result<Self> {
        let url = url(config, &["redis", "rediss"])?;
        let database = match url.path().trim_matches('/') {
            "" => None,
            number => Some(number.parse().map_err(|_| {
                Error::invalid("url must end with the number of a database, or with none")
            })?),
        };
        Ok(Self {
            place: Place::of(&url, PORT)?,
            user: decoded(url.username()),
            password: Hidden::new(decoded(url.password().unwrap_or_default())),
            database,
            trust: (url.scheme() == "rediss").then(|| Trust::of(config)),
        })
    }

    pub(super) fn target(&self) -> String {
        match self.database {
            Some(database) => format!("{}/{database}", self.place.address()),
            None => self.place.address(),
        }
    }

    pub(super) async fn run(&self) -> Result<(), String> {
        let stream = connect(&self.place.address()).await?;
        let stream: Box<dyn Duplex> = match &self.trust {
            Some(trust) => trust.secure(stream, &self.place.host).await?,
            None => Box::new(stream),
        };
        let mut stream = BufReader::new(stream);
        let password = self.password.expose();
        if !password.is_empty() {
            let mut command = vec!["AUTH"];
            if !self.user.is_empty() {
                command.push(&self.user);
            }
            command.push(password);
            expect(&mut stream, &command, "+OK").await?;
        }
        if let Some(database) = self.database {
            expect(&mut stream, &["SELECT", &database.to_string()], "+OK").await?;
        }
        expect(&mut stream, &["PING"], "+PONG").await
    }
}

async fn expect(
    stream: &mut BufReader<Box<dyn Duplex>>,
    command: &[&str],
    wanted: &str,
) -> Result<(), String> {
    let mut request = format!("*{}\r\n", command.len());
    for part in command {
        for text in ["$", &part.len().to_string(), "\r\n", part, "\r\n"] {
            request.push_str(text);
        }
    }
    stream.write_all(request.as_bytes()).await.map_err(|error| words(&error))?;
    stream.flush().await.map_err(|error| words(&error))?;
    let mut line = Vec::new();
    let mut limited = (&mut *stream).take(LINE_BYTES_MAX);
    limited.read_until(b'\n', &mut line).await.map_err(|error| words(&error))?;
    if line.is_empty() {
        return Err("the connection was closed".to_owned());
    }
    let line = String::from_utf8_lossy(&line);
    let line = line.trim_end();
    if line == wanted {
        return Ok(());
    }
    let name = command.first().copied().unwrap_or_default();
    match line.strip_prefix('-') {
        Some(error) => Err(format!("{name}: {error}")),
        None => Err(format!("{name} was answered with something that is not Redis' protocol")),
    }
}
