//! Keys and tokens by the prefixes and lengths that their issuers gave them so that they can be
//! found; private keys; what stands after `Bearer`; passwords in URLs.

use std::sync::LazyLock;

use regex::Regex;

use super::detect::{begins_word, ends_word};

/// What a key is made of after its prefix.
#[derive(Clone, Copy)]
enum Symbols {
    /// Letters and digits.
    Plain,
    /// Capital letters and digits.
    Capitals,
    /// Letters, digits, `_` and `-` (base64url).
    Url,
    /// As `Url`, and `.`.
    Dotted,
    /// As `Plain`, and `/`.
    Path,
}
use Symbols::{Capitals, Dotted, Path, Plain, Url};

impl Symbols {
    fn has(self, byte: u8) -> bool {
        match self {
            Plain => byte.is_ascii_alphanumeric(),
            Capitals => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Url => byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-',
            Dotted => byte.is_ascii_alphanumeric() || b"_-.".contains(&byte),
            Path => byte.is_ascii_alphanumeric() || byte == b'/',
        }
    }
}

/// Prefixes of keys: what follows, and how many bytes of it at least.
const KEYS: [(&str, Symbols, usize); 41] = [
    // OpenAI, Anthropic, OpenRouter, DeepSeek, Langfuse.
    ("sk-", Url, 20),
    // Stripe.
    ("sk_live_", Plain, 16),
    ("sk_test_", Plain, 16),
    ("rk_live_", Plain, 16),
    ("rk_test_", Plain, 16),
    ("whsec_", Plain, 24),
    // AWS.
    ("AKIA", Capitals, 16),
    ("ASIA", Capitals, 16),
    // GitHub, GitLab.
    ("ghp_", Plain, 36),
    ("gho_", Plain, 36),
    ("ghu_", Plain, 36),
    ("ghs_", Plain, 36),
    ("ghr_", Plain, 36),
    ("github_pat_", Url, 22),
    ("glpat-", Url, 20),
    // Slack.
    ("xoxb-", Url, 10),
    ("xoxp-", Url, 10),
    ("xoxa-", Url, 10),
    ("xoxr-", Url, 10),
    ("xoxs-", Url, 10),
    ("xoxe-", Url, 10),
    ("xapp-", Url, 10),
    ("hooks.slack.com/services/", Path, 20),
    // Google.
    ("AIza", Url, 35),
    ("ya29.", Url, 20),
    ("GOCSPX-", Url, 20),
    // Hugging Face, Groq, xAI, Replicate, Perplexity, Tavily.
    ("hf_", Plain, 30),
    ("gsk_", Plain, 40),
    ("xai-", Plain, 40),
    ("r8_", Plain, 30),
    ("pplx-", Plain, 40),
    ("tvly-", Url, 20),
    // Package registries.
    ("npm_", Plain, 36),
    ("pypi-", Url, 50),
    // SendGrid, DigitalOcean, Shopify, Atlassian, Vault, Linear.
    ("SG.", Dotted, 60),
    ("dop_v1_", Plain, 60),
    ("shpat_", Plain, 32),
    ("ATATT3", Url, 60),
    ("hvs.", Url, 24),
    ("lin_api_", Plain, 32),
    ("AGE-SECRET-KEY-1", Capitals, 50),
];
/// Bytes of a key that are looked at.
const KEY_BYTES_MAX: usize = 4096;
/// Bytes of a private key that are looked at.
const PEM_BYTES_MAX: usize = 64 << 10;

/// Everything that a secret may begin with; the regex engine turns literals into one fast search.
static PREFIXES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let keys = KEYS.iter().map(|(prefix, _, _)| regex::escape(prefix));
    let others = ["eyJ", "-----BEGIN ", "Bearer ", "bearer ", "BEARER ", "://"];
    let all: Vec<String> = keys.chain(others.map(regex::escape)).collect();
    Regex::new(&all.join("|")).ok()
});

