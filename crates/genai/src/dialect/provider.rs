//! Names of providers, by OpenTelemetry's list.

/// Names that emitters use, in lower case, and what OpenTelemetry calls the same.
const NAMES: &[(&str, &str)] = &[
    ("anthropic", "anthropic"),
    ("claude", "anthropic"),
    ("openai", "openai"),
    ("open_ai", "openai"),
    ("azure", "azure.ai.openai"),
    ("az.ai.openai", "azure.ai.openai"),
    ("azure-openai", "azure.ai.openai"),
    ("azure_openai", "azure.ai.openai"),
    ("azureopenai", "azure.ai.openai"),
    ("azure.openai", "azure.ai.openai"),
    ("azure.ai.openai", "azure.ai.openai"),
    ("az.ai.inference", "azure.ai.inference"),
    ("azure_ai", "azure.ai.inference"),
    ("azure-ai", "azure.ai.inference"),
    ("azure-ai-inference", "azure.ai.inference"),
    ("azure.ai.inference", "azure.ai.inference"),
    ("aws", "aws.bedrock"),
    ("aws.bedrock", "aws.bedrock"),
    ("bedrock", "aws.bedrock"),
    ("aws_bedrock", "aws.bedrock"),
    ("amazon-bedrock", "aws.bedrock"),
    ("amazon_bedrock", "aws.bedrock"),
    ("bedrock_converse", "aws.bedrock"),
    ("sagemaker", "aws.sagemaker"),
    ("google", "gcp.gemini"),
    ("gemini", "gcp.gemini"),
    ("googleai", "gcp.gemini"),
    ("google_genai", "gcp.gemini"),
    ("google-gla", "gcp.gemini"),
    ("google-generativeai", "gcp.gemini"),
    ("google_generativeai", "gcp.gemini"),
    ("google.generative-ai", "gcp.gemini"),
    ("google-generative-ai", "gcp.gemini"),
    ("google-genai", "gcp.gen_ai"),
    ("gcp.gemini", "gcp.gemini"),
    ("gcp.gen_ai", "gcp.gen_ai"),
    ("vertex", "gcp.vertex_ai"),
    ("vertexai", "gcp.vertex_ai"),
    ("vertex_ai", "gcp.vertex_ai"),
    ("vertex-ai", "gcp.vertex_ai"),
    ("google-vertex", "gcp.vertex_ai"),
    ("google.vertex", "gcp.vertex_ai"),
    ("google_vertexai", "gcp.vertex_ai"),
    ("google.vertex.anthropic", "gcp.vertex_ai"),
    ("vertex.anthropic", "gcp.vertex_ai"),
    ("gcp.vertex.agent", "gcp.vertex_ai"),
    ("gcp.vertex_ai", "gcp.vertex_ai"),
    ("mistral", "mistral_ai"),
    ("mistralai", "mistral_ai"),
    ("mistral-ai", "mistral_ai"),
    ("mistral_ai", "mistral_ai"),
    ("xai", "x_ai"),
    ("x-ai", "x_ai"),
    ("x.ai", "x_ai"),
    ("x_ai", "x_ai"),
    ("grok", "x_ai"),
    ("cohere", "cohere"),
    ("deepseek", "deepseek"),
    ("groq", "groq"),
    ("perplexity", "perplexity"),
    ("watsonx", "ibm.watsonx.ai"),
    ("ibm", "ibm.watsonx.ai"),
    ("ibm.watsonx", "ibm.watsonx.ai"),
    ("ibm.watsonx.ai", "ibm.watsonx.ai"),
    ("moonshot", "moonshot_ai"),
    ("moonshotai", "moonshot_ai"),
    ("moonshot_ai", "moonshot_ai"),
    ("open_router", "openrouter"),
    ("openrouter", "openrouter"),
    ("together", "together_ai"),
    ("togetherai", "together_ai"),
    ("together-ai", "together_ai"),
    ("fireworks-ai", "fireworks"),
    ("fireworks_ai", "fireworks"),
];

/// What Vercel's SDK puts behind a provider's name: the part of its API that was called.
const APIS: [&str; 16] = [
    ".chat",
    ".messages",
    ".responses",
    ".completion",
    ".completions",
    ".embedding",
    ".embeddings",
    ".textembedding",
    ".image",
    ".speech",
    ".transcription",
    ".generative-ai",
    ".evaluate",
    ".text",
    ".rerank",
    ".realtime",
];

/// A name of a provider by OpenTelemetry's list; what is not in it stays, in lower case.
pub fn provider_name(name: &str) -> String {
    let lower = name.trim().to_ascii_lowercase();
    let listed = |name: &str| {
        let found = NAMES.iter().find(|(other, _)| *other == name);
        found.map(|(_, listed)| (*listed).to_owned())
    };
    if let Some(listed) = listed(&lower) {
        return listed;
    }
    let bare = APIS.iter().find_map(|api| lower.strip_suffix(api));
    match bare {
        Some(bare) => listed(bare).unwrap_or_else(|| bare.to_owned()),
        None => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_providers_become_those_of_opentelemetry() {
        for (name, listed) in [
            ("Anthropic", "anthropic"),
            ("MistralAI", "mistral_ai"),
            ("AWS", "aws.bedrock"),
            ("az.ai.openai", "azure.ai.openai"),
            ("xai", "x_ai"),
            ("openai.chat", "openai"),
            ("openai.responses", "openai"),
            ("anthropic.messages", "anthropic"),
            ("google.generative-ai", "gcp.gemini"),
            ("google.vertex.chat", "gcp.vertex_ai"),
            ("vertex.anthropic.messages", "gcp.vertex_ai"),
            ("amazon-bedrock", "aws.bedrock"),
            ("azure.chat", "azure.ai.openai"),
            ("aws.bedrock", "aws.bedrock"),
            ("MyGateway", "mygateway"),
            ("my.chat", "my"),
            ("", ""),
        ] {
            assert_eq!(provider_name(name), listed, "{name}");
        }
    }
}
