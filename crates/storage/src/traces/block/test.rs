//! Deciding tests on a block, on dictionaries and numbers as they are.

use watchkeep_model::{
    CompareOp, Pattern, Result, SpanField, SpanLiteral, SpanScope, SpanTest, ValueKind,
};

use super::read::SpanBlock;
use crate::block::texts_read::{Reader, Texts};
use crate::block::{Decision, RowSet};
use crate::traces::test::decide;

/// A condition on a text, or on a value that is there.
enum TextTest<'a> {
    Compare(CompareOp, &'a str),
    Matches(&'a Pattern),
    Exists,
}

impl SpanBlock {
    /// Tests those rows that are candidates.
    pub(crate) fn test(&self, test: &SpanTest, candidates: &RowSet) -> Result<Decision> {
        let text_test = match test {
            SpanTest::And(tests) => {
                return Decision::all(tests, candidates, |test, rows| self.test(test, rows));
            }
            SpanTest::Or(tests) => {
                return Decision::any(tests, candidates, |test, rows| self.test(test, rows));
            }
            SpanTest::Not(test) => return Ok(self.test(test, candidates)?.not(candidates)),
            SpanTest::Compare { field, op, value: SpanLiteral::Text(text) } => {
                Some((field, TextTest::Compare(*op, text)))
            }
            SpanTest::Matches { field, pattern } => Some((field, TextTest::Matches(pattern))),
            SpanTest::Exists(field) => Some((field, TextTest::Exists)),
            SpanTest::Compare { .. } | SpanTest::Unknown => None,
        };
        if let Some((SpanField::Attribute(scope, key), text_test)) = text_test
            && matches!(scope, SpanScope::Span | SpanScope::Any)
            && let Some((column, yes)) = self.test_texts(key, &text_test, candidates)?
        {
            let mut decision = Decision { yes, unknown: RowSet::none(self.len()) };
            if *scope == SpanScope::Span {
                return Ok(decision);
            }
            let mut rest = candidates.clone();
            rest.remove(&self.with_attribute(column, candidates)?);
            if !rest.is_empty() {
                let of_rest = self.test_column(&of_resource(test, key), &rest)?;
                decision.yes.add(&of_rest.yes);
                decision.unknown.add(&of_rest.unknown);
            }
            return Ok(decision);
        }
        self.test_column(test, candidates)
    }

    /// Tests a field by its column.
    fn test_column(&self, test: &SpanTest, candidates: &RowSet) -> Result<Decision> {
        decide(test, candidates, &|field, rows| {
            let is_all = rows.len() == self.len();
            self.column(field, if is_all { None } else { Some(rows) })
        })
    }

    /// The column of the rows' own attribute and the candidates of which it passes; `None` where its
    /// values are not all of one type, and that can be tested so.
    fn test_texts(
        &self,
        key: &str,
        test: &TextTest<'_>,
        candidates: &RowSet,
    ) -> Result<Option<(u32, RowSet)>> {
        let found = self.attributes.find(key);
        let Some(column) = self.attributes.only(&found) else { return Ok(None) };
        let is_text = self.attributes.kind(column) == ValueKind::String;
        if !is_text && !matches!(test, TextTest::Exists) {
            return Ok(None);
        }
        let (reader, shredded) = (self.reader(), self.attributes.shredded());
        let yes = shredded.where_values(reader, column, candidates, |texts, among, row_of| {
            test.passing(reader, texts, among, row_of)
        })?;
        Ok(Some((column, yes)))
    }

    /// The candidates that have a value in a column of attributes.
    fn with_attribute(&self, column: u32, candidates: &RowSet) -> Result<RowSet> {
        let shredded = self.attributes.shredded();
        let all = |_: &Texts, positions: &RowSet, _: Option<&[u32]>| Ok(positions.clone());
        shredded.where_values(self.reader(), column, candidates, all)
    }
}

/// The same test of the resource's attribute.
fn of_resource(test: &SpanTest, key: &str) -> SpanTest {
    let field = SpanField::Attribute(SpanScope::Resource, key.to_owned());
    match test {
        SpanTest::Compare { op, value, .. } => {
            SpanTest::Compare { field, op: *op, value: value.clone() }
        }
        SpanTest::Matches { pattern, .. } => SpanTest::Matches { field, pattern: pattern.clone() },
        SpanTest::Exists(_) => SpanTest::Exists(field),
        other => other.clone(),
    }
}

impl TextTest<'_> {
    /// The texts of `among`, positions in the column, that pass.
    fn passing(
        &self,
        reader: Reader<'_>,
        texts: &Texts,
        among: &RowSet,
        row_of: Option<&[u32]>,
    ) -> Result<RowSet> {
        match self {
            Self::Compare(CompareOp::Eq, wanted) => equal(reader, texts, among, row_of, wanted),
            Self::Compare(CompareOp::Ne, wanted) => {
                let mut other = among.clone();
                other.remove(&equal(reader, texts, among, row_of, wanted)?);
                Ok(other)
            }
            Self::Exists => Ok(among.clone()),
            Self::Compare(op, wanted) => {
                texts.holding(reader, among, row_of, &mut |text| op.holds(text, *wanted))
            }
            Self::Matches(pattern) => {
                let mut holds = |text: &str| pattern.is_match(text);
                match pattern.part() {
                    Some(part) => {
                        let with_part = texts.containing(reader, among, row_of, part)?;
                        texts.holding(reader, &with_part, row_of, &mut holds)
                    }
                    None => texts.holding(reader, among, row_of, &mut holds),
                }
            }
        }
    }
}

fn equal(
    reader: Reader<'_>,
    texts: &Texts,
    among: &RowSet,
    row_of: Option<&[u32]>,
    wanted: &str,
) -> Result<RowSet> {
    let mut holds = |text: &str| text == wanted;
    if wanted.is_empty() || texts.is_dictionary() {
        return texts.holding(reader, among, row_of, &mut holds);
    }
    let with_all = texts.containing(reader, among, row_of, wanted)?;
    texts.holding(reader, &with_all, row_of, &mut holds)
}
