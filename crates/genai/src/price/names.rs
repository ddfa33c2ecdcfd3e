//! Under which keys the row of a model may stand: the name as it is, with the provider put before it
//! or left out, without the date or version behind it. Nothing is guessed: each step leaves out or
//! adds one thing that is known to be no part of the model.

use std::sync::LazyLock;

use regex::Regex;

use super::Matched;

/// Prefixes that are left out of one name at most.
const PREFIXES_MAX: usize = 6;
/// Dates and versions that are left out of one name at most.
const SUFFIXES_MAX: usize = 3;
/// Longer names match nothing.
pub(super) const NAME_BYTES_MAX: usize = 512;

/// A provider by all the names that it goes by.
struct Provider {
    /// Names by which emitters and `LiteLLM` tell it, the first of them `LiteLLM`'s prefix of keys.
    names: &'static [&'static str],
    /// Whether it passes on models of others at their list price, or stands before them unseen: then
    /// their rows are taken where it has none of its own.
    is_open: bool,
}

const fn open(names: &'static [&'static str]) -> Provider {
    Provider { names, is_open: true }
}

const fn closed(names: &'static [&'static str]) -> Provider {
    Provider { names, is_open: false }
}

const PROVIDERS: &[Provider] = &[
    // Its client library is what most other providers are called with.
    open(&["openai", "text-completion-openai", "openai_compatible"]),
    open(&[
        "azure",
        "azure_ai",
        "azure.ai.openai",
        "az.ai.openai",
        "azure.ai.inference",
        "azure-openai",
    ]),
    open(&[
        "bedrock",
        "aws.bedrock",
        "aws_bedrock",
        "aws",
        "amazon-bedrock",
        "bedrock_converse",
        "amazon_nova",
        "amazon",
    ]),
    // Gemini and Vertex AI have one list; `vertex_ai-…` are its parts.
    open(&[
        "gemini",
        "vertex_ai",
        "gcp.gemini",
        "gcp.gen_ai",
        "gcp.vertex_ai",
        "google",
        "google.vertex",
        "google_genai",
        "google-generativeai",
        "google_ai_studio",
        "vertexai",
    ]),
    open(&["openrouter"]),
    open(&["litellm", "litellm_proxy"]),
    open(&["vercel_ai_gateway", "vercel", "gateway"]),
    open(&["portkey"]),
    closed(&["anthropic", "claude"]),
    closed(&["mistral", "mistral_ai", "mistralai", "codestral"]),
    closed(&["cohere", "cohere_chat"]),
    closed(&["deepseek", "deepseek-ai"]),
    closed(&["xai", "x_ai", "x-ai"]),
    closed(&["groq"]),
    closed(&["perplexity", "perplexity_ai"]),
    closed(&["moonshot", "moonshot_ai", "moonshotai"]),
    closed(&["together_ai", "together", "togetherai", "together.ai"]),
    closed(&["fireworks_ai", "fireworks"]),
    closed(&["cerebras"]),
    closed(&["deepinfra"]),
    closed(&["replicate"]),
    closed(&["sambanova"]),
    closed(&["nvidia_nim", "nvidia"]),
    closed(&["watsonx", "ibm.watsonx.ai", "ibm"]),
    closed(&["dashscope", "alibaba", "qwen"]),
    closed(&["zai", "z-ai", "zai-org", "zhipu"]),
    closed(&["minimax"]),
    closed(&["voyage", "voyageai"]),
    closed(&["databricks"]),
    closed(&["snowflake"]),
    closed(&["huggingface", "hugging_face"]),
    closed(&["meta_llama", "meta", "meta-llama"]),
    closed(&["ai21"]),
    closed(&["jina_ai", "jina"]),
    closed(&["github_copilot"]),
    closed(&["ollama", "ollama_chat"]),
    closed(&["vllm", "hosted_vllm"]),
    closed(&["lm_studio", "lmstudio"]),
    closed(&["llamafile", "llama.cpp", "llamacpp"]),
];

/// Who runs a model.
#[derive(Clone, Copy)]
pub(super) struct Host<'a> {
    known: Option<&'static Provider>,
    name: &'a str,
}

impl<'a> Host<'a> {
    /// The provider of a name in lower case. What is not in the list may have rows of its own under
    /// its name, and may be a gateway before anybody.
    pub(super) fn of(name: &'a str) -> Self {
        let find = |name: &str| PROVIDERS.iter().find(|provider| provider.names.contains(&name));
        // `vertex_ai-anthropic_models` of LiteLLM; `openai.chat`, `google.generative-ai` of Vercel.
        let known = find(name)
            .or_else(|| find(name.split_once('-').map_or(name, |(head, _)| head)))
            .or_else(|| find(name.split_once('.').map_or(name, |(head, _)| head)));
        Self { known, name }
    }

    fn is_same(self, other: Self) -> bool {
        match (self.known, other.known) {
            (Some(own), Some(other)) => own.names[0] == other.names[0],
            (None, None) => self.name == other.name,
            _ => false,
        }
    }

    fn is_open(self) -> bool {
        self.known.is_none_or(|provider| provider.is_open)
    }

    /// What may stand before a slash in keys.
    fn prefixes(self) -> impl Iterator<Item = &'a str> {
        let known = self.known.map_or(&[] as &[&'static str], |provider| provider.names);
        // Prefixes of keys have no dot; the first two cover `azure/` and `azure_ai/`, `gemini/` and
        // `vertex_ai/`.
        let own = Some(self.name).filter(|name| self.known.is_none() && !name.is_empty());
        known.iter().copied().take(2).filter(|name| !name.contains('.')).chain(own)
    }
}

/// A key under which a row may stand.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// In lower case.
    pub(super) key: String,
    pub(super) matched: Matched,
    /// Whether it was asked for as the variant that costs nothing.
    pub(super) is_free: bool,
    /// The provider that the row must be of; empty for any.
    pub(super) of: Required,
}

