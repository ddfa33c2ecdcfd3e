//! What must not be stored: personal data and secrets, found in text and JSON and replaced there.
//!
//! A [`Redactor`] is made once of [`Rules`] and then asked about each text. What it finds is masked
//! (`[EMAIL]`), replaced by a keyed hash that is the same for the same value (`[EMAIL:3f2a…]`), or
//! dropped with the attribute or member of JSON that holds it. Text without findings is neither
//! copied nor changed. It finds what has a shape; names, addresses and secrets without one need a
//! pattern or a rule for their key.

mod detect;
mod json;
mod keys;
mod numbers;
mod secrets;

use std::borrow::Cow;

use hmac::{Hmac, Mac as _};
use regex::Regex;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

pub use detect::Detector;
pub use keys::{KeyAction, KeyRule};

use detect::Finding;
use keys::KeyRules;

/// What becomes of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The kind of what was there stands in its place.
    Mask,
    /// That and a keyed hash, which is the same for the same value.
    Hash,
    /// The attribute or member that holds it goes; in other text the finding is cut out.
    Drop,
}

impl Action {
    /// The name in the configuration and in counters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::Hash => "hash",
            Self::Drop => "drop",
        }
    }
}

/// A pattern of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    /// Its name, which in capitals stands in place of what it finds; `[a-z0-9_]+`.
    pub name: String,
    /// A regular expression (syntax of the `regex` crate); all that it matches is replaced.
    pub regex: String,
    /// What becomes of it.
    pub action: Action,
}

/// What to look for, and what becomes of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Detectors that are on.
    pub detectors: Vec<(Detector, Action)>,
    /// Patterns of one's own.
    pub patterns: Vec<Pattern>,
    /// Rules for attributes by their keys; the first that matches decides.
    pub keys: Vec<KeyRule>,
    /// The key of hashes.
    pub hash_key: String,
}

impl std::fmt::Debug for Rules {
    /// The key of hashes is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules")
            .field("detectors", &self.detectors)
            .field("patterns", &self.patterns)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// Patterns that there may be.
pub const PATTERNS_MAX: usize = 100;
/// Rules for keys that there may be.
pub const KEY_RULES_MAX: usize = 1_000;
/// Bytes that a compiled pattern may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// How often a text is looked through again for what stands beside findings.
const ROUNDS_MAX: usize = 4;
/// Digits of a hash: 64 bits, so that two values of a billion hardly ever share one.
const HASH_DIGITS: usize = 16;

/// What became of a text.
#[derive(Clone, PartialEq, Eq)]
pub enum Redacted {
    /// Nothing was found.
    Kept,
    /// This stands in its place.
    Changed(String),
    /// What holds it goes.
    Dropped,
}

impl std::fmt::Debug for Redacted {
    /// What is left of a text is not printed either.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kept => "Kept",
            Self::Changed(_) => "Changed",
            Self::Dropped => "Dropped",
        })
    }
}

/// How often each rule found something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    counts: Vec<u64>,
}

/// Rules, compiled.
#[derive(Debug, Clone)]
pub struct Redactor {
    /// The action of each detector, by [`Detector::index`].
    actions: [Option<Action>; Detector::ALL.len()],
    patterns: Vec<(Regex, String, Action)>,
    keys: KeyRules,
    hash_key: Vec<u8>,
}

/// Which rule found something: a detector, a pattern, or a rule for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Detector(Detector),
    Pattern(usize),
    Key(Action),
}

impl Redactor {
    /// Compiles rules; the error says which is wrong and how.
    pub fn new(rules: &Rules) -> Result<Self, String> {
        let mut actions = [None; Detector::ALL.len()];
        for (detector, action) in &rules.detectors {
            actions[detector.index()] = Some(*action);
        }
        if rules.patterns.len() > PATTERNS_MAX {
            return Err(format!("there may be {PATTERNS_MAX} patterns at most"));
        }
        if rules.keys.len() > KEY_RULES_MAX {
            return Err(format!("there may be {KEY_RULES_MAX} rules for attributes at most"));
        }
        let patterns = rules.patterns.iter().map(compiled).collect::<Result<Vec<_>, _>>()?;
        let mut names: Vec<&str> = rules.patterns.iter().map(|one| one.name.as_str()).collect();
        names.extend(Detector::ALL.iter().map(|detector| detector.name()));
        names.sort_unstable();
        if let Some([twice, _]) = names.array_windows().find(|[one, next]| one == next) {
            return Err(format!("two patterns or detectors have the name {twice:?}"));
        }
        let given: Vec<Action> = actions
            .iter()
            .flatten()
            .copied()
            .chain(patterns.iter().map(|(_, _, action)| *action))
            .chain(rules.keys.iter().filter_map(|rule| rule.action.change()))
            .collect();
        if given.contains(&Action::Hash) && rules.hash_key.is_empty() {
            return Err("the action hash needs a hash_key".into());
        }
        Ok(Self {
            actions,
            patterns,
            keys: KeyRules::new(&rules.keys)?,
            hash_key: rules.hash_key.clone().into_bytes(),
        })
    }

