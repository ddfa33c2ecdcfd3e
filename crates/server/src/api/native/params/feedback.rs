//! Parameters of the paths about feedback. All take the same filters.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;
use watchkeep_engine::feedback::query::{FeedbackFilter, GroupBy};
use watchkeep_engine::feedback::themes::With;
use watchkeep_engine::humane::short;
use watchkeep_genai::feedback::scale::Kind;
use watchkeep_model::Clock;

use super::{Count, Instant, Nanoseconds, TraceIdParam, range_of, text};
use crate::api::native::error::ApiError;

/// The default range: thirty days.
const RANGE_NS: i64 = 30 * 24 * 3_600 * 1_000_000_000;

word_param!(KindParam(Kind): "rating" => Kind::Rating, "thumbs" => Kind::Thumbs,
    "score" => Kind::Score, "category" => Kind::Category, "comment" => Kind::Comment,
    "correction" => Kind::Correction);
word_param!(GroupByParam(GroupBy): "user" => GroupBy::User, "agent" => GroupBy::Agent,
    "model" => GroupBy::Model, "version" => GroupBy::Version, "service" => GroupBy::Service,
    "name" => GroupBy::Name);
word_param!(WithParam(With): "auto" => With::Auto, "llm" => With::Llm,
    "clusters" => With::Clusters);
word_param!(BoolParam(bool): "true" => true, "false" => false);

/// A rating, or a bound of ratings.
#[derive(Debug, Clone, Copy)]
pub(in crate::api::native) struct RatingParam(f64);

impl<'de> Deserialize<'de> for RatingParam {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = text(from)?;
        match text.parse::<f64>() {
            Ok(rating) if rating.is_finite() => Ok(Self(rating)),
            _ => Err(D::Error::custom(format!("must be a number, got {:?}", short(&text)))),
        }
    }
}

/// Parameters that filter feedback, and those of a path. (Flattened parameters would not find the
/// unknown ones.)
macro_rules! filtered {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Deserialize, IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub(in crate::api::native) struct $name {
            /// First instant: unix nanoseconds or RFC 3339; default thirty days before `end`.
            #[param(value_type = Option<String>)]
            start: Option<Instant>,
            /// First instant after; default now.
            #[param(value_type = Option<String>)]
            end: Option<Instant>,
            /// The agent.
            agent: Option<String>,
            /// The user.
            user: Option<String>,
            /// The session.
            session: Option<String>,
            /// The trace, in hexadecimal.
            #[param(value_type = Option<String>)]
            trace: Option<TraceIdParam>,
            /// The application's own id.
            interaction: Option<String>,
            /// The service.
            service: Option<String>,
            /// The model.
            model: Option<String>,
            /// What was judged.
            name: Option<String>,
            /// `rating`, `thumbs`, `score`, `category`, `comment` or `correction`.
            #[param(value_type = Option<String>)]
            kind: Option<KindParam>,
            /// Who judged: `human`, `llm` or `code`.
            source: Option<String>,
            /// Least rating.
            #[param(value_type = Option<f64>)]
            rating_min: Option<RatingParam>,
            /// Greatest rating.
            #[param(value_type = Option<f64>)]
            rating_max: Option<RatingParam>,
            /// With a comment, or without.
            #[param(value_type = Option<bool>)]
            has_comment: Option<BoolParam>,
            /// A text that comment or correction contains, in any case.
            q: Option<String>,
            $($(#[$field_meta])* pub(in crate::api::native) $field: $type,)*
        }

        impl $name {
            /// The filter.
            pub(in crate::api::native) fn filter(
                &self,
                clock: &dyn Clock,
            ) -> Result<FeedbackFilter, ApiError> {
                let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
                Ok(FeedbackFilter {
                    range: range_of(self.start, self.end, clock, RANGE_NS)?,
                    agent: given(&self.agent),
                    user: given(&self.user),
                    session: given(&self.session),
                    trace_id: self.trace.map(|id| id.0),
                    interaction: given(&self.interaction),
                    service: given(&self.service),
                    model: given(&self.model),
                    name: given(&self.name),
                    kind: self.kind.map(|kind| kind.0),
                    source: given(&self.source),
                    rating_min: self.rating_min.map(|rating| rating.0),
                    rating_max: self.rating_max.map(|rating| rating.0),
                    has_comment: self.has_comment.map(|has| has.0),
                    text: given(&self.q),
                })
            }
        }
    };
}

filtered! {
    /// Parameters of the list of feedback.
    FeedbackParams {
        /// How many, 1 to 1000; default 100.
        #[param(value_type = Option<usize>, minimum = 1, maximum = 1000)]
        limit: Option<Count<1000>>,
        /// Where the page before ended.
        cursor: Option<String>,
    }
}

filtered! {
    /// Parameters of the figures about feedback.
    FeedbackSummaryParams {
        /// Groups: `agent`, `user`, `model`, `version`, `service` or `name`; none by default.
        #[param(value_type = Option<String>)]
        by: Option<GroupByParam>,
        /// Length of a step of the trend, such as `1d`; default one 60th of the range, at least `1m`.
        #[param(value_type = Option<String>)]
        step: Option<Nanoseconds>,
    }
}

filtered! {
    /// Parameters of the themes of feedback.
    FeedbackThemesParams {
        /// How many themes, 1 to 50; default 10.
        #[param(value_type = Option<usize>, minimum = 1, maximum = 50)]
        limit: Option<Count<50>>,
        /// Who names the issues: `llm`, `clusters`, or `auto` for the model where one is configured.
        #[param(value_type = Option<String>)]
        with: Option<WithParam>,
    }
}
