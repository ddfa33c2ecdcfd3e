//! Patterns of paths: which files a source follows.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use watchkeep_model::{Error, Result};

use crate::sources::metrics::SourceMetrics;

/// Patterns that one with braces stands for, at most.
const ALTERNATIVES_MAX: usize = 256;

/// `*` stops at `/`, and does not stand for a dot at the start of a name, as in a shell.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The files of a source.
#[derive(Debug)]
pub(crate) struct Patterns {
    paths: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl Patterns {
    /// Fails where one is no pattern.
    pub(crate) fn new(paths: &[String], exclude: &[String]) -> Result<Self> {
        let all = |texts: &[String]| -> Result<Vec<Pattern>> {
            let mut patterns = Vec::new();
            for text in texts {
                for one in alternatives(text)? {
                    let absolute = std::path::absolute(&one)
                        .map_or(one, |path| path.to_string_lossy().into_owned());
                    patterns.push(Pattern::new(&absolute).map_err(|error| {
                        Error::invalid(format!("{text:?} is no pattern of paths: {error}"))
                    })?);
                }
            }
            Ok(patterns)
        };
        Ok(Self { paths: all(paths)?, exclude: all(exclude)? })
    }

    /// What tells this source from others.
    pub(super) fn key(&self) -> String {
        let paths: Vec<&str> = self.paths.iter().map(Pattern::as_str).collect();
        paths.join(" ")
    }

    /// Whether a file belongs to the source by its path.
    pub(super) fn matches(&self, path: &Path) -> bool {
        let one_of = |patterns: &[Pattern]| {
            patterns.iter().any(|pattern| pattern.matches_path_with(path, OPTIONS))
        };
        one_of(&self.paths) && !one_of(&self.exclude)
    }

    /// The files that there are. Names that are not UTF-8 are left out.
    pub(super) fn paths(&self, metrics: &SourceMetrics) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for pattern in &self.paths {
            let Ok(found) = glob::glob_with(pattern.as_str(), OPTIONS) else { continue };
            for path in found {
                match path {
                    Ok(path) if path.to_str().is_some() => paths.push(path),
                    _ => metrics.errors.with_label_values(&["find"]).inc(),
                }
            }
        }
        paths.retain(|path| self.matches(path));
        paths
    }
}

/// The patterns that one with `{a,b}` stands for.
fn alternatives(text: &str) -> Result<Vec<String>> {
    let mut done = Vec::new();
    let mut open = vec![text.to_owned()];
    while let Some(text) = open.pop() {
        let Some((before, rest)) = text.split_once('{') else {
            done.push(text);
            continue;
        };
        let Some((inside, after)) = rest.split_once('}') else {
            return Err(Error::invalid(format!(
                "{text:?} is no pattern of paths: `{{` stays open"
            )));
        };
        open.extend(inside.split(',').rev().map(|one| format!("{before}{one}{after}")));
        if done.len() + open.len() > ALTERNATIVES_MAX {
            return Err(Error::invalid(format!(
                "{text:?} stands for more than {ALTERNATIVES_MAX} patterns of paths"
            )));
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_a_shell() {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let patterns =
            Patterns::new(&texts(&["/l/*.{log,txt}", "/l/**/app?.out"]), &texts(&["/l/no*"]));
        let patterns = patterns.unwrap();
        for path in ["/l/a.log", "/l/a.txt", "/l/x/y/app1.out", "/l/app1.out"] {
            assert!(patterns.matches(Path::new(path)), "{path}");
        }
        for path in ["/l/x/a.log", "/l/no.log", "/l/.a.log", "/l/app.out"] {
            assert!(!patterns.matches(Path::new(path)), "{path}");
        }
        for broken in ["/l/{a", "/l/[", "/l/***"] {
            let error = Patterns::new(&texts(&[broken]), &[]).unwrap_err();
            assert!(error.message().contains(broken), "{error:?}");
        }
        let many = "{1,2,3,4,5,6,7,8,9,0}".repeat(3);
        assert!(Patterns::new(&texts(&[&many]), &[]).is_err());
    }
}
