//! Functions of regular expressions. The expressions are arguments, so that a template could have
//! another one for every line; those in use are kept compiled.

use std::cell::RefCell;
use std::rc::Rc;

use watchkeep_model::Pattern;

use super::text::check_length;

/// How many expressions a thread keeps compiled.
const PATTERNS_KEPT: usize = 16;

thread_local! {
    /// The expressions used last, the last one at the end.
    static PATTERNS: RefCell<Vec<(String, Rc<Pattern>)>> = const { RefCell::new(Vec::new()) };
}

fn pattern(text: &str) -> Result<Rc<Pattern>, String> {
    PATTERNS.with_borrow_mut(|patterns| {
        let found = if let Some(at) = patterns.iter().position(|(own, _)| own == text) {
            patterns.remove(at)
        } else {
            let pattern = Pattern::unanchored(text).map_err(|error| error.to_string())?;
            if patterns.len() >= PATTERNS_KEPT {
                patterns.remove(0);
            }
            (text.to_owned(), Rc::new(pattern))
        };
        let pattern = Rc::clone(&found.1);
        patterns.push(found);
        Ok(pattern)
    })
}

/// The text with all matches replaced; unless `literal`, `$1` and `${name}` in the replacement are
/// what the groups captured.
pub(super) fn replace_all(
    regex: &str,
    text: &str,
    replacement: &str,
    literal: bool,
) -> Result<String, String> {
    let pattern = pattern(regex)?;
    // What a group captured can stand in the result once for every dollar.
    let captured = if literal { 0 } else { replacement.matches('$').count() };
    let most = text.len().saturating_mul(1 + captured);
    let most = most.saturating_add((1 + text.len()).saturating_mul(replacement.len()));
    if check_length(most).is_err() {
        let matches = pattern.count(text).saturating_mul(replacement.len());
        check_length(text.len().saturating_mul(1 + captured).saturating_add(matches))?;
    }
    Ok(if literal {
        pattern.replace_all_literal(text, replacement)
    } else {
        pattern.replace_all(text, replacement)
    })
}

/// How many matches the text has that do not overlap.
pub(super) fn count(regex: &str, text: &str) -> Result<i64, String> {
    Ok(pattern(regex)?.count(text) as i64)
}
