//! Reads the sections that concern the whole server: `global`, `runtime`, `storage` and `otlp`.

use watchkeep_model::{Error, Labels, Result};

use super::scrape::protocols;
use crate::scrape::config::file::{
    ChunkEncoding, ExemplarsConfig, GlobalConfig, OtlpConfig, RetentionConfig, RuntimeConfig,
    StorageConfig, TsdbConfig,
};
use crate::scrape::config::names::{NameEscaping, NameValidation};
use crate::scrape::config::section::{Reading, Section};
use crate::scrape::environment::Environment;

/// The target of Go's garbage collection where nothing else is said.
const GOGC_DEFAULT: i64 = 75;

/// Reads `global`.
pub(in crate::scrape) fn global(
    root: &mut Section<'_>,
    reading: &mut Reading,
    environment: &Environment,
) -> Result<GlobalConfig> {
    let defaults = GlobalConfig::default();
    let Some(mut own) = root.section("global", "global")? else { return Ok(defaults) };
    // An unknown scheme is the default here, as upstream; jobs refuse it.
    let names = own.text_or_empty("metric_name_validation_scheme")?;
    let names = NameValidation::parse(&names).ok().flatten().unwrap_or_default();
    let some = |given: Option<std::time::Duration>| given.filter(|time| !time.is_zero());
    let interval = some(own.duration("scrape_interval")?).unwrap_or(defaults.scrape_interval);
    let timeout = some(own.duration("scrape_timeout")?);
    if timeout.is_some_and(|timeout| timeout > interval) {
        return Err(own.fail("global scrape timeout greater than scrape interval"));
    }
    let config = GlobalConfig {
        scrape_interval: interval,
        scrape_timeout: timeout.unwrap_or(defaults.scrape_timeout.min(interval)),
        scrape_protocols: protocols(&mut own, "global config")?.unwrap_or_default(),
        evaluation_interval: some(own.duration("evaluation_interval")?)
            .unwrap_or(defaults.evaluation_interval),
        rule_query_offset: own.duration("rule_query_offset")?.unwrap_or_default(),
        query_log_file: own.path("query_log_file", reading)?,
        scrape_failure_log_file: own.path("scrape_failure_log_file", reading)?,
        external_labels: external_labels(&mut own, names, reading, environment)?,
        body_size_limit: own.size("body_size_limit")?,
        sample_limit: own.unsigned("sample_limit")?.unwrap_or(0),
        target_limit: own.unsigned("target_limit")?.unwrap_or(0),
        label_limit: own.unsigned("label_limit")?.unwrap_or(0),
        label_name_length_limit: own.unsigned("label_name_length_limit")?.unwrap_or(0),
        label_value_length_limit: own.unsigned("label_value_length_limit")?.unwrap_or(0),
        keep_dropped_targets: own.unsigned("keep_dropped_targets")?.unwrap_or(0),
        metric_name_validation_scheme: names,
        metric_name_escaping_scheme: own
            .parsed("metric_name_escaping_scheme", |text| NameEscaping::parse(text, "global"))?
            .flatten(),
        scrape_native_histograms: own.boolean_or("scrape_native_histograms", false)?,
        convert_classic_histograms_to_nhcb: own
            .boolean_or("convert_classic_histograms_to_nhcb", false)?,
        always_scrape_classic_histograms: own
            .boolean_or("always_scrape_classic_histograms", false)?,
        extra_scrape_metrics: own.boolean_or("extra_scrape_metrics", false)?,
    };
    for key in ["query_log_file", "rule_query_offset"] {
        if let Some(line) = own.line_of(key) {
            reading.warn(line, format!("global {key} is not offered"));
        }
    }
    own.finish()?;
    Ok(config)
}

fn external_labels(
    own: &mut Section<'_>,
    names: NameValidation,
    reading: &mut Reading,
    environment: &Environment,
) -> Result<Labels> {
    let line = own.line_of("external_labels").unwrap_or(own.line());
    let labels = own.text_map("external_labels")?;
    for name in labels.keys() {
        if !names.is_label_name(name) {
            let message = format!("{name:?} is not a valid label name");
            return Err(own.fail(message));
        }
    }
    let expanded = labels.iter().map(|(name, value)| {
        let expand = |variable: &str| {
            let found = environment.get(variable);
            if found.is_empty() {
                reading.warn(line, format!("environment variable {variable:?} is empty"));
            }
            found.to_owned()
        };
        (name, expand_variables(value, expand))
    });
    Ok(Labels::from_pairs(expanded.collect::<Vec<_>>()))
}

