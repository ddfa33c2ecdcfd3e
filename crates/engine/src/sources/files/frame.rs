//! What container runtimes put around the lines of a container: Docker's `json-file` driver and the
//! CRI log format of Kubernetes.

use std::borrow::Cow;

use serde::Deserialize;

/// What the writer of a file puts around each line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Nothing.
    None,
    /// `{"log":"…\n","stream":"stdout","time":"…"}`
    Docker,
    /// `TIME stdout|stderr P|F …`
    Cri,
}

/// A line of Docker's `json-file` driver.
#[derive(Deserialize)]
struct DockerLine<'l> {
    #[serde(borrow)]
    log: Cow<'l, str>,
    #[serde(borrow, default)]
    stream: Cow<'l, str>,
    #[serde(borrow, default)]
    time: Cow<'l, str>,
}

struct CriLine<'l> {
    time: &'l str,
    stream: &'l str,
    is_piece: bool,
    text: &'l str,
}

impl<'l> CriLine<'l> {
    fn read(line: &'l str) -> Option<Self> {
        let (time, rest) = line.split_once(' ')?;
        let (stream, rest) = rest.split_once(' ')?;
        let (tags, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let tag = tags.split(':').next()?;
        (matches!(stream, "stdout" | "stderr") && matches!(tag, "P" | "F")).then_some(Self {
            time,
            stream,
            is_piece: tag == "P",
            text,
        })
    }
}

/// A record with what was around its lines taken away.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unframed {
    /// The text, without the line feed at its end.
    pub(crate) text: String,
    /// When the runtime read it.
    pub(crate) time_ns: Option<i64>,
    /// `stdout` or `stderr`; empty where it is not said.
    pub(crate) stream: String,
}

impl Framing {
    /// Whether what a line holds goes on in the next line.
    pub(super) fn goes_on(self, line: &[u8]) -> bool {
        match self {
            Self::None => false,
            Self::Docker => docker(line).is_some_and(|line| !line.log.ends_with('\n')),
            Self::Cri => {
                std::str::from_utf8(line).ok().and_then(CriLine::read).is_some_and(|l| l.is_piece)
            }
        }
    }

    /// What a line holds; the line as it is where nothing known is around it.
    pub(super) fn text_of(self, line: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::None => Cow::Borrowed(line),
            Self::Docker => match docker(line) {
                Some(docker) => Cow::Owned(docker.log.into_owned().into_bytes()),
                None => Cow::Borrowed(line),
            },
            Self::Cri => match std::str::from_utf8(line).ok().and_then(CriLine::read) {
                Some(cri) => Cow::Borrowed(cri.text.as_bytes()),
                None => Cow::Borrowed(line),
            },
        }
    }

    /// What a record holds, which may be several lines. Bytes that are not UTF-8 are replaced.
    pub(crate) fn unframe(self, record: &[u8]) -> Unframed {
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        let record = record.strip_suffix(b"\r").unwrap_or(record);
        let text = String::from_utf8_lossy(record);
        let mut unframed = Unframed::default();
        if self == Self::None {
            unframed.text = text.into_owned();
            return unframed;
        }
        for line in text.split_inclusive('\n') {
            self.add(line, &mut unframed);
        }
        while unframed.text.ends_with('\n') {
            unframed.text.pop();
        }
        unframed
    }

    fn add(self, line: &str, unframed: &mut Unframed) {
        let mut note = |time: &str, stream: &str| {
            if unframed.stream.is_empty() {
                stream.clone_into(&mut unframed.stream);
                unframed.time_ns = crate::ingest::line::parse_time(time);
            }
        };
        if self == Self::Docker
            && let Some(docker) = docker(line.as_bytes())
        {
            note(&docker.time, &docker.stream);
            unframed.text.push_str(&docker.log);
            return;
        }
        if self == Self::Cri
            && let Some(cri) = CriLine::read(line)
        {
            note(cri.time, cri.stream);
            let text = if cri.is_piece { cri.text.trim_end_matches('\n') } else { cri.text };
            unframed.text.push_str(text);
            return;
        }
        unframed.text.push_str(line);
    }
}

fn docker(line: &[u8]) -> Option<DockerLine<'_>> {
    serde_json::from_slice(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runtimes_put_around_lines_is_taken_away() {
        let time_ns = Some(1_731_924_000_000_000_000);
        let cases = [
            (Framing::None, "a\r\n", "a", None, ""),
            (
                Framing::Docker,
                "{\"log\":\"a \",\"stream\":\"stderr\",\"time\":\"2024-11-18T10:00:00Z\"}\n\
                 {\"log\":\"b\\n\",\"stream\":\"stderr\",\"time\":\"2024-11-18T10:00:01Z\"}\n",
                "a b",
                time_ns,
                "stderr",
            ),
            (
                Framing::Cri,
                "2024-11-18T10:00:00Z stdout P a \n2024-11-18T10:00:01Z stdout F b c\n",
                "a b c",
                time_ns,
                "stdout",
            ),
            (Framing::Cri, "2024-11-18T10:00:00Z stdout F\n", "", time_ns, "stdout"),
            (Framing::Docker, "plain\n", "plain", None, ""),
            (Framing::Cri, "plain\n", "plain", None, ""),
        ];
        for (framing, record, text, time_ns, stream) in cases {
            let unframed = framing.unframe(record.as_bytes());
            let expected = Unframed { text: text.into(), time_ns, stream: stream.into() };
            assert_eq!(unframed, expected, "{record}");
        }
        assert_eq!(Framing::None.unframe(b"a\xffb").text, "a\u{fffd}b");
    }
}
