//! Regular expressions with the syntax and meaning of RE2, as Go writes them, which is what the
//! query languages promise: no look-around, ASCII classes, `.` matches a line break too.

use regex::Regex;

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    /// Where the whole is an alternation of plain texts, those.
    literals: Option<Vec<String>>,
}

/// Why a text is no regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

impl Pattern {
    /// A pattern that must match the whole text.
    pub fn anchored(text: &str) -> Result<Self, PatternError> {
        let regex = Regex::new(&format!("^(?s:{text})$"))
            .map_err(|error| PatternError(error.to_string()))?;
        let is_plain = |text: &str| {
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-:/ ".contains(c))
        };
        let literals: Vec<&str> = text.split('|').collect();
        let literals = literals
            .iter()
            .all(|literal| is_plain(literal))
            .then(|| literals.into_iter().map(str::to_owned).collect());
        Ok(Self { regex, literals })
    }

    /// Whether the text matches.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.literals {
            Some(literals) => literals.iter().any(|literal| literal == text),
            None => self.regex.is_match(text),
        }
    }

    /// What a template becomes where the text matches; `None` where it does not. In the template
    /// `$1`, `$name`, `${1}` and `${name}` stand for groups and `$$` for `$`, as in Go; a group
    /// that there is not is empty.
    pub fn expand(&self, text: &str, template: &str) -> Option<String> {
        let groups = self.regex.captures(text)?;
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            rest = if let Some(after) = after.strip_prefix('$') {
                out.push('$');
                after
            } else if let Some((name, after)) = group_name(after) {
                let group = match name.parse::<usize>() {
                    Ok(number) => groups.get(number),
                    Err(_) => groups.name(name),
                };
                out.push_str(group.map_or("", |group| group.as_str()));
                after
            } else {
                out.push('$');
                after
            };
        }
        out.push_str(rest);
        Some(out)
    }

    /// The texts of an alternation of plain texts, where the pattern is one.
    pub fn literals(&self) -> Option<Vec<&str>> {
        Some(self.literals.as_ref()?.iter().map(String::as_str).collect())
    }
}

/// Splits the name of a group off the front of what follows a `$`.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let is_part = |c: char| c == '_' || c.is_alphanumeric();
    if let Some(inside) = text.strip_prefix('{') {
        let (name, after) = inside.split_once('}')?;
        return (!name.is_empty() && name.chars().all(is_part)).then_some((name, after));
    }
    let len = text.find(|c: char| !is_part(c)).unwrap_or(text.len());
    (len > 0).then(|| text.split_at(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in_as_go_does() {
        let pattern = Pattern::anchored("(?P<first>[a-z]+)-(\\d+)(x)?").unwrap();
        for (template, expect) in [
            ("$1", "ab"),
            ("$2-$first", "12-ab"),
            ("${2}0", "120"),
            ("$20", ""),
            ("$3|$9|$none|$$", "|||$"),
            ("a$", "a$"),
            ("${1", "${1"),
            ("$ {1}", "$ {1}"),
        ] {
            assert_eq!(pattern.expand("ab-12", template).as_deref(), Some(expect), "{template}");
        }
        assert_eq!(pattern.expand("ab-", "x"), None);
    }
}
