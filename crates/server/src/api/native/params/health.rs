//! Parameters of what is asked about health. By default the last hour.

use serde::Deserialize;
use utoipa::IntoParams;
use watchkeep_model::TimeRange;

use super::{Instant, Nanoseconds, range};
use crate::api::native::error::ApiError;
use crate::app::App;

/// Parameters of health.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api::native) struct HealthParams {
    /// First instant: unix nanoseconds or RFC 3339; default one hour before `end`.
    #[param(value_type = Option<String>)]
    pub(in crate::api::native) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(in crate::api::native) end: Option<Instant>,
}

impl HealthParams {
    /// What is meant.
    pub(in crate::api::native) fn range(&self, app: &App) -> Result<TimeRange, ApiError> {
        range(self.start, self.end, app.engine.clock())
    }
}

/// Parameters of the host over time.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api::native) struct HostParams {
    /// First instant: unix nanoseconds or RFC 3339; default one hour before `end`.
    #[param(value_type = Option<String>)]
    pub(in crate::api::native) start: Option<Instant>,
    /// First instant after; default now.
    #[param(value_type = Option<String>)]
    pub(in crate::api::native) end: Option<Instant>,
    /// Width of a step of the series, such as `1m`; default about a 120th of the range.
    #[param(value_type = Option<String>)]
    pub(in crate::api::native) step: Option<Nanoseconds>,
}
