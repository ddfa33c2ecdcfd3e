//! Parameters of both paths.

use watchkeep_engine::humane::{HumaneDuration, parse_duration, short};
use watchkeep_model::{Error, Result};

use crate::form;

/// Stands for all services that send spans.
const ALL_SERVICES: &str = "*";

/// Whose requests are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// This server's own.
    Own,
    /// Those of all services that send spans.
    AllServices,
    /// Those of one service.
    Service(String),
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) whose: Whose,
    /// How far back the requests of services are counted.
    pub(super) window: Option<HumaneDuration>,
}

impl Asked {
    /// Reads a query string. A parameter that is not known is an error: without it another server's
    /// figures would be told.
    pub(super) fn read(query: &str) -> Result<Self> {
        let mut asked = Self { whose: Whose::Own, window: None };
        for (name, value) in form::decode(query.as_bytes())? {
            match name.as_str() {
                "service" if value.is_empty() => {}
                "service" if value == ALL_SERVICES => asked.whose = Whose::AllServices,
                "service" => asked.whose = Whose::Service(value),
                "since" => asked.window = Some(since(&value)?),
                _ => {
                    return Err(Error::invalid(format!(
                        "{} is not a parameter here; there are service and since",
                        short(&name)
                    )));
                }
            }
        }
        if asked.whose == Whose::Own && asked.window.is_some() {
            return Err(Error::invalid(
                "since needs service: the server's own requests are counted since its start",
            ));
        }
        Ok(asked)
    }
}

fn since(text: &str) -> Result<HumaneDuration> {
    let window = parse_duration(text)
        .map_err(|error| Error::invalid(format!("since {}", error.message())))?;
    if window.is_zero() {
        return Err(Error::invalid("since must be longer than 0"));
    }
    Ok(HumaneDuration(window))
}
