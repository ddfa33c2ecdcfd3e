//! Queries as text over several lines, as Loki's `format_query` writes them. What fits into a line
//! stays on one; the rest is broken up from the outside in, two blanks a level.
//!
//! Differs from Loki where Loki's text would mean something else: operands of an operator that
//! bind less keep their parentheses, alternatives of a line filter are kept, and so are empty
//! groupings and lists of labels to match on.

use std::fmt::{Display, Write};

use watchkeep_promql::go;
use watchkeep_promql::quote::quote;

use crate::ast::{
    BinaryOp, Cardinality, Conversion, Expr, Grouping, LogExpr, LogRange, Matching, MetricExpr,
    MetricKind, Stage, StageExpr, Unwrap,
};
use crate::parser::precedence;
use crate::print::Literal;
use crate::units::format_prometheus_duration;

/// Texts up to so many bytes stay on one line.
const LINE_BYTES: usize = 100;

/// Writes a query over as many lines as it needs to be read well.
pub fn pretty(expr: &Expr) -> String {
    let mut out = Pretty { text: String::new() };
    match expr {
        Expr::Log(log) => out.log(log, 0),
        Expr::Metric(metric) => out.metric(metric, 0),
    }
    out.text
}

#[derive(Debug)]
struct Pretty {
    text: String,
}

impl Pretty {
    fn indent(&mut self, level: usize) {
        self.text.extend(std::iter::repeat_n("  ", level));
    }

    fn push(&mut self, part: impl Display) {
        let _infallible = write!(self.text, "{part}");
    }

    /// Writes the whole on one line if it fits.
    fn whole(&mut self, part: &impl Display, level: usize) -> bool {
        let text = part.to_string();
        let fits = text.len() <= LINE_BYTES;
        if fits {
            self.indent(level);
            self.text.push_str(&text);
        }
        fits
    }

    fn log(&mut self, log: &LogExpr, level: usize) {
        if log.stages.is_empty() {
            self.indent(level);
            return self.push(log);
        }
        if self.whole(log, level) {
            return;
        }
        self.indent(level);
        self.push(LogExpr { stages: Vec::new(), ..log.clone() });
        let same_line = |a: &StageExpr, b: &StageExpr| {
            matches!((&a.stage, &b.stage), (Stage::LineFilter(_), Stage::LineFilter(_)))
        };
        for run in log.stages.chunk_by(same_line) {
            self.text.push('\n');
            match run {
                // Loki does not indent this one.
                [StageExpr { stage: Stage::Decolorize, .. }] => self.push(Stage::Decolorize),
                _ => self.line_filters(run, level + 1),
            }
        }
    }

    /// Filters of lines that follow each other: as many on the first line as fit, each other on its
    /// own. Any other stage alone.
    fn line_filters(&mut self, run: &[StageExpr], level: usize) {
        let texts: Vec<String> = run.iter().map(|stage| stage.stage.to_string()).collect();
        let (mut fit, mut length) = (0, 0);
        for text in &texts {
            length += text.len() + usize::from(fit > 0);
            if fit > 0 && length > LINE_BYTES {
                break;
            }
            fit += 1;
        }
        self.indent(level);
        self.push(texts[..fit].join(" "));
        for text in &texts[fit..] {
            self.text.push('\n');
            self.indent(level);
            self.push(text);
        }
    }

    fn unwrap(&mut self, unwrap: &Unwrap, level: usize) {
        self.indent(level);
        match unwrap.conversion {
            Conversion::Float => self.push(format_args!("| unwrap {}", unwrap.label)),
            conversion => {
                self.push(format_args!("| unwrap {}({})", conversion.name(), unwrap.label));
            }
        }
        for filter in &unwrap.filters {
            self.text.push('\n');
            self.indent(level);
            self.push(format_args!("| {filter}"));
        }
    }

    fn range(&mut self, range: &LogRange, level: usize) {
        self.log(&range.log, level);
        if let Some(unwrap) = &range.unwrap {
            self.text.push('\n');
            self.unwrap(unwrap, level + 1);
        }
        self.push(format_args!(" [{}]", format_prometheus_duration(range.range_ns)));
        let offset = range.offset_ns;
        if offset > 0 && offset % 1_000_000 == 0 {
            self.push(format_args!(" offset {}", format_prometheus_duration(offset)));
        } else if offset != 0 {
            // Only Go's form has signs and parts of milliseconds.
            self.push(format_args!(" offset {}", go::format_duration(offset)));
        }
    }

