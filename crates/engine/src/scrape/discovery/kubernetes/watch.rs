//! Keeps a copy of one kind of object: lists it, then watches for changes from there on, and lists
//! it again when the server has forgotten so much that it can not go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use watchkeep_model::{Error, Result};

use super::objects::{Object, ObjectMeta};
use crate::scrape::discovery::provider::Updates;
use crate::scrape::http_client::{HttpClient, read_body};
use crate::scrape::target::escape_query;

/// Objects of one page of a list.
const PAGE_OBJECTS: usize = 500;

/// Bytes of one page of a list.
const PAGE_BYTES_MAX: usize = 256 << 20;

/// Bytes of one event.
const EVENT_BYTES_MAX: usize = 32 << 20;

/// How long a list may take.
const LIST_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a watch lasts; the server ends it then, and it begins anew.
const WATCH_SECONDS: u64 = 290;

/// How long nothing may come beyond that.
const WATCH_GRACE: Duration = Duration::from_secs(30);

/// The first wait after a failure; each further one doubles it.
const BACKOFF_MIN: Duration = Duration::from_millis(800);

/// The longest wait after a failure.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// Namespace and name.
pub(super) type Key = (String, String);

type Objects<T> = BTreeMap<Key, Arc<T>>;

/// The copy of one kind of object. Has a part for each watch, that is for each namespace.
#[derive(Debug)]
pub(super) struct Store<T> {
    parts: Vec<Mutex<Option<Objects<T>>>>,
}

impl<T: Object> Store<T> {
    /// A store that so many watches fill.
    pub(super) fn new(parts: usize) -> Self {
        Self { parts: (0..parts).map(|_| Mutex::default()).collect() }
    }

    /// Whether every watch has listed its objects.
    pub(super) fn is_synced(&self) -> bool {
        self.parts.iter().all(|part| part.lock().is_some())
    }

    /// An object, if there is one of that name. Objects outside of namespaces have an empty one.
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        let key = (namespace.to_owned(), name.to_owned());
        self.parts.iter().find_map(|part| part.lock().as_ref()?.get(&key).cloned())
    }

    /// All objects.
    pub(super) fn all(&self) -> Vec<Arc<T>> {
        let mut all = Vec::new();
        for part in &self.parts {
            all.extend(part.lock().iter().flatten().map(|(_, object)| Arc::clone(object)));
        }
        all
    }
}

/// Which objects a watch is about.
#[derive(Debug, Clone)]
pub(super) struct Query {
    /// The URL of the list.
    pub(super) url: String,
    /// A label selector; empty for all.
    pub(super) label: String,
    /// A field selector; empty for all.
    pub(super) field: String,
}

#[derive(Deserialize)]
struct List<T> {
    #[serde(default)]
    metadata: ListMeta,
    items: Option<Vec<T>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Bookmark {
    metadata: ObjectMeta,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    code: u16,
    message: String,
}

/// How a watch ended.
enum End {
    /// As expected; go on from the version reached.
    Again,
    /// The server no longer knows the version: list again.
    Expired,
}

/// One watch, which fills one part of a store.
pub(super) struct Watch<T> {
    pub(super) client: HttpClient,
    pub(super) query: Query,
    pub(super) store: Arc<Store<T>>,
    pub(super) part: usize,
    pub(super) changed: Arc<Notify>,
    pub(super) updates: Updates,
}

impl<T: Object> Watch<T> {
    /// Lists and watches for ever.
    pub(super) async fn run(self) {
        let mut backoff = BACKOFF_MIN;
        loop {
            match self.list_and_watch(&mut backoff).await {
                Ok(()) => {}
                Err(error) => {
                    self.updates.failed(&error);
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                }
            }
        }
    }

    async fn list_and_watch(&self, backoff: &mut Duration) -> Result<()> {
        let (objects, mut version) = self.list().await?;
        *self.store.parts[self.part].lock() = Some(objects);
        self.changed.notify_one();
        loop {
            match self.watch(&mut version, backoff).await? {
                End::Again => {}
                End::Expired => return Ok(()),
            }
        }
    }

    fn url(&self, parameters: &[(&str, &str)]) -> String {
        let mut url = self.query.url.clone();
        let selectors =
            [("labelSelector", &*self.query.label), ("fieldSelector", &*self.query.field)];
        let mut separator = '?';
        for (name, value) in parameters.iter().chain(&selectors) {
            if !value.is_empty() {
                url.push_str(&format!("{separator}{name}={}", escape_query(value)));
                separator = '&';
            }
        }
        url
    }

    fn fail(&self, what: impl std::fmt::Display) -> Error {
        Error::invalid(format!("kubernetes {}: {what}", self.query.url))
    }

