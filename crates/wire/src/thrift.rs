//! A reader of Thrift's compact and binary protocols (Apache Thrift, `thrift-compact-protocol.md`
//! and `thrift-binary-protocol.md`; of the latter also the old form of messages, without a version).
//!
//! The reader borrows from the body, builds no objects and allocates nothing. It refuses malformed
//! bytes with their offset, never believes a length that goes beyond the body, and passes over what
//! is not asked for no deeper than [`DEPTH_MAX`].

use crate::protobuf::Malformed;

type Result<T, E = Malformed> = std::result::Result<T, E>;

/// Structs and containers inside each other in what is passed over; deeper is refused.
pub const DEPTH_MAX: usize = 32;

/// First byte of a message in the compact protocol.
pub const COMPACT_MESSAGE: u8 = 0x82;
/// First byte of a message in the binary protocol's strict form.
const BINARY_MESSAGE: u8 = 0x80;
const VERSION: u8 = 1;

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Fixed widths, big endian.
    Binary,
    /// Numbers of base 128, and deltas of field numbers.
    Compact,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `bool`
    Bool,
    /// `byte`
    I8,
    /// `i16`
    I16,
    /// `i32`, also an enumeration
    I32,
    /// `i64`
    I64,
    /// `double`
    Double,
    /// `string` or `binary`
    Binary,
    /// `struct`, `union` or `exception`
    Struct,
    /// `list`
    List,
    /// `set`
    Set,
    /// `map`
    Map,
    /// `uuid`
    Uuid,
}

/// The head of a field; its value is read next, or passed over with [`Reader::skip`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The field's number.
    pub id: i16,
    /// The type of its value.
    pub kind: Kind,
    /// The compact protocol keeps the value of a `bool` in the head.
    flag: Option<bool>,
}

/// The head of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The method that is called.
    pub name: &'a [u8],
    /// 1 a call, 2 a reply, 3 an exception, 4 a call without an answer.
    pub kind: u8,
}

/// A place in a body.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
    protocol: Protocol,
}

impl std::fmt::Debug for Reader<'_> {
    /// Bodies may hold secrets, so only the place is printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader({}..{}, {:?})", self.at(), self.len, self.protocol)
    }
}

impl<'a> Reader<'a> {
    /// Reads a whole body.
    pub fn new(body: &'a [u8], protocol: Protocol) -> Self {
        Self { rest: body, len: body.len(), protocol }
    }

    /// Reads a message, in the protocol that its first byte tells.
    pub fn of_message(body: &'a [u8]) -> Self {
        let is_compact = body.first() == Some(&COMPACT_MESSAGE);
        Self::new(body, if is_compact { Protocol::Compact } else { Protocol::Binary })
    }

    fn at(&self) -> usize {
        self.len - self.rest.len()
    }

    fn fault<T>(&self, what: &'static str) -> Result<T> {
        Err(Malformed { at: self.at(), what })
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let Some((bytes, rest)) = self.rest.split_first_chunk::<N>() else {
            return self.fault("cut in the middle of a value");
        };
        self.rest = rest;
        Ok(*bytes)
    }

    #[inline]
    fn byte(&mut self) -> Result<u8> {
        self.take().map(|[byte]: [u8; 1]| byte)
    }