    fn grouping(&mut self, grouping: Option<&Grouping>) {
        if let Some(Grouping { without, labels }) = grouping {
            let word = if *without { "without" } else { "by" };
            self.push(format_args!(" {word} ({})", labels.join(", ")));
        }
    }

    fn metric(&mut self, metric: &MetricExpr, level: usize) {
        if matches!(metric.kind, MetricKind::Number(_) | MetricKind::Vector(_)) {
            self.indent(level);
            return self.push(metric);
        }
        if self.whole(metric, level) {
            return;
        }
        match &metric.kind {
            MetricKind::Range { op, parameter, range, grouping } => {
                self.open(op.name(), None, level);
                if let Some(parameter) = parameter {
                    self.argument(Literal(*parameter), level + 1);
                }
                self.range(range, level + 1);
                self.close(level);
                self.grouping(grouping.as_ref());
            }
            MetricKind::Aggregation { op, parameter, inner, grouping } => {
                self.open(op.name(), grouping.as_ref(), level);
                if let Some(parameter) = parameter {
                    self.argument(parameter, level + 1);
                }
                self.metric(inner, level + 1);
                self.close(level);
            }
            MetricKind::LabelReplace { inner, destination, replacement, source, pattern } => {
                self.open("label_replace", None, level);
                self.metric(inner, level + 1);
                for text in [destination, replacement, source, pattern] {
                    self.text.push_str(",\n");
                    self.indent(level + 1);
                    self.text.push_str(&quote(text));
                }
                self.close(level);
            }
            MetricKind::Binary { op, left, right, matching } => {
                // Powers alone group from the right.
                let is_power = *op == BinaryOp::Pow;
                self.side(left, precedence(*op) + u8::from(is_power), level + 1);
                self.text.push('\n');
                self.indent(level);
                self.operator(*op, matching, right);
                self.text.push('\n');
                self.side(right, precedence(*op) + u8::from(!is_power), level + 1);
            }
            MetricKind::Number(_) | MetricKind::Vector(_) => {}
        }
    }

    fn open(&mut self, name: &str, grouping: Option<&Grouping>, level: usize) {
        self.indent(level);
        self.text.push_str(name);
        self.grouping(grouping);
        self.text.push_str("(\n");
    }

    fn argument(&mut self, argument: impl Display, level: usize) {
        self.indent(level);
        self.push(argument);
        self.text.push_str(",\n");
    }

    fn close(&mut self, level: usize) {
        self.text.push('\n');
        self.indent(level);
        self.text.push(')');
    }

    /// An operand of an operator, in parentheses if it binds less than is needed there and does not
    /// bring its own.
    fn side(&mut self, side: &MetricExpr, minimum: u8, level: usize) {
        let binds_less = match &side.kind {
            MetricKind::Binary { op, .. } => precedence(*op) < minimum,
            _ => false,
        };
        if !binds_less || self.whole(side, level) {
            if !binds_less {
                self.metric(side, level);
            }
            return;
        }
        self.indent(level);
        self.text.push_str("(\n");
        self.metric(side, level + 1);
        self.close(level);
    }

    fn operator(&mut self, op: BinaryOp, matching: &Matching, right: &MetricExpr) {
        let Matching { return_bool, on, labels, cardinality, include } = matching;
        self.text.push_str(op.symbol());
        self.text.push_str(if *return_bool { " bool" } else { "" });
        let group = match cardinality {
            Cardinality::OneToOne => "",
            Cardinality::ManyToOne => "group_left",
            Cardinality::OneToMany => "group_right",
        };
        if !*on && labels.is_empty() && group.is_empty() {
            return;
        }
        let word = if *on { "on" } else { "ignoring" };
        self.push(format_args!(" {word} ({}) {group}", labels.join(", ")));
        if !include.is_empty() {
            self.push(format_args!(" ({})", include.join(", ")));
        } else if !group.is_empty() && matches!(right.kind, MetricKind::Binary { .. }) {
            // Or else the parenthesis of the right side would be read as that of a list.
            self.text.push_str(" ()");
        }
    }
}