/// Tells what is found, each place once.
pub(super) fn find(text: &str, mut add: impl FnMut((usize, usize))) {
    let Some(prefixes) = PREFIXES.as_ref() else { return };
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(found) = prefixes.find_at(text, from) {
        let range = match found.as_str() {
            "-----BEGIN " => private_key(text, found.start()),
            "Bearer " | "bearer " | "BEARER " => bearer(bytes, found.start(), found.end()),
            "://" => password(bytes, found.end()),
            "eyJ" => json_web_token(bytes, found.start()),
            prefix => key(bytes, found.start(), prefix),
        };
        if let Some(range) = range {
            add(range);
        }
        from = range.map_or(found.end(), |(_, end)| end);
    }
}

/// How many bytes from a place on are such symbols.
fn run(bytes: &[u8], from: usize, has: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.iter().take(KEY_BYTES_MAX).take_while(|byte| has(**byte)).count()
}

fn key(bytes: &[u8], start: usize, prefix: &str) -> Option<(usize, usize)> {
    let (_, symbols, least) = KEYS.iter().find(|(known, _, _)| *known == prefix)?;
    let from = start + prefix.len();
    let length = run(bytes, from, |byte| symbols.has(byte));
    let end = from + length;
    let body = bytes.get(from..end)?;
    // Words joined by hyphens are names.
    let is_random = body.iter().any(u8::is_ascii_digit);
    let is_exact = !matches!(symbols, Capitals) || length == *least || *least > 16;
    let fits = length >= *least && is_random && is_exact && ends_word(bytes, end);
    (fits && begins_word(bytes, start)).then_some((start, end))
}

/// Three parts in base64url (RFC 7519), or the five of an encrypted one.
fn json_web_token(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    const PART_BYTES_MIN: usize = 10;
    let mut at = start;
    let mut parts = 0;
    let mut end = start;
    loop {
        let length = run(bytes, at, |byte| Url.has(byte));
        if length < PART_BYTES_MIN && !(parts == 1 && length == 0) {
            break;
        }
        parts += 1;
        end = at + length;
        if bytes.get(end) != Some(&b'.') || parts == 5 {
            break;
        }
        at = end + 1;
    }
    (parts >= 3 && begins_word(bytes, start)).then_some((start, end))
}

/// From `-----BEGIN … PRIVATE KEY-----` to its end, or as far as it goes.
fn private_key(text: &str, start: usize) -> Option<(usize, usize)> {
    const HEAD_BYTES_MAX: usize = 64;
    let bytes = text.as_bytes();
    let limit = bytes.len().min(start + PEM_BYTES_MAX);
    let head = bytes.get(start..limit.min(start + HEAD_BYTES_MAX))?;
    memchr::memmem::find(head, b"PRIVATE KEY")?;
    let rest = bytes.get(start..limit)?;
    let last = memchr::memmem::find(rest, b"-----END ").and_then(|at| {
        let behind = rest.get(at + 9..)?;
        Some(at + 9 + memchr::memmem::find(behind, b"-----")? + 5)
    });
    // One that was cut off: all of it that there is, within its string.
    let end = start + last.unwrap_or_else(|| memchr::memchr(b'"', rest).unwrap_or(rest.len()));
    let end = (end..=bytes.len()).find(|at| text.is_char_boundary(*at))?;
    Some((start, end))
}

/// What stands after `Bearer`: long enough, and no word.
fn bearer(bytes: &[u8], start: usize, from: usize) -> Option<(usize, usize)> {
    const TOKEN_BYTES_MIN: usize = 12;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte);
    let length = run(bytes, from, is_token);
    let token = bytes.get(from..from + length)?;
    let fits = length >= TOKEN_BYTES_MIN && token.iter().any(u8::is_ascii_digit);
    (fits && begins_word(bytes, start)).then_some((from, from + length))
}

/// The password of `scheme://user:password@host`.
fn password(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    const USER_BYTES_MAX: usize = 512;
    let rest = bytes.get(from..)?;
    let is_over = |byte: &u8| {
        byte.is_ascii_whitespace() || byte.is_ascii_control() || b"/?#\"'<>\\".contains(byte)
    };
    let length = rest.iter().take(USER_BYTES_MAX).take_while(|byte| !is_over(byte)).count();
    let authority = rest.get(..length)?;
    let at = memchr::memrchr(b'@', authority)?;
    let colon = memchr::memchr(b':', authority.get(..at)?)?;
    let is_masked = authority.get(colon + 1..at)?.iter().all(|byte| *byte == b'*');
    (colon + 1 < at && !is_masked).then_some((from + colon + 1, from + at))
}
