//! Requests on streams of log records, and their answers.
//!
//! What a stream is: all records whose column `stream` holds the same labels. A [`LogTest`] is true,
//! false or unknown of a record (Kleene's logic): an engine decides what it cheaply can and leaves
//! the rest to the caller, record by record.

use std::sync::Arc;

use watchkeep_model::{Labels, LogColumns, Matcher, Pattern, Result, TimeRange};

use super::predicate::CompareOp;
use super::records::{Bucket, Order};

/// A condition on a record.
#[derive(Debug, Clone)]
pub enum LogTest {
    /// Every one holds; true when there are none.
    And(Vec<LogTest>),
    /// At least one holds; false when there are none.
    Or(Vec<LogTest>),
    /// Does not hold.
    Not(Box<LogTest>),
    /// The body contains these bytes. Always decided.
    Contains(String),
    /// The body matches the pattern somewhere, or as a whole where the pattern is anchored. Always
    /// decided.
    Matches(Pattern),
    /// A field of a body that is a JSON object.
    Field {
        /// Which.
        field: LogField,
        /// What must hold for it.
        test: FieldTest,
    },
    /// Each of these words (see [`words`]) stands in the body, in the value of an attribute of the
    /// record, its scope or its resource, or in the hexadecimal form of an id. False where one is
    /// missing, else unknown: it serves to pass over what can not match.
    Words(Vec<String>),
    /// Unknown of every record.
    Unknown,
}

/// A field of a body that is a JSON object: a text, a number or a truth value that is reached
/// through objects only. Whatever asks for it is *unknown* of a record
/// - whose body is not one complete JSON object, or has one of these keys twice in one object;
/// - where the path leads to an object, an array or `null`, or through anything but objects;
/// - that has an attribute (on the record, its scope or its resource) whose key is `shadowed_by` as
///   [`watchkeep_model::stream::label_name`] makes labels of keys, or a map under a key that
///   `shadowed_by` begins with then.
///
/// - that has, with `flattened`, a value at another path whose keys differ from the keys of this one
///   only in where they are cut and in characters other than ASCII letters and digits; or an object
///   at a beginning of such a path that the engine does not look into.
///
/// Where the path leads nowhere the field is absent: its text is empty and it is no number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogField {
    /// Keys from the outermost object on; at least one.
    pub path: Vec<String>,
    /// The name of attributes that hide the field.
    pub shadowed_by: String,
    /// Whether other paths may be taken for this one: LogQL's `| json` joins keys with `_`, and makes
    /// `_` of what no label may have.
    pub flattened: bool,
}

/// A condition on a field.
#[derive(Debug, Clone)]
pub enum FieldTest {
    /// Compares the number. A text, the empty one too, and a truth value leave it unknown; false
    /// where the field is absent.
    Number(CompareOp, f64),
    /// The text is equal: of a text what it means after JSON's escapes, of a number and a truth
    /// value as it is written.
    Equal(String),
    /// The text, as for [`FieldTest::Equal`], matches the pattern as a whole.
    Matches(Pattern),
}

/// Asks for streams that have a record in the range.
#[derive(Debug, Clone)]
pub struct StreamsRequest {
    /// Every one must hold for the stream's labels.
    pub matchers: Vec<Matcher>,
    /// When.
    pub range: TimeRange,
}

/// A stream and what the range holds of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFigures {
    /// Its labels.
    pub labels: Arc<Labels>,
    /// Records in the range.
    pub rows: u64,
    /// Bytes of their bodies and attributes.
    pub bytes: u64,
}

/// Which columns of records come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogParts {
    /// `stream`, `time_ns` and `body`.
    Lines,
    /// All columns.
    All,
}

/// Asks for records of streams.
#[derive(Debug, Clone)]
pub struct LogsRequest {
    /// Every one must hold for the stream's labels.
    pub matchers: Vec<Matcher>,
    /// When.
    pub range: TimeRange,
    /// Records of which this is false are left out.
    pub test: LogTest,
    /// Which columns.
    pub parts: LogParts,
    /// By time over all streams; in any order if not given.
    pub order: Option<Order>,
    /// About how many records will be taken: how much to read ahead.
    pub wanted: Option<usize>,
}

/// Records of which the test of a request is true or unknown.
#[derive(Debug, Default)]
pub struct LogRows {
    /// The columns asked for; the others are empty.
    pub rows: LogColumns,
}

/// Records as they are read. Advancing blocks; dropping stops the work.
pub type LogCursor = Box<dyn Iterator<Item = Result<LogRows>> + Send>;

/// Asks for numbers of records by stream, step of time and fields.
#[derive(Debug, Clone)]
pub struct LogCountRequest {
    /// Every one must hold for the stream's labels.
    pub matchers: Vec<Matcher>,
    /// When.
    pub range: TimeRange,
    /// Records of which this is true are counted, and those of which it is unknown returned.
    pub test: LogTest,
    /// Steps of time.
    pub bucket: Bucket,
    /// Labels of the stream that tell groups apart; all if not given.
    pub by_labels: Option<Vec<String>>,
    /// Fields that tell groups apart, by their text. Records of which one is unknown are returned.
    pub by_fields: Vec<LogField>,
    /// Whether the bytes of bodies are wanted too, which may need more reading.
    pub bytes: bool,
    /// Which columns of the records that are returned come.
    pub parts: LogParts,
    /// The most groups, all steps together; more are an error of kind `LimitExceeded`.
    pub groups_max: usize,
}

/// Records of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCount {
    /// Labels of the stream, those of [`LogCountRequest::by_labels`].
    pub labels: Arc<Labels>,
    /// Texts of the fields, in the order of the request.
    pub fields: Vec<String>,
    /// Number of the step, counted from the bucket's origin.
    pub step: i64,
    /// Records.
    pub rows: u64,
    /// Bytes of their bodies, where they were asked for.
    pub bytes: u64,
}

/// A piece of the answer to a [`LogCountRequest`].
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a frame stands for thousands of rows or groups")]
pub enum LogCountFrame {
    /// Records that are counted. A group may come several times.
    Counts(Vec<LogCount>),
    /// Records that are left to the caller, in any order.
    Undecided(LogRows),
}

/// Pieces of an answer as they are worked out. Advancing blocks; dropping stops the work.
pub type LogCountCursor = Box<dyn Iterator<Item = Result<LogCountFrame>> + Send>;

/// Asks for records to be deleted.
#[derive(Debug, Clone)]
pub struct LogDeletion {
    /// Every one must hold for the stream's labels; at least one.
    pub matchers: Vec<Matcher>,
    /// When.
    pub range: TimeRange,
    /// Only records of which this is true; made of [`LogTest::Contains`], [`LogTest::Matches`], and
    /// what joins them.
    pub test: LogTest,
}

/// The words of a text: longest runs of ASCII letters, digits, `_` and bytes above 127, as written.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
    text.split(move |c| !inside(c)).filter(|word| !word.is_empty())
}
