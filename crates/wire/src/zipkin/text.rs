//! What both forms of Zipkin's JSON share: a list that is read span by span, texts that are borrowed
//! where nothing is escaped, and lists of which the length is bounded.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use watchkeep_model::{SpanId, TraceId};

use super::span::Endpoint;
use crate::spans::{Fault, check_body};

/// Tags or annotations that are read of one span; those beyond are counted only. What is kept of
/// them is bounded further, by the limits.
const ITEMS_MAX: usize = 1 << 16;

/// Reads a list of spans, each handed to `see` as soon as it is read. `form` is Zipkin's name of the
/// encoding.
pub(super) fn list<'a, T: Deserialize<'a>>(
    body: &'a [u8],
    form: &str,
    see: impl FnMut(T) -> Result<(), Fault>,
) -> Result<(), Fault> {
    check_body(body)?;
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'[') {
        return Err(Fault::Unreadable(format!("Expected a {form} encoded list")));
    }
    let mut fault = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    let spans = Each { see, fault: &mut fault, item: PhantomData };
    let outcome = spans.deserialize(&mut json).and_then(|()| json.end());
    match (fault, outcome) {
        (Some(fault), _) => Err(fault),
        (None, Err(error)) => Err(Fault::Unreadable(format!(
            "Cannot decode spans due to IllegalArgumentException(Malformed reading List<Span> \
             from json: {error})"
        ))),
        (None, Ok(())) => Ok(()),
    }
}

/// What is said to one who sends another form than the path is for.
pub(super) fn other_form(expected: &str, received: &str) -> Fault {
    let message = format!("Expected a {expected} encoded list, but received: {received}");
    Fault::Unreadable(message)
}

/// Hands on the items of a list one by one.
struct Each<'f, T, F> {
    see: F,
    fault: &'f mut Option<Fault>,
    item: PhantomData<T>,
}

impl<'a, T: Deserialize<'a>, F: FnMut(T) -> Result<(), Fault>> DeserializeSeed<'a>
    for Each<'_, T, F>
{
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a, T: Deserialize<'a>, F: FnMut(T) -> Result<(), Fault>> Visitor<'a> for Each<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of spans")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            if let Err(fault) = (self.see)(item) {
                *self.fault = Some(fault);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

/// A text. Numbers and truth values are taken as they are written.
#[derive(Debug, Default)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// An id of a trace; none where it is not hexadecimal.
    pub(super) fn trace_id(&self) -> [u8; 16] {
        TraceId::parse_hex(&self.0).unwrap_or_default().0
    }

    /// An id of a span; none where it is not hexadecimal.
    pub(super) fn span_id(&self) -> [u8; 8] {
        SpanId::parse_hex(&self.0).unwrap_or_default().0
    }
}

/// Bytes of an absent text.
pub(super) fn bytes<'t>(text: Option<&'t Text<'_>>) -> &'t [u8] {
    text.map_or(&[], Text::bytes)
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText;
        impl<'de> Visitor<'de> for AsText {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(if value { "true" } else { "false" })))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }
        }
        deserializer.deserialize_any(AsText)
    }
}

/// Microseconds; what is negative counts as not known, and a fraction is cut off.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Micros(pub(super) i64);

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsMicros;
        impl Visitor<'_> for AsMicros {
            type Value = Micros;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of microseconds")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Micros, E> {
                Ok(Micros(value.max(0)))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Micros, E> {
                Ok(Micros(i64::try_from(value).unwrap_or(i64::MAX)))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Micros, E> {
                Ok(Micros((value as i64).max(0)))
            }
        }
        deserializer.deserialize_any(AsMicros)
    }
}

/// A list or an object of which no more than [`ITEMS_MAX`] items are kept.
#[derive(Debug)]
pub(super) struct Bounded<T> {
    pub(super) items: Vec<T>,
    /// Of these only the number is known.
    pub(super) over: usize,
}

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Self { items: Vec::new(), over: 0 }
    }
}

impl<T> Bounded<T> {
    fn push(&mut self, item: T) {
        if self.items.len() < ITEMS_MAX {
            self.items.push(item);
        } else {
            self.over += 1;
        }
    }
}

/// An object as pairs in order; those without a value are left out.
#[derive(Debug, Default)]
pub(super) struct Pairs<'a>(pub(super) Bounded<(Text<'a>, Text<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsPairs;
        impl<'de> Visitor<'de> for AsPairs {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Bounded::default();
                while let Some((key, value)) = map.next_entry::<Text<'de>, Option<Text<'de>>>()? {
                    if let Some(value) = value {
                        pairs.push((key, value));
                    }
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(AsPairs)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsList<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for AsList<T> {
            type Value = Bounded<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Bounded<T>, A::Error> {
                let mut items = Bounded::default();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(items)
            }
        }
        deserializer.deserialize_seq(AsList(PhantomData))
    }
}

/// A node of the network, in either form.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointJson<'a> {
    #[serde(borrow, default)]
    service_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    ipv4: Option<Text<'a>>,
    #[serde(borrow, default)]
    ipv6: Option<Text<'a>>,
    #[serde(default)]
    port: Option<Micros>,
}

impl EndpointJson<'_> {
    pub(super) fn endpoint(&self) -> Endpoint<'_> {
        let port = self.port.unwrap_or_default().0;
        let mut endpoint = Endpoint {
            service: bytes(self.service_name.as_ref()),
            port: u16::try_from(port).unwrap_or(0),
            ..Endpoint::default()
        };
        for address in [&self.ipv4, &self.ipv6].into_iter().flatten() {
            endpoint.set_address(&address.0);
        }
        endpoint
    }
}
