//! How OTLP metrics become series: what of Prometheus' configuration section `otlp` is offered.

/// Whether names are made to fit Prometheus' classic alphabet, and whether metrics get suffixes
/// that tell unit and type. Names as in Prometheus' `translation_strategy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TranslationStrategy {
    /// Letters beyond the alphabet become underscores; metrics get suffixes.
    #[default]
    UnderscoreEscapingWithSuffixes,
    /// Letters beyond the alphabet become underscores.
    UnderscoreEscapingWithoutSuffixes,
    /// Names stay as they are, but metrics get suffixes.
    NoUtf8EscapingWithSuffixes,
    /// Names stay as they are. Metrics that differ in unit or type alone fall together.
    NoTranslation,
}

impl TranslationStrategy {
    const ALL: [(Self, &'static str); 4] = [
        (Self::UnderscoreEscapingWithSuffixes, "UnderscoreEscapingWithSuffixes"),
        (Self::UnderscoreEscapingWithoutSuffixes, "UnderscoreEscapingWithoutSuffixes"),
        (Self::NoUtf8EscapingWithSuffixes, "NoUTF8EscapingWithSuffixes"),
        (Self::NoTranslation, "NoTranslation"),
    ];

    /// The strategy of a name in a configuration.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, other)| *other == name).map(|(strategy, _)| strategy)
    }

    /// Its name in a configuration.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(other, _)| *other == self).map_or("", |(_, name)| name)
    }

    /// Whether letters beyond the alphabet become underscores.
    pub(super) fn escapes(self) -> bool {
        matches!(
            self,
            Self::UnderscoreEscapingWithSuffixes | Self::UnderscoreEscapingWithoutSuffixes
        )
    }

    /// Whether metrics get suffixes that tell unit and type.
    pub(super) fn adds_suffixes(self) -> bool {
        matches!(self, Self::UnderscoreEscapingWithSuffixes | Self::NoUtf8EscapingWithSuffixes)
    }
}

/// How metrics, their resources and scopes show in series. Configuration section `otlp.metrics`,
/// whose keys have the names of the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsOptions {
    /// What becomes of names.
    pub translation_strategy: TranslationStrategy,
    /// Attributes of the resource that every series of it gets as labels, by their OTLP names.
    pub promote_resource_attributes: Vec<String>,
    /// Whether series get all attributes of the resource, but for the ignored ones.
    pub promote_all_resource_attributes: bool,
    /// Attributes that are not promoted with all, by their OTLP names.
    pub ignore_resource_attributes: Vec<String>,
    /// Whether `target_info` also has `service.name`, `service.namespace` and
    /// `service.instance.id`, of which `job` and `instance` are made.
    pub keep_identifying_resource_attributes: bool,
    /// Whether histograms with explicit bounds become native ones with custom buckets, instead of
    /// series with `le`.
    pub convert_histograms_to_nhcb: bool,
    /// Whether series get name, version, schema URL and attributes of the scope as labels that
    /// begin with `otel_scope_`.
    pub promote_scope_metadata: bool,
    /// Whether escaped names of labels that begin with one underscore get `key` before it.
    pub label_name_underscore_sanitization: bool,
    /// Whether underscores in a row stay so in escaped names of labels.
    pub label_name_preserve_multiple_underscores: bool,
}

impl Default for MetricsOptions {
    fn default() -> Self {
        Self {
            translation_strategy: TranslationStrategy::default(),
            promote_resource_attributes: Vec::new(),
            promote_all_resource_attributes: false,
            ignore_resource_attributes: Vec::new(),
            keep_identifying_resource_attributes: false,
            convert_histograms_to_nhcb: false,
            promote_scope_metadata: false,
            label_name_underscore_sanitization: true,
            label_name_preserve_multiple_underscores: false,
        }
    }
}

impl MetricsOptions {
    /// Whether an attribute of a resource becomes a label of its series.
    pub(super) fn promotes(&self, key: &[u8]) -> bool {
        let has = |names: &[String]| names.iter().any(|name| name.as_bytes() == key);
        if self.promote_all_resource_attributes {
            !has(&self.ignore_resource_attributes)
        } else {
            has(&self.promote_resource_attributes)
        }
    }
}
