//! Price tables: `LiteLLM`'s file format, read with tolerance for what is not about tokens and with
//! errors that name line and key.
//!
//! It is a JSON object of rows by model. A member may also be an array of rows, for prices that
//! changed. Members of our own: `effective_from` and `effective_to` (a day or an RFC 3339 instant,
//! UTC, the end not included), and `pattern` (a regular expression over the whole name).

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

use hashbrown::HashMap;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use watchkeep_model::{Error, Result};

use super::row::{Rate, Row};

/// Rows that a table holds at most.
pub const ROWS_MAX: usize = 100_000;
/// Patterns that a table holds at most: each is tried for each new name.
pub const PATTERNS_MAX: usize = 1_000;
/// Compiled size of one pattern.
const PATTERN_BYTES_MAX: usize = 1 << 18;
/// Problems that are remembered of one table.
const PROBLEMS_MAX: usize = 100;
/// A price for one token above this is a mistake of unit (for a thousand, for a million).
const USD_MAX: f64 = 1.0;
/// A price for a whole request may be higher.
const USD_REQUEST_MAX: f64 = 1_000.0;

/// The table that comes with the program.
const BUILT_IN: &str = include_str!("../../prices.json");

/// Something wrong with a row, which was left out for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file, from 1.
    pub line: Option<u32>,
    /// Key of the row.
    pub key: String,
    /// What is wrong, and with which field.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// A price table.
#[derive(Debug)]
pub struct PriceTable {
    /// What it is called in answers (`built-in`, the name of a file).
    pub name: Arc<str>,
    /// The day of its figures where it says so, else empty.
    pub as_of: String,
    /// What was wrong with it; the first hundred.
    pub problems: Vec<Problem>,
    rows: Vec<Arc<Row>>,
    by_key: HashMap<String, Vec<Arc<Row>>>,
    patterns: Vec<Arc<Row>>,
}

impl PriceTable {
    /// The table that comes with the program.
    pub fn built_in() -> Arc<Self> {
        static TABLE: LazyLock<Arc<PriceTable>> = LazyLock::new(|| {
            let table = PriceTable::read("built-in", BUILT_IN);
            Arc::new(table.unwrap_or_else(|_| PriceTable::empty("built-in")))
        });
        Arc::clone(&TABLE)
    }

    fn empty(name: &str) -> Self {
        Self {
            name: name.into(),
            as_of: String::new(),
            problems: Vec::new(),
            rows: Vec::new(),
            by_key: HashMap::new(),
            patterns: Vec::new(),
        }
    }

    /// Reads a file in `LiteLLM`'s format. A row that is wrong is left out and told of in
    /// [`PriceTable::problems`]; text that is no JSON object is an error that names the line.
    pub fn read(name: &str, text: &str) -> Result<Self> {
        let members: Members<'_> = serde_json::from_str(text).map_err(|error| {
            Error::invalid(format!("price table {name}, line {}: {error}", error.line()))
        })?;
        let mut table = Self::empty(name);
        let mut lines = Lines { text, offset: 0, line: 1 };
        for (key, raw) in members.0 {
            let line = lines.of(raw.get());
            // What upstream shows as an example, and what a table says about itself.
            if key == "sample_spec" || key.starts_with('_') {
                table.read_about(&key, raw);
                continue;
            }
            match serde_json::from_str::<Value>(raw.get()) {
                Ok(value) => table.take(&key, &value, Some(line)),
                Err(error) => table.problem(&key, Some(line), format!("no JSON: {error}")),
            }
        }
        table.finish()
    }

    /// A table of rows that people set one by one. Stricter than a file: any problem is an error, and
    /// so is a member about cost that is not understood, since that is a mistyped one.
    pub fn of_rows<'a>(
        name: &str,
        rows: impl IntoIterator<Item = (&'a str, &'a Value)>,
    ) -> Result<Self> {
        let mut table = Self::empty(name);
        for (key, value) in rows {
            table.take(key, value, None);
            for row in alternatives(value) {
                if let Some(why) = row.as_object().and_then(not_understood) {
                    table.problem(key, None, why);
                }
            }
        }
        match table.problems.first() {
            Some(problem) => Err(Error::invalid(format!("prices {problem}"))),
            None => table.finish(),
        }
    }

    /// All rows, in the order of the file.
    pub fn rows(&self) -> &[Arc<Row>] {
        &self.rows
    }

    /// Rows of a key in lower case, those first that count where several hold.
    pub(super) fn of_key(&self, key: &str) -> &[Arc<Row>] {
        self.by_key.get(key).map_or(&[], Vec::as_slice)
    }

    /// Rows with patterns.
    pub(super) fn patterns(&self) -> &[Arc<Row>] {
        &self.patterns
    }

    fn read_about(&mut self, key: &str, raw: &RawValue) {
        if key == "_as_of"
            && let Ok(Value::String(day)) = serde_json::from_str(raw.get())
        {
            self.as_of = day;
        }
    }

    fn problem(&mut self, key: &str, line: Option<u32>, message: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { line, key: key.to_owned(), message });
        }
    }

    fn take(&mut self, key: &str, value: &Value, line: Option<u32>) {
        if key.is_empty() {
            return self.problem(key, line, "a key is empty".to_owned());
        }
        for value in alternatives(value) {
            let read = match value {
                Value::Object(fields) => read_row(key, fields, line),
                _ => Err("a row is an object of prices".to_owned()),
            };
            match read {
                Ok(row) => self.rows.push(Arc::new(row)),
                Err(message) => self.problem(key, line, message),
            }
        }
    }

    fn finish(mut self) -> Result<Self> {
        for row in &self.rows {
            self.by_key.entry(row.key.to_ascii_lowercase()).or_default().push(Arc::clone(row));
            if row.pattern.is_some() {
                self.patterns.push(Arc::clone(row));
            }
        }
        for (what, count, max) in
            [("rows", self.rows.len(), ROWS_MAX), ("patterns", self.patterns.len(), PATTERNS_MAX)]
        {
            if count > max {
                let message = format!(
                    "price table {} has {count} {what}, at most {max} are taken",
                    self.name
                );
                return Err(Error::invalid(message));
            }
        }
        for rows in self.by_key.values_mut() {
            // The latest that has begun counts; of two that began together the later in the file.
            rows.reverse();
            rows.sort_by_key(|row| std::cmp::Reverse(row.from_ns));
        }
        Ok(self)
    }
}