/// Replaces `$name` and `${name}`, as Go's `os.Expand`; `$$` is a dollar sign.
fn expand_variables(text: &str, mut value: impl FnMut(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(braced) = rest.strip_prefix('{') {
            match braced.split_once('}') {
                // `${}` is eaten, as an error of syntax.
                Some(("", after)) => rest = after,
                Some((name, after)) => {
                    out.push_str(&if name == "$" { "$".into() } else { value(name) });
                    rest = after;
                }
                // Without an end the two characters are eaten.
                None => rest = braced,
            }
            continue;
        }
        let Some(first) = rest.chars().next() else {
            out.push('$');
            break;
        };
        let length = if "*#$@!?-0123456789".contains(first) {
            1
        } else {
            let is_name = |c: char| c == '_' || c.is_ascii_alphanumeric();
            rest.find(|c| !is_name(c)).unwrap_or(rest.len())
        };
        let (name, after) = rest.split_at(length);
        match name {
            "" => out.push('$'),
            "$" => out.push('$'),
            name => out.push_str(&value(name)),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Reads `runtime`.
pub(in crate::scrape) fn runtime(
    root: &mut Section<'_>,
    reading: &mut Reading,
) -> Result<RuntimeConfig> {
    let mut config = RuntimeConfig { gogc: GOGC_DEFAULT };
    if let Some(mut own) = root.section("runtime", "runtime")? {
        if let Some(line) = own.line_of("gogc") {
            reading.warn(line, "runtime gogc has no meaning here");
        }
        let whole = |text: &str| {
            let number = text.parse().ok();
            number.ok_or_else(|| Error::invalid(format!("must be a whole number, got {text:?}")))
        };
        config.gogc = own.parsed("gogc", whole)?.unwrap_or(GOGC_DEFAULT);
        own.finish()?;
    }
    Ok(config)
}

/// Reads `storage`.
pub(in crate::scrape) fn storage(
    root: &mut Section<'_>,
    reading: &mut Reading,
) -> Result<StorageConfig> {
    let Some(mut own) = root.section("storage", "storage")? else {
        return Ok(StorageConfig::default());
    };
    reading.warn(own.line(), "storage is set by Watchkeep's own configuration and flags");
    let tsdb = match own.section("tsdb", "storage.tsdb")? {
        Some(below) => tsdb(below)?,
        None => TsdbConfig::default(),
    };
    let exemplars = match own.section("exemplars", "storage.exemplars")? {
        Some(mut below) => {
            let whole = |text: &str| {
                let number = text.parse().ok();
                number.ok_or_else(|| Error::invalid(format!("must be a number, got {text:?}")))
            };
            let max_exemplars = below.parsed("max_exemplars", whole)?.unwrap_or(0);
            below.finish()?;
            ExemplarsConfig { max_exemplars }
        }
        None => ExemplarsConfig::default(),
    };
    own.finish()?;
    Ok(StorageConfig { tsdb, exemplars })
}

fn tsdb(mut own: Section<'_>) -> Result<TsdbConfig> {
    let floats = match own.section("chunk_encoding", "storage.tsdb.chunk_encoding")? {
        Some(mut below) => {
            let floats = below.text_or_empty("floats")?;
            if !matches!(floats.as_str(), "" | "xor" | "xor2") {
                return Err(below.fail(format!(
                    "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field \
                     must be omitted entirely, got {floats:?}"
                )));
            }
            below.finish()?;
            floats
        }
        None => String::new(),
    };
    let retention = match own.section("retention", "storage.tsdb.retention")? {
        Some(mut below) => {
            let percentage = below.float("percentage")?.unwrap_or(0.0);
            if !(0.0..=100.0).contains(&percentage) {
                return Err(below.fail(format!(
                    "'storage.tsdb.retention.percentage' must be in the range [0, 100], got {percentage}"
                )));
            }
            let retention = RetentionConfig {
                time: below.duration("time")?.unwrap_or_default(),
                size: below.size("size")?,
                percentage,
            };
            below.finish()?;
            retention
        }
        None => RetentionConfig::default(),
    };
    let config = TsdbConfig {
        out_of_order_time_window: own.duration("out_of_order_time_window")?.unwrap_or_default(),
        stale_series_compaction_threshold: own
            .float("stale_series_compaction_threshold")?
            .unwrap_or(0.0),
        chunk_encoding: ChunkEncoding { floats },
        retention,
    };
    own.finish()?;
    Ok(config)
}

/// Reads `otlp`.
pub(in crate::scrape) fn otlp(
    root: &mut Section<'_>,
    names: NameValidation,
    reading: &mut Reading,
) -> Result<OtlpConfig> {
    let defaults = OtlpConfig::default();
    let Some(mut own) = root.section("otlp", "otlp")? else { return Ok(defaults) };
    reading.warn(own.line(), "otlp is set by Watchkeep's own configuration");
    let mut config = OtlpConfig {
        promote_all_resource_attributes: own
            .boolean_or("promote_all_resource_attributes", false)?,
        promote_resource_attributes: own.texts("promote_resource_attributes")?,
        ignore_resource_attributes: own.texts("ignore_resource_attributes")?,
        translation_strategy: own
            .text("translation_strategy")?
            .unwrap_or(defaults.translation_strategy),
        keep_identifying_resource_attributes: own
            .boolean_or("keep_identifying_resource_attributes", false)?,
        convert_histograms_to_nhcb: own.boolean_or("convert_histograms_to_nhcb", false)?,
        promote_scope_metadata: own.boolean_or("promote_scope_metadata", false)?,
        label_name_underscore_sanitization: own
            .boolean_or("label_name_underscore_sanitization", true)?,
        label_name_preserve_multiple_underscores: own
            .boolean_or("label_name_preserve_multiple_underscores", true)?,
    };
    check_otlp(&mut config, names).map_err(|error| own.fail(error.message()))?;
    own.finish()?;
    Ok(config)
}

fn check_otlp(config: &mut OtlpConfig, names: NameValidation) -> Result<()> {
    if config.promote_all_resource_attributes {
        if !config.promote_resource_attributes.is_empty() {
            return Err(Error::invalid(
                "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be configured simultaneously",
            ));
        }
    } else if !config.ignore_resource_attributes.is_empty() {
        return Err(Error::invalid(
            "'ignore_resource_attributes' cannot be configured unless 'promote_all_resource_attributes' is true",
        ));
    }
    check_attributes(
        &mut config.ignore_resource_attributes,
        "ignore_resource_attributes",
        "ignored",
    )?;
    check_attributes(
        &mut config.promote_resource_attributes,
        "promote_resource_attributes",
        "promoted",
    )?;
    match config.translation_strategy.as_str() {
        "" | "UnderscoreEscapingWithSuffixes" | "UnderscoreEscapingWithoutSuffixes" => Ok(()),
        strategy @ ("NoTranslation" | "NoUTF8EscapingWithSuffixes") => {
            if names == NameValidation::Utf8 {
                return Ok(());
            }
            Err(Error::invalid(format!(
                "OTLP translation strategy {strategy:?} is not allowed when UTF8 is disabled"
            )))
        }
        other => Err(Error::invalid(format!("unsupported OTLP translation strategy {other:?}"))),
    }
}

fn check_attributes(attributes: &mut [String], key: &str, adjective: &str) -> Result<()> {
    let mut seen: Vec<String> = Vec::new();
    for attribute in attributes {
        let trimmed = attribute.trim().to_owned();
        let problem = if trimmed.is_empty() {
            format!("empty {adjective} OTel resource attribute")
        } else if seen.contains(&trimmed) {
            format!("duplicated {adjective} OTel resource attribute {trimmed:?}")
        } else {
            seen.push(trimmed.clone());
            *attribute = trimmed;
            continue;
        };
        return Err(Error::invalid(format!("invalid '{key}': {problem}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::expand_variables;

    #[test]
    fn variables_expand_as_a_shell_would() {
        let value = |name: &str| format!("<{name}>");
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("$HOME", "<HOME>"),
            ("a${HOME}b", "a<HOME>b"),
            ("$a$b", "<a><b>"),
            ("$1x", "<1>x"),
            ("$$x", "$x"),
            ("${$}", "$"),
            ("x$", "x$"),
            ("$ x", "$ x"),
            ("${}", ""),
            ("${open", "open"),
        ] {
            assert_eq!(expand_variables(text, value), expected, "{text:?}");
        }
    }
}
