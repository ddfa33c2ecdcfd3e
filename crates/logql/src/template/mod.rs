//! Templates of `line_format` and `label_format`: Go's `text/template` with the functions that
//! LogQL adds. Follows Loki's documentation, chapter "Template functions".
//!
//! [`functions`] is the table of them; [`text`], [`cast`], [`decimal`], [`units`], [`base64`],
//! [`json`] and [`time`] are what they do.
//!
//! It differs from Loki where that depends on the machine: the local time zone is UTC, and the
//! current time is that of the evaluation.

mod base64;
mod cast;
mod decimal;
mod functions;
mod json;
mod layout;
mod numbers;
mod regexes;
mod text;
mod time;
mod units;

#[cfg(test)]
mod tests;

use watchkeep_gotemplate::{Data, MissingKey, Options, Template, Value};

use time::Time;

/// The labels that say what a stage could not do.
const ERROR_LABELS: [&str; 2] = ["__error__", "__error_details__"];

/// What a template may read of one log record.
pub trait TemplateInput {
    /// The value of a label, extracted and structured metadata ones included, and the error of the
    /// record as `__error__` and `__error_details__`.
    fn label(&self, name: &str) -> Option<&str>;
    /// Every label with its value, in any order. Asked for only by templates that look at the whole
    /// map, such as `{{ range $name, $value := . }}`.
    fn labels(&self) -> Vec<(&str, &str)>;
    /// The line as the stages before left it.
    fn line(&self) -> &str;
    /// Time of the record, nanoseconds since 1970.
    fn time_ns(&self) -> i64;
    /// Time of the evaluation, nanoseconds since 1970.
    fn now_ns(&self) -> i64;
}

/// A parsed template.
#[derive(Debug, Clone)]
pub struct LineTemplate {
    template: Template,
    /// The label that the template consists of: written without looking further.
    single: Option<String>,
    labels_used: Option<Vec<String>>,
}

impl LineTemplate {
    /// Parses the template of a `line_format`. The error is Go's: `template: line:1: ...`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parsed = Self::parse_named("line", text)?;
        parsed.single = parsed.template.single_field().map(str::to_owned);
        Ok(parsed)
    }

    /// Parses the template of one label of a `label_format`. The error is Go's:
    /// `template: label:1: ...`.
    pub fn parse_label(text: &str) -> Result<Self, String> {
        Self::parse_named("label", text)
    }

    fn parse_named(name: &str, text: &str) -> Result<Self, String> {
        let options = Options { missing_key: MissingKey::Zero, ..Options::named(name) };
        let template = Template::parse(text, functions::functions(), &options)
            .map_err(|error| error.to_string())?;
        let labels_used = template.fields_used();
        Ok(Self { template, single: None, labels_used })
    }

    /// Appends the output for one record to `out`. On an error `out` is as it was; the text is what
    /// `__error_details__` says beside the error `TemplateFormatErr`.
    pub fn execute(&self, input: &dyn TemplateInput, out: &mut String) -> Result<(), String> {
        if let Some(label) = &self.single {
            // Loki looks for a single label among the labels alone, for those of any other template
            // among the labels and the error of the record.
            if !ERROR_LABELS.contains(&label.as_str()) {
                out.push_str(input.label(label).unwrap_or_default());
            }
            return Ok(());
        }
        self.template.execute_data(&Record(input), out).map_err(|error| error.to_string())
    }

    /// The labels that the template reads, each once; `None` when it may read any of them.
    pub fn labels_used(&self) -> Option<&[String]> {
        self.labels_used.as_deref()
    }
}

/// A record as the data of a template: a map from labels to their values.
struct Record<'a>(&'a dyn TemplateInput);

impl Data for Record<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        self.0.label(name).map(Value::from)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.label(name)
    }

    fn missing(&self) -> Value {
        Value::from("")
    }

    fn to_value(&self) -> Value {
        Value::string_map(self.0.labels())
    }

    fn call(&self, name: &str, args: &[Value]) -> Result<Value, String> {
        match (name, args) {
            ("__line__", _) => Ok(Value::from(self.0.line())),
            ("__timestamp__", _) => Ok(Time::from_ns(self.0.time_ns()).into_value()),
            ("now", _) => Ok(Time::from_ns(self.0.now_ns()).into_value()),
            ("date", [layout, date]) => {
                let time = match (Time::of(date), date) {
                    (Some(time), _) => time.clone(),
                    (None, Value::Int(seconds) | Value::Int64(seconds)) => {
                        Time::from_seconds(*seconds)
                    }
                    _ => Time::from_ns(self.0.now_ns()),
                };
                Ok(Value::from(time.local().format(layout.as_str().unwrap_or_default())))
            }
            _ => Err(format!("{name} is not a function of a record")),
        }
    }
}
