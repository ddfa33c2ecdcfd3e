//! Feedback, as it comes and goes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use watchkeep_engine::agents::facts::{Entry, FeedbackFact};
use watchkeep_engine::feedback::given::Given;
use watchkeep_engine::feedback::query::Summary;
use watchkeep_engine::feedback::themes::{Analysis, FeedbackTheme, ModelUsed};
use watchkeep_genai::feedback::tally::Tally;
use watchkeep_model::{SpanId, TimeRange, TraceId};

/// Feedback that is given: what it is about, and one judgement at least.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::api::native) struct NewFeedback {
    /// Names it; the same id again replaces. Made up where it is not given.
    pub(in crate::api::native) id: String,
    /// When it was given: nanoseconds since the epoch as text, RFC 3339, or a number of seconds.
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "instant")]
    pub(in crate::api::native) time: Option<i64>,
    /// The trace that it is about, up to 32 hexadecimal digits.
    pub(in crate::api::native) trace_id: String,
    /// The span that it is about, 16 hexadecimal digits.
    pub(in crate::api::native) span_id: String,
    /// The session that it is about.
    #[serde(alias = "session")]
    pub(in crate::api::native) session_id: String,
    /// The model's response that it is about.
    pub(in crate::api::native) response_id: String,
    /// The application's own id of what it is about.
    pub(in crate::api::native) interaction_id: String,
    /// Who gave it.
    #[serde(alias = "user")]
    pub(in crate::api::native) user_id: String,
    /// The agent, where it is not found by an id.
    pub(in crate::api::native) agent: String,
    /// The service, where it is not found by an id.
    pub(in crate::api::native) service: String,
    /// The model, where it is not found by an id.
    pub(in crate::api::native) model: String,
    /// Environment.
    pub(in crate::api::native) environment: String,
    /// What was judged; by default the name of the kind.
    pub(in crate::api::native) name: String,
    /// From 1 to 5.
    pub(in crate::api::native) rating: Option<f64>,
    /// `up` or `down`, true or false, 1 or 0.
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "thumbs")]
    pub(in crate::api::native) thumbs: Option<bool>,
    /// On any scale.
    pub(in crate::api::native) score: Option<f64>,
    /// The worst score.
    pub(in crate::api::native) min: Option<f64>,
    /// The best score.
    pub(in crate::api::native) max: Option<f64>,
    /// A word out of some.
    pub(in crate::api::native) category: String,
    /// A remark.
    pub(in crate::api::native) comment: String,
    /// What the answer should have been.
    pub(in crate::api::native) correction: String,
    /// Who judged: `human`, `llm` or `code`; `human` unless told.
    pub(in crate::api::native) source: String,
    /// Whatever the sender adds.
    #[schema(value_type = Object)]
    pub(in crate::api::native) metadata: BTreeMap<String, Value>,
}

fn instant<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let wrong = || {
        serde::de::Error::custom(
            "must be nanoseconds since the epoch as text, RFC 3339, or a number of seconds",
        )
    };
    let ns = match Value::deserialize(from)? {
        Value::Null => return Ok(None),
        Value::Number(seconds) => {
            let seconds = seconds.as_f64().ok_or_else(wrong)?;
            // Far enough from where nanoseconds do not fit.
            (0.0..9e9).contains(&seconds).then_some((seconds * 1e9) as i64)
        }
        Value::String(text) => text
            .parse()
            .ok()
            .or_else(|| i64::try_from(text.parse::<Timestamp>().ok()?.as_nanosecond()).ok()),
        _ => None,
    };
    ns.map(Some).ok_or_else(wrong)
}

fn thumbs<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        Value::Bool(is_up) => Ok(Some(is_up)),
        Value::Number(number) if number.as_f64() == Some(1.0) => Ok(Some(true)),
        Value::Number(number) if number.as_f64() == Some(0.0) => Ok(Some(false)),
        Value::String(text) if text == "up" => Ok(Some(true)),
        Value::String(text) if text == "down" => Ok(Some(false)),
        _ => Err(serde::de::Error::custom("must be up or down, true or false, 1 or 0")),
    }
}

impl NewFeedback {
    /// As the engine takes it; else the member that is wrong, and why.
    pub(in crate::api::native) fn given(self) -> Result<Given, (&'static str, String)> {
        let id = |name, text: &str| match text {
            "" => Ok(TraceId::default()),
            _ => TraceId::parse_hex(text)
                .map_err(|error| (name, format!("is wrong: {}", error.message()))),
        };
        let span_id = match &*self.span_id {
            "" => SpanId::default(),
            text => SpanId::parse_hex(text)
                .map_err(|error| ("span_id", format!("is wrong: {}", error.message())))?,
        };
        Ok(Given {
            trace_id: id("trace_id", &self.trace_id)?,
            span_id,
            id: self.id,
            time_ns: self.time,
            session: self.session_id,
            response_id: self.response_id,
            interaction: self.interaction_id,
            user: self.user_id,
            agent: self.agent,
            service: self.service,
            model: self.model,
            environment: self.environment,
            name: self.name,
            rating: self.rating,
            thumbs: self.thumbs,
            score: self.score,
            min: self.min,
            max: self.max,
            category: self.category,
            comment: self.comment,
            correction: self.correction,
            source: self.source,
            origin: "api",
            data_type: String::new(),
            metadata: self.metadata,
        })
    }
}

