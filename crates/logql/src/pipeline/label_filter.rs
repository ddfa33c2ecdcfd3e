//! Label filters: `level="error"`, `status >= 500`, `duration > 1s`, `size > 1KB`,
//! `peer = ip("10.0.0.0/8")`, and these joined by `and` and `or`.

use watchkeep_model::Matcher;
use watchkeep_promql::go::parse_duration;

use super::ip::IpPattern;
use super::labels::{ERROR_LABEL, LabelsBuilder};
use super::names::Symbol;
use super::number::{parse_bytes, parse_float};
use super::{Symbols, text_test::TextTest};
use crate::ast::{Compare, LabelFilter};

/// The error of a label that is not what a filter compares with. The line stays.
const LABEL_FILTER_ERROR: &str = "LabelFilterErr";

/// A label filter made ready.
#[derive(Debug)]
pub(super) enum LabelTest {
    Text(Symbol, TextTest),
    /// Of the error label, which no other filter sees.
    Error(TextTest),
    Number(Symbol, Compare, f64),
    Duration(Symbol, Compare, i64),
    Bytes(Symbol, Compare, u64),
    Ip {
        label: Symbol,
        negated: bool,
        pattern: IpPattern,
    },
    And(Box<LabelTest>, Box<LabelTest>),
    Or(Box<LabelTest>, Box<LabelTest>),
}

impl LabelTest {
    /// Makes a filter ready, noting the labels that it looks at as needed. Fails with the reason why
    /// an operand can not be read.
    pub(super) fn new(filter: &LabelFilter, symbols: &mut Symbols) -> Result<Self, String> {
        Ok(match filter {
            LabelFilter::Text(matcher) => Self::text(matcher, symbols),
            LabelFilter::Number(label, compare, value) => {
                Self::Number(symbols.needed(label), *compare, *value)
            }
            LabelFilter::Duration(label, compare, value) => {
                Self::Duration(symbols.needed(label), *compare, *value)
            }
            LabelFilter::Bytes(label, compare, value) => {
                Self::Bytes(symbols.needed(label), *compare, *value)
            }
            LabelFilter::Ip(label, compare, pattern) => Self::Ip {
                label: symbols.needed(label),
                negated: *compare == Compare::Ne,
                pattern: IpPattern::parse(pattern).map_err(|error| error.to_string())?,
            },
            LabelFilter::And(left, right) => {
                Self::And(Self::new(left, symbols)?.into(), Self::new(right, symbols)?.into())
            }
            LabelFilter::Or(left, right) => {
                Self::Or(Self::new(left, symbols)?.into(), Self::new(right, symbols)?.into())
            }
        })
    }

    fn text(matcher: &Matcher, symbols: &mut Symbols) -> Self {
        let test = TextTest::new(matcher);
        // A filter that lets everything through does not make its label needed.
        let symbol = if test.is_anything() {
            symbols.of(matcher.label())
        } else {
            symbols.needed(matcher.label())
        };
        if matcher.label() == ERROR_LABEL { Self::Error(test) } else { Self::Text(symbol, test) }
    }

    /// Whether the line stays. May note an error.
    pub(super) fn keeps(&self, labels: &mut LabelsBuilder) -> bool {
        match self {
            Self::Text(label, test) => test.accepts(labels.get_symbol(*label).unwrap_or_default()),
            Self::Error(test) => test.accepts(labels.error()),
            Self::Number(label, compare, than) => {
                keeps_number(labels, *label, parse_float, |value| compare.holds(&value, than))
            }
            Self::Duration(label, compare, than) => {
                keeps_number(labels, *label, parse_duration, |value| compare.holds(&value, than))
            }
            Self::Bytes(label, compare, than) => {
                keeps_number(labels, *label, parse_bytes, |value| compare.holds(&value, than))
            }
            Self::Ip { label, negated, pattern } => {
                // Of a line with an error only filters of text decide.
                labels.has_error()
                    || labels
                        .get_symbol(*label)
                        .is_some_and(|value| pattern.found_in(value) != *negated)
            }
            // Both sides are looked at, since both may note an error.
            Self::And(left, right) => left.keeps(labels) & right.keeps(labels),
            Self::Or(left, right) => left.keeps(labels) || right.keeps(labels),
        }
    }
}

/// Compares a label that is there; one that can not be read keeps the line, with an error.
fn keeps_number<N>(
    labels: &mut LabelsBuilder,
    label: Symbol,
    parse: impl Fn(&str) -> Result<N, String>,
    holds: impl Fn(N) -> bool,
) -> bool {
    let Some(value) = labels.get_symbol(label) else { return false };
    match parse(value) {
        Ok(value) => holds(value),
        Err(reason) => {
            if !labels.has_error() {
                labels.set_error(LABEL_FILTER_ERROR, Some(&reason));
            }
            true
        }
    }
}

impl Compare {
    fn holds<N: PartialOrd>(self, value: &N, than: &N) -> bool {
        match self {
            Self::Eq => value == than,
            Self::Ne => value != than,
            Self::Gt => value > than,
            Self::Ge => value >= than,
            Self::Lt => value < than,
            Self::Le => value <= than,
        }
    }
}
