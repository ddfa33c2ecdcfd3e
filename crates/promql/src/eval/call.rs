//! Functions of instant vectors and scalars.

use watchkeep_model::{Labels, MatchOp, Matcher};

use crate::ast::Span;
use crate::eval::calendar::{Moment, days_in_month};
use crate::eval::durations::{max_of, min_of};
use crate::eval::error::{EvalError, Result};
use crate::eval::number::general;
use crate::eval::plan::{Call, Kind, Node};
use crate::eval::selector::Take;
use crate::eval::series::{ABSENT, Column, Series, is_absent};
use crate::eval::{Evaluator, Frame, Sink};
use crate::histogram;

impl Evaluator<'_> {
    /// Functions that give a scalar.
    pub(crate) fn scalar_call(&self, call: &Call, frame: Frame) -> Result<Vec<f64>> {
        let two = |f: fn(f64, f64) -> f64| -> Result<Vec<f64>> {
            let mut a = self.scalar(argument(call, 0)?, frame)?;
            let b = self.scalar(argument(call, 1)?, frame)?;
            a.iter_mut().zip(b).for_each(|(a, b)| *a = f(*a, b));
            Ok(a)
        };
        Ok(match call.name {
            "time" => (0..frame.steps).map(|step| frame.time_ms(step) as f64 / 1000.0).collect(),
            "pi" => vec![std::f64::consts::PI; frame.steps],
            "min_of" => two(min_of)?,
            "max_of" => two(max_of)?,
            "scalar" => self.only_number(argument(call, 0)?, frame)?,
            name => return Err(not_implemented(name)),
        })
    }

    /// The number at steps that have a single one.
    fn only_number(&self, node: &Node, frame: Frame) -> Result<Vec<f64>> {
        let mut found = vec![ABSENT; frame.steps];
        self.each(node, frame, &mut |series| {
            for (found, value) in found.iter_mut().zip(&series.column.floats) {
                if !is_absent(*value) {
                    *found = if is_absent(*found) { *value } else { f64::NAN };
                }
            }
            Ok(())
        })?;
        for value in &mut found {
            if is_absent(*value) {
                *value = f64::NAN;
            }
        }
        Ok(found)
    }

    /// Functions that give a vector.
    pub(crate) fn each_called(
        &self,
        call: &Call,
        node: &Node,
        frame: Frame,
        sink: Sink<'_>,
    ) -> Result<()> {
        if let Some(done) = self.each_range_call(call, frame, sink) {
            return done;
        }
        if let Some(f) = float_function(call.name) {
            return self.each_mapped(call, frame, f, sink);
        }
        if let Some(f) = date_function(call.name) {
            return self.each_dated(call, frame, f, sink);
        }
        if let Some(f) = histogram_function(call.name) {
            return self.each_of_histograms(call, frame, f, sink);
        }
        match call.name {
            "timestamp" => self.timestamps(call, frame, Take::Time, sink),
            "start_timestamp" => self.timestamps(call, frame, Take::StartTime, sink),
            "clamp" | "clamp_min" | "clamp_max" | "round" => self.with_scalars(call, frame, sink),
            "vector" => {
                let column = Column::from_floats(self.scalar(argument(call, 0)?, frame)?);
                sink(Series { labels: Labels::default(), drop_name: false, column })
            }
            "absent" => self.absent(argument(call, 0)?, frame, sink),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => {
                self.sorted(call, node.span, frame, sink)
            }
            "label_replace" => self.label_replace(call, frame, sink),
            "label_join" => self.label_join(call, frame, sink),
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => {
                self.distribution(call, frame, sink)
            }
            "info" => self.each_with_info(call, frame, sink),
            name => Err(not_implemented(name)),
        }
    }

    fn each_mapped(
        &self,
        call: &Call,
        frame: Frame,
        f: fn(f64) -> f64,
        sink: Sink<'_>,
    ) -> Result<()> {
        self.each(argument(call, 0)?, frame, &mut |mut series| {
            series.column.map_floats(f);
            series.drop_name = true;
            sink(series)
        })
    }

    fn each_dated(
        &self,
        call: &Call,
        frame: Frame,
        f: fn(&Moment) -> i64,
        sink: Sink<'_>,
    ) -> Result<()> {
        let of_seconds = |seconds: f64| f(&Moment::from_seconds(go_integer(seconds))) as f64;
        let Some(arg) = call.args.first() else {
            let times = (0..frame.steps).map(|step| (frame.time_ms(step) / 1000) as f64);
            let column = Column::from_floats(times.map(of_seconds).collect());
            return sink(Series { labels: Labels::default(), drop_name: false, column });
        };
        self.each(arg, frame, &mut |mut series| {
            series.column.map_floats(of_seconds);
            series.drop_name = true;
            sink(series)
        })
    }

    fn each_of_histograms(
        &self,
        call: &Call,
        frame: Frame,
        f: fn(&watchkeep_model::NativeHistogram) -> f64,
        sink: Sink<'_>,
    ) -> Result<()> {
        self.each(argument(call, 0)?, frame, &mut |mut series| {
            let histograms = series.column.histograms.take();
            let mut column = Column::absent(frame.steps);
            for (step, histogram) in histograms.iter().flatten().enumerate() {
                if let Some(histogram) = histogram {
                    column.floats[step] = f(histogram);
                }
            }
            sink(Series { column, drop_name: true, ..series })
        })
    }

    fn timestamps(&self, call: &Call, frame: Frame, take: Take, sink: Sink<'_>) -> Result<()> {
        let arg = argument(call, 0)?;
        if let Kind::Selector(selector) = &arg.kind {
            return self.each_taken(selector, frame, take, &mut |series| {
                sink(Series { drop_name: true, ..series })
            });
        }
        self.each(arg, frame, &mut |series| {
            let mut column = Column::absent(frame.steps);
            for step in 0..frame.steps {
                // What is worked out has the time of its step, and no start.
                if take == Take::Time && series.column.is_present(step) {
                    column.floats[step] = frame.time_ms(step) as f64 / 1000.0;
                }
            }
            sink(Series { column, drop_name: true, ..series })
        })
    }

    /// `clamp` and its kin, and `round`.
    fn with_scalars(&self, call: &Call, frame: Frame, sink: Sink<'_>) -> Result<()> {
        let scalars =
            call.args[1..].iter().map(|arg| self.scalar(arg, frame)).collect::<Result<Vec<_>>>()?;
        let bound = |position: usize, step: usize| scalars.get(position).map(|all| all[step]);
        let name = call.name;
        let change = |step: usize, value: f64| -> f64 {
            let (least, most) = match name {
                "clamp" => (bound(0, step), bound(1, step)),
                "clamp_min" => (bound(0, step), None),
                "clamp_max" => (None, bound(0, step)),
                _ => {
                    let inverse = 1.0 / bound(0, step).unwrap_or(1.0);
                    return (value * inverse + 0.5).floor() / inverse;
                }
            };
            let least = least.unwrap_or(f64::NEG_INFINITY);
            let most = most.unwrap_or(f64::INFINITY);
            if most < least { ABSENT } else { max_of(least, min_of(most, value)) }
        };
        self.each(argument(call, 0)?, frame, &mut |mut series| {
            series.column.histograms = None;
            for (step, value) in series.column.floats.iter_mut().enumerate() {
                if !is_absent(*value) {
                    *value = change(step, *value);
                }
            }
            series.drop_name = true;
            sink(series)
        })
    }

    fn absent(&self, node: &Node, frame: Frame, sink: Sink<'_>) -> Result<()> {
        let mut column = Column::from_floats(vec![1.0; frame.steps]);
        self.each(node, frame, &mut |series| {
            for step in 0..frame.steps {
                if series.column.is_present(step) {
                    column.clear(step);
                }
            }
            Ok(())
        })?;
        let labels = match &node.kind {
            Kind::Selector(selector) => absent_labels(&selector.matchers),
            _ => Labels::default(),
        };
        sink(Series { labels, drop_name: false, column })
    }

    /// Remarks on a quantile that is no part of one.
    pub(crate) fn check_quantile(&self, q: f64, span: Span) {
        if q.is_nan() || !(0.0..=1.0).contains(&q) {
            let text = format!("quantile value should be between 0 and 1, got {}", general(q));
            self.warn(text, span);
        }
    }
}

