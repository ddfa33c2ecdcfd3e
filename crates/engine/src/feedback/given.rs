//! Feedback as it is given, by whatever way, made into what the ledger keeps.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;

use serde_json::Value;
use watchkeep_genai::feedback::scale::{Kind, RATING_MAX, RATING_MIN, Scale, thumbs_rating};
use watchkeep_model::{SpanId, TraceId};

use super::config::FeedbackConfig;
use crate::agents::facts::{Entry, FeedbackFact};

/// Bytes of an id or a name.
const NAME_BYTES_MAX: usize = 500;

/// Feedback as it is given. Texts that were not told are empty, ids zero.
#[derive(Clone, Default, PartialEq)]
pub struct Given {
    /// Names it; the same again replaces. Empty for one of our own making.
    pub id: String,
    /// When it was given, nanoseconds since the epoch; now where it is not told.
    pub time_ns: Option<i64>,
    /// The trace that it is about.
    pub trace_id: TraceId,
    /// The span that it is about.
    pub span_id: SpanId,
    /// The session that it is about.
    pub session: String,
    /// Id of the model's response that it is about.
    pub response_id: String,
    /// The application's own id of what it is about.
    pub interaction: String,
    /// Who gave it.
    pub user: String,
    /// The agent that it is about.
    pub agent: String,
    /// The service that it is about.
    pub service: String,
    /// The model that it is about.
    pub model: String,
    /// Environment.
    pub environment: String,
    /// What was judged.
    pub name: String,
    /// From 1 to 5.
    pub rating: Option<f64>,
    /// Up or down.
    pub thumbs: Option<bool>,
    /// On any scale.
    pub score: Option<f64>,
    /// The worst score.
    pub min: Option<f64>,
    /// The best score.
    pub max: Option<f64>,
    /// A word out of some.
    pub category: String,
    /// A remark.
    pub comment: String,
    /// What the answer should have been.
    pub correction: String,
    /// `human`, `llm` or `code`; `human` unless told.
    pub source: String,
    /// The way in: `api`, `otlp`, `openinference`, `langfuse`.
    pub origin: &'static str,
    /// What the way in calls its type.
    pub data_type: String,
    /// What the sender added.
    pub metadata: BTreeMap<String, Value>,
}

impl std::fmt::Debug for Given {
    /// Comments are people's, so nothing is printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Given").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Why feedback can not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The member that is to blame, by its name in [`Given`].
    pub field: &'static str,
    /// What is wrong with it; goes on after the name.
    pub message: String,
}

fn wrong<T>(field: &'static str, message: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { field, message: message.into() })
}

/// What was judged, in numbers.
struct Judged {
    kind: Kind,
    score: Option<f64>,
    rating: Option<f64>,
}

impl Given {
    /// As an entry of the ledger that is not bound yet. `now_ns` is when it came.
    pub fn settle(
        self,
        config: &FeedbackConfig,
        now_ns: i64,
    ) -> Result<Entry<FeedbackFact>, Wrong> {
        self.check_texts(config)?;
        self.check_target()?;
        let source = match &*self.source {
            "" => "human".to_owned(),
            "human" | "llm" | "code" => self.source.clone(),
            _ => return wrong("source", "must be human, llm or code"),
        };
        let Judged { kind, score, rating } = self.judged(config)?;
        let name = if self.name.is_empty() { kind.name().to_owned() } else { self.name };
        let time_ns = self.time_ns.unwrap_or(now_ns);
        let id = if self.id.is_empty() { fresh_id(time_ns) } else { self.id };
        Ok(Entry {
            time_ns,
            written_ns: now_ns,
            trace_id: self.trace_id,
            span_id: self.span_id,
            fact: FeedbackFact {
                id,
                service: self.service,
                session: self.session,
                interaction: self.interaction,
                response_id: self.response_id,
                user: self.user,
                agent: self.agent,
                agent_version: String::new(),
                model: self.model,
                environment: self.environment,
                bound: false,
                name,
                kind: kind.name().to_owned(),
                score,
                min: self.min,
                max: self.max,
                rating,
                label: self.category,
                comment: self.comment,
                correction: self.correction,
                source,
                origin: self.origin.to_owned(),
                data_type: self.data_type,
                metadata: self.metadata,
                deleted: false,
            },
        })
    }