    async fn list(&self) -> Result<(Objects<T>, String)> {
        let page = PAGE_OBJECTS.to_string();
        let mut objects = Objects::new();
        let mut next = String::new();
        loop {
            let url = self.url(&[("limit", &page), ("continue", &next)]);
            let request = self.client.get(&url).timeout(LIST_TIMEOUT);
            let request = request.header("accept", "application/json");
            let response = self.client.send(request).await;
            let response = response.map_err(|error| self.fail(error.report()))?;
            let status = response.status();
            let body = read_body(response, PAGE_BYTES_MAX).await?;
            if !status.is_success() {
                let said: Status = serde_json::from_slice(&body).unwrap_or_default();
                return Err(self.fail(format!("listing: status {status} {}", said.message)));
            }
            let list: List<T> = serde_json::from_slice(&body)
                .map_err(|error| self.fail(format!("the list makes no sense: {error}")))?;
            for object in list.items.unwrap_or_default() {
                objects.insert(key(object.metadata()), Arc::new(object));
            }
            match list.metadata.next.filter(|next| !next.is_empty()) {
                Some(more) => next = more,
                None => return Ok((objects, list.metadata.resource_version)),
            }
        }
    }

    async fn watch(&self, version: &mut String, backoff: &mut Duration) -> Result<End> {
        let seconds = WATCH_SECONDS.to_string();
        let url = self.url(&[
            ("watch", "1"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", &seconds),
            ("resourceVersion", version),
        ]);
        let request = self.client.get(&url).header("accept", "application/json");
        let limit = Duration::from_secs(WATCH_SECONDS) + WATCH_GRACE;
        let sent = tokio::time::timeout(LIST_TIMEOUT, self.client.send(request)).await;
        let sent = sent.map_err(|_| self.fail("the watch does not begin"))?;
        let mut response = sent.map_err(|error| self.fail(error.report()))?;
        match response.status().as_u16() {
            200 => {}
            410 => return Ok(End::Expired),
            status => return Err(self.fail(format!("watching: status {status}"))),
        }
        let mut buffer: Vec<u8> = Vec::new();
        loop {
            let chunk = tokio::time::timeout(limit, response.chunk()).await;
            let chunk = chunk.map_err(|_| self.fail("the watch is silent"))?;
            // A connection that breaks is not worth an error: what was missed comes again.
            let Ok(Some(chunk)) = chunk else {
                tokio::time::sleep(BACKOFF_MIN).await;
                return Ok(End::Again);
            };
            // Nothing below goes wrong any more: the next failure waits shortly again.
            *backoff = BACKOFF_MIN;
            let seen = buffer.len();
            buffer.extend_from_slice(&chunk);
            let mut done = 0;
            let mut from = seen;
            while let Some(at) = buffer[from..].iter().position(|byte| *byte == b'\n') {
                let end = from + at;
                if let Some(end) = self.event(&buffer[done..end], version)? {
                    return Ok(end);
                }
                done = end + 1;
                from = done;
            }
            buffer.drain(..done);
            if buffer.len() > EVENT_BYTES_MAX {
                return Err(self.fail(format!("an event has more than {EVENT_BYTES_MAX} bytes")));
            }
        }
    }

    /// Applies an event; says if the watch must end.
    fn event(&self, line: &[u8], version: &mut String) -> Result<Option<End>> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let nonsense =
            |error: serde_json::Error| self.fail(format!("an event makes no sense: {error}"));
        let event: Event<'_> = serde_json::from_slice(line).map_err(nonsense)?;
        let text = event.object.get();
        match event.kind {
            "ADDED" | "MODIFIED" | "DELETED" => {
                let object: T = serde_json::from_str(text).map_err(nonsense)?;
                version.clone_from(&object.metadata().resource_version);
                let key = key(object.metadata());
                let mut part = self.store.parts[self.part].lock();
                let objects = part.get_or_insert_default();
                if event.kind == "DELETED" {
                    objects.remove(&key);
                } else {
                    objects.insert(key, Arc::new(object));
                }
                drop(part);
                self.changed.notify_one();
                Ok(None)
            }
            "BOOKMARK" => {
                let bookmark: Bookmark = serde_json::from_str(text).map_err(nonsense)?;
                *version = bookmark.metadata.resource_version;
                Ok(None)
            }
            "ERROR" => {
                let status: Status = serde_json::from_str(text).unwrap_or_default();
                if status.code == 410 {
                    return Ok(Some(End::Expired));
                }
                Err(self.fail(format!("watching: {} {}", status.code, status.message)))
            }
            other => Err(self.fail(format!("an event of unknown type {other:?}"))),
        }
    }
}

fn key(metadata: &ObjectMeta) -> Key {
    (metadata.namespace.clone(), metadata.name.clone())
}
