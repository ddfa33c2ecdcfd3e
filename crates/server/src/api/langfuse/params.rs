//! Parameters of lists of scores. Filters that are not known are errors: ignoring one would answer
//! wrongly.

use watchkeep_engine::feedback::query::{FeedbackCursor, FeedbackFilter};
use watchkeep_model::{Error, Result, TimeRange};

use super::dto::{Groups, instant, trace_id};
use crate::form;

/// Scores of a page, where the request does not say.
const LIMIT: usize = 50;
/// Scores of a page at most.
const LIMIT_MAX: usize = 100;
/// Scores up to the end of a numbered page at most; the third version's cursors go on.
const REACH_MAX: usize = 100_000;

/// What is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) filter: FeedbackFilter,
    pub(super) page: usize,
    pub(super) limit: usize,
    pub(super) cursor: Option<FeedbackCursor>,
    pub(super) groups: Groups,
}

impl Asked {
    /// Reads a query string.
    pub(super) fn read(query: &str) -> Result<Self> {
        let mut asked = Self {
            filter: FeedbackFilter::all(TimeRange::ALL),
            page: 1,
            limit: LIMIT,
            cursor: None,
            groups: Groups::default(),
        };
        for (name, value) in form::decode(query.as_bytes())? {
            if !value.is_empty() {
                asked.set(&name, value)?;
            }
        }
        if asked.page.saturating_mul(asked.limit) > REACH_MAX {
            return Err(Error::invalid(format!(
                "pages reach {REACH_MAX} scores far; ask for a shorter time, or use the cursors of \
                 /api/public/v3/scores"
            )));
        }
        Ok(asked)
    }

    fn set(&mut self, name: &str, value: String) -> Result<()> {
        let count = |max: usize| match value.parse() {
            Ok(count) if (1..=max).contains(&count) => Ok(count),
            _ => Err(Error::invalid(format!("{name} must be from 1 to {max}"))),
        };
        let single = |value: String| {
            if value.contains(',') {
                Err(Error::invalid(format!("{name}: only one value is supported here")))
            } else {
                Ok(Some(value))
            }
        };
        let filter = &mut self.filter;
        match name {
            "page" => self.page = count(REACH_MAX)?,
            "limit" => self.limit = count(LIMIT_MAX)?,
            "cursor" => self.cursor = Some(cursor(&value)?),
            "fields" => self.groups = groups(&value)?,
            "name" => filter.name = single(value)?,
            "userId" => filter.user = single(value)?,
            "sessionId" => filter.session = single(value)?,
            "traceId" => match (trace_id(&value), single(value)?) {
                (Some(id), _) => filter.trace_id = Some(id),
                (None, interaction) => filter.interaction = interaction,
            },
            "fromTimestamp" => filter.range.start_ns = instant(&value)?,
            "toTimestamp" => filter.range.end_ns = instant(&value)?,
            _ => {
                return Err(Error::invalid(format!(
                    "scores can not be asked for by {name} here; there are page, limit, cursor, \
                     fields, name, userId, sessionId, traceId, fromTimestamp, toTimestamp"
                )));
            }
        }
        Ok(())
    }
}

/// The groups of members. Those of the second version (`score`, `trace`) are always told.
fn groups(text: &str) -> Result<Groups> {
    let mut groups = Groups::default();
    for group in text.split(',') {
        match group.trim() {
            "details" => groups.details = true,
            "subject" => groups.subject = true,
            "annotation" => groups.annotation = true,
            "score" | "trace" => {}
            _ => return Err(Error::invalid("fields must be of details, subject, annotation")),
        }
    }
    Ok(groups)
}

fn cursor(text: &str) -> Result<FeedbackCursor> {
    let read = || {
        let (time_ns, id) = text.split_once('.')?;
        Some(FeedbackCursor { time_ns: time_ns.parse().ok()?, id: id.to_owned() })
    };
    read().ok_or_else(|| Error::invalid("cursor is not one that this server made"))
}