/// An argument that the parser has seen to be there.
pub(crate) fn argument(call: &Call, position: usize) -> Result<&Node> {
    call.args.get(position).ok_or_else(|| {
        EvalError::execution(format!("{} lacks argument {}", call.name, position + 1))
    })
}

/// The text of a string argument.
pub(crate) fn text(call: &Call, position: usize) -> Result<&str> {
    match &argument(call, position)?.kind {
        Kind::Text(text) => Ok(text),
        _ => Err(EvalError::execution(format!(
            "expected type string in call to function \"{}\"",
            call.name
        ))),
    }
}

fn not_implemented(name: &str) -> EvalError {
    EvalError::execution(format!("unknown function with name \"{name}\""))
}

/// The labels of what is absent: those that the conditions say it would have.
pub(crate) fn absent_labels(matchers: &[Matcher]) -> Labels {
    let mut labels = Labels::default();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|matcher| matcher.label() != "__name__") {
        let name = matcher.label();
        if matcher.op() == MatchOp::Equal && !seen.contains(&name) {
            labels = labels.with(name, matcher.value());
            seen.push(name);
        } else {
            labels = labels.with(name, "");
        }
    }
    labels
}

/// As Go turns a number into an integer on the usual processors.
fn go_integer(value: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if value.is_nan() || value >= LIMIT || value < -LIMIT { i64::MIN } else { value as i64 }
}

fn float_function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "rad" => |value| value * std::f64::consts::PI / 180.0,
        "deg" => |value| value * 180.0 / std::f64::consts::PI,
        "sgn" => |value| {
            if value < 0.0 {
                -1.0
            } else if value > 0.0 {
                1.0
            } else {
                value
            }
        },
        _ => return None,
    })
}

fn date_function(name: &str) -> Option<fn(&Moment) -> i64> {
    Some(match name {
        "days_in_month" => |moment| days_in_month(moment.year, moment.month),
        "day_of_month" => |moment| moment.day,
        "day_of_week" => |moment| moment.weekday,
        "day_of_year" => |moment| moment.day_of_year,
        "hour" => |moment| moment.hour,
        "minute" => |moment| moment.minute,
        "month" => |moment| moment.month,
        "year" => |moment| moment.year,
        _ => return None,
    })
}

fn histogram_function(name: &str) -> Option<fn(&watchkeep_model::NativeHistogram) -> f64> {
    Some(match name {
        "histogram_count" => |histogram| histogram.count,
        "histogram_sum" => |histogram| histogram.sum,
        "histogram_avg" => histogram::average,
        "histogram_stddev" => histogram::standard_deviation,
        "histogram_stdvar" => histogram::variance,
        _ => return None,
    })
}
