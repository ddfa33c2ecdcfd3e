//! Budgets, how they stand, checks, reservations and events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use watchkeep_engine::budgets::attributes::Attributes;
use watchkeep_engine::budgets::check::{Opinion, Question, Verdict};
use watchkeep_engine::budgets::definition::{self, Mode, OnUnknown, Scope, Severity, Unit};
use watchkeep_engine::budgets::reservation::Actual;
use watchkeep_engine::budgets::status::{self, Standing as EngineStanding};
use watchkeep_engine::budgets::window::{Calendar, Window};
use watchkeep_engine::budgets::{BudgetEvent, Kept, Source};
use watchkeep_engine::humane::{HumaneDuration, parse_duration};

use crate::api::native::error::ApiError;

/// What may be spent, by whom and in which time.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api::native) struct BudgetBody {
    /// Names it: up to 64 of `a-z`, `0-9`, `.`, `_`, `-`. Made from the name where it is not there.
    #[serde(default)]
    id: String,
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    scope: ScopeBody,
    /// How much may be spent, in `unit`.
    amount: f64,
    /// `usd`, `tokens`, `input_tokens` or `output_tokens`.
    #[serde(default)]
    #[schema(value_type = String)]
    unit: Unit,
    window: WindowBody,
    /// By default 80 % (warning) and 100 % (critical).
    thresholds: Option<Vec<ThresholdBody>>,
    /// `soft` (checks warn) or `hard` (checks deny).
    #[serde(default)]
    #[schema(value_type = String)]
    mode: Mode,
    /// What checks of a hard budget answer while it is not known what was spent: `allow` or `deny`.
    #[serde(default)]
    #[schema(value_type = String)]
    on_unknown: OnUnknown,
}

fn yes() -> bool {
    true
}

/// Whose spending is counted.
#[derive(Deserialize, Serialize, ToSchema, Default)]
#[serde(default, deny_unknown_fields)]
struct ScopeBody {
    /// Attributes that must all have these values; `*` stands for anything.
    #[serde(rename = "where")]
    conditions: BTreeMap<String, String>,
    /// The attribute of which each value has an amount of its own.
    each: Option<String>,
    /// Other amounts for some values of `each`.
    overrides: BTreeMap<String, f64>,
}

/// In which time: one of `calendar` and `rolling`.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WindowBody {
    /// `hour`, `day`, `week` (from Monday) or `month`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    calendar: Option<Calendar>,
    /// Of the calendar, such as `Europe/Berlin`; default UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    /// The last so long, such as `24h`; 1m to 90d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rolling: Option<String>,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ThresholdBody {
    /// Per cent of the amount.
    percent: f64,
    /// `info`, `warning` or `critical`.
    #[schema(value_type = String)]
    severity: Severity,
}

impl BudgetBody {
    /// The budget as the engine takes it; `id` is that of the path, where there is one.
    pub(in crate::api::native) fn budget(
        self,
        id: Option<String>,
    ) -> Result<definition::Budget, ApiError> {
        let rolling = self.window.rolling.as_deref().map(parse_duration).transpose();
        let rolling =
            rolling.map_err(|error| ApiError::invalid("window.rolling", error.message()))?;
        if let Some(id) = &id
            && !self.id.is_empty()
            && self.id != *id
        {
            return Err(ApiError::invalid("id", "must be that of the path"));
        }
        let threshold =
            |ThresholdBody { percent, severity }| definition::Threshold { percent, severity };
        Ok(definition::Budget {
            id: id.unwrap_or(self.id),
            name: self.name,
            description: self.description,
            enabled: self.enabled,
            scope: Scope {
                conditions: self.scope.conditions,
                each: self.scope.each,
                overrides: self.scope.overrides,
            },
            amount: self.amount,
            unit: self.unit,
            window: Window {
                calendar: self.window.calendar,
                time_zone: self.window.time_zone,
                rolling: rolling.map(HumaneDuration),
            },
            thresholds: self.thresholds.map_or_else(definition::thresholds, |all| {
                all.into_iter().map(threshold).collect()
            }),
            mode: self.mode,
            on_unknown: self.on_unknown,
        })
    }
}

/// A budget.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct BudgetDto {
    #[serde(flatten)]
    budget: BudgetBody,
    /// `api`, or `config` for one that can not be changed.
    source: &'static str,
    /// `0` for one of the configuration.
    created_unix_nano: String,
    updated_unix_nano: String,
}

