//! A PostgreSQL server: signs in and asks `SELECT 1`, in the frontend/backend protocol 3.0
//! (PostgreSQL documentation, "Frontend/Backend Protocol").

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use watchkeep_model::{Error, Result};

use super::super::config::{CheckConfig, Hidden};
use super::pg_auth::{self, Scram};
use super::stream::{Duplex, Trust, connect};
use super::{Place, decoded, url, words};

/// Where PostgreSQL listens.
const PORT: u16 = 5432;
/// Bytes of a message that are taken; an answer to `SELECT 1` has a few.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Messages that are taken while an answer is waited for.
const MESSAGES_MAX: usize = 1_000;
/// Asks for TLS.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// Version 3.0.
const VERSION: i32 = 196_608;

/// Whether TLS is spoken, as in libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TlsMode {
    Disable,
    /// Where the server can, without asking who it is.
    Prefer,
    /// Always, without asking who it is.
    Require,
    /// Always, and the certificate must be the host's.
    Verify,
}

/// What is asked of a PostgreSQL server.
#[derive(Debug)]
pub(in crate::health) struct Postgres {
    place: Place,
    user: String,
    pub(super) password: Hidden,
    database: String,
    mode: TlsMode,
    trust: Trust,
}

impl Postgres {
    pub(super) fn new(config: &CheckConfig) -> Result<Self> {
        let url = url(config, &["postgres", "postgresql"])?;
        let user = decoded(url.username());
        if user.is_empty() {
            return Err(Error::invalid("url names no user"));
        }
        let database = decoded(url.path().trim_matches('/'));
        let mut trust = Trust::of(config);
        let mut mode = TlsMode::Prefer;
        for (key, value) in url.query_pairs() {
            match (&*key, &*value) {
                ("sslmode", "disable") => mode = TlsMode::Disable,
                ("sslmode", "allow" | "prefer") => mode = TlsMode::Prefer,
                ("sslmode", "require") => mode = TlsMode::Require,
                ("sslmode", "verify-ca" | "verify-full") => mode = TlsMode::Verify,
                ("sslmode", _) => {
                    return Err(Error::invalid(
                        "url: sslmode must be disable, prefer, require or verify-full",
                    ));
                }
                // The timeout is the check's, and it has a name of its own.
                ("connect_timeout" | "application_name", _) => {}
                _ => {
                    let key = crate::humane::short(&key);
                    return Err(Error::invalid(format!(
                        "url has a parameter {key:?} that is not \
                         known; known are sslmode, connect_timeout and application_name"
                    )));
                }
            }
        }
        if mode == TlsMode::Require && !trust.ca_file.as_os_str().is_empty() {
            mode = TlsMode::Verify;
        }
        trust.insecure_skip_verify |= mode != TlsMode::Verify;
        let database = if database.is_empty() { user.clone() } else { database };
        let text = [("user", &user), ("database", &database)];
        if let Some((what, _)) = text.iter().find(|(_, text)| text.contains('\0')) {
            return Err(Error::invalid(format!("url: the {what} has a byte 0")));
        }
        Ok(Self {
            place: Place::of(&url, PORT)?,
            password: Hidden::new(decoded(url.password().unwrap_or_default())),
            user,
            database,
            mode,
            trust,
        })
    }

    pub(super) fn target(&self) -> String {
        format!("{}/{}", self.place.address(), self.database)
    }

    pub(super) async fn run(&self) -> Result<(), String> {
        let mut connection = Connection(self.connect().await?);
        connection.write(&self.startup()).await?;
        self.sign_in(&mut connection).await?;
        connection.send(b'Q', b"SELECT 1\0").await?;
        let mut rows = 0;
        for _ in 0..MESSAGES_MAX {
            match connection.receive().await? {
                (b'D', _) => rows += 1,
                (b'E', body) => return Err(message(&body)),
                (b'Z', _) if rows == 1 => {
                    // That it is told of the end is a courtesy.
                    let _best_effort = connection.send(b'X', b"").await;
                    return Ok(());
                }
                (b'Z', _) => return Err("SELECT 1 was not answered with a row".to_owned()),
                _ => {}
            }
        }
        Err("too many messages".to_owned())
    }