    /// Whether nothing is looked for.
    pub fn is_idle(&self) -> bool {
        !self.detects() && self.keys.is_empty()
    }

    fn detects(&self) -> bool {
        self.actions.iter().any(Option::is_some) || !self.patterns.is_empty()
    }

    /// No findings yet.
    pub fn counts(&self) -> Counts {
        Counts { counts: vec![0; self.rules().count()] }
    }

    /// Names of rules and their actions, in the order of [`Counts`]: detectors, patterns, and
    /// `attribute` for rules by key.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let detectors = Detector::ALL.iter().map(|detector| {
            (detector.name(), self.actions[detector.index()].map_or("off", Action::name))
        });
        let patterns = self.patterns.iter().map(|(_, name, action)| (name.as_str(), action.name()));
        let keys = [Action::Mask, Action::Hash, Action::Drop];
        detectors.chain(patterns).chain(keys.map(|action| ("attribute", action.name())))
    }

    fn note(&self, counts: &mut Counts, source: Source) {
        let detectors = Detector::ALL.len();
        let at = match source {
            Source::Detector(detector) => detector.index(),
            Source::Pattern(at) => detectors + at,
            Source::Key(Action::Mask) => detectors + self.patterns.len(),
            Source::Key(Action::Hash) => detectors + self.patterns.len() + 1,
            Source::Key(Action::Drop) => detectors + self.patterns.len() + 2,
        };
        if let Some(count) = counts.counts.get_mut(at) {
            *count += 1;
        }
    }

    /// What the first rule for a key says of it.
    pub fn key(&self, key: &str) -> Option<KeyAction> {
        self.keys.find(key)
    }

    /// Whether there are rules for keys.
    pub fn has_key_rules(&self) -> bool {
        !self.keys.is_empty()
    }

    /// An attribute's value: by the rule for its key, or else as [`Redactor::value`].
    pub fn attribute(&self, key: &str, text: &str, counts: &mut Counts) -> Redacted {
        match self.key(key) {
            Some(KeyAction::Keep) => Redacted::Kept,
            Some(rule) => self.by_key(rule, text, counts),
            None if is_trace_id(key, text) => Redacted::Kept,
            None => self.value(text, counts),
        }
    }

    /// What a rule for a key makes of the whole of a text.
    pub fn by_key(&self, rule: KeyAction, text: &str, counts: &mut Counts) -> Redacted {
        let Some(action) = rule.change() else { return Redacted::Kept };
        if text.is_empty() && action != Action::Drop {
            return Redacted::Kept;
        }
        // What was replaced before, by this server or another, is replaced already.
        if text.starts_with("[REDACTED") && text.ends_with(']') && action != Action::Drop {
            return Redacted::Kept;
        }
        self.note(counts, Source::Key(action));
        match action {
            Action::Drop => Redacted::Dropped,
            Action::Mask => Redacted::Changed("[REDACTED]".into()),
            Action::Hash => Redacted::Changed(format!("[REDACTED:{}]", self.hash(text))),
        }
    }

    /// A text that may be JSON, and stays JSON then: members are told by their keys, and go alone.
    pub fn value(&self, text: &str, counts: &mut Counts) -> Redacted {
        if may_be_json(text)
            && let Some(redacted) = self.json(text, 0, counts)
        {
            return redacted;
        }
        self.plain(text, counts)
    }

    /// JSON as it is stored: strings and numbers in it by what they are and by the keys that hold
    /// them. Of objects less deep than `envelope` only the members `attributes` and `name` are looked
    /// at, the name by detectors alone. `None` where it is no JSON.
    pub fn json(&self, text: &str, envelope: usize, counts: &mut Counts) -> Option<Redacted> {
        if !self.has_key_rules() && self.findings(text).is_empty() {
            return Some(Redacted::Kept);
        }
        json::redact(self, text, envelope, counts)
    }

    /// A text, whatever it is.
    pub fn plain(&self, text: &str, counts: &mut Counts) -> Redacted {
        let findings = self.findings(text);
        if findings.is_empty() {
            return Redacted::Kept;
        }
        let mut is_dropped = false;
        for finding in &findings {
            self.note(counts, finding.source);
            is_dropped |= self.action(finding.source) == Action::Drop;
        }
        if is_dropped {
            Redacted::Dropped
        } else {
            Redacted::Changed(self.replaced(text, &findings))
        }
    }

    /// A text that nothing holds, such as a comment or a line of a log: findings that are to be
    /// dropped are cut out.
    pub fn text<'t>(&self, text: &'t str, counts: &mut Counts) -> Cow<'t, str> {
        if may_be_json(text) {
            match self.json(text, 0, counts) {
                Some(Redacted::Kept) => return Cow::Borrowed(text),
                Some(Redacted::Changed(changed)) => return Cow::Owned(changed),
                Some(Redacted::Dropped) => return Cow::Borrowed(""),
                None => {}
            }
        }
        let findings = self.findings(text);
        if findings.is_empty() {
            return Cow::Borrowed(text);
        }
        for finding in &findings {
            self.note(counts, finding.source);
        }
        Cow::Owned(self.replaced(text, &findings))
    }

    /// A number in text form: only cards are numbers.
    pub fn number(&self, text: &str, counts: &mut Counts) -> Redacted {
        let is_looked_for = self.actions[Detector::Card.index()].is_some();
        let length = text.len();
        if !is_looked_for || !(numbers::CARD_DIGITS).contains(&length) {
            return Redacted::Kept;
        }
        self.plain(text, counts)
    }

    fn findings(&self, text: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        detect::find(self.actions, text, &mut found);
        for (at, (regex, _, _)) in self.patterns.iter().enumerate() {
            let matches = regex.find_iter(text).filter(|one| !one.is_empty());
            found.extend(matches.map(|one| Finding {
                start: one.start(),
                end: one.end(),
                source: Source::Pattern(at),
            }));
        }
        let mut found = disjoint(found);
        // What is taken out ends a word for what stands beside it, such as a number before it.
        for _ in 0..ROUNDS_MAX {
            let more = self.between(text, &found);
            if more.is_empty() {
                break;
            }
            found.extend(more);
            found = disjoint(found);
        }
        found
    }

    /// What detectors find in each piece of a text that stands beside a finding.
    fn between(&self, text: &str, found: &[Finding]) -> Vec<Finding> {
        let mut more = Vec::new();
        if found.is_empty() {
            return more;
        }
        let ends = found.iter().map(|one| one.start).chain([text.len()]);
        let mut start = 0;
        for (at, end) in ends.enumerate() {
            let from = more.len();
            detect::find(self.actions, text.get(start..end).unwrap_or_default(), &mut more);
            for one in more.iter_mut().skip(from) {
                one.start += start;
                one.end += start;
            }
            start = found.get(at).map_or(end, |one| one.end);
        }
        more
    }

    fn action(&self, source: Source) -> Action {
        match source {
            Source::Detector(detector) => self.actions[detector.index()].unwrap_or(Action::Mask),
            Source::Pattern(at) => self.patterns.get(at).map_or(Action::Mask, |one| one.2),
            Source::Key(action) => action,
        }
    }

    #[expect(clippy::string_slice, reason = "findings begin and end at characters")]
    fn replaced(&self, text: &str, findings: &[Finding]) -> String {
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for finding in findings {
            out.push_str(&text[from..finding.start]);
            from = finding.end;
            let name = match finding.source {
                Source::Detector(detector) => detector.name(),
                Source::Pattern(at) => self.patterns.get(at).map_or("", |one| one.1.as_str()),
                Source::Key(_) => "",
            };
            let action = self.action(finding.source);
            if action == Action::Drop {
                continue;
            }
            out.push('[');
            out.push_str(&name.to_ascii_uppercase());
            if action == Action::Hash {
                out.push(':');
                out.push_str(&self.hash(&text[finding.start..finding.end]));
            }
            out.push(']');
        }
        out.push_str(&text[from..]);
        out
    }

    /// HMAC-SHA-256 (RFC 2104), cut to 64 bits, in hexadecimal.
    fn hash(&self, text: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.hash_key) else {
            return String::new();
        };
        mac.update(text.as_bytes());
        let mut digits = String::with_capacity(HASH_DIGITS);
        for byte in mac.finalize().into_bytes().iter().take(HASH_DIGITS / 2) {
            for half in [byte >> 4, byte & 15] {
                digits.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
            }
        }
        digits
    }
}