impl From<Kept> for BudgetDto {
    fn from(kept: Kept) -> Self {
        let Kept { budget, source, created_ns, updated_ns } = kept;
        let threshold = |threshold: definition::Threshold| ThresholdBody {
            percent: threshold.percent,
            severity: threshold.severity,
        };
        Self {
            budget: BudgetBody {
                id: budget.id,
                name: budget.name,
                description: budget.description,
                enabled: budget.enabled,
                scope: ScopeBody {
                    conditions: budget.scope.conditions,
                    each: budget.scope.each,
                    overrides: budget.scope.overrides,
                },
                amount: budget.amount,
                unit: budget.unit,
                window: WindowBody {
                    calendar: budget.window.calendar,
                    time_zone: budget.window.time_zone,
                    rolling: budget.window.rolling.map(|length| length.to_string()),
                },
                thresholds: Some(budget.thresholds.into_iter().map(threshold).collect()),
                mode: budget.mode,
                on_unknown: budget.on_unknown,
            },
            source: match source {
                Source::Api => "api",
                Source::Config => "config",
            },
            created_unix_nano: created_ns.to_string(),
            updated_unix_nano: updated_ns.to_string(),
        }
    }
}

/// All budgets.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct BudgetList {
    /// By id.
    budgets: Vec<ListedBudget>,
}

#[derive(Serialize, ToSchema)]
struct ListedBudget {
    #[serde(flatten)]
    budget: BudgetDto,
    /// How it stands; of one with `each` the value with the highest percentage, `null` for none.
    current: Option<Standing>,
}

impl From<Vec<(Kept, Option<EngineStanding>)>> for BudgetList {
    fn from(all: Vec<(Kept, Option<EngineStanding>)>) -> Self {
        let listed = |(kept, standing): (Kept, Option<EngineStanding>)| ListedBudget {
            budget: kept.into(),
            current: standing.map(Standing::from),
        };
        Self { budgets: all.into_iter().map(listed).collect() }
    }
}

/// How one value of a budget's scope stands, in the budget's unit.
#[derive(Serialize, ToSchema)]
struct Standing {
    /// Empty without `each`.
    scope_value: String,
    spent: f64,
    /// What calls under way may still need.
    reserved: f64,
    budget: f64,
    /// `budget - spent - reserved`; below 0 where too much is spent.
    remaining: f64,
    /// `spent / budget * 100`.
    percentage: f64,
    period_start_unix_nano: String,
    period_end_unix_nano: String,
    /// What will be spent at the end of the period, if it goes on so; `null` for rolling windows and
    /// early in the period.
    projection: Option<f64>,
    /// `ok`, or the severity of the highest threshold that is reached.
    level: &'static str,
}

impl From<EngineStanding> for Standing {
    fn from(standing: EngineStanding) -> Self {
        Self {
            remaining: standing.remaining(),
            scope_value: standing.scope_value,
            spent: standing.spent,
            reserved: standing.reserved,
            budget: standing.amount,
            percentage: standing.percentage,
            period_start_unix_nano: standing.period.start_ns.to_string(),
            period_end_unix_nano: standing.period.end_ns.to_string(),
            projection: standing.projection,
            level: standing.level.map_or("ok", Severity::name),
        }
    }
}

/// How a budget stands.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct BudgetStatus {
    budget: BudgetDto,
    /// Whether what was spent before the start is counted.
    known: bool,
    /// Values of `each` that are followed.
    values: usize,
    /// How often something was spent by a value that there was no room for.
    overflow: u64,
    /// The highest percentage first.
    standings: Vec<Standing>,
}

impl From<status::Status> for BudgetStatus {
    fn from(status: status::Status) -> Self {
        Self {
            budget: status.kept.into(),
            known: status.known,
            values: status.values,
            overflow: status.overflow,
            standings: status.standings.into_iter().map(Standing::from).collect(),
        }
    }
}

/// One text, or several.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Who wants to spend how much.
#[derive(Deserialize, ToSchema, Default)]
#[serde(default, deny_unknown_fields)]
pub(in crate::api::native) struct CheckBody {
    user: String,
    agent: String,
    model: String,
    service: String,
    session: String,
    provider: String,
    environment: String,
    /// Further attributes by the names that scopes use: a text, or a list (of tags).
    attributes: BTreeMap<String, OneOrMany>,
    /// What the call will cost; without it tokens are priced by `model`.
    estimated_usd: Option<f64>,
    /// Tokens read and written; taken as written where nothing else is said.
    estimated_tokens: Option<f64>,
    estimated_input_tokens: Option<f64>,
    estimated_output_tokens: Option<f64>,
    /// Whether the estimate is held until the call is made.
    reserve: bool,
    /// For how long, such as `60s`.
    ttl: Option<String>,
}

