//! JSON scalars as protobuf scalars. Errors name the field and never the value, which may be a
//! prompt or a secret.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Error, Visitor};

use super::schema::{FieldDef, Kind};
use crate::protobuf::Writer;

/// A value as JSON has it.
pub(super) enum Scalar<'de> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Double(f64),
    Text(Cow<'de, str>),
}

/// Reads the scalar in a field.
pub(super) struct ScalarSeed {
    pub(super) field: &'static FieldDef,
}

impl<'de> Visitor<'de> for ScalarSeed {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a scalar in {}", self.field.name)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Signed(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Double(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(value)))
    }
}

/// Why a value does not fit its field.
pub(super) struct Unfit {
    field: &'static str,
    expected: &'static str,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} in {}", self.expected, self.field)
    }
}

/// Both alphabets are accepted, with padding or without, as protobuf's JSON asks of readers.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

impl Scalar<'_> {
    /// Appends the value as the field.
    pub(super) fn write(&self, field: &'static FieldDef, writer: &mut Writer) -> Result<(), Unfit> {
        if matches!(self, Self::Null) {
            return Ok(());
        }
        let number = field.number;
        let fit = match field.kind {
            Kind::String => self.text().map(|text| writer.bytes(number, text.as_bytes())),
            Kind::Bytes => self.base64().map(|bytes| writer.bytes(number, &bytes)),
            Kind::Id => self.text().map(|text| writer.bytes(number, &id(text))),
            Kind::Bool => self.bool().map(|value| writer.varint(number, u64::from(value))),
            Kind::Int64 => self.signed().map(|value| writer.varint(number, value as u64)),
            Kind::Uint64 => self.unsigned().map(|value| writer.varint(number, value)),
            Kind::Uint32 => self.uint32().map(|value| writer.varint(number, u64::from(value))),
            Kind::Sint32 => {
                let value = self.signed().and_then(|value| i32::try_from(value).ok());
                value.map(|value| writer.sint32(number, value))
            }
            Kind::Fixed64 => self.unsigned().map(|value| writer.fixed64(number, value)),
            Kind::Sfixed64 => self.signed().map(|value| writer.fixed64(number, value as u64)),
            Kind::Fixed32 => self.uint32().map(|value| writer.fixed32(number, value)),
            Kind::Double => self.double().map(|value| writer.fixed64(number, value.to_bits())),
            Kind::Enum(names) => {
                self.enumeration(names).map(|value| writer.varint(number, value as u64))
            }
            Kind::Message(_) | Kind::Value => None,
        };
        fit.ok_or(Unfit { field: field.name, expected: expected(field.kind) })
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn base64(&self) -> Option<Vec<u8>> {
        let text = self.text()?;
        BASE64.decode(text).or_else(|_| BASE64_URL.decode(text)).ok()
    }

    fn bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Unsigned(value) => Some(*value),
            Self::Signed(value) => u64::try_from(*value).ok(),
            // 2^64 is the first double that does not fit.
            Self::Double(value)
                if value.fract() == 0.0 && (0.0..18_446_744_073_709_551_616.0).contains(value) =>
            {
                Some(*value as u64)
            }
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn signed(&self) -> Option<i64> {
        match self {
            Self::Unsigned(value) => i64::try_from(*value).ok(),
            Self::Signed(value) => Some(*value),
            Self::Double(value)
                if value.fract() == 0.0
                    && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0)
                        .contains(value) =>
            {
                Some(*value as i64)
            }
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn uint32(&self) -> Option<u32> {
        self.unsigned().and_then(|value| u32::try_from(value).ok())
    }

    fn double(&self) -> Option<f64> {
        match self {
            Self::Unsigned(value) => Some(*value as f64),
            Self::Signed(value) => Some(*value as f64),
            Self::Double(value) => Some(*value),
            // Rust also reads "NaN", "Infinity" and "-Infinity", which is what protobuf writes.
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn enumeration(&self, names: &[&str]) -> Option<i64> {
        match self.text().and_then(|text| names.iter().position(|name| *name == text)) {
            Some(position) => Some(position as i64),
            None => self.signed(),
        }
    }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::String | Kind::Id => "a string",
        Kind::Bytes => "base64",
        Kind::Bool => "true or false",
        Kind::Int64 | Kind::Sfixed64 => "a 64-bit integer",
        Kind::Uint64 | Kind::Fixed64 => "a 64-bit integer that is not negative",
        Kind::Uint32 | Kind::Fixed32 => "a 32-bit integer that is not negative",
        Kind::Sint32 => "a 32-bit integer",
        Kind::Double => "a number",
        Kind::Enum(_) => "a number or name of the enumeration",
        Kind::Message(_) | Kind::Value => "an object",
    }
}

/// The bytes of a hexadecimal id. Anything else becomes one byte, which is no id.
fn id(text: &str) -> Vec<u8> {
    let digit = |byte: &u8| (*byte as char).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect::<Option<Vec<u8>>>().unwrap_or_else(|| vec![0])
}
