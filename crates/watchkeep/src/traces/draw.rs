//! A trace as a tree with bars, as a browser would show it.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::{count, duration, instant, number, tame};

/// Characters of a bar over the whole trace.
const BAR_WIDTH: usize = 32;

/// Characters of the tree and its names that are shown.
const TREE_WIDTH_MAX: usize = 72;

/// Levels that are drawn as such; what is deeper stands at this depth.
const DEPTH_MAX: usize = 40;

/// Colours, where the output is a terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    on: bool,
}

impl Paint {
    pub(super) fn new(on: bool) -> Self {
        Self { on }
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// One of a few colours for each service.
    fn service(self, place: usize, text: &str) -> String {
        let codes = ["36", "33", "35", "32", "34", "96", "93", "95"];
        self.with(codes.get(place % codes.len()).unwrap_or(&"36"), text)
    }
}

/// A span as it is drawn.
struct Line<'a> {
    span: &'a Value,
    /// What stands before its name.
    branch: String,
}

/// The whole picture.
pub(super) fn tree(trace: &Value, paint: Paint) -> String {
    let spans: &[Value] = trace["spans"].as_array().map_or(&[], Vec::as_slice);
    let lines = lines(spans);
    let service = |span: &Value| {
        let place = span["resource"].as_u64().unwrap_or_default() as usize;
        let name = trace["resources"][place]["service"].as_str().unwrap_or_default();
        tame(name)
    };
    let mut services: Vec<String> = spans.iter().map(&service).collect();
    services.sort();
    services.dedup();
    let (start_ns, whole_ns) =
        (number(&trace["start_time_unix_nano"]), number(&trace["duration_ns"]).max(1));
    let errors = number(&trace["error_count"]);
    let mut out = format!(
        "trace {}  {}  {}  {}  ",
        trace["trace_id"].as_str().unwrap_or_default(),
        instant(start_ns),
        duration(number(&trace["duration_ns"])),
        count(spans.len() as u64, "span"),
    );
    let errors_text = count(errors.unsigned_abs(), "error");
    out.push_str(&if errors > 0 { paint.red(&errors_text) } else { errors_text });
    out.push('\n');
    let name_of = |line: &Line<'_>| {
        let name = tame(line.span["name"].as_str().unwrap_or_default());
        cut(&format!("{}{name}", line.branch), TREE_WIDTH_MAX)
    };
    let width = lines.iter().map(|line| name_of(line).chars().count()).max().unwrap_or_default();
    let service_width = services.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    for line in &lines {
        let span = line.span;
        let service = service(span);
        let place = services.binary_search(&service).unwrap_or_default();
        let offset_ns = number(&span["start_time_unix_nano"]).saturating_sub(start_ns);
        let length_ns = number(&span["duration_ns"]);
        let failed = span["status"]["code"] == "error";
        let bar = bar(offset_ns, length_ns, whole_ns);
        let painted = if failed { paint.red(&bar) } else { paint.service(place, &bar) };
        let name = name_of(line);
        let pad = " ".repeat(width - name.chars().count());
        let named = if failed { paint.red(&name) } else { name };
        let service_text = paint.service(place, &format!("{service:<service_width$}"));
        // Writing to a string can not fail.
        let _infallible =
            write!(out, "{named}{pad}  {service_text}  {painted}  {:>9}", duration(length_ns));
        if failed {
            let message = tame(span["status"]["message"].as_str().unwrap_or_default());
            let _infallible = write!(out, "  {}", paint.red(&format!("✗ {message}")));
        }
        let events = span["events"].as_array().map_or(0, Vec::len);
        if events > 0 {
            let _infallible = write!(out, "  {}", paint.dim(&count(events as u64, "event")));
        }
        // A message may be empty.
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

/// Spans in the order of the tree, with their branches. Those whose parent is not there are roots.
fn lines(spans: &[Value]) -> Vec<Line<'_>> {
    let id = |span: &Value| span["span_id"].as_str().unwrap_or_default().to_owned();
    let places: HashMap<String, usize> =
        spans.iter().enumerate().map(|(place, span)| (id(span), place)).collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
    let mut roots = Vec::new();
    for (place, span) in spans.iter().enumerate() {
        let parent = span["parent_span_id"].as_str().and_then(|parent| places.get(parent));
        match parent.and_then(|parent| children.get_mut(*parent)) {
            Some(siblings) if parent != Some(&place) => siblings.push(place),
            _ => roots.push(place),
        }
    }
    let mut drawn = vec![false; spans.len()];
    let mut lines = Vec::with_capacity(spans.len());
    // Spans whose parents lead round in a circle are told last, as roots.
    for root in roots.into_iter().chain(0..spans.len()) {
        let mut open = vec![(root, String::new(), String::new(), 0_usize)];
        while let Some((place, branch, below, depth)) = open.pop() {
            let (Some(span), Some(seen)) = (spans.get(place), drawn.get_mut(place)) else {
                continue;
            };
            if std::mem::replace(seen, true) {
                continue;
            }
            lines.push(Line { span, branch });
            let below_them = children.get(place).map_or(&[][..], Vec::as_slice);
            for (position, child) in below_them.iter().enumerate().rev() {
                let last = position + 1 == below_them.len();
                let (own, further) = match (depth < DEPTH_MAX, last) {
                    (false, _) => (below.clone(), below.clone()),
                    (true, true) => (format!("{below}└─ "), format!("{below}   ")),
                    (true, false) => (format!("{below}├─ "), format!("{below}│  ")),
                };
                open.push((*child, own, further, depth + 1));
            }
        }
    }
    lines
}