impl CheckBody {
    pub(in crate::api::native) fn question(self) -> Result<Question, ApiError> {
        let mut attributes = Attributes::default();
        let named = [
            ("user", self.user),
            ("agent", self.agent),
            ("model", self.model),
            ("service", self.service),
            ("session", self.session),
            ("provider", self.provider),
            ("environment", self.environment),
        ];
        let more = self.attributes.into_iter().flat_map(|(name, values)| {
            let values = match values {
                OneOrMany::One(value) => vec![value],
                OneOrMany::Many(values) => values,
            };
            values.into_iter().map(move |value| (name.clone(), value))
        });
        let named = named.into_iter().map(|(name, value)| (name.to_owned(), value));
        for (name, value) in named.chain(more) {
            let wrong = |why: String| ApiError::invalid(&format!("attributes.{name}"), &why);
            if value.len() > ATTRIBUTE_BYTES_MAX {
                return Err(wrong(format!("must have at most {ATTRIBUTE_BYTES_MAX} bytes")));
            }
            attributes.set(&name, value).map_err(wrong)?;
        }
        let ttl = self.ttl.as_deref().map(parse_duration).transpose();
        let ttl = ttl.map_err(|error| ApiError::invalid("ttl", error.message()))?;
        if ttl.is_some_and(|ttl| ttl.is_zero()) {
            return Err(ApiError::invalid("ttl", "must be more than 0"));
        }
        Ok(Question {
            attributes,
            usd: amount("estimated_usd", self.estimated_usd)?,
            tokens: amount("estimated_tokens", self.estimated_tokens)?,
            input_tokens: amount("estimated_input_tokens", self.estimated_input_tokens)?,
            output_tokens: amount("estimated_output_tokens", self.estimated_output_tokens)?,
            reserve: self.reserve,
            ttl_ns: ttl.map(|ttl| i64::try_from(ttl.as_nanos()).unwrap_or(i64::MAX)),
        })
    }
}

/// Longest value of an attribute in a check.
const ATTRIBUTE_BYTES_MAX: usize = 4_096;

fn amount(field: &str, value: Option<f64>) -> Result<Option<f64>, ApiError> {
    match value {
        Some(value) if !(0.0..=9e15).contains(&value) => {
            Err(ApiError::invalid(field, "must be a number from 0 to 9e15"))
        }
        _ => Ok(value),
    }
}

/// Whether a call may be made.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct CheckAnswer {
    /// `allow`, `warn` or `deny`: the strictest of all budgets.
    decision: &'static str,
    /// Why, in a line; empty where nothing stands against it.
    reason: String,
    /// What the call is taken to cost; `null` where that is not known.
    estimate_usd: Option<f64>,
    reservation: Option<ReservationDto>,
    /// When to ask again; `null` where it is allowed, or never will be.
    retry_after_ns: Option<i64>,
    /// What each budget says that the call falls under.
    budgets: Vec<OpinionDto>,
}

#[derive(Serialize, ToSchema)]
struct ReservationDto {
    id: String,
    expires_unix_nano: String,
}

#[derive(Serialize, ToSchema)]
struct OpinionDto {
    id: String,
    name: String,
    scope_value: String,
    /// `soft` or `hard`.
    #[schema(value_type = String)]
    mode: Mode,
    decision: &'static str,
    /// Whether what was spent before the start is counted.
    known: bool,
    spent: f64,
    /// What others reserved.
    reserved: f64,
    budget: f64,
    /// What is left without this call.
    remaining: f64,
    percentage: f64,
    /// What this call is taken to need, in the budget's unit.
    estimate: f64,
    retry_after_ns: Option<i64>,
}

impl From<Opinion> for OpinionDto {
    fn from(opinion: Opinion) -> Self {
        Self {
            id: opinion.id,
            name: opinion.name,
            scope_value: opinion.scope_value,
            mode: opinion.mode,
            decision: opinion.decision.name(),
            known: opinion.known,
            spent: opinion.spent,
            reserved: opinion.reserved,
            budget: opinion.amount,
            remaining: opinion.amount - opinion.spent - opinion.reserved,
            percentage: opinion.spent / opinion.amount * 100.0,
            estimate: opinion.estimate,
            retry_after_ns: opinion.retry_after_ns,
        }
    }
}

