//! Takes the keys of a section one by one, each as the type that it must have. What nobody took in
//! the end is an unknown key, and an error that names its line and the nearest key that is known.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use watchkeep_model::{Error, Result};

use super::values::{Secret, parse_duration, parse_size};
use super::yaml::{Entry, Node, Value, error_at};

/// What reading needs beside the text, and what it finds beside the values.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Reading {
    /// The folder that relative paths start from.
    pub(in crate::scrape) directory: PathBuf,
    /// Keys that Prometheus knows and that do nothing here.
    pub(in crate::scrape) warnings: Vec<String>,
}

impl Reading {
    pub(in crate::scrape) fn warn(&mut self, line: usize, message: impl std::fmt::Display) {
        self.warnings.push(format!("line {line}: {message}"));
    }

    /// A path as the configuration means it; empty stays empty.
    pub(in crate::scrape) fn path(&self, text: &str) -> PathBuf {
        if text.is_empty() { PathBuf::new() } else { clean(&self.directory.join(text)) }
    }
}

/// A path without `.` and, where that is possible by its text alone, without `..`.
fn clean(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(out.components().next_back(), Some(Component::Normal(_))) =>
            {
                out.pop();
            }
            Component::ParentDir if out.has_root() => {}
            other => out.push(other),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}

/// A section that is being read.
pub(in crate::scrape) struct Section<'a> {
    what: &'static str,
    line: usize,
    entries: &'a [Entry],
    taken: Vec<bool>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// Takes a node as a section; no value is an empty one.
    pub(in crate::scrape) fn new(node: &'a Node, what: &'static str) -> Result<Self> {
        let entries: &[Entry] = match &node.value {
            Value::Mapping(entries) => entries,
            _ if node.is_null() => &[],
            _ => {
                let kind = node.kind();
                return Err(error_at(node.line, format!("{what} must be a section, not {kind}")));
            }
        };
        let taken = vec![false; entries.len()];
        Ok(Self { what, line: node.line, entries, taken, known: Vec::new() })
    }

    /// Where the section begins.
    pub(in crate::scrape) fn line(&self) -> usize {
        self.line
    }

    /// Adds where the section stands to an error about the whole of it.
    pub(in crate::scrape) fn fail(&self, message: impl std::fmt::Display) -> Error {
        error_at(self.line, message)
    }

    fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.known.push(key);
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        self.taken[at] = true;
        Some(&self.entries[at])
    }

    /// The value of a key; `None` where the key is absent. May be no value.
    pub(in crate::scrape) fn node(&mut self, key: &'static str) -> Option<&'a Rc<Node>> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The line of a key, if it is there.
    pub(in crate::scrape) fn line_of(&mut self, key: &'static str) -> Option<usize> {
        self.entry(key).map(|entry| entry.line)
    }

    /// Reads a single value with a function whose error gets line and key.
    pub(in crate::scrape) fn parsed<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(node) = self.node(key) else { return Ok(None) };
        let text = scalar(node, key)?;
        if node.is_null() {
            return Ok(None);
        }
        let in_place = |error: Error| error_at(node.line, format!("{key}: {}", error.message()));
        read(text).map(Some).map_err(in_place)
    }

    pub(in crate::scrape) fn text(&mut self, key: &'static str) -> Result<Option<String>> {
        let Some(node) = self.node(key) else { return Ok(None) };
        Ok(Some(scalar(node, key)?.to_owned()))
    }

    pub(in crate::scrape) fn text_or_empty(&mut self, key: &'static str) -> Result<String> {
        Ok(self.text(key)?.unwrap_or_default())
    }

    pub(in crate::scrape) fn secret(&mut self, key: &'static str) -> Result<Secret> {
        Ok(Secret::new(self.text_or_empty(key)?))
    }

    pub(in crate::scrape) fn path(
        &mut self,
        key: &'static str,
        reading: &Reading,
    ) -> Result<PathBuf> {
        Ok(reading.path(&self.text_or_empty(key)?))
    }

    /// A truth value as YAML 1.1 writes it; a key without a value is false.
    pub(in crate::scrape) fn boolean(&mut self, key: &'static str) -> Result<Option<bool>> {
        let Some(node) = self.node(key) else { return Ok(None) };
        let text = scalar(node, key)?;
        let plain = matches!(&node.value, Value::Scalar(_, true));
        match text {
            _ if node.is_null() => Ok(Some(false)),
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON"
                if plain =>
            {
                Ok(Some(true))
            }
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off"
            | "OFF"
                if plain =>
            {
                Ok(Some(false))
            }
            _ => Err(error_at(node.line, format!("{key}: must be true or false, got {text:?}"))),
        }
    }

    pub(in crate::scrape) fn boolean_or(
        &mut self,
        key: &'static str,
        default: bool,
    ) -> Result<bool> {
        Ok(self.boolean(key)?.unwrap_or(default))
    }

    /// A whole number that is not negative; absent or without a value it is 0.
    pub(in crate::scrape) fn unsigned(&mut self, key: &'static str) -> Result<Option<u64>> {
        self.parsed(key, |text| {
            let digits = text.replace('_', "");
            let number = match digits.strip_prefix("0x") {
                Some(hex) => u64::from_str_radix(hex, 16).ok(),
                None => digits.parse().ok(),
            };
            let whole = |number: &f64| number.fract() == 0.0 && (0.0..1.8e19).contains(number);
            number
                .or_else(|| digits.parse::<f64>().ok().filter(whole).map(|number| number as u64))
                .ok_or_else(|| Error::invalid(format!("must be a whole number, got {text:?}")))
        })
    }

    pub(in crate::scrape) fn port(&mut self, key: &'static str) -> Result<Option<u16>> {
        let line = self.line_of(key).unwrap_or(self.line);
        let number = self.unsigned(key)?;
        let port = number.map(u16::try_from).transpose();
        port.map_err(|_| error_at(line, format!("{key}: must be a port, at most 65535")))
    }

    pub(in crate::scrape) fn float(&mut self, key: &'static str) -> Result<Option<f64>> {
        self.parsed(key, |text| {
            let number = text.parse().ok();
            number.ok_or_else(|| Error::invalid(format!("must be a number, got {text:?}")))
        })
    }

    pub(in crate::scrape) fn duration(&mut self, key: &'static str) -> Result<Option<Duration>> {
        self.parsed(key, parse_duration)
    }

    /// A size; absent it is 0.
    pub(in crate::scrape) fn size(&mut self, key: &'static str) -> Result<u64> {
        Ok(self.parsed(key, parse_size)?.unwrap_or(0))
    }

    /// A list; `None` where the key is absent, empty where it has no value.
    pub(in crate::scrape) fn list(&mut self, key: &'static str) -> Result<Option<&'a [Rc<Node>]>> {
        let Some(node) = self.node(key) else { return Ok(None) };
        match &node.value {
            Value::Sequence(items) => Ok(Some(items)),
            _ if node.is_null() => Ok(Some(&[])),
            _ => Err(error_at(node.line, format!("{key} must be a list, not {}", node.kind()))),
        }
    }

    /// The items of a list, each read by a function.
    pub(in crate::scrape) fn each<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&'a Node) -> Result<T>,
    ) -> Result<Vec<T>> {
        let items = self.list(key)?.unwrap_or_default();
        items.iter().map(|item| read(item)).collect()
    }

    pub(in crate::scrape) fn texts(&mut self, key: &'static str) -> Result<Vec<String>> {
        self.each(key, |item| Ok(scalar(item, key)?.to_owned()))
    }

    /// A section whose keys are free and whose values are texts.
    pub(in crate::scrape) fn text_map(
        &mut self,
        key: &'static str,
    ) -> Result<BTreeMap<String, String>> {
        let Some(node) = self.node(key) else { return Ok(BTreeMap::new()) };
        entries(node, key)?
            .iter()
            .map(|entry| Ok((entry.key.clone(), scalar(&entry.node, key)?.to_owned())))
            .collect()
    }

    /// A section whose keys are free and whose values are lists of texts.
    pub(in crate::scrape) fn texts_map(
        &mut self,
        key: &'static str,
    ) -> Result<BTreeMap<String, Vec<String>>> {
        let Some(node) = self.node(key) else { return Ok(BTreeMap::new()) };
        entries(node, key)?
            .iter()
            .map(|entry| Ok((entry.key.clone(), texts_of(&entry.node, key)?)))
            .collect()
    }

    /// A section below this one; `None` where the key is absent or has no value.
    pub(in crate::scrape) fn section(
        &mut self,
        key: &'static str,
        what: &'static str,
    ) -> Result<Option<Section<'a>>> {
        match self.node(key) {
            Some(node) if !node.is_null() => Section::new(node, what).map(Some),
            _ => Ok(None),
        }
    }

    /// Fails if a key was not asked for.
    pub(in crate::scrape) fn finish(self) -> Result<()> {
        let unknown = self.entries.iter().zip(&self.taken).find(|(_, taken)| !**taken);
        let Some((entry, _)) = unknown else { return Ok(()) };
        let nearest = self.known.iter().map(|known| (distance(&entry.key, known), known)).min();
        let hint = match nearest {
            Some((distance, known)) if distance <= 2.max(entry.key.len() / 3) => {
                format!("; did you mean {known:?}?")
            }
            _ => String::new(),
        };
        Err(error_at(
            entry.line,
            format!("unknown key {:?} in {}{hint}", short(&entry.key), self.what),
        ))
    }
}