/// Where a span lies in the trace.
fn bar(offset_ns: i64, length_ns: i64, whole_ns: i64) -> String {
    let place = |ns: i64| {
        let share = (ns.max(0) as f64 / whole_ns as f64).min(1.0);
        (share * BAR_WIDTH as f64).round() as usize
    };
    let from = place(offset_ns).min(BAR_WIDTH - 1);
    let to = place(offset_ns.saturating_add(length_ns)).clamp(from + 1, BAR_WIDTH);
    let (before, after) = (" ".repeat(from), " ".repeat(BAR_WIDTH - to));
    let shown = if place(length_ns) == 0 { "▏".to_owned() } else { "█".repeat(to - from) };
    format!("{before}{shown}{after}")
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn span(id: &str, parent: Option<&str>, start: i64, length: i64, status: &str) -> Value {
        json!({
            "span_id": id, "parent_span_id": parent, "name": format!("op {id}"), "resource": 0,
            "start_time_unix_nano": start.to_string(), "duration_ns": length,
            "status": { "code": status, "message": if status == "error" { "no\u{1b}[2J" } else { "" } },
            "events": [],
        })
    }

    fn trace(spans: &[Value]) -> Value {
        json!({
            "trace_id": "0af7651916cd43dd8448eb211c80319c", "start_time_unix_nano": "0",
            "duration_ns": 1_000_000, "error_count": 1, "resources": [{ "service": "shop" }],
            "spans": spans,
        })
    }

    #[test]
    fn spans_stand_below_their_parents_with_bars_where_they_lie() {
        let trace = trace(&[
            span("a", None, 0, 1_000_000, "unset"),
            span("b", Some("a"), 0, 500_000, "unset"),
            span("c", Some("b"), 250_000, 250_000, "error"),
            span("d", Some("a"), 999_999, 1, "unset"),
        ]);
        let expect = "\
trace 0af7651916cd43dd8448eb211c80319c  1970-01-01T00:00:00.000Z  1.0ms  4 spans  1 error
op a        shop  ████████████████████████████████      1.0ms
├─ op b     shop  ████████████████                    500.0µs
│  └─ op c  shop          ████████                    250.0µs  ✗ no\u{fffd}[2J
└─ op d     shop                                 ▏        1ns
";
        assert_eq!(tree(&trace, Paint::new(false)), expect);
        let painted = tree(&trace, Paint::new(true));
        assert!(painted.contains("\u{1b}[31m│  └─ op c\u{1b}[0m"), "{painted:?}");
    }

    #[test]
    fn orphans_and_circles_are_drawn_once() {
        let trace = trace(&[
            span("a", Some("gone"), 0, 1, "unset"),
            span("b", Some("c"), 0, 1, "unset"),
            span("c", Some("b"), 0, 1, "unset"),
            span("d", Some("d"), 0, 1, "unset"),
        ]);
        let text = tree(&trace, Paint::new(false));
        for name in ["op a", "op b", "op c", "op d"] {
            assert_eq!(text.matches(name).count(), 1, "{text}");
        }
    }
}