/// Of which provider a row must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Required {
    /// The key says it.
    InKey,
    /// This very one.
    Same(String),
    /// This one, or any where this one is open or the row says none.
    Fitting(String),
}

impl Required {
    /// Whether a row of a provider (in `LiteLLM`'s words) will do.
    pub(super) fn allows(&self, provider: &str) -> bool {
        let is_same = |host: &str| Host::of(host).is_same(Host::of(&provider.to_ascii_lowercase()));
        match self {
            Self::InKey => true,
            Self::Same(host) => is_same(host),
            Self::Fitting(host) => {
                host.is_empty() || provider.is_empty() || Host::of(host).is_open() || is_same(host)
            }
        }
    }
}

/// Keys under which the row of a model may stand, the best first.
pub(super) fn candidates(provider: &str, model: &str) -> Vec<Candidate> {
    let (provider, model) =
        (provider.trim().to_ascii_lowercase(), model.trim().to_ascii_lowercase());
    if model.is_empty() || model.len() > NAME_BYTES_MAX {
        return Vec::new();
    }
    let forms = forms(&provider, &model);
    let mut out = Vec::new();
    for (at, (host, name)) in forms.iter().enumerate() {
        let own = if at == 0 { Matched::Exact } else { Matched::Provider };
        add(&mut out, host, name, [own, Matched::Provider], false);
    }
    for (host, name) in &forms {
        let (mut name, mut is_free) = (name.to_string(), false);
        for _ in 0..SUFFIXES_MAX {
            if name.contains('@') {
                add(&mut out, host, &name.replace('@', "-"), [Matched::Date; 2], is_free);
            }
            let Some((shorter, free)) = without_suffix(&name) else { break };
            is_free |= free;
            name = shorter.to_owned();
            add(&mut out, host, &name, [Matched::Date; 2], is_free);
        }
    }
    out
}

fn add(out: &mut Vec<Candidate>, host: &str, name: &str, how: [Matched; 2], is_free: bool) {
    let [own, with_provider] = how;
    let mut push = |key: String, matched, of| {
        let candidate = Candidate { key, matched, is_free, of };
        if !out.contains(&candidate) {
            out.push(candidate);
        }
    };
    if !host.is_empty() {
        push(name.to_owned(), own, Required::Same(host.to_owned()));
        for prefix in Host::of(host).prefixes() {
            push(format!("{prefix}/{name}"), with_provider, Required::InKey);
        }
    }
    push(name.to_owned(), own, Required::Fitting(host.to_owned()));
}

/// The name with what says who runs it left out, bit by bit, and who that is then.
fn forms<'a>(provider: &'a str, model: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut forms = vec![(provider, model)];
    let (mut host, mut name) = (provider, model);
    for _ in 0..PREFIXES_MAX {
        let Some((said, shorter)) = without_prefix(name) else { break };
        // A provider with prices of its own stays who it is, whose model it may be.
        let stays = !host.is_empty() && !Host::of(host).is_open();
        if let Some(said) = said
            && !stays
        {
            host = said;
        }
        name = shorter;
        forms.push((host, name));
    }
    forms
}

/// The name without its first bit, and the provider if that was one.
fn without_prefix(name: &str) -> Option<(Option<&str>, &str)> {
    if name.starts_with("arn:") {
        let (_, last) = name.rsplit_once('/')?;
        return Some((Some("bedrock"), last)).filter(|(_, last)| !last.is_empty());
    }
    if let Some((before, last)) = name.rsplit_once("models/")
        && (before.is_empty() || before.ends_with('/'))
        && !last.is_empty()
    {
        return Some((None, last));
    }
    if let Some((first, rest)) = name.split_once('/') {
        let is_known = Host::of(first).known.is_some();
        let said = is_known.then_some(first);
        return (!rest.is_empty() && (is_known || is_place(first))).then_some((said, rest));
    }
    let (first, rest) = name.split_once('.')?;
    if is_place(first) && rest.contains('.') {
        return Some((None, rest));
    }
    // Bedrock writes whose model it is: `anthropic.claude-…`.
    let is_maker = first.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && Host::of(first).known.is_some();
    (is_maker && !rest.is_empty()).then_some((Some(first), rest))
}

/// A region or a group of them.
fn is_place(text: &str) -> bool {
    static REGION: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?:(?:us|eu|apac|ap|jp|au|ca|sa|me|af|in|us-gov|global|global-standard)|[a-z]{2}(?:-gov)?-[a-z]+-[0-9])$")
            .expect("it is written so")
    });
    REGION.is_match(text)
}

/// The name without a date or version at its end, and whether that said that it costs nothing.
fn without_suffix(name: &str) -> Option<(&str, bool)> {
    // In order: 2024-08-06, 20250514, 08-2024, 08-06, 0806, 2508 (year and month), 001, the versions of
    // Vertex AI, the newest, versions of Bedrock.
    static SUFFIX: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?:-20\d\d-[01]\d-[0-3]\d|-20\d\d[01]\d[0-3]\d|-[01]\d-20\d\d|-[01]\d-[0-3]\d|-(?:0[1-9]|1[0-2])[0-3]\d|-2[3-9](?:0[1-9]|1[0-2])|-00\d|@[^@/]*|[-:]latest|(?:-v?\d+)?:\d+(?::\d+k)?)$",
        )
        .expect("it is written so")
    });
    if let Some(rest) = name.strip_suffix(":free") {
        return Some((rest, true));
    }
    let found = SUFFIX.find(name)?;
    Some((&name[..found.start()], false)).filter(|(rest, _)| !rest.is_empty())
}
