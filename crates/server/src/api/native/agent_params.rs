//! Parameters of what is asked about agents. By default the last day.

use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;
use watchkeep_engine::agents::query::By;
use watchkeep_engine::humane::short;

use super::params::{Count, Instant, Nanoseconds, word_param};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Text,
    Markdown,
    Html,
}

word_param!(FormatParam(Format): "json" => Format::Json, "text" => Format::Text,
    "markdown" => Format::Markdown, "html" => Format::Html);
word_param!(FailedParam(bool): "ok" => false, "error" => true);
word_param!(FlagParam(bool): "true" => true, "false" => false);
word_param!(ByParam(By): "agent" => By::Agent, "main_agent" => By::MainAgent, "service" => By::Service, "model" => By::Model,
    "provider" => By::Provider, "user" => By::User, "session" => By::Session,
    "prompt" => By::Prompt, "release" => By::Release, "environment" => By::Environment,
    "tool" => By::Tool, "tag" => By::Tag);

/// A number that is at least 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amount(pub(super) f64);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse()
            .ok()
            .filter(|number: &f64| number.is_finite() && *number >= 0.0)
            .map(Self)
            .ok_or_else(|| {
                serde::de::Error::custom(format!(
                    "must be a number of at least 0, got {:?}",
                    short(&text)
                ))
            })
    }
}

/// Parameters of the table of agents.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AgentsParams {
    /// First instant: unix nanoseconds or RFC 3339; default one day before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
    /// Only this service's.
    pub(super) service: Option<String>,
    /// How many, 1 to 1000; default 200.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<Count<1000>>,
}

/// Parameters of one agent's page, and of the dialects.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ScopeParams {
    /// First instant: unix nanoseconds or RFC 3339; default one day before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
    /// Only this service's.
    pub(super) service: Option<String>,
}

/// Parameters of the list of runs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunsParams {
    /// First instant: unix nanoseconds or RFC 3339; default one day before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
    /// Only this agent's.
    pub(super) agent: Option<String>,
    /// Only this service's.
    pub(super) service: Option<String>,
    /// Only in this session.
    pub(super) session: Option<String>,
    /// Only for this user.
    pub(super) user: Option<String>,
    /// `ok` or `error`.
    #[param(value_type = Option<String>)]
    pub(super) status: Option<FailedParam>,
    /// Whether it went in circles.
    #[param(value_type = Option<bool>)]
    pub(super) r#loop: Option<FlagParam>,
    /// Least cost, USD.
    #[param(value_type = Option<f64>)]
    pub(super) min_cost: Option<Amount>,
    /// Least duration, such as `1.5s`.
    #[param(value_type = Option<String>)]
    pub(super) min_duration: Option<Nanoseconds>,
    /// Greatest average rating; runs without one are left out.
    #[param(value_type = Option<f64>)]
    pub(super) rating_max: Option<Amount>,
    /// Only with this model.
    pub(super) model: Option<String>,
    /// Only with this tool.
    pub(super) tool: Option<String>,
    /// How many, 1 to 500; default 50.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 500)]
    pub(super) limit: Option<Count<500>>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// Parameters of the list of sessions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SessionsParams {
    /// First instant: unix nanoseconds or RFC 3339; default one day before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
    /// Only this agent's.
    pub(super) agent: Option<String>,
    /// Only this service's.
    pub(super) service: Option<String>,
    /// Only for this user.
    pub(super) user: Option<String>,
    /// How many, 1 to 500; default 50.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 500)]
    pub(super) limit: Option<Count<500>>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// Parameters of a session.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SessionParams {
    /// First instant: unix nanoseconds or RFC 3339; default 30 days before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
}

/// Parameters of the costs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CostsParams {
    /// What groups are: `model` (the default), `agent`, `user`, `service`, `provider`, `session`, `prompt`,
    /// `tag`, `release`, `environment`, `tool` or `main_agent`.
    #[param(value_type = Option<String>)]
    pub(super) by: Option<ByParam>,
    /// First instant: unix nanoseconds or RFC 3339; default one day before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
    /// Length of a step of the series, rounded up to one that a clock has.
    #[param(value_type = Option<String>)]
    pub(super) step: Option<Nanoseconds>,
    /// Only this agent's.
    pub(super) agent: Option<String>,
    /// Only this service's.
    pub(super) service: Option<String>,
    /// Only for this user.
    pub(super) user: Option<String>,
    /// Only in this session.
    pub(super) session: Option<String>,
    /// Only with this model.
    pub(super) model: Option<String>,
    /// Only with this provider of models.
    pub(super) provider: Option<String>,
    /// Only in this environment.
    pub(super) environment: Option<String>,
    /// Only of this release.
    pub(super) release: Option<String>,
    /// How many, 1 to 1000; default 50.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<Count<1000>>,
}

/// Parameters of a report.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReportParams {
    /// Which agent; all without one.
    pub(super) agent: Option<String>,
    /// First instant: unix nanoseconds or RFC 3339; default one day before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
    /// Only this service's.
    pub(super) service: Option<String>,
    /// `json` (the default), `text`, `markdown` or `html`.
    #[param(value_type = Option<String>)]
    pub(super) format: Option<FormatParam>,
}

/// Parameters of the list of events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsParams {
    /// First instant: unix nanoseconds or RFC 3339; default one day before `end`.
    #[param(value_type = Option<String>)]
    pub(super) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(super) end: Option<Instant>,
    /// `budget_threshold`, `loop`, `low_rating`, `agent_health`, `host` or `dependency`.
    pub(super) kind: Option<String>,
    /// `info`, `warning` or `critical`.
    pub(super) severity: Option<String>,
    /// Only this agent's.
    pub(super) agent: Option<String>,
    /// Only this service's.
    pub(super) service: Option<String>,
    /// How many, 1 to 1000; default 100.
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000)]
    pub(super) limit: Option<Count<1000>>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}
