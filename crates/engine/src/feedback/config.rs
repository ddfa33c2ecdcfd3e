//! Section `feedback` of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchkeep_genai::feedback::scale::{RATING_MAX, RATING_MIN, Scale};
use watchkeep_model::{Error, Result};

use crate::humane::{ByteSize, HumaneDuration};

/// Section `feedback`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedbackConfig {
    /// Ratings (1 to 5) at or below this are low.
    pub low_rating_max: f64,
    /// Scores of these names that are from 1 to 5 are ratings.
    pub rating_names: Vec<String>,
    /// Scores of these names that are 1 or 0 are thumbs, up or down.
    pub thumbs_names: Vec<String>,
    /// Ranges of scores by name, so that they can be compared with ratings.
    pub scales: BTreeMap<String, Scale>,
    /// How long feedback waits for the run that it is about.
    pub wait: HumaneDuration,
    /// Pieces of feedback that wait, of all tenants; beyond them the oldest wait no longer.
    pub waiting_max: usize,
    /// Feedback that waits for so long is counted in metrics without its agent.
    pub count_after: HumaneDuration,
    /// Pieces in one request.
    pub batch_max: usize,
    /// Bytes of a comment, a correction, or the metadata of one piece.
    pub text_bytes_max: ByteSize,
    /// Comments that themes are made of; older ones are left out.
    pub themes_comments_max: usize,
    /// The model that names the issues behind comments.
    pub llm: LlmConfig,
}

/// Section `feedback.llm`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LlmConfig {
    /// An endpoint that speaks OpenAI's API, such as `https://api.openai.com/v1`; empty for none.
    pub url: String,
    /// The model.
    pub model: String,
    /// The file that holds the API key; read for every request.
    pub api_key_file: PathBuf,
    /// The variable of the environment that holds the API key.
    pub api_key_env: String,
    /// How long one answer may take.
    pub timeout: HumaneDuration,
    /// How often a request that failed is made again.
    pub retries: u32,
    /// The latest comments that are shown to the model.
    pub comments_max: usize,
    /// Tokens of an answer.
    pub output_tokens_max: u32,
}

impl Default for FeedbackConfig {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            low_rating_max: 2.0,
            rating_names: names(&["rating", "user-rating", "user_rating", "stars"]),
            thumbs_names: names(&[
                "thumbs",
                "thumbs-up",
                "thumbs_up",
                "user-feedback",
                "user_feedback",
            ]),
            scales: BTreeMap::new(),
            wait: HumaneDuration(Duration::from_hours(7 * 24)),
            waiting_max: 10_000,
            count_after: HumaneDuration(Duration::from_mins(1)),
            batch_max: 1_000,
            text_bytes_max: ByteSize(16 << 10),
            themes_comments_max: 20_000,
            llm: LlmConfig::default(),
        }
    }
}

impl Default for LlmConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            model: String::new(),
            api_key_file: PathBuf::new(),
            api_key_env: String::new(),
            timeout: HumaneDuration(Duration::from_secs(20)),
            retries: 2,
            comments_max: 50,
            output_tokens_max: 300,
        }
    }
}

impl FeedbackConfig {
    /// Fails where something leaves nothing allowed, or contradicts itself.
    pub fn check(&self) -> Result<()> {
        if !(RATING_MIN..=RATING_MAX).contains(&self.low_rating_max) {
            return Err(Error::invalid("feedback.low_rating_max must be from 1 to 5"));
        }
        if let Some((name, _)) = self.scales.iter().find(|(_, scale)| !scale.is_sound()) {
            return Err(Error::invalid(format!(
                "feedback.scales.{name}: min and max must be numbers, and max the greater one"
            )));
        }
        let counts = [
            ("waiting_max", self.waiting_max),
            ("batch_max", self.batch_max),
            ("text_bytes_max", self.text_bytes_max.bytes()),
            ("themes_comments_max", self.themes_comments_max),
            ("llm.comments_max", self.llm.comments_max),
            ("llm.output_tokens_max", self.llm.output_tokens_max as usize),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(Error::invalid(format!("feedback.{key} must be at least 1")));
        }
        let llm = &self.llm;
        if !llm.url.is_empty() && llm.model.is_empty() {
            return Err(Error::invalid(
                "feedback.llm.url is set, so feedback.llm.model must be too",
            ));
        }
        if !llm.api_key_file.as_os_str().is_empty() && !llm.api_key_env.is_empty() {
            return Err(Error::invalid(
                "of feedback.llm.api_key_file and feedback.llm.api_key_env only one may be set",
            ));
        }
        if llm.timeout.0.is_zero() {
            return Err(Error::invalid("feedback.llm.timeout must be greater than 0"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut FeedbackConfig);

    #[test]
    fn the_defaults_are_sound_and_contradictions_name_their_key() {
        FeedbackConfig::default().check().unwrap();
        let wrong: [(&str, Change); 6] = [
            ("low_rating_max", |config| config.low_rating_max = 0.5),
            ("scales.relevance", |config| {
                config.scales.insert("relevance".into(), Scale { min: 1.0, max: 0.0 });
            }),
            ("batch_max", |config| config.batch_max = 0),
            ("llm.model", |config| config.llm.url = "http://localhost".into()),
            ("api_key_env", |config| {
                config.llm.api_key_env = "KEY".into();
                config.llm.api_key_file = "/run/key".into();
            }),
            ("llm.timeout", |config| config.llm.timeout = HumaneDuration(Duration::ZERO)),
        ];
        for (key, spoil) in wrong {
            let mut config = FeedbackConfig::default();
            spoil(&mut config);
            let error = config.check().unwrap_err();
            assert!(error.message().contains(key), "{key}: {error}");
        }
    }
}
