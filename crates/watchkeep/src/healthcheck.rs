//! `watchkeep healthcheck`: asks `/ready` over plain HTTP/1, for containers without curl.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Error, Result};

use crate::cli::HealthcheckArguments;
use crate::print;

const TIMEOUT: Duration = Duration::from_secs(5);
/// Longer answers are cut.
const ANSWER_BYTES_MAX: u64 = 4096;

/// Prints the answer; an error where the server is not ready.
pub(crate) fn run(arguments: &HealthcheckArguments) -> Result<()> {
    let answer = ask(&arguments.address)
        .context(|| format!("cannot ask the server at {}", arguments.address))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.starts_with("HTTP/1.1 200 ") {
        print(body)
    } else {
        let status = head.lines().next().unwrap_or_default();
        Err(Error::invalid(format!("the server is not ready: {status}: {}", body.trim())))
    }
}

fn ask(address: &str) -> std::io::Result<String> {
    let resolved = address
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| std::io::Error::other("the name has no address"))?;
    let mut stream = TcpStream::connect_timeout(&resolved, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET /ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
