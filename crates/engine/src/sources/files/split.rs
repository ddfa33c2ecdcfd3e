//! Cuts bytes of a file into records: lines, the pieces that a container runtime cut a line into put
//! together again, and several lines that make one message. Pure: the same bytes give the same
//! records, which is what lets a range that may have been stored be sent again.

use regex::bytes::Regex;

use super::frame::Framing;

/// How lines become records.
#[derive(Debug, Clone)]
pub(crate) struct Splitting {
    /// What the writer of the file put around each line.
    pub(crate) framing: Framing,
    /// Lines that do not begin a record belong to the one before.
    pub(crate) first_line: Option<Regex>,
    /// Lines of one record; further ones begin another.
    pub(crate) lines_max: usize,
}

/// What is known about the end of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// More may come: the last record waits for what shows that it is whole.
    Open,
    /// Nothing came for a while: a record ends with its last whole line.
    Quiet,
    /// Nothing more comes: what stands there is the last record, whole line or not.
    Final,
}

/// Records as ranges of the bytes, in order and without gaps.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    /// Where each record ends, its line feed included; it starts where the one before ends.
    pub(crate) ends: Vec<usize>,
}

impl Split {
    /// Bytes that records were made of.
    pub(crate) fn taken(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The records.
    pub(crate) fn records<'b>(&self, bytes: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let record = &bytes[start..*end];
            start = *end;
            record
        })
    }
}

impl Splitting {
    /// Cuts bytes that begin where a record begins.
    pub(crate) fn split(&self, bytes: &[u8], end: End) -> Split {
        let mut split = Split::default();
        let mut at = 0;
        let mut open = Open::default();
        while at < bytes.len() {
            let feed = memchr::memchr(b'\n', &bytes[at..]);
            let line_end = match feed {
                Some(feed) => at + feed + 1,
                None if end == End::Final => bytes.len(),
                None => break,
            };
            let line = &bytes[at..line_end];
            if open.lines > 0 && self.begins(line, &open) {
                split.ends.push(at);
                open = Open::default();
            }
            open.lines += 1;
            open.is_piece = self.framing.goes_on(line);
            if !self.waits(&open) {
                split.ends.push(line_end);
                open = Open::default();
            }
            at = line_end;
        }
        if open.lines > 0 && end != End::Open {
            split.ends.push(at);
        }
        split
    }

    /// Whether a line begins a record while another is open.
    fn begins(&self, line: &[u8], open: &Open) -> bool {
        if open.lines >= self.lines_max {
            return true;
        }
        // What the runtime cut up belongs together whatever it looks like.
        !open.is_piece
            && self.first_line.as_ref().is_none_or(|first| {
                let text = self.framing.text_of(line);
                first.is_match(text.strip_suffix(b"\n").unwrap_or(&text))
            })
    }

    /// Whether the next line may belong to the open record.
    fn waits(&self, open: &Open) -> bool {
        self.first_line.is_some() || open.is_piece
    }
}

/// The record that is not known to be whole yet.
#[derive(Default)]
struct Open {
    lines: usize,
    /// Its last line is a piece of a line that goes on.
    is_piece: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn splitting(framing: Framing, first_line: Option<&str>, lines_max: usize) -> Splitting {
        let first_line = first_line.map(|text| Regex::new(text).unwrap());
        Splitting { framing, first_line, lines_max }
    }

    fn cut(splitting: &Splitting, text: &str, end: End) -> Vec<String> {
        let split = splitting.split(text.as_bytes(), end);
        split.records(text.as_bytes()).map(|r| String::from_utf8_lossy(r).into_owned()).collect()
    }

    #[test]
    fn a_line_without_its_end_waits_until_nothing_more_comes() {
        let plain = splitting(Framing::None, None, 10);
        assert_eq!(cut(&plain, "a\nb\r\nc", End::Open), ["a\n", "b\r\n"]);
        assert_eq!(cut(&plain, "a\nb\r\nc", End::Quiet), ["a\n", "b\r\n"]);
        assert_eq!(cut(&plain, "a\n\nc", End::Final), ["a\n", "\n", "c"]);
    }

    #[test]
    fn lines_that_begin_no_record_belong_to_the_one_before() {
        let dated = splitting(Framing::None, Some(r"^\d"), 3);
        assert_eq!(cut(&dated, "1 a\n b\n2 c\n d\n", End::Open), ["1 a\n b\n"]);
        assert_eq!(cut(&dated, "1 a\n b\n2 c\n d\n e", End::Quiet), ["1 a\n b\n", "2 c\n d\n"]);
        assert_eq!(cut(&dated, "x\n1\n", End::Final), ["x\n", "1\n"]);
        assert_eq!(cut(&dated, "1\na\nb\nc\n2\n", End::Open), ["1\na\nb\n", "c\n"]);
    }

    #[test]
    fn pieces_of_a_container_runtime_are_put_together() {
        let cri = splitting(Framing::Cri, None, 10);
        let text = "2024-11-18T10:00:00Z stdout P a\n2024-11-18T10:00:00Z stdout F b\n\
                    2024-11-18T10:00:01Z stdout P c\n";
        let first = text.split_inclusive('\n').take(2).collect::<String>();
        assert_eq!(cut(&cri, text, End::Open), [first]);
    }

    proptest! {
        /// What is sent again after a restart is cut as it was.
        #[test]
        fn a_range_that_was_taken_is_cut_the_same_again(
            text in "[12 ab\n]{0,60}", max in 1_usize..4, multiline: bool, quiet: bool,
        ) {
            let splitting = splitting(Framing::None, multiline.then_some(r"^\d"), max);
            let end = if quiet { End::Quiet } else { End::Open };
            let split = splitting.split(text.as_bytes(), end);
            let taken = &text.as_bytes()[..split.taken()];
            prop_assert_eq!(splitting.split(taken, End::Final), split);
        }
    }
}
