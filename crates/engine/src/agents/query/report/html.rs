//! Reports as one page of HTML: nothing is loaded from anywhere, light and dark as the reader likes.

use std::fmt::Write as _;

use super::Report;
use super::figures::{Section, duration, instant, percent, range, sections, title, usd};
use super::text::tame;

const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b1f27;--dim:#667085;--line:#e3e6eb;\
--bar:#4263c9;--bad:#b3261e;--warn:#8a5a00;--good:#1b6b3a}\
@media(prefers-color-scheme:dark){:root{--bg:#12151b;--card:#1a1e26;--ink:#e6e9ef;--dim:#98a2b3;\
--line:#2b313c;--bar:#8aa4ff;--bad:#ff8a80;--warn:#f0b860;--good:#7ad39a}}\
*{box-sizing:border-box}\
body{margin:0;background:var(--bg);color:var(--ink);font:14px/1.5 system-ui,sans-serif;\
font-variant-numeric:tabular-nums}\
main{max-width:960px;margin:0 auto;padding:32px 20px 48px}\
h1{font-size:24px;line-height:1.2;margin:0}\
h2{font-size:15px;margin:0 0 12px}\
.dim{color:var(--dim);margin:4px 0 20px}\
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;margin:0 0 12px}\
.tile,section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px}\
.tile b{display:block;font-size:20px;line-height:1.3;font-weight:600}\
.tile span{color:var(--dim)}\
.healthy{color:var(--good)}.degraded{color:var(--warn)}.unhealthy{color:var(--bad)}\
section{margin:0 0 12px;overflow-x:auto}\
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:8px 24px;margin:0}\
dl div{display:flex;justify-content:space-between;gap:12px;border-bottom:1px solid var(--line);\
padding:4px 0}\
dt{color:var(--dim)}dd{margin:0;text-align:right}\
table{border-collapse:collapse;width:100%;margin-top:8px}\
th,td{padding:6px 0 6px 16px;text-align:right;border-bottom:1px solid var(--line);\
overflow-wrap:anywhere}\
th{color:var(--dim);font-weight:500}\
th:first-child,td:first-child{text-align:left;padding-left:0}\
ul{margin:10px 0 0;padding-left:18px}li{margin:4px 0}\
svg{display:block;width:100%;height:56px}rect{fill:var(--bar)}\
footer{color:var(--dim);margin-top:20px}\
@media print{body{background:#fff}.tile,section{break-inside:avoid}}";

/// The report as a page.
pub fn html(report: &Report) -> String {
    let (title, row) = (escaped(&title(report)), &report.page.row);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{title}: report</title>\n<style>{STYLE}</style></head>\n<body><main>\n\
         <h1>{title}</h1>\n<p class=\"dim\">{}</p>\n<div class=\"tiles\">\n",
        range(report)
    );
    let status = row.health.status.name();
    let figures = &row.figures;
    let none = || "–".to_owned();
    let tiles = [
        (status.to_owned(), "health", status),
        (figures.runs.to_string(), "runs", ""),
        (figures.success_rate().map_or_else(none, percent), "success", ""),
        (figures.latency.quantile_ns(0.95).map_or_else(none, duration), "p95 of a run", ""),
        (usd(figures.cost_usd), "cost", ""),
        (
            figures.rating.average().map_or_else(none, |average| format!("{average:.2}")),
            "rating",
            "",
        ),
    ];
    for (value, label, class) in tiles {
        let _infallible = writeln!(
            out,
            "<div class=\"tile\"><b class=\"{class}\">{value}</b><span>{label}</span></div>"
        );
    }
    out.push_str("</div>\n");
    let runs: Vec<f64> = row.series.runs.iter().map(|runs| *runs as f64).collect();
    bars(&mut out, "Runs by time", &runs, |runs| format!("{runs:.0} runs"), report);
    bars(&mut out, "Cost by time", &row.series.cost_usd, usd, report);
    for section in sections(report) {
        section_as_html(&mut out, &section);
    }
    let made = instant(report.made_ns);
    let _infallible =
        write!(out, "<footer>Made {made} by Watchkeep</footer>\n</main></body></html>\n");
    out
}

/// One bar a step.
fn bars(
    out: &mut String,
    title: &str,
    values: &[f64],
    label: impl Fn(f64) -> String,
    report: &Report,
) {
    let most = values.iter().copied().fold(0.0, f64::max);
    if most <= 0.0 {
        return;
    }
    let (count, grid) = (values.len(), report.page.row.series.grid);
    let _infallible = write!(
        out,
        "<section><h2>{title}</h2><svg viewBox=\"0 0 {} 56\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{title}, at most {}\">",
        count * 10,
        label(most)
    );
    for (at, value) in values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
        let height = (value / most * 54.0).max(1.0);
        let time = instant(grid.start_ns.saturating_add(grid.step_ns.saturating_mul(at as i64)));
        let _infallible = write!(
            out,
            "<rect x=\"{}\" y=\"{:.1}\" width=\"8\" height=\"{height:.1}\"><title>{time}: {}</title></rect>",
            at * 10 + 1,
            56.0 - height,
            label(*value)
        );
    }
    out.push_str("</svg></section>\n");
}

fn section_as_html(out: &mut String, section: &Section) {
    let _infallible = writeln!(out, "<section><h2>{}</h2>", section.title);
    if !section.facts.is_empty() {
        out.push_str("<dl>");
        for (label, value) in &section.facts {
            let _infallible = write!(out, "<div><dt>{label}</dt><dd>{}</dd></div>", escaped(value));
        }
        out.push_str("</dl>\n");
    }
    if let Some(table) = &section.table {
        out.push_str("<table><thead><tr>");
        for column in &table.columns {
            let _infallible = write!(out, "<th scope=\"col\">{column}</th>");
        }
        out.push_str("</tr></thead><tbody>\n");
        for row in &table.rows {
            out.push_str("<tr>");
            for cell in row {
                let _infallible = write!(out, "<td>{}</td>", escaped(cell));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table>\n");
    }
    if !section.notes.is_empty() {
        out.push_str("<ul>");
        for note in &section.notes {
            let _infallible = write!(out, "<li>{}</li>", escaped(note));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</section>\n");
}

/// Text of others as HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in tame(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}
