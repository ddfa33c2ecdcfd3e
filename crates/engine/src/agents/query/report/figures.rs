//! A report as sections of labelled values and tables, which every format writes in its way.

use watchkeep_genai::Usage;

use super::Report;
use crate::agents::query::agents::cached_share;
use crate::agents::query::durations::Durations;
use crate::agents::query::waste::Wasted;

/// Rows that a table of a report shows.
const ROWS_MAX: usize = 10;

/// A part of a report.
pub(super) struct Section {
    pub(super) title: &'static str,
    /// Label and value.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) table: Option<Table>,
    pub(super) notes: Vec<String>,
}

/// A table. All columns but the first are numbers.
pub(super) struct Table {
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Section {
    fn new(title: &'static str) -> Self {
        Self { title, facts: Vec::new(), table: None, notes: Vec::new() }
    }

    fn fact(mut self, label: &'static str, value: impl Into<String>) -> Self {
        self.facts.push((label, value.into()));
        self
    }

    fn table<const N: usize>(
        mut self,
        columns: [&'static str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Self {
        let rows: Vec<Vec<String>> = rows.into_iter().take(ROWS_MAX).map(Into::into).collect();
        if !rows.is_empty() {
            self.table = Some(Table { columns: columns.to_vec(), rows });
        }
        self
    }

    fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.table.is_none() && self.notes.is_empty()
    }
}

/// What the report is called.
pub(super) fn title(report: &Report) -> String {
    match &*report.agent {
        "" => "All agents".to_owned(),
        agent => format!("Agent {agent}"),
    }
}

/// The range in words.
pub(super) fn range(report: &Report) -> String {
    format!("{} to {}", instant(report.range.start_ns), instant(report.range.end_ns))
}

/// All sections that have something to say.
pub(super) fn sections(report: &Report) -> Vec<Section> {
    let all = [
        health(report),
        speed(report),
        money(report),
        models(report),
        tools(report),
        feedback(report),
        errors(report),
        loops(report),
        waste(report),
        recommendations(report),
        versions(report),
    ];
    all.into_iter().filter(|section| !section.is_empty()).collect()
}

fn health(report: &Report) -> Section {
    let row = &report.page.row;
    let figures = &row.figures;
    let mut section = Section::new("Health")
        .fact("Status", row.health.status.name())
        .fact("Runs", figures.runs.to_string())
        .fact("Failed", figures.failed.to_string())
        .fact("Success rate", figures.success_rate().map_or("–".into(), percent))
        .fact("Calls of models", figures.llm_calls.to_string())
        .fact("Uses of tools", figures.tool_calls.to_string())
        .fact("Retries", figures.retries.to_string());
    section.notes = row.health.issues.iter().map(|issue| issue.message.clone()).collect();
    section
}

fn speed(report: &Report) -> Section {
    let figures = &report.page.row.figures;
    let of = |name: &str, durations: &Durations| {
        let at = |share: f64| durations.quantile_ns(share).map_or("–".into(), duration);
        let average = durations.average_ns().map_or("–".into(), |ns| duration(ns as i64));
        [name.to_owned(), average, at(0.5), at(0.95), at(0.99), duration(durations.max_ns())]
    };
    let rows = [("Run", &figures.latency), ("To the first token", &figures.first_token)];
    let told = rows.into_iter().filter(|(_, durations)| durations.count() > 0);
    Section::new("Response time").table(
        ["", "average", "p50", "p95", "p99", "longest"],
        told.map(|(name, durations)| of(name, durations)).collect::<Vec<_>>(),
    )
}

fn money(report: &Report) -> Section {
    let (figures, costs) = (&report.page.row.figures, &report.costs);
    let projection = &costs.projection;
    let mut section = Section::new("Cost")
        .fact("Total", usd(figures.cost_usd))
        .fact("A run", figures.cost_per_run_usd().map_or("–".into(), usd))
        .fact("Today", usd(projection.day.spent_usd))
        .fact("Today, projected", usd(projection.day.projected_usd))
        .fact("This month", usd(projection.month.spent_usd))
        .fact("This month, projected", usd(projection.month.projected_usd))
        .fact("Tokens", tokens(&figures.usage))
        .fact("Read from the cache", cached_share(&figures.usage).map_or("–".into(), percent))
        .fact("Saved by the cache", usd(costs.totals.savings_usd));
    if !projection.month.complete {
        section.notes.push("The month is not added up to its beginning yet.".to_owned());
    }
    if figures.unpriced_tokens > 0 {
        let models: Vec<&str> = costs.unpriced.iter().map(|one| &*one.model).collect();
        section.notes.push(format!(
            "{} tokens have no price and count as free: {}",
            figures.unpriced_tokens,
            models.join(", ")
        ));
    }
    let alerts = report.alerts.iter().map(|alert| {
        format!("{} {}: {}", instant(alert.time_ns), alert.fact.severity, alert.fact.title)
    });
    section.notes.extend(alerts);
    section
}

fn models(report: &Report) -> Section {
    let total = report.costs.totals.sums.cost_usd;
    let rows = report.costs.groups.iter().map(|group| {
        let sums = &group.costs.sums;
        let share = if total > 0.0 { percent(sums.cost_usd / total) } else { "–".into() };
        [
            named(&group.key),
            sums.calls.to_string(),
            sums.usage.input().to_string(),
            sums.usage.output().to_string(),
            cached_share(&sums.usage).map_or("–".into(), percent),
            usd(sums.cost_usd),
            share,
        ]
    });
    Section::new("Models")
        .table(["Model", "calls", "tokens in", "tokens out", "cached", "cost", "share"], rows)
}

fn tools(report: &Report) -> Section {
    let rows = report.page.tools.iter().map(|tool| {
        let sums = &tool.sums;
        [
            named(&tool.name),
            sums.tool_calls.to_string(),
            sums.tool_errors.to_string(),
            percent(sums.tool_errors as f64 / sums.tool_calls.max(1) as f64),
            sums.details().durations.quantile_ns(0.95).map_or("–".into(), duration),
        ]
    });
    Section::new("Tools").table(["Tool", "calls", "errors", "error rate", "p95"], rows)
}

fn feedback(report: &Report) -> Section {
    let summary = &report.feedback;
    let Some(average) = summary.rating.average() else { return Section::new("Feedback") };
    let stars: Vec<String> =
        (1..=5).rev().map(|star| format!("{star}★ {}", summary.stars[star - 1])).collect();
    let mut section = Section::new("Feedback")
        .fact("Average rating", format!("{average:.2} of 5"))
        .fact("Ratings", summary.rating.count.to_string())
        .fact("Distribution", stars.join("  "));
    let comments = summary.recent.iter().filter(|entry| !entry.fact.comment.is_empty());
    section.notes = comments
        .map(|entry| {
            let rating = entry.fact.rating.map_or("–".to_owned(), |rating| format!("{rating}"));
            format!("{} rated {rating}: {}", instant(entry.time_ns), entry.fact.comment)
        })
        .collect();
    section
}

fn errors(report: &Report) -> Section {
    let rows = report.page.errors.iter().map(|error| {
        let trace = error.traces.last().map(ToString::to_string).unwrap_or_default();
        [
            error.error.to_string(),
            error.kind.to_owned(),
            error.name.to_string(),
            error.count.to_string(),
            trace,
        ]
    });
    Section::new("Errors").table(["Error", "kind", "step", "count", "trace"], rows)
}

fn loops(report: &Report) -> Section {
    let (kinds, traces) = &report.page.loops;
    let mut section = Section::new("Loops").table(
        ["Kind", "runs"],
        kinds.iter().map(|(kind, runs)| [kind.to_string(), runs.to_string()]),
    );
    if !traces.is_empty() {
        let traces: Vec<String> = traces.iter().take(3).map(ToString::to_string).collect();
        section.notes.push(format!("For example {}", traces.join(", ")));
    }
    section
}

fn waste(report: &Report) -> Section {
    let waste = &report.costs.waste;
    let kinds = [
        ("Runs that failed", waste.failed_runs.as_ref()),
        ("Runs rated 2 or less", waste.low_rated_runs.as_ref()),
        ("Retries", Some(&waste.retries)),
        ("Sent again uncached", Some(&waste.uncached_repeats)),
        ("Steps in circles", Some(&waste.loops)),
    ];
    let told = kinds.into_iter().filter_map(|(name, wasted)| Some((name, wasted?)));
    let row = |(name, wasted): (&str, &Wasted)| {
        [name.to_owned(), wasted.count.to_string(), usd(wasted.usd)]
    };
    let rows: Vec<[String; 3]> = told.filter(|(_, wasted)| wasted.count > 0).map(row).collect();
    if rows.is_empty() {
        return Section::new("Waste");
    }
    Section::new("Waste")
        .fact("In all", usd(waste.total_usd))
        .table(["What", "count", "cost"], rows)
}

fn recommendations(report: &Report) -> Section {
    let mut section = Section::new("How to spend less");
    section.notes = report
        .recommendations
        .iter()
        .take(ROWS_MAX)
        .map(|one| {
            let saving = if one.saving_usd > 0.0 {
                format!(
                    " (saves {}, {} in a month)",
                    usd(one.saving_usd),
                    usd(one.saving_usd_month)
                )
            } else {
                String::new()
            };
            let trace = one.traces.first().map(|id| format!(" See trace {id}."));
            format!("{}{saving}. {}{}", one.title, one.text, trace.unwrap_or_default())
        })
        .collect();
    section
}

fn versions(report: &Report) -> Section {
    if report.page.versions.len() < 2 {
        return Section::new("Versions");
    }
    let rows = report.page.versions.iter().map(|version| {
        let figures = &version.figures;
        [
            named(&version.version),
            figures.runs.to_string(),
            figures.success_rate().map_or("–".into(), percent),
            figures.latency.quantile_ns(0.95).map_or("–".into(), duration),
            figures.cost_per_run_usd().map_or("–".into(), usd),
            figures.rating.average().map_or("–".into(), |average| format!("{average:.2}")),
        ]
    });
    Section::new("Versions")
        .table(["Version", "runs", "success", "p95", "cost a run", "rating"], rows)
}

fn named(name: &str) -> String {
    if name.is_empty() { "(not told)".to_owned() } else { name.to_owned() }
}

fn tokens(usage: &Usage) -> String {
    format!("{} in, {} out", usage.input(), usage.output())
}

/// USD with as many places as it takes.
pub(super) fn usd(usd: f64) -> String {
    let places = match usd.abs() {
        0.0 => 2,
        small if small < 0.001 => 6,
        small if small < 1.0 => 4,
        _ => 2,
    };
    format!("${usd:.places$}")
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A duration in the unit that suits it.
pub(super) fn duration(ns: i64) -> String {
    let seconds = ns as f64 / 1e9;
    match seconds {
        s if s < 1e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 120.0 => format!("{s:.2} s"),
        s => format!("{:.1} min", s / 60.0),
    }
}

/// An instant to the second.
pub(super) fn instant(time_ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time_ns))
        .map_or_else(|_| time_ns.to_string(), |at| format!("{at:.0}"))
}
