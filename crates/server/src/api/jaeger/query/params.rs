//! Parameters of the HTTP APIs, by the rules of Jaeger and with its words for what is wrong.

use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use watchkeep_model::{Error, Result, TenantId, TraceId};
use watchkeep_promql::go::parse_duration;

use super::{SEARCH_DEPTH, Search};
use crate::app::App;
use crate::form;
use crate::tenant::tenant_of;

/// How far back a search looks that does not say.
const LOOKBACK_NS: i64 = 2 * 24 * 3600 * 1_000_000_000;

/// Who asks, and for what.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) tenant: TenantId,
    now_ns: i64,
    pairs: Vec<(String, String)>,
}

impl Call {
    pub(super) fn read(app: &App, request: &Request) -> Result<Self> {
        Ok(Self {
            tenant: tenant_of(request.headers())?,
            now_ns: app.engine.clock().now_ns(),
            pairs: form::decode(request.uri().query().unwrap_or_default().as_bytes())?,
        })
    }

    /// The first value of a parameter; empty without one.
    pub(super) fn get(&self, name: &str) -> &str {
        let mut all = self.all(name);
        all.next().unwrap_or_default()
    }

    /// All values of a parameter.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A truth value, as Go reads them; false without one.
    pub(super) fn truth(&self, name: &str) -> Result<bool> {
        let text = self.get(name);
        truth(text).map_err(|why| unable(name, &why))
    }

    /// An instant in so many nanoseconds.
    pub(super) fn instant(&self, name: &str, unit_ns: i64) -> Result<Option<i64>> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(None);
        }
        let count = integer(text).map_err(|why| unable(name, &why))?;
        Ok(Some(count.saturating_mul(unit_ns)))
    }

    fn duration(&self, name: &str) -> Result<i64> {
        match self.get(name) {
            "" => Ok(0),
            text => parse_duration(text).map_err(|why| unable(name, &why)),
        }
    }

    /// The search of the older API.
    pub(super) fn search(&self) -> Result<Search> {
        let end_ns = self.instant("end", 1000)?.unwrap_or(self.now_ns);
        let lookback = parse_duration(self.get("lookback")).ok().filter(|lookback| *lookback > 0);
        let start_ns = match (self.instant("start", 1000)?, lookback) {
            (Some(start_ns), _) => start_ns,
            (None, Some(lookback)) => end_ns.saturating_sub(lookback),
            (None, None) => self.now_ns.saturating_sub(LOOKBACK_NS),
        };
        let depth = match self.get("limit") {
            "" => SEARCH_DEPTH,
            text => integer(text).map_err(Error::invalid)?,
        };
        Ok(Search {
            service: self.get("service").to_owned(),
            operation: self.get("operation").to_owned(),
            tags: self.tags()?,
            start_ns,
            end_ns,
            duration_ns_min: self.duration("minDuration")?,
            duration_ns_max: self.duration("maxDuration")?,
            depth,
            raw: self.truth("raw")?,
        })
    }

    /// `tag=key:value` and `tags={"key":"value"}`, each any number of times; of one key the last counts.
    fn tags(&self) -> Result<Vec<(String, String)>> {
        let mut tags: Vec<(String, String)> = Vec::new();
        let mut add = |key: String, value: String| {
            tags.retain(|(known, _)| *known != key);
            tags.push((key, value));
        };
        for tag in self.all("tag") {
            let (key, value) = tag.split_once(':').ok_or_else(|| {
                Error::invalid(format!(
                    "malformed 'tag' parameter, expecting key:value, received: {tag}"
                ))
            })?;
            add(key.to_owned(), value.to_owned());
        }
        for text in self.all("tags").filter(|text| !text.is_empty()) {
            for (key, value) in text_map(text).map_err(|why| {
                let message = "malformed 'tags' parameter, cannot unmarshal JSON: ";
                Error::invalid(format!("{message}{why}"))
            })? {
                add(key, value);
            }
        }
        Ok(tags)
    }

    /// The times of a question on calls between services, in milliseconds.
    pub(super) fn dependencies(&self) -> Result<(i64, i64)> {
        let end_ns = self.instant("endTs", 1_000_000)?.unwrap_or(self.now_ns);
        let day_ns = LOOKBACK_NS / 2;
        let lookback_ns = self.instant("lookback", 1_000_000)?.unwrap_or(day_ns);
        Ok((end_ns.saturating_sub(lookback_ns), end_ns))
    }

    /// The value of a parameter of the newer API, by its name or an older one, and that name.
    fn either<'n>(&self, name: &'n str, older: &'n str) -> (&str, &'n str) {
        match self.get(name) {
            "" => (self.get(older), older),
            value => (value, name),
        }
    }

    /// A truth value of the newer API.
    pub(super) fn truth_v3(&self, name: &str, older: &str) -> Result<bool> {
        let (text, name) = self.either(name, older);
        truth(text).map_err(|why| malformed(name, &why))
    }

    /// A kind of span, in the newer API.
    pub(super) fn kind_v3(&self) -> &str {
        self.either("spanKind", "span_kind").0
    }

    /// Checks the times of a question for one trace; it is found whenever it was.
    pub(super) fn check_times_v3(&self) -> Result<()> {
        for (name, older) in [("startTime", "start_time"), ("endTime", "end_time")] {
            let (text, name) = self.either(name, older);
            if !text.is_empty() {
                time(text, name)?;
            }
        }
        Ok(())
    }

    /// The times of a question on calls between services, in the newer API.
    pub(super) fn times_v3(&self) -> Result<(i64, i64)> {
        let read = |name: &'static str, older: &'static str| match self.either(name, older) {
            ("", older) => Err(Error::invalid(format!("{older} is required"))),
            (text, name) => time(text, name),
        };
        let (start_ns, end_ns) = (read("startTime", "start_time")?, read("endTime", "end_time")?);
        if end_ns <= start_ns {
            return Err(Error::invalid("end_time must be after start_time"));
        }
        Ok((start_ns, end_ns))
    }

    /// The search of the newer API.
    pub(super) fn search_v3(&self) -> Result<Search> {
        let attributes = self.get("query.attributes");
        let tags = if attributes.is_empty() {
            Vec::new()
        } else {
            text_map(attributes).map_err(|why| malformed("query.attributes", &why))?
        };
        if !self.get("query.filter").is_empty() {
            return Err(malformed("query.filter", "structured filters are not offered here"));
        }
        let (min, min_name) = self.either("query.startTimeMin", "query.start_time_min");
        let (max, max_name) = self.either("query.startTimeMax", "query.start_time_max");
        if min.is_empty() || max.is_empty() {
            return Err(Error::invalid("query.startTimeMin and query.startTimeMax are required"));
        }
        let (start_ns, end_ns) = (time(min, min_name)?, time(max, max_name)?);
        if start_ns >= end_ns {
            let message = "query.startTimeMin must be before query.startTimeMax";
            return Err(Error::invalid(message));
        }
        let depth = match self.either("query.searchDepth", "query.search_depth") {
            ("", _) => (self.get("query.num_traces"), "query.num_traces"),
            named => named,
        };
        let depth = match depth {
            ("", _) => SEARCH_DEPTH,
            (text, name) => integer(text).map_err(|why| malformed(name, &why))?,
        };
        let duration = |name, older| match self.either(name, older) {
            ("", _) => Ok(0),
            (text, name) => parse_duration(text).map_err(|why| malformed(name, &why)),
        };
        let text = |name, older| self.either(name, older).0.to_owned();
        Ok(Search {
            service: text("query.serviceName", "query.service_name"),
            operation: text("query.operationName", "query.operation_name"),
            tags,
            start_ns,
            end_ns,
            duration_ns_min: duration("query.durationMin", "query.duration_min")?,
            duration_ns_max: duration("query.durationMax", "query.duration_max")?,
            depth,
            raw: self.truth_v3("query.rawTraces", "query.raw_traces")?,
        })
    }
}

