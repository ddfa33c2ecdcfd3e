//! Columns of spans to JSON, by way of protobuf: what [`encode_traces`] wrote is written over as
//! JSON in one pass, guided by the same tables as reading. Of two forms: OTLP's own, and the one that
//! protobuf has for any message, which Tempo answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt::Write as _;

use watchkeep_model::attributes::{write_double, write_json_string};
use watchkeep_model::{Error, Result, SpanColumns};

use super::schema::{ANY_VALUE, FieldDef, Kind, Message, TRACES};
use crate::otlp::encode::encode_traces;
use crate::protobuf::{Field, Malformed, Reader};

/// How ids and enumerations are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonForm {
    /// As OTLP has it: ids in hexadecimal, enumerations as numbers.
    Otlp,
    /// As protobuf has it: ids in base64, enumerations by name.
    Protobuf,
}

/// Encodes rows as the object `{"resourceSpans":[…]}` (`TracesData`), grouped as [`encode_traces`]
/// does.
pub fn encode_traces_json(spans: &SpanColumns, rows: &[u32], form: JsonForm) -> Result<String> {
    let body = encode_traces(spans, rows)?;
    if body.is_empty() {
        return Ok("{\"resourceSpans\":[]}".to_owned());
    }
    let mut out = String::with_capacity(body.len() * 2);
    write_message(Reader::new(&body), &TRACES, form, &mut out).map_err(|malformed| {
        Error::internal("could not write spans as JSON").with_source(malformed)
    })?;
    Ok(out)
}

/// Writes a message as an object. Occurrences of a repeated field stand together, since we wrote
/// them; nothing nests deeper than the encoder lets it.
fn write_message(
    mut reader: Reader<'_>,
    message: &'static Message,
    form: JsonForm,
    out: &mut String,
) -> Result<(), Malformed> {
    let mut open = None;
    let mut separator = "";
    out.push('{');
    while let Some(field) = reader.field()? {
        let Some(def) = message.fields.iter().find(|def| def.number == field.number) else {
            continue;
        };
        if open == Some(def.number) {
            out.push(',');
        } else {
            if open.take().is_some() {
                out.push(']');
            }
            out.push_str(separator);
            separator = ",";
            write_json_string(out, def.name);
            out.push(':');
            if def.repeated {
                out.push('[');
                open = Some(def.number);
            }
        }
        write_value(&field, def, form, out)?;
    }
    if open.is_some() {
        out.push(']');
    } else if let ([FieldDef { name: "values", .. }], "") = (message.fields, separator) {
        // Readers made from the protocol's files know an empty array or map by this.
        out.push_str("\"values\":[]");
    }
    out.push('}');
    Ok(())
}

fn write_value(
    field: &Field<'_>,
    def: &FieldDef,
    form: JsonForm,
    out: &mut String,
) -> Result<(), Malformed> {
    let quoted = |out: &mut String, value: std::fmt::Arguments<'_>| {
        let _infallible = write!(out, "\"{value}\"");
    };
    let plain = |out: &mut String, value: std::fmt::Arguments<'_>| {
        let _infallible = out.write_fmt(value);
    };
    match def.kind {
        Kind::String => {
            // What is in a column is UTF-8.
            write_json_string(out, &String::from_utf8_lossy(field.bytes()?));
        }
        Kind::Id if form == JsonForm::Otlp => {
            out.push('"');
            for byte in field.bytes()? {
                let _infallible = write!(out, "{byte:02x}");
            }
            out.push('"');
        }
        Kind::Id | Kind::Bytes => {
            out.push('"');
            BASE64.encode_string(field.bytes()?, out);
            out.push('"');
        }
        Kind::Bool => plain(out, format_args!("{}", field.bool()?)),
        Kind::Int64 => quoted(out, format_args!("{}", field.varint()? as i64)),
        Kind::Uint64 => quoted(out, format_args!("{}", field.varint()?)),
        Kind::Fixed64 => quoted(out, format_args!("{}", field.fixed64()?)),
        Kind::Sfixed64 => quoted(out, format_args!("{}", field.fixed64()? as i64)),
        Kind::Uint32 => plain(out, format_args!("{}", field.uint32()?)),
        Kind::Sint32 => plain(out, format_args!("{}", field.sint32()?)),
        Kind::Fixed32 => plain(out, format_args!("{}", field.fixed32()?)),
        Kind::Double => write_number(field.double()?, out),
        Kind::Enum(names) => {
            let number = field.int32()?;
            let name = usize::try_from(number).ok().and_then(|at| names.get(at));
            match name.filter(|_| form == JsonForm::Protobuf) {
                Some(name) => write_json_string(out, name),
                None => plain(out, format_args!("{number}")),
            }
        }
        Kind::Message(message) => write_message(field.message()?, message, form, out)?,
        Kind::Value => write_message(field.message()?, &ANY_VALUE, form, out)?,
    }
    Ok(())
}

/// A double as protobuf's JSON has it: what JSON can not say is text.
fn write_number(value: f64, out: &mut String) {
    if value.is_finite() {
        write_double(out, value);
    } else if value.is_nan() {
        out.push_str("\"NaN\"");
    } else {
        out.push_str(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    }
}