/// One piece of feedback.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct Feedback {
    id: String,
    /// When it was given, nanoseconds since the Unix epoch.
    time: String,
    /// The trace that it is about; empty where there is none.
    trace_id: String,
    /// The span that it is about; empty where there is none.
    span_id: String,
    session: String,
    interaction_id: String,
    response_id: String,
    /// Who gave it, or for whom the run was.
    user: String,
    agent: String,
    agent_version: String,
    service: String,
    /// The model that gave the answer.
    model: String,
    environment: String,
    /// What was judged.
    name: String,
    /// `rating`, `thumbs`, `score`, `category`, `comment` or `correction`.
    kind: String,
    /// From 1 to 5; null where it can not be put there.
    rating: Option<f64>,
    /// The number as it was given.
    score: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    category: String,
    comment: String,
    correction: String,
    /// `human`, `llm` or `code`.
    source: String,
    /// The way in: `api`, `otlp`, `openinference` or `langfuse`.
    origin: String,
    /// Whether the run or step that it is about is known.
    bound: bool,
    #[schema(value_type = Object)]
    metadata: BTreeMap<String, Value>,
}

impl From<Entry<FeedbackFact>> for Feedback {
    fn from(entry: Entry<FeedbackFact>) -> Self {
        let fact = entry.fact;
        let trace = (entry.trace_id != TraceId::default()).then(|| entry.trace_id.to_string());
        let span = (entry.span_id != SpanId::default()).then(|| entry.span_id.to_string());
        Self {
            id: fact.id,
            time: entry.time_ns.to_string(),
            trace_id: trace.unwrap_or_default(),
            span_id: span.unwrap_or_default(),
            session: fact.session,
            interaction_id: fact.interaction,
            response_id: fact.response_id,
            user: fact.user,
            agent: fact.agent,
            agent_version: fact.agent_version,
            service: fact.service,
            model: fact.model,
            environment: fact.environment,
            name: fact.name,
            kind: fact.kind,
            rating: fact.rating,
            score: fact.score,
            min: fact.min,
            max: fact.max,
            category: fact.label,
            comment: fact.comment,
            correction: fact.correction,
            source: fact.source,
            origin: fact.origin,
            bound: fact.bound,
            metadata: fact.metadata,
        }
    }
}

/// Feedback as it stands after it was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct FeedbackTaken {
    pub(in crate::api::native) feedback: Vec<Feedback>,
}

/// A page of feedback, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct FeedbackList {
    pub(in crate::api::native) feedback: Vec<Feedback>,
    /// For the next page; null on the last.
    pub(in crate::api::native) next_cursor: Option<String>,
}

/// How many ratings have how many stars.
#[derive(Debug, Serialize, ToSchema)]
struct Distribution {
    #[serde(rename = "5_star")]
    five: u64,
    #[serde(rename = "4_star")]
    four: u64,
    #[serde(rename = "3_star")]
    three: u64,
    #[serde(rename = "2_star")]
    two: u64,
    #[serde(rename = "1_star")]
    one: u64,
}

/// Counts of feedback.
#[derive(Debug, Serialize, ToSchema)]
struct Counts {
    total_feedback: u64,
    /// Of which have a rating.
    rated: u64,
    /// The mean rating; null without any.
    average_rating: Option<f64>,
    rating_distribution: Distribution,
    low_ratings: u64,
    thumbs_up: u64,
    thumbs_down: u64,
    comments: u64,
    corrections: u64,
}