/// One row, or the several of an array.
fn alternatives(value: &Value) -> &[Value] {
    match value {
        Value::Array(rows) => rows,
        row => std::slice::from_ref(row),
    }
}

/// Why fields that were set by hand are wrong, though a file with them would be taken.
fn not_understood(fields: &Map<String, Value>) -> Option<String> {
    let is_price = |field: &str| Rate::read(field, 0.0).is_some();
    let foreign = fields.keys().find(|field| {
        field.contains("cost") && !is_price(field) && *field != "search_context_cost_per_query"
    });
    if let Some(field) = foreign {
        return Some(format!("{field} is no price that is charged by"));
    }
    let has_price =
        fields.keys().any(|field| is_price(field)) || fields.contains_key("tiered_pricing");
    (!has_price).then(|| "there is no price, such as input_cost_per_token".to_owned())
}

fn read_row(key: &str, fields: &Map<String, Value>, line: Option<u32>) -> Result<Row, String> {
    let text = |name: &str| match fields.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        None | Some(Value::Null) => Ok(String::new()),
        Some(_) => Err(format!("{name} is no text")),
    };
    let mut rates = Vec::new();
    read_rates(fields, 0, &mut rates)?;
    if let Some(Value::Array(tiers)) = fields.get("tiered_pricing") {
        for tier in tiers.iter().filter_map(Value::as_object) {
            if let Some(above) = lower_end(tier) {
                read_rates(tier, above, &mut rates)?;
            }
        }
    }
    let (effective_from, effective_to) = (text("effective_from")?, text("effective_to")?);
    let from_ns = instant("effective_from", &effective_from)?.unwrap_or(i64::MIN);
    let to_ns = instant("effective_to", &effective_to)?.unwrap_or(i64::MAX);
    if from_ns >= to_ns {
        return Err("effective_from must be before effective_to".to_owned());
    }
    Ok(Row {
        key: key.to_owned(),
        // Not every row of upstream has texts here, and nothing hangs on them.
        provider: text("litellm_provider").unwrap_or_default(),
        mode: text("mode").unwrap_or_default(),
        line,
        effective_from,
        effective_to,
        pattern: pattern(&text("pattern")?)?,
        rates,
        from_ns,
        to_ns,
    })
}

fn read_rates(fields: &Map<String, Value>, above: u64, out: &mut Vec<Rate>) -> Result<(), String> {
    for (field, value) in fields {
        let Some(mut rate) = Rate::read(field, 0.0) else { continue };
        let usd = match value {
            Value::Null => continue,
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let usd = usd.filter(|usd: &f64| usd.is_finite());
        let max = if rate.is_for_request() { USD_REQUEST_MAX } else { USD_MAX };
        rate.usd = usd
            .filter(|usd| (0.0..=max).contains(usd))
            .ok_or_else(|| format!("{field} is no number of USD from 0 to {max}: {value}"))?;
        rate.above = rate.above.max(above);
        // Two fields for one price: the one that stands first among the names wins.
        let same = |held: &Rate| {
            (held.base, held.above, &held.class) == (rate.base, rate.above, &rate.class)
        };
        match out.iter_mut().find(|held| same(held)) {
            Some(held) if held.field.starts_with("input_cost_per_token_cache_hit") => *held = rate,
            Some(_) => {}
            None => out.push(rate),
        }
    }
    Ok(())
}

/// Where a tier of `tiered_pricing` begins: `"range": [from, to]`, tokens. Those of searches are by
/// something else and have none.
fn lower_end(tier: &Map<String, Value>) -> Option<u64> {
    let from = tier.get("range")?.get(0)?.as_f64()?;
    (0.0..9e15).contains(&from).then_some(from as u64)
}

/// The instant that a text says; `None` for an empty one.
fn instant(field: &str, text: &str) -> Result<Option<i64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let at = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let day: jiff::civil::Date = text.parse().ok()?;
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    });
    at.and_then(|at| i64::try_from(at.as_nanosecond()).ok())
        .map(Some)
        .ok_or_else(|| format!("{field} must be a day (2026-03-01) or RFC 3339, got {text:?}"))
}

fn pattern(text: &str) -> Result<Option<Regex>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    RegexBuilder::new(&format!("^(?:{text})$"))
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map(Some)
        .map_err(|error| format!("pattern is no regular expression: {error}"))
}

/// The members of the outermost object, in their order and with those that come twice.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of rows by model")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    members.push((key.0, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Reader)
    }
}

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// Tells the lines of parts of a text that are asked for in order.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: u32,
}

impl Lines<'_> {
    /// The line that a part of the text starts in.
    fn of(&mut self, part: &str) -> u32 {
        let offset = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let passed = self.text.get(self.offset..offset).unwrap_or_default();
        let lines = passed.matches('\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.offset = self.offset.max(offset);
        self.line
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