    fn check_texts(&self, config: &FeedbackConfig) -> Result<(), Wrong> {
        let names = [
            ("id", &self.id),
            ("session", &self.session),
            ("response_id", &self.response_id),
            ("interaction", &self.interaction),
            ("user", &self.user),
            ("agent", &self.agent),
            ("service", &self.service),
            ("model", &self.model),
            ("environment", &self.environment),
            ("name", &self.name),
            ("category", &self.category),
        ];
        if let Some((field, _)) = names.into_iter().find(|(_, text)| text.len() > NAME_BYTES_MAX) {
            return wrong(field, format!("is longer than {NAME_BYTES_MAX} bytes"));
        }
        let bytes_max = config.text_bytes_max.bytes();
        let metadata = serde_json::to_string(&self.metadata).map_or(usize::MAX, |text| text.len());
        let texts = [
            ("comment", self.comment.len()),
            ("correction", self.correction.len()),
            ("metadata", metadata),
        ];
        match texts.into_iter().find(|(_, bytes)| *bytes > bytes_max) {
            Some((field, _)) => {
                wrong(field, format!("is longer than {bytes_max} bytes (feedback.text_bytes_max)"))
            }
            None => Ok(()),
        }
    }

    fn check_target(&self) -> Result<(), Wrong> {
        let texts = [
            &self.session,
            &self.response_id,
            &self.interaction,
            &self.user,
            &self.agent,
            &self.service,
        ];
        let is_about_something = self.trace_id != TraceId::default()
            || self.span_id != SpanId::default()
            || texts.iter().any(|text| !text.is_empty());
        if is_about_something {
            return Ok(());
        }
        wrong(
            "trace_id",
            "is missing, and so is any other member that says what the feedback is about: a trace, \
             span, session, response, interaction, user, agent or service",
        )
    }

    fn judged(&self, config: &FeedbackConfig) -> Result<Judged, Wrong> {
        let numbers =
            [self.rating.is_some(), self.thumbs.is_some(), self.score.is_some()].into_iter();
        if numbers.filter(|is_given| *is_given).count() > 1 {
            return wrong("score", "can not stand beside another rating, thumbs or score");
        }
        if let Some(rating) = self.rating {
            if !(RATING_MIN..=RATING_MAX).contains(&rating) {
                return wrong("rating", "must be from 1 to 5");
            }
            return Ok(Judged { kind: Kind::Rating, score: Some(rating), rating: Some(rating) });
        }
        if let Some(is_up) = self.thumbs {
            let score = Some(f64::from(u8::from(is_up)));
            return Ok(Judged { kind: Kind::Thumbs, score, rating: Some(thumbs_rating(is_up)) });
        }
        if let Some(score) = self.score {
            return self.judged_score(score, config);
        }
        let kind = if !self.category.is_empty() {
            Kind::Category
        } else if !self.correction.is_empty() {
            Kind::Correction
        } else if !self.comment.is_empty() {
            Kind::Comment
        } else {
            return wrong(
                "rating",
                "is missing, and so is any other judgement: thumbs, score, category, comment or \
                 correction",
            );
        };
        Ok(Judged { kind, score: None, rating: None })
    }

    fn judged_score(&self, score: f64, config: &FeedbackConfig) -> Result<Judged, Wrong> {
        if !score.is_finite() {
            return wrong("score", "must be a finite number");
        }
        let scale = match (self.min, self.max) {
            (Some(min), Some(max)) => {
                let scale = Scale { min, max };
                if !scale.is_sound() {
                    return wrong("max", "must be greater than min");
                }
                if !(min..=max).contains(&score) {
                    return wrong("score", "must be from min to max");
                }
                Some(scale)
            }
            (None, None) => config.scales.get(&self.name).copied(),
            _ => return wrong("min", "and max go together"),
        };
        let is_named = |names: &[String]| names.contains(&self.name);
        if let Some(scale) = scale {
            return Ok(Judged {
                kind: Kind::Score,
                score: Some(score),
                rating: scale.rating(score),
            });
        }
        let kind = if is_named(&config.thumbs_names) && (score == 0.0 || score == 1.0) {
            let rating = Some(thumbs_rating(score > 0.0));
            return Ok(Judged { kind: Kind::Thumbs, score: Some(score), rating });
        } else if is_named(&config.rating_names) && (RATING_MIN..=RATING_MAX).contains(&score) {
            Kind::Rating
        } else {
            Kind::Score
        };
        let rating = (kind == Kind::Rating).then_some(score);
        Ok(Judged { kind, score: Some(score), rating })
    }
}