    async fn connect(&self) -> Result<Box<dyn Duplex>, String> {
        let mut stream = connect(&self.place.address()).await?;
        if self.mode == TlsMode::Disable {
            return Ok(Box::new(stream));
        }
        stream.write_all(&TLS_REQUEST).await.map_err(|error| words(&error))?;
        match stream.read_u8().await.map_err(|error| words(&error))? {
            b'S' => self.trust.secure(stream, &self.place.host).await,
            b'N' if self.mode == TlsMode::Prefer => Ok(Box::new(stream)),
            b'N' => Err("the server does not speak TLS".to_owned()),
            _ => Err("the server does not speak PostgreSQL's protocol".to_owned()),
        }
    }

    fn startup(&self) -> Vec<u8> {
        let mut body = VERSION.to_be_bytes().to_vec();
        for (name, value) in [
            ("user", &*self.user),
            ("database", &*self.database),
            ("application_name", "watchkeep"),
            ("client_encoding", "UTF8"),
        ] {
            for text in [name, value] {
                body.extend_from_slice(text.as_bytes());
                body.push(0);
            }
        }
        body.push(0);
        let mut message = length(body.len()).to_vec();
        message.extend_from_slice(&body);
        message
    }

    async fn sign_in(&self, connection: &mut Connection) -> Result<(), String> {
        let password = self.password.expose();
        let mut scram: Option<Scram> = None;
        for _ in 0..MESSAGES_MAX {
            let (kind, body) = connection.receive().await?;
            match kind {
                b'E' => return Err(message(&body)),
                b'Z' => return Ok(()),
                b'R' => {}
                _ => continue,
            }
            let strange = || "the server asks for a password in a strange way".to_owned();
            let (code, rest) = body.split_first_chunk::<4>().ok_or_else(strange)?;
            let answer = match i32::from_be_bytes(*code) {
                0 => continue,
                3 => terminated(password.as_bytes()),
                5 => {
                    let salt = rest.first_chunk::<4>().ok_or_else(strange)?;
                    terminated(pg_auth::md5(&self.user, password, *salt).as_bytes())
                }
                10 => {
                    if !rest.split(|byte| *byte == 0).any(|name| name == pg_auth::SCRAM.as_bytes())
                    {
                        return Err("the server offers no way to sign in that is known".to_owned());
                    }
                    let begun = Scram::begin(password)?;
                    let first = begun.first();
                    scram = Some(begun);
                    let mut body = terminated(pg_auth::SCRAM.as_bytes());
                    body.extend_from_slice(&(first.len() as i32).to_be_bytes());
                    body.extend_from_slice(first.as_bytes());
                    body
                }
                11 => scram.as_mut().ok_or_else(strange)?.answer(rest).await?.into_bytes(),
                12 => {
                    scram.as_ref().ok_or_else(strange)?.verify(rest)?;
                    continue;
                }
                _ => return Err("the server wants a way to sign in that is not offered".to_owned()),
            };
            connection.send(b'p', &answer).await?;
        }
        Err("too many messages".to_owned())
    }
}

fn terminated(text: &[u8]) -> Vec<u8> {
    let mut all = text.to_vec();
    all.push(0);
    all
}

/// The length of a message, which counts itself.
fn length(body: usize) -> [u8; 4] {
    (body as i32 + 4).to_be_bytes()
}

/// What an error says, out of its fields.
fn message(body: &[u8]) -> String {
    let mut fields = body.split(|byte| *byte == 0);
    let text = fields.find_map(|field| field.strip_prefix(b"M"));
    text.map_or_else(
        || "the server sent an error".to_owned(),
        |text| String::from_utf8_lossy(text).into_owned(),
    )
}

struct Connection(Box<dyn Duplex>);

impl Connection {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let written = async {
            self.0.write_all(bytes).await?;
            self.0.flush().await
        };
        written.await.map_err(|error| words(&error))
    }

    async fn send(&mut self, kind: u8, body: &[u8]) -> Result<(), String> {
        let mut message = vec![kind];
        message.extend_from_slice(&length(body.len()));
        message.extend_from_slice(body);
        self.write(&message).await
    }

    async fn receive(&mut self) -> Result<(u8, Vec<u8>), String> {
        let kind = self.0.read_u8().await.map_err(|error| words(&error))?;
        let length = self.0.read_u32().await.map_err(|error| words(&error))? as usize;
        let length = length.checked_sub(4).filter(|length| *length <= MESSAGE_BYTES_MAX);
        let length =
            length.ok_or_else(|| "the server does not speak PostgreSQL's protocol".to_owned())?;
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.map_err(|error| words(&error))?;
        Ok((kind, body))
    }
}
