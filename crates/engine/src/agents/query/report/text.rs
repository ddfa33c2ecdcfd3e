//! Reports as text for terminals, and as Markdown.

use std::fmt::Write as _;

use super::Report;
use super::figures::{Section, Table, instant, range, sections, title};

/// The report as text.
pub fn text(report: &Report) -> String {
    let head = format!("{}, {}", title(report), range(report));
    let mut out = format!("{}\n{}\n", tame(&head), "=".repeat(head.chars().count()));
    for section in sections(report) {
        let _infallible = write!(out, "\n{}\n{}\n", section.title, "-".repeat(section.title.len()));
        let width = section.facts.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
        for (label, value) in &section.facts {
            let _infallible = writeln!(out, "{label:<width$}  {}", tame(value));
        }
        if let Some(table) = &section.table {
            aligned(&mut out, table);
        }
        for note in &section.notes {
            let _infallible = writeln!(out, "- {}", tame(note));
        }
    }
    let _infallible = writeln!(out, "\nMade {}", instant(report.made_ns));
    out
}

/// Columns in line: texts on the left, numbers on the right.
fn aligned(out: &mut String, table: &Table) {
    let head: Vec<String> = table.columns.iter().map(ToString::to_string).collect();
    let rows = || std::iter::once(&head).chain(&table.rows);
    let widths: Vec<usize> = (0..table.columns.len())
        .map(|at| rows().map(|row| tame(&row[at]).chars().count()).max().unwrap_or(0))
        .collect();
    for row in rows() {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let cell = tame(cell);
            let _infallible = if at == 0 {
                write!(line, "{cell:<width$}")
            } else {
                write!(line, "  {cell:>width$}")
            };
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// The report as Markdown.
pub fn markdown(report: &Report) -> String {
    let mut out = format!("# {}\n\n{}\n", escaped(&title(report)), range(report));
    for section in sections(report) {
        section_as_markdown(&mut out, &section);
    }
    let _infallible = writeln!(out, "\n*Made {}*", instant(report.made_ns));
    out
}

fn section_as_markdown(out: &mut String, section: &Section) {
    let _infallible = writeln!(out, "\n## {}\n", section.title);
    if !section.facts.is_empty() {
        out.push_str("| | |\n|---|---:|\n");
        for (label, value) in &section.facts {
            let _infallible = writeln!(out, "| {label} | {} |", escaped(value));
        }
        out.push('\n');
    }
    if let Some(table) = &section.table {
        let _infallible = writeln!(out, "| {} |", table.columns.join(" | "));
        let _infallible = writeln!(out, "|---|{}", "---:|".repeat(table.columns.len() - 1));
        for row in &table.rows {
            let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
            let _infallible = writeln!(out, "| {} |", cells.join(" | "));
        }
        out.push('\n');
    }
    for note in &section.notes {
        let _infallible = writeln!(out, "- {}", escaped(note));
    }
}

/// Text of others, without what Markdown or HTML in it would do.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in tame(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '!' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Text of others in one line, without what a terminal would obey.
pub(super) fn tame(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_can_not_break_out() {
        assert_eq!(tame("a\nb\u{1b}[31m"), "a b\u{fffd}[31m");
        assert_eq!(escaped("<b>|*x*|"), "&lt;b&gt;\\|\\*x\\*\\|");
    }
}
