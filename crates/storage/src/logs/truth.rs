//! Tests on records of which the columns are at hand, in Kleene's logic.

use memchr::memmem;
use watchkeep_model::LogColumns;

use crate::seam::{LogTest, words};

/// What is known of a test on a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    /// It does not hold.
    False,
    /// It is for the caller to find out.
    Unknown,
    /// It holds.
    True,
}

impl Truth {
    /// What is known of the opposite.
    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
            Self::True => Self::False,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// What is known of a test on some rows of a table, in their order.
pub(crate) fn truths(test: &LogTest, table: &LogColumns, rows: &[u32]) -> Vec<Truth> {
    match test {
        LogTest::And(all) => fold(all, table, rows, Truth::True, Truth::min),
        LogTest::Or(any) => fold(any, table, rows, Truth::False, Truth::max),
        LogTest::Not(inner) => {
            let mut found = truths(inner, table, rows);
            for truth in &mut found {
                *truth = truth.not();
            }
            found
        }
        LogTest::Contains(needle) => {
            let finder = memmem::Finder::new(needle);
            let holds = |row: &u32| finder.find(table.body.get(*row as usize).as_bytes()).is_some();
            rows.iter().map(|row| holds(row).into()).collect()
        }
        LogTest::Matches(pattern) => {
            let holds = |row: &u32| pattern.is_match(table.body.get(*row as usize));
            rows.iter().map(|row| holds(row).into()).collect()
        }
        LogTest::Words(wanted) => {
            let missing =
                |row: &u32| !wanted.iter().all(|word| has_word(table, *row as usize, word));
            let truth = |row| if missing(row) { Truth::False } else { Truth::Unknown };
            rows.iter().map(truth).collect()
        }
        LogTest::Field { .. } | LogTest::Unknown => vec![Truth::Unknown; rows.len()],
    }
}

/// Joins tests, looking only at rows that the ones before leave open.
fn fold(
    tests: &[LogTest],
    table: &LogColumns,
    rows: &[u32],
    neutral: Truth,
    join: fn(Truth, Truth) -> Truth,
) -> Vec<Truth> {
    let decided = Truth::not(neutral);
    let mut joined = vec![neutral; rows.len()];
    for test in tests {
        let open: Vec<usize> = (0..rows.len()).filter(|at| joined[*at] != decided).collect();
        let of_open: Vec<u32> = open.iter().map(|at| rows[*at]).collect();
        for (at, truth) in open.into_iter().zip(truths(test, table, &of_open)) {
            joined[at] = join(joined[at], truth);
        }
    }
    joined
}

/// Whether a word stands in the body, in an attribute of the record, its scope or its resource, or is
/// an id.
fn has_word(table: &LogColumns, row: usize, word: &str) -> bool {
    let stands_in = |text: &str| words(text).any(|found| found == word);
    stands_in(table.body.get(row))
        || stands_in(table.resource.get(row))
        || stands_in(table.scope_attributes.get(row))
        || table.attributes.row(row).any(|(_, _, text)| stands_in(text))
        || is_hexadecimal(word, &table.trace_id[row])
        || is_hexadecimal(word, &table.span_id[row])
}

fn is_hexadecimal(word: &str, id: &[u8]) -> bool {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16);
    let digits = id.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    word.len() == 2 * id.len() && word.chars().map(Some).eq(digits)
}

#[cfg(test)]
mod tests {
    use watchkeep_model::{Level, Pattern};

    use super::*;
    use crate::conformance::logs;

    #[test]
    fn tests_are_joined_as_kleene_does() {
        use LogTest::{And, Contains, Not, Or, Unknown, Words};
        let mut table = logs(&[(1, Level::Info, "s", "needle in_hay 17")]);
        table.trace_id[0] = [0xab; 16];
        let yes = || Contains("needle".to_owned());
        let no = || Contains("pin".to_owned());
        let word = |word: &str| Words(vec![word.to_owned()]);
        let cases = [
            (yes(), Truth::True),
            (no(), Truth::False),
            (Unknown, Truth::Unknown),
            (And(Vec::new()), Truth::True),
            (Or(Vec::new()), Truth::False),
            (And(vec![yes(), Unknown]), Truth::Unknown),
            (And(vec![Unknown, no()]), Truth::False),
            (Or(vec![Unknown, yes()]), Truth::True),
            (Or(vec![no(), Unknown]), Truth::Unknown),
            (Not(Box::new(Unknown)), Truth::Unknown),
            (Not(Box::new(And(vec![Unknown, no()]))), Truth::True),
            (word("in_hay"), Truth::Unknown),
            (word("hay"), Truth::False),
            (word("1"), Truth::Unknown),
            (word(&"ab".repeat(16)), Truth::Unknown),
            (word(&"ab".repeat(8)), Truth::False),
            (LogTest::Matches(Pattern::unanchored("in_h.y").unwrap()), Truth::True),
            (LogTest::Matches(Pattern::anchored("in_h.y").unwrap()), Truth::False),
        ];
        for (test, expected) in cases {
            assert_eq!(truths(&test, &table, &[0]), [expected], "{test:?}");
        }
    }
}