fn short(text: &str) -> String {
    crate::humane::short(text)
}

/// The keys and values of a section with free keys.
pub(in crate::scrape) fn entries<'a>(node: &'a Node, key: &str) -> Result<&'a [Entry]> {
    match &node.value {
        Value::Mapping(entries) => Ok(entries),
        _ if node.is_null() => Ok(&[]),
        _ => Err(error_at(node.line, format!("{key} must be a section, not {}", node.kind()))),
    }
}

/// The text of a single value.
pub(in crate::scrape) fn scalar<'a>(node: &'a Node, key: &str) -> Result<&'a str> {
    match &node.value {
        Value::Scalar(text, _) => Ok(text),
        _ => {
            let kind = node.kind();
            Err(error_at(node.line, format!("{key}: must be a single value, not {kind}")))
        }
    }
}

/// The texts of a list.
pub(in crate::scrape) fn texts_of(node: &Node, key: &str) -> Result<Vec<String>> {
    match &node.value {
        Value::Sequence(items) => {
            items.iter().map(|item| Ok(scalar(item, key)?.to_owned())).collect()
        }
        _ if node.is_null() => Ok(Vec::new()),
        _ => Err(error_at(node.line, format!("{key}: must be a list, not {}", node.kind()))),
    }
}

/// How many letters must be inserted, removed or replaced to get from one text to the other. Long
/// texts count as far away.
fn distance(a: &str, b: &str) -> usize {
    const LONG: usize = 64;
    if a.len() > LONG {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