/// An id that nothing else has.
fn fresh_id(time_ns: i64) -> String {
    // The keys of every `RandomState` differ from those of all others, in all processes.
    let random = std::collections::hash_map::RandomState::new().hash_one(time_ns);
    format!("fb-{time_ns:x}-{random:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about_something() -> Given {
        Given { interaction: "i-1".into(), origin: "api", ..Given::default() }
    }

    #[test]
    fn judgements_become_kinds_and_ratings() {
        let mut config = FeedbackConfig::default();
        config.scales.insert("relevance".into(), Scale { min: 0.0, max: 1.0 });
        let scored = |name: &str, score: f64| Given {
            name: name.into(),
            score: Some(score),
            ..about_something()
        };
        let cases = [
            (Given { rating: Some(2.0), ..about_something() }, "rating", "rating", Some(2.0)),
            (Given { thumbs: Some(false), ..about_something() }, "thumbs", "thumbs", Some(1.0)),
            (Given { thumbs: Some(true), ..about_something() }, "thumbs", "thumbs", Some(5.0)),
            (scored("relevance", 0.5), "score", "relevance", Some(3.0)),
            (scored("user-feedback", 1.0), "thumbs", "user-feedback", Some(5.0)),
            (scored("user-feedback", 0.4), "score", "user-feedback", None),
            (scored("stars", 4.0), "rating", "stars", Some(4.0)),
            (scored("stars", 9.0), "score", "stars", None),
            (scored("", -3.0), "score", "score", None),
            (
                Given { min: Some(0.0), max: Some(10.0), ..scored("stars", 5.0) },
                "score",
                "stars",
                Some(3.0),
            ),
            (
                Given { category: "refund".into(), ..about_something() },
                "category",
                "category",
                None,
            ),
            (Given { comment: "meh".into(), ..about_something() }, "comment", "comment", None),
            (
                Given { correction: "42".into(), comment: "no".into(), ..about_something() },
                "correction",
                "correction",
                None,
            ),
        ];
        for (given, kind, name, rating) in cases {
            let entry = given.settle(&config, 7).unwrap();
            let fact = entry.fact;
            assert_eq!((&*fact.kind, &*fact.name, fact.rating), (kind, name, rating));
            assert!(fact.id.starts_with("fb-") && fact.source == "human" && entry.time_ns == 7);
        }
    }

    #[test]
    fn what_can_not_be_taken_names_the_member() {
        let config = FeedbackConfig::default();
        let rated = Given { rating: Some(1.0), ..about_something() };
        let cases = [
            (Given { rating: Some(0.0), ..about_something() }, "rating"),
            (Given { rating: Some(f64::NAN), ..about_something() }, "rating"),
            (Given { thumbs: Some(true), ..rated.clone() }, "score"),
            (Given { score: Some(f64::INFINITY), ..about_something() }, "score"),
            (Given { score: Some(1.0), min: Some(0.0), ..about_something() }, "min"),
            (
                Given { score: Some(2.0), min: Some(0.0), max: Some(1.0), ..about_something() },
                "score",
            ),
            (about_something(), "rating"),
            (Given { rating: Some(1.0), ..Given::default() }, "trace_id"),
            (Given { source: "dog".into(), ..rated.clone() }, "source"),
            (Given { comment: "x".repeat(20_000), ..rated.clone() }, "comment"),
            (Given { id: "x".repeat(501), ..rated }, "id"),
        ];
        for (given, field) in cases {
            assert_eq!(given.settle(&config, 0).unwrap_err().field, field);
        }
    }

    #[test]
    fn ids_of_our_own_differ() {
        assert_ne!(fresh_id(1), fresh_id(1));
    }
}
