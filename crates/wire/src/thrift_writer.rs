//! A writer of Thrift for tests, in both protocols.

use crate::thrift::Protocol;

/// Codes of types, as the binary protocol has them.
pub(crate) const BOOL: u8 = 2;
pub(crate) const DOUBLE: u8 = 4;
pub(crate) const I16: u8 = 6;
pub(crate) const I32: u8 = 8;
pub(crate) const I64: u8 = 10;
pub(crate) const BINARY: u8 = 11;
pub(crate) const STRUCT: u8 = 12;
pub(crate) const LIST: u8 = 15;

pub(crate) struct Writer {
    protocol: Protocol,
    pub(crate) bytes: Vec<u8>,
    last: Vec<i16>,
}

impl Writer {
    pub(crate) fn new(protocol: Protocol) -> Self {
        Self { protocol, bytes: Vec::new(), last: vec![0] }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn number(&mut self, value: i64, width: usize) {
        match self.protocol {
            Protocol::Binary => self.bytes.extend(&value.to_be_bytes()[8 - width..]),
            Protocol::Compact => self.varint((value << 1 ^ value >> 63) as u64),
        }
    }

    fn head(&mut self, id: i16, kind: u8, compact: u8) {
        let last = self.last.last_mut().unwrap();
        let delta = id - *last;
        *last = id;
        match self.protocol {
            Protocol::Binary => {
                self.bytes.push(kind);
                self.bytes.extend(id.to_be_bytes());
            }
            Protocol::Compact if (1..16).contains(&delta) => {
                self.bytes.push((delta as u8) << 4 | compact);
            }
            Protocol::Compact => {
                self.bytes.push(compact);
                self.number(i64::from(id), 2);
            }
        }
    }

    /// The head of a one-way call; its arguments and [`Writer::end`] follow.
    pub(crate) fn call(&mut self, method: &str) {
        match self.protocol {
            Protocol::Binary => {
                self.bytes.extend([0x80, 1, 0, 4]);
                self.text(method.as_bytes());
                self.bytes.extend([0; 4]);
            }
            Protocol::Compact => {
                self.bytes.extend([0x82, 0x81, 0]);
                self.text(method.as_bytes());
            }
        }
    }

    pub(crate) fn text(&mut self, bytes: &[u8]) {
        match self.protocol {
            Protocol::Binary => self.number(bytes.len() as i64, 4),
            Protocol::Compact => self.varint(bytes.len() as u64),
        }
        self.bytes.extend(bytes);
    }

    pub(crate) fn i16(&mut self, id: i16, value: i16) {
        self.head(id, I16, 4);
        self.number(i64::from(value), 2);
    }

    pub(crate) fn i32(&mut self, id: i16, value: i32) {
        self.head(id, I32, 5);
        self.number(i64::from(value), 4);
    }

    pub(crate) fn i64(&mut self, id: i16, value: i64) {
        self.head(id, I64, 6);
        self.number(value, 8);
    }

    pub(crate) fn double(&mut self, id: i16, value: f64) {
        self.head(id, DOUBLE, 7);
        self.bytes.extend(match self.protocol {
            Protocol::Binary => value.to_be_bytes(),
            Protocol::Compact => value.to_le_bytes(),
        });
    }

    pub(crate) fn bool(&mut self, id: i16, value: bool) {
        self.head(id, BOOL, if value { 1 } else { 2 });
        if self.protocol == Protocol::Binary {
            self.bytes.push(u8::from(value));
        }
    }

    pub(crate) fn binary(&mut self, id: i16, bytes: &[u8]) {
        self.head(id, BINARY, 8);
        self.text(bytes);
    }

    /// A struct as a field, whose fields `write` writes.
    pub(crate) fn message(&mut self, id: i16, write: impl FnOnce(&mut Self)) {
        self.head(id, STRUCT, 12);
        self.item(write);
    }

    /// A struct as an item of a list.
    pub(crate) fn item(&mut self, write: impl FnOnce(&mut Self)) {
        self.last.push(0);
        write(self);
        self.end();
        self.last.pop();
    }

    pub(crate) fn end(&mut self) {
        self.bytes.push(0);
    }

    /// A list of structs as a field, each written by `write`.
    pub(crate) fn structs<T>(&mut self, id: i16, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.head(id, LIST, 9);
        self.list(items, write);
    }

    /// A list of structs alone.
    pub(crate) fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        match self.protocol {
            Protocol::Binary => {
                self.bytes.push(STRUCT);
                self.number(items.len() as i64, 4);
            }
            Protocol::Compact if items.len() < 15 => {
                self.bytes.push((items.len() as u8) << 4 | STRUCT);
            }
            Protocol::Compact => {
                self.bytes.push(0xf0 | STRUCT);
                self.varint(items.len() as u64);
            }
        }
        for one in items {
            self.item(|writer| write(writer, one));
        }
    }
}
