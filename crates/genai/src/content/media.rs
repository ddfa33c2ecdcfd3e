//! Images, sounds, videos and files in messages: what they are and where, never decoded.

use serde_json::Value;

use super::Part;
use super::json::{DEPTH_MAX, Fields};

/// Members under which a piece of media, or something about it, may lie.
const WRAPPERS: [&str; 15] = [
    "source",
    "image_url",
    "input_audio",
    "inline_data",
    "inlineData",
    "file_data",
    "fileData",
    "image",
    "audio",
    "video",
    "video_url",
    "audio_url",
    "file",
    "document",
    "blob",
];
const MIME_TYPES: [&str; 6] =
    ["mime_type", "media_type", "mimeType", "mediaType", "content_type", "contentType"];
const URIS: [&str; 8] =
    ["uri", "url", "file_uri", "fileUri", "file_url", "file_id", "fileId", "s3Location"];
const BYTES: [&str; 7] =
    ["data", "content", "bytes", "base64", "base64Data", "binary_content", "$bytes"];

/// What was found about a piece of media.
#[derive(Default)]
struct Found {
    mime_type: String,
    uri: String,
    bytes: String,
    format: String,
    modality: String,
}

/// The piece of media that a part is, where it is one.
pub(super) fn media(fields: &Fields, kind: &str) -> Option<Part> {
    let by_type = ["image", "audio", "video", "file", "document", "blob", "binary", "media"]
        .into_iter()
        .find(|name| kind.contains(name));
    let is_wrapped = kind.is_empty() && WRAPPERS.iter().any(|name| fields.contains_key(*name));
    if by_type.is_none() && kind != "uri" && !is_wrapped {
        return None;
    }
    let mut found = Found::default();
    gather(fields, 0, &mut found);
    if found.uri.is_empty() && found.bytes.is_empty() {
        return None;
    }
    let wrapper = WRAPPERS.iter().find(|name| fields.contains_key(**name));
    let modality = modality(&found, by_type.or(wrapper.copied()).unwrap_or("file"));
    if found.mime_type.is_empty() && !found.format.is_empty() {
        found.mime_type = format!("{modality}/{}", found.format);
    }
    let in_uri = found.uri.strip_prefix("data:").and_then(|uri| uri.split([';', ',']).next());
    if found.mime_type.is_empty()
        && let Some(mime_type) = in_uri
    {
        found.mime_type = mime_type.to_owned();
    }
    let uri = if found.uri.is_empty() { data_uri(&found) } else { found.uri };
    Some(Part::Media { modality, mime_type: found.mime_type, uri })
}

fn modality(found: &Found, hint: &str) -> String {
    let known = ["image", "audio", "video"];
    let by_mime = known.into_iter().find(|name| found.mime_type.starts_with(name));
    let by_hint = known.into_iter().find(|name| hint.contains(name));
    let by_uri = known
        .into_iter()
        .find(|name| found.uri.strip_prefix("data:").is_some_and(|uri| uri.starts_with(name)));
    match by_mime.or(by_hint).or(by_uri) {
        _ if !found.modality.is_empty() => found.modality.clone(),
        Some(name) => name.to_owned(),
        None => "file".to_owned(),
    }
}

fn data_uri(found: &Found) -> String {
    format!("data:{};base64,{}", found.mime_type, found.bytes)
}

fn gather(fields: &Fields, depth: usize, found: &mut Found) {
    let text = |names: &[&str]| {
        names.iter().find_map(|name| fields.get(*name)?.as_str()).unwrap_or_default().to_owned()
    };
    let keep = |into: &mut String, value: String| {
        if into.is_empty() {
            *into = value;
        }
    };
    keep(&mut found.mime_type, text(&MIME_TYPES));
    keep(&mut found.modality, text(&["modality"]));
    keep(&mut found.format, text(&["format"]));
    keep(&mut found.uri, text(&URIS));
    place(text(&BYTES), found);
    if depth + 1 >= DEPTH_MAX {
        return;
    }
    for name in WRAPPERS.iter().chain(&["bytes"]) {
        match fields.get(*name) {
            Some(Value::Object(inner)) => gather(inner, depth + 1, found),
            Some(Value::String(text)) => place(text.clone(), found),
            _ => {}
        }
    }
}

/// A text that is either bytes in base64 or says itself where they are.
fn place(text: String, found: &mut Found) {
    let is_uri = ["data:", "http:", "https:", "gs:", "s3:", "file:"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    let into = if is_uri { &mut found.uri } else { &mut found.bytes };
    if into.is_empty() {
        *into = text;
    }
}
