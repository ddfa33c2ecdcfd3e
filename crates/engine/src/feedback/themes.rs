//! What the comments of unhappy people are about: themes that are found without a model, and the
//! issues that a model names where one is configured.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use parking_lot::Mutex;
use watchkeep_genai::feedback::issues::ISSUES;
use watchkeep_genai::feedback::themes::themes;
use watchkeep_model::{Error, Result, TenantId};

use super::llm::Answer;
use super::query::FeedbackFilter;
use crate::agents::facts::{Entry, FeedbackFact};
use crate::engine::Engine;

/// Comments that are shown of a theme.
const SHOWN_MAX: usize = 3;
/// Answers of the model that are remembered, so that looking twice costs once.
const ANSWERS_MAX: usize = 64;

/// Who names the issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    /// The model where one is configured, else the themes.
    Auto,
    /// The model.
    Llm,
    /// The themes.
    Clusters,
}

/// A theme of comments.
#[derive(Debug, Clone)]
pub struct FeedbackTheme {
    /// It in a few words.
    pub title: String,
    /// The words that tell it, the weightiest first.
    pub terms: Vec<String>,
    /// How many comments are about it.
    pub count: usize,
    /// The mean of their ratings.
    pub average_rating: Option<f64>,
    /// Some of them, the most typical first.
    pub comments: Vec<Entry<FeedbackFact>>,
}

/// What a model said.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelUsed {
    /// Which.
    pub model: String,
    /// Tokens that it read.
    pub input_tokens: u64,
    /// Tokens that it wrote.
    pub output_tokens: u64,
    /// What that cost, USD, where the model has a price.
    pub cost_usd: Option<f64>,
    /// How long it took, nanoseconds.
    pub duration_ns: i64,
    /// Whether the answer is one of before, which costs nothing again.
    pub is_cached: bool,
}

/// What comments are about.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// How many there are.
    pub comments: usize,
    /// The themes, that of the most comments first.
    pub themes: Vec<FeedbackTheme>,
    /// Comments in no theme, or in one that was not asked for.
    pub unassigned: usize,
    /// The three most important issues, in a line each.
    pub issues: Vec<String>,
    /// The model that named them.
    pub model: Option<ModelUsed>,
    /// Why no model did although one was wanted.
    pub fallback: Option<String>,
}

/// Answers of the model, by what it was asked.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<VecDeque<(String, Answer)>>);

impl Answers {
    fn find(&self, question: &str) -> Option<Answer> {
        let answers = self.0.lock();
        answers.iter().find(|(asked, _)| asked == question).map(|(_, answer)| answer.clone())
    }

    fn remember(&self, question: String, answer: Answer) {
        let mut answers = self.0.lock();
        answers.push_front((question, answer));
        answers.truncate(ANSWERS_MAX);
    }
}

impl Engine {
    /// What the comments of some feedback are about, in at most so many themes. Without a bound on
    /// ratings, those of low ratings.
    ///
    /// Errors: `Invalid` where the model is asked for and none is configured.
    pub async fn feedback_themes(
        &self,
        tenant: &TenantId,
        mut filter: FeedbackFilter,
        with: With,
        themes_max: usize,
    ) -> Result<Analysis> {
        if with == With::Llm && self.feedback.llm.is_none() {
            return Err(Error::invalid("no model is configured (feedback.llm.url)"));
        }
        filter.has_comment = Some(true);
        if filter.rating_max.is_none() && filter.rating_min.is_none() {
            filter.rating_max = Some(self.feedback.config.low_rating_max);
        }
        let comments_max = self.feedback.config.themes_comments_max;
        let entries = self
            .each_feedback(tenant, &filter, Vec::new(), move |entries, entry| {
                entries.push(entry);
                if entries.len() < comments_max {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })
            .await?;
        let working = tokio::task::spawn_blocking(move || {
            let found = grouped(&entries, themes_max);
            (entries, found)
        });
        let (entries, (themes, unassigned)) = working
            .await
            .map_err(|panicked| Error::internal("finding themes panicked").with_source(panicked))?;
        let mut analysis = Analysis {
            comments: entries.len(),
            issues: issues_of(&themes),
            themes,
            unassigned,
            model: None,
            fallback: None,
        };
        if with != With::Clusters && self.feedback.llm.is_some() && !entries.is_empty() {
            match self.issues_by_model(tenant, &entries).await {
                Ok((issues, used)) => (analysis.issues, analysis.model) = (issues, Some(used)),
                Err(error) => analysis.fallback = Some(error.message().to_owned()),
            }
        }
        Ok(analysis)
    }

    async fn issues_by_model(
        &self,
        tenant: &TenantId,
        entries: &[Entry<FeedbackFact>],
    ) -> Result<(Vec<String>, ModelUsed)> {
        let llm = self.feedback.llm.as_ref();
        let llm = llm.ok_or_else(|| Error::invalid("no model is configured"))?;
        let comments = entries.iter().map(|entry| &*entry.fact.comment);
        let question = llm.question(comments);
        let place = format!("{tenant}\n{question}");
        let known = self.feedback.answers.find(&place);
        let is_cached = known.is_some();
        let answer = if let Some(answer) = known {
            answer
        } else {
            let answer = llm.ask(self, tenant, &question).await?;
            self.feedback.answers.remember(place, answer.clone());
            answer
        };
        let used = ModelUsed {
            model: answer.model,
            input_tokens: answer.input_tokens,
            output_tokens: answer.output_tokens,
            cost_usd: answer.cost_usd,
            duration_ns: answer.duration_ns,
            is_cached,
        };
        Ok((answer.issues, used))
    }
}

/// The themes of comments, and how many comments are in none of those that are told.
fn grouped(entries: &[Entry<FeedbackFact>], themes_max: usize) -> (Vec<FeedbackTheme>, usize) {
    let comments: Vec<&str> = entries.iter().map(|entry| &*entry.fact.comment).collect();
    let mut found = themes(&comments);
    found.themes.truncate(themes_max);
    let told = found.themes.into_iter().map(|theme| {
        let ratings: Vec<f64> =
            theme.comments.iter().filter_map(|place| entries[*place].fact.rating).collect();
        let average = ratings.iter().sum::<f64>() / ratings.len() as f64;
        FeedbackTheme {
            title: theme.title,
            terms: theme.terms,
            count: theme.comments.len(),
            average_rating: (!ratings.is_empty()).then_some(average),
            comments: shown(entries, &theme.comments),
        }
    });
    let told: Vec<FeedbackTheme> = told.collect();
    let inside: usize = told.iter().map(|theme| theme.count).sum();
    (told, entries.len() - inside)
}

/// The most typical comments, each text once.
fn shown(entries: &[Entry<FeedbackFact>], places: &[usize]) -> Vec<Entry<FeedbackFact>> {
    let mut out: Vec<Entry<FeedbackFact>> = Vec::new();
    for place in places {
        let entry = &entries[*place];
        if out.len() < SHOWN_MAX && out.iter().all(|known| known.fact.comment != entry.fact.comment)
        {
            out.push(entry.clone());
        }
    }
    out
}

/// The themes of the most comments, in a line each.
fn issues_of(themes: &[FeedbackTheme]) -> Vec<String> {
    let lines = themes.iter().map(|theme| {
        let mut title = theme.title.chars();
        let first = title.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
        format!("{first}{} ({} comments)", title.as_str(), theme.count)
    });
    lines.take(ISSUES).collect()
}
