//! A reader that walks protobuf messages in place, and a writer of small ones.
//!
//! The reader borrows from the body, builds no message objects and allocates nothing. It refuses
//! malformed bytes with the offset at which they are, never panics and never recurses: groups,
//! which proto3 does not have but old peers may send, are skipped with a counter.

use watchkeep_model::labels::write_varint;

/// Why bytes are not a protobuf message, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// Offset into the whole body.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Malformed {}

type Result<T, E = Malformed> = std::result::Result<T, E>;

/// A message, or the rest of one, inside a body.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Offset of the message's end in the whole body.
    end: usize,
}

impl std::fmt::Debug for Reader<'_> {
    /// Bodies may hold prompts and secrets, so only the place is printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader({}..{})", self.offset(), self.end)
    }
}

/// One field of a message.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// The field's number.
    pub number: u32,
    /// Offset of the field's tag in the whole body.
    pub at: usize,
    value: Payload<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Payload<'a> {
    Varint(u64),
    Fixed64(u64),
    Delimited(Reader<'a>),
    Fixed32(u32),
}

const START_GROUP: u32 = 3;
const END_GROUP: u32 = 4;

impl<'a> Reader<'a> {
    /// Reads a whole body.
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body, end: body.len() }
    }

    /// Offset in the whole body of what is read next.
    #[inline]
    fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    /// The same message, from the field whose tag is at `at` (see [`Field::at`]), which must not
    /// have been passed.
    #[must_use]
    pub fn advanced_to(self, at: usize) -> Self {
        let passed = at.saturating_sub(self.offset());
        Self { rest: self.rest.get(passed..).unwrap_or_default(), ..self }
    }

    /// What is left, as bytes.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether nothing is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes the next field if it is a delimited one of a number below 16, given by its tag, and
    /// shorter than 128 bytes: the usual case of a hot loop, to be tried before
    /// [`Reader::field`].
    #[inline]
    pub fn short_delimited(&mut self, tag: u8) -> Option<Self> {
        match self.rest {
            [first, len @ 0..0x80, rest @ ..] if *first == tag => {
                let (inner, rest) = rest.split_at_checked(usize::from(*len))?;
                self.rest = rest;
                Some(Self { rest: inner, end: self.end - rest.len() })
            }
            _ => None,
        }
    }

    /// Takes the next field; `None` at the end. Groups are skipped.
    #[inline]
    pub fn field(&mut self) -> Result<Option<Field<'a>>> {
        while !self.rest.is_empty() {
            let at = self.offset();
            let (number, wire_type) = self.tag()?;
            match wire_type {
                START_GROUP => self.skip_group(number, at)?,
                END_GROUP => return Err(Malformed { at, what: "end of a group that never began" }),
                _ => {
                    let value = self.payload(wire_type, at)?;
                    return Ok(Some(Field { number, at, value }));
                }
            }
        }
        Ok(None)
    }

    #[inline]
    fn tag(&mut self) -> Result<(u32, u32)> {
        let at = self.offset();
        let tag = u32::try_from(self.varint()?)
            .map_err(|_| Malformed { at, what: "field number out of range" })?;
        if tag >> 3 == 0 {
            return Err(Malformed { at, what: "field number 0" });
        }
        Ok((tag >> 3, tag & 7))
    }

    #[inline]
    fn payload(&mut self, wire_type: u32, at: usize) -> Result<Payload<'a>> {
        Ok(match wire_type {
            0 => Payload::Varint(self.varint()?),
            1 => Payload::Fixed64(u64::from_le_bytes(self.take(at)?)),
            2 => {
                let len = self.varint()?;
                let (inner, rest) = usize::try_from(len)
                    .ok()
                    .and_then(|len| self.rest.split_at_checked(len))
                    .ok_or(Malformed { at, what: "field longer than its message" })?;
                self.rest = rest;
                Payload::Delimited(Reader { rest: inner, end: self.end - rest.len() })
            }
            5 => Payload::Fixed32(u32::from_le_bytes(self.take(at)?)),
            _ => return Err(Malformed { at, what: "unknown wire type" }),
        })
    }

    #[inline]
    fn take<const N: usize>(&mut self, at: usize) -> Result<[u8; N]> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(Malformed { at, what: "message cut in the middle of a field" })?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// Takes a base 128 number of at most ten bytes.
    #[inline]
    pub fn varint(&mut self) -> Result<u64> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            [low, high, rest @ ..] if *high < 0x80 => {
                self.rest = rest;
                Ok(u64::from(low & 0x7f) | u64::from(*high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64> {
        let at = self.offset();
        let mut value = 0_u64;
        for (position, byte) in self.rest.iter().take(10).enumerate() {
            if position == 9 && *byte > 1 {
                return Err(Malformed { at, what: "varint longer than 64 bits" });
            }
            value |= u64::from(byte & 0x7f) << (7 * position);
            if *byte < 0x80 {
                self.rest = self.rest.get(position + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(Malformed { at, what: "message cut in the middle of a varint" })
    }

    /// Skips to the end of a group. Only the outermost end is matched by number: nothing inside
    /// is used.
    fn skip_group(&mut self, number: u32, at: usize) -> Result<()> {
        let mut open = 1_usize;
        while open > 0 {
            if self.is_empty() {
                return Err(Malformed { at, what: "group without an end" });
            }
            let inner_at = self.offset();
            let (inner, wire_type) = self.tag()?;
            match wire_type {
                START_GROUP => open += 1,
                END_GROUP => {
                    open -= 1;
                    if open == 0 && inner != number {
                        let what = "end of another group";
                        return Err(Malformed { at: inner_at, what });
                    }
                }
                _ => {
                    self.payload(wire_type, inner_at)?;
                }
            }
        }
        Ok(())
    }
}

impl<'a> Field<'a> {
    fn mismatch<T>(&self) -> Result<T> {
        Err(Malformed { at: self.at, what: "wire type that does not fit the field" })
    }

    /// The field as an embedded message.
    #[inline]
    pub fn message(&self) -> Result<Reader<'a>> {
        match self.value {
            Payload::Delimited(reader) => Ok(reader),
            _ => self.mismatch(),
        }
    }

    /// The field as `bytes`, or as a `string` whose encoding is not checked.
    #[inline]
    pub fn bytes(&self) -> Result<&'a [u8]> {
        self.message().map(|reader| reader.bytes())
    }

    /// The field as `uint64`, or any other type that is a plain varint.
    #[inline]
    pub fn varint(&self) -> Result<u64> {
        match self.value {
            Payload::Varint(value) => Ok(value),
            _ => self.mismatch(),
        }
    }

    /// The field as `uint32`; like every implementation, from the low 32 bits.
    #[inline]
    pub fn uint32(&self) -> Result<u32> {
        self.varint().map(|value| value as u32)
    }

    /// The field as `int32` or an enumeration.
    #[inline]
    pub fn int32(&self) -> Result<i32> {
        self.varint().map(|value| value as i32)
    }

    /// The field as `sint32`.
    pub fn sint32(&self) -> Result<i32> {
        self.uint32().map(|value| (value >> 1) as i32 ^ -((value & 1) as i32))
    }

    /// The field as `bool`.
    #[inline]
    pub fn bool(&self) -> Result<bool> {
        self.varint().map(|value| value != 0)
    }

    /// The field as `fixed64`.
    #[inline]
    pub fn fixed64(&self) -> Result<u64> {
        match self.value {
            Payload::Fixed64(value) => Ok(value),
            _ => self.mismatch(),
        }
    }

    /// The field as `double`.
    #[inline]
    pub fn double(&self) -> Result<f64> {
        self.fixed64().map(f64::from_bits)
    }

    /// The field as `fixed32`.
    #[inline]
    pub fn fixed32(&self) -> Result<u32> {
        match self.value {
            Payload::Fixed32(value) => Ok(value),
            _ => self.mismatch(),
        }
    }

    /// The values of one occurrence of a repeated `fixed64` or `double`, packed or not.
    pub fn each_fixed64(&self, mut see: impl FnMut(u64)) -> Result<()> {
        match self.value {
            Payload::Fixed64(value) => see(value),
            Payload::Delimited(mut reader) => {
                while !reader.is_empty() {
                    see(u64::from_le_bytes(reader.take(self.at)?));
                }
            }
            _ => return self.mismatch(),
        }
        Ok(())
    }

    /// The values of one occurrence of a repeated varint, packed or not.
    pub fn each_varint(&self, mut see: impl FnMut(u64)) -> Result<()> {
        match self.value {
            Payload::Varint(value) => see(value),
            Payload::Delimited(mut reader) => {
                while !reader.is_empty() {
                    see(reader.varint()?);
                }
            }
            _ => return self.mismatch(),
        }
        Ok(())
    }
}

/// Appends fields to a buffer. Absent and zero are the same in proto3, so whoever writes decides
/// what to leave out.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Bytes that the length of a nested message takes: enough for any body that is accepted.
    const LENGTH_BYTES: usize = 5;

    /// The bytes written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    fn tag(&mut self, number: u32, wire_type: u32) {
        write_varint(&mut self.out, u64::from(number << 3 | wire_type));
    }

    /// Appends a varint field.
    pub fn varint(&mut self, number: u32, value: u64) {
        self.tag(number, 0);
        write_varint(&mut self.out, value);
    }

    /// Appends a `sint32` field.
    pub fn sint32(&mut self, number: u32, value: i32) {
        self.varint(number, u64::from((value << 1 ^ value >> 31) as u32));
    }

    /// Appends a `fixed64` or `double` field.
    pub fn fixed64(&mut self, number: u32, value: u64) {
        self.tag(number, 1);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends a `fixed32` field.
    pub fn fixed32(&mut self, number: u32, value: u32) {
        self.tag(number, 5);
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends a `bytes` or `string` field.
    pub fn bytes(&mut self, number: u32, value: &[u8]) {
        self.tag(number, 2);
        write_varint(&mut self.out, value.len() as u64);
        self.out.extend_from_slice(value);
    }

    /// Bytes written so far.
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// Takes back what was written since [`Writer::position`] gave `position`.
    pub fn take_back(&mut self, position: usize) {
        self.out.truncate(position);
    }

    /// Begins an embedded message, which [`Writer::end_message`] ends.
    #[must_use]
    pub fn begin_message(&mut self, number: u32) -> usize {
        self.tag(number, 2);
        self.out.extend_from_slice(&[0; Self::LENGTH_BYTES]);
        self.out.len()
    }

    /// Ends the message that began at `start`. The body of a small one moves up to its length; the
    /// length of a large one is padded to the bytes kept for it, which every reader accepts.
    pub fn end_message(&mut self, start: usize) {
        let mut len = self.out.len() - start;
        let mut bytes = Self::LENGTH_BYTES;
        if len < 1 << 14 {
            bytes = if len < 1 << 7 { 1 } else { 2 };
            let moved = Self::LENGTH_BYTES - bytes;
            self.out.copy_within(start.., start - moved);
            self.out.truncate(self.out.len() - moved);
        }
        let first = start - Self::LENGTH_BYTES;
        let kept = self.out.get_mut(first..first + bytes).unwrap_or_default();
        for (position, byte) in kept.iter_mut().enumerate() {
            *byte = (len & 0x7f) as u8 | if position + 1 < bytes { 0x80 } else { 0 };
            len >>= 7;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn walk(body: &[u8]) -> Result<Vec<u32>> {
        let mut reader = Reader::new(body);
        let mut numbers = Vec::new();
        while let Some(field) = reader.field()? {
            numbers.push(field.number);
        }
        Ok(numbers)
    }

    #[test]
    fn malformed_bytes_are_named_with_their_offset() {
        let cases: [(&[u8], usize, &str); 11] = [
            (&[0x08], 1, "message cut in the middle of a varint"),
            (&[0x08, 0x01, 0x11, 0, 0], 2, "message cut in the middle of a field"),
            (&[0x0d, 0, 0], 0, "message cut in the middle of a field"),
            (&[0x0a, 0x05, 0x00], 0, "field longer than its message"),
            (
                &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
                0,
                "field longer than its message",
            ),
            (&[0x00], 0, "field number 0"),
            (&[0x08, 0x01, 0x0e], 2, "unknown wire type"),
            (&[0x08, 0x01, 0x0c], 2, "end of a group that never began"),
            (&[0x0b, 0x10, 0x01], 0, "group without an end"),
            (&[0x0b, 0x14], 1, "end of another group"),
            (
                &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
                1,
                "varint longer than 64 bits",
            ),
        ];
        for (body, at, what) in cases {
            assert_eq!(walk(body), Err(Malformed { at, what }), "{body:02x?}");
        }
    }

    #[test]
    fn groups_are_skipped_however_deep() {
        let mut body = vec![0x0b; 1_000_000];
        body.extend(vec![0x0c; 1_000_000]);
        body.extend([0x10, 0x07]);
        assert_eq!(walk(&body), Ok(vec![2]));
    }

    #[test]
    fn a_varint_of_ten_bytes_is_read() {
        let body = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let field = Reader::new(&body).field().unwrap().unwrap();
        assert_eq!(field.varint(), Ok(u64::MAX));
        assert_eq!(field.int32(), Ok(-1));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(a: u64, b: u64, c: u32, len in 0..20_000_usize, e: i32) {
            let d = vec![7; len];
            let mut writer = Writer::default();
            let start = writer.begin_message(1);
            writer.varint(1, a);
            writer.fixed64(2, b);
            writer.fixed32(3, c);
            writer.bytes(4, &d);
            writer.sint32(500, e);
            writer.end_message(start);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes).field().unwrap().unwrap().message().unwrap();
            let mut next = || reader.field().unwrap().unwrap();
            prop_assert_eq!(next().varint(), Ok(a));
            prop_assert_eq!(next().fixed64(), Ok(b));
            prop_assert_eq!(next().fixed32(), Ok(c));
            prop_assert_eq!(next().bytes(), Ok(&d[..]));
            let last = next();
            prop_assert_eq!((last.number, last.sint32()), (500, Ok(e)));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _any_outcome = walk(&bytes);
        }
    }
}