impl From<&Tally> for Counts {
    fn from(tally: &Tally) -> Self {
        let [one, two, three, four, five] = tally.stars;
        Self {
            total_feedback: tally.total,
            rated: tally.rated,
            average_rating: tally.average(),
            rating_distribution: Distribution { five, four, three, two, one },
            low_ratings: tally.low,
            thumbs_up: tally.thumbs_up,
            thumbs_down: tally.thumbs_down,
            comments: tally.comments,
            corrections: tally.corrections,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct FeedbackGroup {
    key: String,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Debug, Serialize, ToSchema)]
struct FeedbackStep {
    /// Start of the step, nanoseconds since the Unix epoch.
    time: String,
    total_feedback: u64,
    rated: u64,
    average_rating: Option<f64>,
    low_ratings: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct ScoreFigures {
    name: String,
    count: u64,
    average: Option<f64>,
    min: f64,
    max: f64,
}

#[derive(Debug, Serialize, ToSchema)]
struct CategoryCount {
    name: String,
    category: String,
    count: u64,
}

/// Figures about feedback.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct FeedbackSummary {
    start: String,
    end: String,
    /// Length of a step of the trend, nanoseconds.
    step: i64,
    #[serde(flatten)]
    counts: Counts,
    /// Ratings at or below this are low.
    low_rating_max: f64,
    /// By group, that of the most feedback first; empty where no grouping was asked for.
    groups: Vec<FeedbackGroup>,
    /// Steps with feedback.
    trend: Vec<FeedbackStep>,
    /// Scores by name, on whatever scale.
    scores: Vec<ScoreFigures>,
    categories: Vec<CategoryCount>,
}

impl FeedbackSummary {
    pub(in crate::api::native) fn new(
        range: TimeRange,
        step: i64,
        low_rating_max: f64,
        summary: Summary,
    ) -> Self {
        let groups = summary.groups.into_iter();
        let trend = summary.trend.into_iter().map(|(time, tally)| FeedbackStep {
            time: time.to_string(),
            total_feedback: tally.total,
            rated: tally.rated,
            average_rating: tally.average(),
            low_ratings: tally.low,
        });
        let scores = summary.scores.into_iter().map(|(name, spread)| ScoreFigures {
            name,
            count: spread.count,
            average: spread.average(),
            min: spread.min,
            max: spread.max,
        });
        let categories = summary.categories.into_iter();
        Self {
            start: range.start_ns.to_string(),
            end: range.end_ns.to_string(),
            step,
            counts: Counts::from(&summary.all),
            low_rating_max,
            groups: groups
                .map(|(key, tally)| FeedbackGroup { key, counts: Counts::from(&tally) })
                .collect(),
            trend: trend.collect(),
            scores: scores.collect(),
            categories: categories
                .map(|((name, category), count)| CategoryCount { name, category, count })
                .collect(),
        }
    }
}

/// What the model that named the issues took.
#[derive(Debug, Serialize, ToSchema)]
struct ThemesModel {
    model: String,
    input_tokens: u64,
    output_tokens: u64,
    /// Null where the model has no price.
    cost_usd: Option<f64>,
    /// Whether the answer is one of before, which cost nothing again.
    cached: bool,
    /// Nanoseconds.
    duration: i64,
}

impl From<ModelUsed> for ThemesModel {
    fn from(used: ModelUsed) -> Self {
        Self {
            model: used.model,
            input_tokens: used.input_tokens,
            output_tokens: used.output_tokens,
            cost_usd: used.cost_usd,
            cached: used.is_cached,
            duration: used.duration_ns,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct Theme {
    title: String,
    /// The words that tell it, the weightiest first.
    terms: Vec<String>,
    /// How many comments are about it.
    count: usize,
    /// Its share of all comments.
    share: f64,
    average_rating: Option<f64>,
    /// At most three, the most typical first.
    comments: Vec<Feedback>,
}

impl Theme {
    fn new(theme: FeedbackTheme, all: usize) -> Self {
        Self {
            title: theme.title,
            terms: theme.terms,
            count: theme.count,
            share: theme.count as f64 / all.max(1) as f64,
            average_rating: theme.average_rating,
            comments: theme.comments.into_iter().map(Feedback::from).collect(),
        }
    }
}

/// What the comments of unhappy people are about.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct FeedbackThemes {
    start: String,
    end: String,
    /// How many comments were looked at.
    comments: usize,
    /// Who named the issues: `llm` or `clusters`.
    analysis: &'static str,
    /// Why no model named the issues although one is configured.
    fallback: Option<String>,
    /// The three most important issues, a line each.
    issues: Vec<String>,
    llm: Option<ThemesModel>,
    /// That of the most comments first.
    themes: Vec<Theme>,
    /// Comments in none of the themes.
    unassigned: usize,
}

impl FeedbackThemes {
    pub(in crate::api::native) fn new(range: TimeRange, analysis: Analysis) -> Self {
        let all = analysis.comments;
        Self {
            start: range.start_ns.to_string(),
            end: range.end_ns.to_string(),
            comments: all,
            analysis: if analysis.model.is_some() { "llm" } else { "clusters" },
            fallback: analysis.fallback,
            issues: analysis.issues,
            llm: analysis.model.map(ThemesModel::from),
            themes: analysis.themes.into_iter().map(|theme| Theme::new(theme, all)).collect(),
            unassigned: analysis.unassigned,
        }
    }
}