impl Counts {
    /// How often each rule found something, in the order of [`Redactor::rules`].
    pub fn all(&self) -> &[u64] {
        &self.counts
    }

    /// All findings.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

fn compiled(pattern: &Pattern) -> Result<(Regex, String, Action), String> {
    let name = &pattern.name;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(format!("the name {name:?} of a pattern must be of a-z, 0-9 and _"));
    }
    let regex = regex::RegexBuilder::new(&pattern.regex)
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|error| format!("pattern {name:?}: {error}"))?;
    if regex.is_match("") {
        return Err(format!("pattern {name:?} matches the empty text"));
    }
    Ok((regex, name.clone(), pattern.action))
}

/// Whether this is an id of a trace or a span, whose digits may look like the number of a card.
fn is_trace_id(key: &str, text: &str) -> bool {
    let is_id = matches!(key, "trace_id" | "span_id" | "traceid" | "spanid" | "traceID" | "spanID");
    is_id && matches!(text.len(), 16 | 32) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn may_be_json(text: &str) -> bool {
    matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'['))
}

/// Findings that do not overlap, in order: of two that do, the one that begins first, or else the
/// longer. What the other has beyond it goes with it, so that nothing of a secret is left.
fn disjoint(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|one| (one.start, std::cmp::Reverse(one.end)));
    let mut out: Vec<Finding> = Vec::with_capacity(found.len());
    for one in found {
        match out.last_mut() {
            Some(last) if one.start < last.end => last.end = last.end.max(one.end),
            _ => out.push(one),
        }
    }
    out
}