fn unable(name: &str, why: &str) -> Error {
    Error::invalid(format!("unable to parse param '{name}': {why}"))
}

/// What the newer API says of a parameter that it can not read.
pub(super) fn malformed(name: &str, why: &str) -> Error {
    Error::invalid(format!("malformed parameter {name}: {why}"))
}

fn truth(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}

fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
}

/// RFC 3339 with any fraction of a second.
fn time(text: &str, name: &str) -> Result<i64> {
    let time: Option<Timestamp> = text.parse().ok();
    time.and_then(|time| i64::try_from(time.as_nanosecond()).ok())
        .ok_or_else(|| malformed(name, &format!("parsing time {text:?} as RFC 3339 failed")))
}

/// A JSON object of texts.
fn text_map(text: &str) -> Result<Vec<(String, String)>, String> {
    let map: std::collections::BTreeMap<String, String> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(map.into_iter().collect())
}

/// Reads a trace id: hexadecimal, of 64 or 128 bits.
pub(super) fn trace_id(text: &str) -> Result<TraceId> {
    if text.len() > 32 {
        let shown: String = text.chars().take(64).collect();
        let message = format!("TraceID cannot be longer than 32 hex characters: {shown}");
        return Err(Error::invalid(message));
    }
    TraceId::parse_hex(text)
        .map_err(|_| Error::invalid(format!("strconv.ParseUint: parsing {text:?}: invalid syntax")))
}

/// The same, or base64 as JSON of protobuf has it.
pub(super) fn trace_id_of_path(text: &str) -> Result<TraceId> {
    let as_hex = trace_id(text);
    if as_hex.is_ok() || text.len() > 24 {
        return as_hex;
    }
    let forms = [STANDARD, URL_SAFE, STANDARD_NO_PAD, URL_SAFE_NO_PAD];
    match forms.iter().find_map(|form| form.decode(text).ok()) {
        Some(bytes) => match (<[u8; 16]>::try_from(&*bytes), <[u8; 8]>::try_from(&*bytes)) {
            (Ok(id), _) => Ok(TraceId(id)),
            (_, Ok(low)) => Ok(TraceId(u128::from(u64::from_be_bytes(low)).to_be_bytes())),
            _ => Err(Error::invalid("invalid length for TraceID")),
        },
        None => as_hex,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_ids_are_hexadecimal_or_base64() {
        let expect = TraceId::parse_hex("000102030405060708090a0b0c0d0e0f").unwrap();
        for text in [
            "000102030405060708090a0b0c0d0e0f",
            "000102030405060708090A0B0C0D0E0F",
            "102030405060708090a0b0c0d0e0f",
            "AAECAwQFBgcICQoLDA0ODw==",
            "AAECAwQFBgcICQoLDA0ODw",
        ] {
            assert_eq!(trace_id_of_path(text).unwrap(), expect, "{text}");
        }
        for text in ["", "xyz!", "000102030405060708090a0b0c0d0e0f0"] {
            assert!(trace_id_of_path(text).is_err(), "{text}");
        }
        assert!(trace_id("AAECAwQFBgcICQoLDA0ODw").is_err());
    }
}