impl From<Verdict> for CheckAnswer {
    fn from(verdict: Verdict) -> Self {
        let strictest = verdict
            .budgets
            .iter()
            .find(|one| one.decision == verdict.decision && verdict.decision.name() != "allow");
        let reason = strictest.map_or_else(String::new, |one| {
            let who = if one.scope_value.is_empty() {
                String::new()
            } else {
                format!(" for {}", one.scope_value)
            };
            if one.known {
                let percent = (one.spent + one.reserved) / one.amount * 100.0;
                format!("{}{who}: {percent:.1} % spent or reserved", one.name)
            } else {
                format!("{}{who}: it is not known yet what was spent", one.name)
            }
        });
        Self {
            decision: verdict.decision.name(),
            reason,
            estimate_usd: verdict.estimate_usd,
            reservation: verdict.reservation.map(|(id, expires_ns)| ReservationDto {
                id,
                expires_unix_nano: expires_ns.to_string(),
            }),
            retry_after_ns: verdict.retry_after_ns,
            budgets: verdict.budgets.into_iter().map(OpinionDto::from).collect(),
        }
    }
}

impl CheckAnswer {
    /// Seconds for the header `Retry-After`.
    pub(in crate::api::native) fn retry_after_s(&self) -> Option<i64> {
        self.retry_after_ns
            .map(|ns| (ns / 1_000_000_000 + i64::from(ns % 1_000_000_000 > 0)).max(1))
    }
}

/// What a call used.
#[derive(Deserialize, ToSchema, Default)]
#[serde(default, deny_unknown_fields)]
pub(in crate::api::native) struct SettleBody {
    /// By default what was reserved.
    actual_usd: Option<f64>,
    /// By default what was reserved.
    actual_tokens: Option<f64>,
}

impl SettleBody {
    pub(in crate::api::native) fn actual(&self) -> Result<Actual, ApiError> {
        Ok(Actual {
            usd: amount("actual_usd", self.actual_usd)?,
            tokens: amount("actual_tokens", self.actual_tokens)?,
        })
    }
}

/// A reservation that is settled.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct Settled {
    id: String,
    /// `settled`.
    state: &'static str,
    /// Until when at most the amount is held, if its span does not come.
    expires_unix_nano: String,
}

impl Settled {
    pub(in crate::api::native) fn new(id: String, expires_ns: i64) -> Self {
        Self { id, state: "settled", expires_unix_nano: expires_ns.to_string() }
    }
}

/// Thresholds that were reached.
#[derive(Serialize, ToSchema)]
pub(in crate::api::native) struct BudgetEvents {
    /// Newest first.
    events: Vec<EventDto>,
}

#[derive(Serialize, ToSchema)]
struct EventDto {
    id: String,
    time_unix_nano: String,
    /// `info`, `warning` or `critical`.
    severity: String,
    title: String,
    /// The budget's id.
    budget: String,
    scope_value: String,
    /// Per cent of the amount.
    threshold: f64,
    /// When it was reached.
    spent: f64,
    /// The amount then.
    amount: f64,
    unit: String,
    period_start_unix_nano: String,
    period_end_unix_nano: String,
}

impl From<Vec<BudgetEvent>> for BudgetEvents {
    fn from(events: Vec<BudgetEvent>) -> Self {
        let event = |event: BudgetEvent| {
            let details = &event.fact.details;
            let text = |name: &str| {
                details.get(name).and_then(|text| text.as_str()).unwrap_or_default().to_owned()
            };
            let number =
                |name: &str| details.get(name).and_then(serde_json::Value::as_f64).unwrap_or(0.0);
            EventDto {
                time_unix_nano: event.time_ns.to_string(),
                budget: text("budget"),
                scope_value: text("scope_value"),
                threshold: number("threshold"),
                spent: number("spent"),
                amount: number("amount"),
                unit: text("unit"),
                period_start_unix_nano: text("period_start_ns"),
                period_end_unix_nano: text("period_end_ns"),
                id: event.fact.id,
                severity: event.fact.severity,
                title: event.fact.title,
            }
        };
        Self { events: events.into_iter().map(event).collect() }
    }
}