    fn slice(&mut self, len: usize) -> Result<&'a [u8]> {
        let Some((bytes, rest)) = self.rest.split_at_checked(len) else {
            return self.fault("a length that goes beyond the end");
        };
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64> {
        if let [byte @ 0..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        let mut value = 0_u64;
        for (position, byte) in self.rest.iter().take(10).enumerate() {
            if position == 9 && *byte > 1 {
                return self.fault("number longer than 64 bits");
            }
            value |= u64::from(byte & 0x7f) << (7 * position);
            if *byte < 0x80 {
                self.rest = self.rest.get(position + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        self.fault("cut in the middle of a number")
    }

    #[inline]
    fn zigzag(&mut self) -> Result<i64> {
        self.varint().map(|value| (value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Reads the head of a message; its arguments follow, as a struct.
    pub fn message(&mut self) -> Result<Message<'a>> {
        match (self.protocol, self.rest.first()) {
            (Protocol::Compact, Some(&COMPACT_MESSAGE)) => {
                let [_, head] = self.take()?;
                if head & 0x1f != VERSION {
                    return self.fault("unknown version of the compact protocol");
                }
                self.varint()?;
                let len = self.varint()?;
                let name = self.slice(usize::try_from(len).unwrap_or(usize::MAX))?;
                Ok(Message { name, kind: head >> 5 })
            }
            (Protocol::Compact, _) => self.fault("no message of the compact protocol"),
            (Protocol::Binary, Some(&BINARY_MESSAGE)) => {
                let [_, version, _, kind] = self.take()?;
                if version != VERSION {
                    return self.fault("unknown version of the binary protocol");
                }
                let name = self.binary()?;
                let _sequence: [u8; 4] = self.take()?;
                Ok(Message { name, kind: kind & 7 })
            }
            // Before there was a version, a message began with the length of its name.
            (Protocol::Binary, _) => {
                let name = self.binary()?;
                let kind = self.byte()?;
                let _sequence: [u8; 4] = self.take()?;
                Ok(Message { name, kind: kind & 7 })
            }
        }
    }

    /// Reads the head of a struct's next field; `None` at its end. `last` is 0 before the first.
    #[inline]
    pub fn field(&mut self, last: &mut i16) -> Result<Option<Field>> {
        let head = self.byte()?;
        if head == 0 {
            return Ok(None);
        }
        let field = match self.protocol {
            Protocol::Binary => {
                let kind = self.binary_kind(head)?;
                Field { id: i16::from_be_bytes(self.take()?), kind, flag: None }
            }
            Protocol::Compact => {
                let kind = self.compact_kind(head & 0x0f)?;
                let flag = (kind == Kind::Bool).then_some(head & 0x0f == 1);
                let id = match i16::from(head >> 4) {
                    0 => self.zigzag()? as i16,
                    delta => last.wrapping_add(delta),
                };
                Field { id, kind, flag }
            }
        };
        *last = field.id;
        Ok(Some(field))
    }

    fn binary_kind(&self, code: u8) -> Result<Kind> {
        Ok(match code {
            2 => Kind::Bool,
            3 => Kind::I8,
            4 => Kind::Double,
            6 => Kind::I16,
            8 => Kind::I32,
            10 => Kind::I64,
            11 => Kind::Binary,
            12 => Kind::Struct,
            13 => Kind::Map,
            14 => Kind::Set,
            15 => Kind::List,
            16 => Kind::Uuid,
            _ => return self.fault("unknown type of a value"),
        })
    }

    fn compact_kind(&self, code: u8) -> Result<Kind> {
        Ok(match code {
            1 | 2 => Kind::Bool,
            3 => Kind::I8,
            4 => Kind::I16,
            5 => Kind::I32,
            6 => Kind::I64,
            7 => Kind::Double,
            8 => Kind::Binary,
            9 => Kind::List,
            10 => Kind::Set,
            11 => Kind::Map,
            12 => Kind::Struct,
            13 => Kind::Uuid,
            _ => return self.fault("unknown type of a value"),
        })
    }

    /// The value of a field of the type `bool`.
    #[inline]
    pub fn bool(&mut self, field: &Field) -> Result<bool> {
        field.flag.map_or_else(|| self.byte().map(|byte| byte == 1), Ok)
    }

    /// A value of the type `i16`.
    pub fn i16(&mut self) -> Result<i16> {
        match self.protocol {
            Protocol::Binary => self.take().map(i16::from_be_bytes),
            Protocol::Compact => self.zigzag().map(|value| value as i16),
        }
    }

    /// A value of the type `i32`.
    #[inline]
    pub fn i32(&mut self) -> Result<i32> {
        match self.protocol {
            Protocol::Binary => self.take().map(i32::from_be_bytes),
            Protocol::Compact => self.zigzag().map(|value| value as i32),
        }
    }

    /// A value of the type `i64`.
    #[inline]
    pub fn i64(&mut self) -> Result<i64> {
        match self.protocol {
            Protocol::Binary => self.take().map(i64::from_be_bytes),
            Protocol::Compact => self.zigzag(),
        }
    }

    /// A value of the type `double`.
    #[inline]
    pub fn double(&mut self) -> Result<f64> {
        let bytes = self.take()?;
        Ok(match self.protocol {
            Protocol::Binary => f64::from_be_bytes(bytes),
            Protocol::Compact => f64::from_le_bytes(bytes),
        })
    }

    /// A value of the type `binary`, or a `string` whose encoding is not checked.
    #[inline]
    pub fn binary(&mut self) -> Result<&'a [u8]> {
        let len = match self.protocol {
            Protocol::Binary => usize::try_from(i32::from_be_bytes(self.take()?)),
            Protocol::Compact => usize::try_from(self.varint()?),
        };
        self.slice(len.unwrap_or(usize::MAX))
    }

    /// The head of a list or set: the type of its items and their number, which the rest of the
    /// body can hold.
    #[inline]
    pub fn list(&mut self) -> Result<(Kind, usize)> {
        let head = self.byte()?;
        let (kind, len) = match self.protocol {
            Protocol::Binary => {
                let len = i32::from_be_bytes(self.take()?);
                (head, usize::try_from(len).unwrap_or(usize::MAX))
            }
            Protocol::Compact => match head >> 4 {
                15 => (head & 0x0f, usize::try_from(self.varint()?).unwrap_or(usize::MAX)),
                len => (head & 0x0f, usize::from(len)),
            },
        };
        // An item takes a byte at least.
        if len > self.rest.len() {
            return self.fault("a list that goes beyond the end");
        }
        // Of no items, some writers give no type.
        if len == 0 && kind == 0 {
            return Ok((Kind::Struct, 0));
        }
        let kind = match self.protocol {
            Protocol::Binary => self.binary_kind(kind)?,
            Protocol::Compact => self.compact_kind(kind)?,
        };
        Ok((kind, len))
    }

    /// Passes over the value of a field.
    pub fn skip(&mut self, field: &Field) -> Result<()> {
        if field.flag.is_some() {
            return Ok(());
        }
        self.skip_value(field.kind, 0)
    }

    /// Passes over so many values.
    pub fn skip_items(&mut self, kind: Kind, items: usize) -> Result<()> {
        for _ in 0..items {
            self.skip_value(kind, 1)?;
        }
        Ok(())
    }

    fn skip_value(&mut self, kind: Kind, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return self.fault("nested too deep");
        }
        match kind {
            Kind::Bool | Kind::I8 => self.byte().map(drop),
            Kind::I16 => self.i16().map(drop),
            Kind::I32 => self.i32().map(drop),
            Kind::I64 => self.i64().map(drop),
            Kind::Double => self.take::<8>().map(drop),
            Kind::Uuid => self.take::<16>().map(drop),
            Kind::Binary => self.binary().map(drop),
            Kind::Struct => {
                let mut last = 0;
                while let Some(field) = self.field(&mut last)? {
                    if field.flag.is_none() {
                        self.skip_value(field.kind, depth + 1)?;
                    }
                }
                Ok(())
            }
            Kind::List | Kind::Set => {
                let (kind, len) = self.list()?;
                (0..len).try_for_each(|_| self.skip_value(kind, depth + 1))
            }
            Kind::Map => self.skip_map(depth),
        }
    }

    fn skip_map(&mut self, depth: usize) -> Result<()> {
        let (key, value, len) = match self.protocol {
            Protocol::Binary => {
                let [key, value] = self.take()?;
                let len = usize::try_from(i32::from_be_bytes(self.take()?)).unwrap_or(usize::MAX);
                (key, value, len)
            }
            Protocol::Compact => {
                let len = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                let kinds = if len == 0 { 0 } else { self.byte()? };
                (kinds >> 4, kinds & 0x0f, len)
            }
        };
        if len > self.rest.len() {
            return self.fault("a map that goes beyond the end");
        }
        if len == 0 {
            return Ok(());
        }
        let of = |code| match self.protocol {
            Protocol::Binary => self.binary_kind(code),
            Protocol::Compact => self.compact_kind(code),
        };
        let (key, value) = (of(key)?, of(value)?);
        for _ in 0..len {
            self.skip_value(key, depth + 1)?;
            self.skip_value(value, depth + 1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A struct with every type, as (protocol, bytes): field 1 `bool` true, 2 `bool` false,
    /// 3 `byte`, 4 `i16` −2, 5 `i32` 300, 6 `i64` −300, 7 `double` 1.5, 8 `binary` "ab",
    /// 300 `list<i32>` of 1 and 2.
    const COMPACT: &[u8] = &[
        0x11, 0x12, 0x13, 7, 0x14, 3, 0x15, 0xd8, 4, 0x16, 0xd7, 4, 0x17, 0, 0, 0, 0, 0, 0, 0xf8,
        0x3f, 0x18, 2, b'a', b'b', 0x09, 0xd8, 4, 0x25, 2, 4, 0,
    ];
    const BINARY: &[u8] = &[
        2, 0, 1, 1, 2, 0, 2, 0, 3, 0, 3, 7, 6, 0, 4, 0xff, 0xfe, 8, 0, 5, 0, 0, 1, 0x2c, 10, 0, 6,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xd4, 4, 0, 7, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 11,
        0, 8, 0, 0, 0, 2, b'a', b'b', 15, 1, 0x2c, 8, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0,
    ];

    #[test]
    fn both_protocols_say_the_same() {
        for (protocol, body) in [(Protocol::Compact, COMPACT), (Protocol::Binary, BINARY)] {
            let mut reader = Reader::new(body, protocol);
            let mut last = 0;
            let mut seen = Vec::new();
            while let Some(field) = reader.field(&mut last).unwrap() {
                let shown = match field.kind {
                    Kind::Bool => reader.bool(&field).unwrap().to_string(),
                    Kind::I16 => reader.i16().unwrap().to_string(),
                    Kind::I32 => reader.i32().unwrap().to_string(),
                    Kind::I64 => reader.i64().unwrap().to_string(),
                    Kind::Double => reader.double().unwrap().to_string(),
                    Kind::Binary => String::from_utf8(reader.binary().unwrap().into()).unwrap(),
                    Kind::List => {
                        let (kind, len) = reader.list().unwrap();
                        assert_eq!(kind, Kind::I32);
                        (0..len).map(|_| reader.i32().unwrap().to_string()).collect()
                    }
                    _ => {
                        reader.skip(&field).unwrap();
                        "skipped".to_owned()
                    }
                };
                seen.push(format!("{}={shown}", field.id));
            }
            let expect = "1=true 2=false 3=skipped 4=-2 5=300 6=-300 7=1.5 8=ab 300=12";
            assert_eq!(seen.join(" "), expect, "{protocol:?}");
            assert!(reader.rest.is_empty());

            let mut reader = Reader::new(body, protocol);
            reader.skip_value(Kind::Struct, 0).unwrap();
            assert!(reader.rest.is_empty(), "{protocol:?}: all is passed over");
        }
    }

    #[test]
    fn every_cut_is_refused() {
        for (protocol, body) in [(Protocol::Compact, COMPACT), (Protocol::Binary, BINARY)] {
            for len in 0..body.len() {
                let mut reader = Reader::new(&body[..len], protocol);
                assert!(reader.skip_value(Kind::Struct, 0).is_err(), "{protocol:?} {len}");
            }
        }
    }

    #[test]
    fn messages_tell_method_and_kind_in_all_forms() {
        let call = Message { name: b"emit", kind: 1 };
        let oneway = Message { kind: 4, ..call };
        let cases: [(&[u8], _); 4] = [
            (b"\x82\x81\x05\x04emit", oneway),
            (b"\x82\x21\x05\x04emit", call),
            (b"\x80\x01\0\x04\0\0\0\x04emit\0\0\0\x05", oneway),
            (b"\0\0\0\x04emit\x01\0\0\0\x05", call),
        ];
        for (body, expect) in cases {
            assert_eq!(Reader::of_message(body).message(), Ok(expect), "{body:?}");
        }
        for body in [&b""[..], b"\x82", b"\x82\x02\x01\x00", b"\x80\x02\0\x01", b"\x7f\xff\xff\xff"]
        {
            assert!(Reader::of_message(body).message().is_err(), "{body:?}");
        }
    }

    #[test]
    fn what_is_nested_or_claimed_without_bound_is_refused() {
        // Lists of one list each.
        let deep = [0x19_u8].repeat(100_000);
        let mut reader = Reader::new(&deep, Protocol::Compact);
        assert_eq!(reader.skip_value(Kind::List, 0).unwrap_err().what, "nested too deep");
        for (protocol, body) in [
            (Protocol::Binary, &b"\x0c\x7f\xff\xff\xff"[..]),
            (Protocol::Binary, b"\x0c\xff\xff\xff\xff"),
            (Protocol::Compact, b"\xfc\xff\xff\xff\xff\x0f"),
        ] {
            assert!(Reader::new(body, protocol).list().is_err(), "{body:?}");
        }
        let mut reader = Reader::new(b"\x7f\xff\xff\xffab", Protocol::Binary);
        assert!(reader.binary().is_err());
    }

    #[test]
    fn a_map_is_passed_over() {
        let cases: [(Protocol, &[u8]); 3] = [
            (Protocol::Compact, b"\x02\x85\x01a\x02\x01b\x04"),
            (Protocol::Compact, b"\x00"),
            (Protocol::Binary, b"\x0b\x08\0\0\0\x01\0\0\0\x01a\0\0\0\x02"),
        ];
        for (protocol, body) in cases {
            let mut reader = Reader::new(body, protocol);
            reader.skip_value(Kind::Map, 0).unwrap();
            assert!(reader.rest.is_empty(), "{body:?}");
        }
    }
}
