//! Asks the API for everything that was sent, and compares.

use std::collections::HashMap;

use serde_json::Value;

use crate::http::Connection;
use crate::load::{Answered, CLIENTS, ROUND_NS, Round, Signal};
use crate::server::Server;

const BASE: &str = "/api/watchkeep/v1";
const LOGS_PAGE: usize = 5000;
/// Steps of one answer about series; each is a millisecond.
const STEPS: i64 = 10_000;
/// Items that a message names at most.
const NAMED_MAX: usize = 10;

/// How often each item of a client was found.
type Found = HashMap<u32, u32>;

/// The outcome over some rounds. Items are named as text.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) acknowledged: usize,
    pub(crate) refused: usize,
    pub(crate) unanswered: usize,
    pub(crate) unanswered_kept: usize,
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    /// Found, but never sent, or refused, or not as it was sent.
    pub(crate) strange: Vec<String>,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (lost, doubled) = (self.lost.len(), self.doubled.len());
        write!(f, "{} acknowledged, {lost} lost, {doubled} doubled", self.acknowledged)
    }
}

impl Tally {
    pub(crate) fn verdict(&self) -> Result<(), String> {
        if self.lost.is_empty() && self.doubled.is_empty() && self.strange.is_empty() {
            return Ok(());
        }
        let some = |items: &[String]| items.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>();
        Err(format!(
            "{self}, {} strange\nlost: {:?}\ndoubled: {:?}\nstrange: {:?}",
            self.strange.len(),
            some(&self.lost),
            some(&self.doubled),
            some(&self.strange)
        ))
    }

    fn add(&mut self, round: &Round, client: usize, signal: Signal, mut found: Found) {
        let sent = &round.clients[client][signal as usize];
        for (item, answered) in sent.iter().enumerate() {
            let times = found.remove(&(item as u32)).unwrap_or_default();
            let name = || format!("round {} client {client} {signal:?} {item}", round.number);
            match answered {
                Answered::Acknowledged => {
                    self.acknowledged += 1;
                    if times == 0 {
                        self.lost.push(name());
                    }
                }
                Answered::Refused => {
                    self.refused += 1;
                    if times > 0 {
                        self.strange.push(name());
                    }
                }
                Answered::Nothing => {
                    self.unanswered += 1;
                    self.unanswered_kept += usize::from(times > 0);
                }
            }
            if times > 1 {
                self.doubled.push(name());
            }
        }
        let rest = found.into_keys();
        let name = |item| format!("round {} client {client} {signal:?} {item}", round.number);
        self.strange.extend(rest.map(name));
    }
}

/// Looks for all items of the rounds.
pub(crate) fn check(server: &Server, rounds: &[Round]) -> Result<Tally, String> {
    let mut asker = Asker { server: server.connect().map_err(|error| error.to_string())? };
    let mut tally = Tally::default();
    for round in rounds {
        let mut found = [
            asker.spans(round, &mut tally)?,
            asker.logs(round)?,
            asker.samples(round, &mut tally)?,
            asker.histograms(round, &mut tally)?,
        ];
        for signal in Signal::ALL {
            for client in 0..CLIENTS {
                let found = std::mem::take(&mut found[signal as usize][client]);
                tally.add(round, client, signal, found);
            }
        }
    }
    Ok(tally)
}

struct Asker {
    server: Connection,
}

impl Asker {
    fn get(&mut self, path: &str) -> Result<Value, String> {
        let answer =
            self.server.ask("GET", path, b"").map_err(|error| format!("{path}: {error}"))?;
        let text = String::from_utf8_lossy(&answer.body);
        match answer.status {
            200 => serde_json::from_str(&text).map_err(|error| format!("{path}: {error}")),
            404 => Ok(Value::Null),
            status => Err(format!("{path} answered {status}: {text}")),
        }
    }

    fn spans(&mut self, round: &Round, tally: &mut Tally) -> Result<Vec<Found>, String> {
        let listed = self.listed(round)?;
        let mut all = Vec::new();
        for client in 0..CLIENTS {
            let trace_id = round.trace_id(client);
            let trace = self.get(&format!("{BASE}/traces/{trace_id}"))?;
            let mut found = Found::new();
            let spans = list(&trace["spans"]);
            for span in spans {
                let id = span["span_id"].as_str().unwrap_or_default();
                let id = u32::from_str_radix(id, 16).unwrap_or_default();
                *found.entry(id.wrapping_sub(1)).or_default() += 1;
            }
            let in_list = listed.get(&trace_id).copied().unwrap_or_default();
            if in_list != spans.len() as u64 {
                let have = spans.len();
                tally.strange.push(format!("trace {trace_id}: {have} spans, {in_list} listed"));
            }
            all.push(found);
        }
        Ok(all)
    }

    /// The spans of each trace of the round, as the list of traces has it.
    fn listed(&mut self, round: &Round) -> Result<HashMap<String, u64>, String> {
        let query = format!("service={}&limit=2&{}", round.service(), range(round, 0, ROUND_NS));
        let mut listed = HashMap::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{BASE}/traces?{query}{cursor}"))?;
            for trace in list(&page["traces"]) {
                let id = trace["trace_id"].as_str().unwrap_or_default().to_owned();
                *listed.entry(id).or_default() += trace["span_count"].as_u64().unwrap_or_default();
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(listed),
            }
        }
    }

    fn logs(&mut self, round: &Round) -> Result<Vec<Found>, String> {
        let query = format!(
            "service={}&direction=forward&limit={LOGS_PAGE}&{}",
            round.service(),
            range(round, 0, ROUND_NS)
        );
        let mut all = vec![Found::new(); CLIENTS];
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{BASE}/logs?{query}{cursor}"))?;
            for log in list(&page["logs"]) {
                let body = log["body"].as_str().unwrap_or_default();
                let (client, item) = body.split_once('-').unwrap_or_default();
                let client: usize = client.parse().map_err(|_| format!("strange body {body:?}"))?;
                let item: u32 = item.parse().map_err(|_| format!("strange body {body:?}"))?;
                *all[client].entry(item).or_default() += 1;
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// Samples, of which a second one at the same instant would replace the first: a doubling
    /// shows only where the second differs.
    fn samples(&mut self, round: &Round, tally: &mut Tally) -> Result<Vec<Found>, String> {
        self.series(round, "crash_sample", |series, found| {
            for point in list(&series["points"]) {
                let item = item_at(round, &point[0]);
                *found.entry(item).or_default() += 1;
                if point[1].as_f64() != Some(f64::from(item)) {
                    tally.strange.push(format!("{} sample {point}", series["labels"]));
                }
            }
        })
    }

    fn histograms(&mut self, round: &Round, tally: &mut Tally) -> Result<Vec<Found>, String> {
        self.series(round, "crash_histogram", |series, found| {
            for point in list(&series["histograms"]) {
                let item = item_at(round, &point[0]);
                *found.entry(item).or_default() += 1;
                if point[1]["count"].as_f64() != Some(f64::from(item + 1)) {
                    tally.strange.push(format!("{} histogram {point}", series["labels"]));
                }
            }
        })
    }

    fn series(
        &mut self,
        round: &Round,
        name: &str,
        mut see: impl FnMut(&Value, &mut Found),
    ) -> Result<Vec<Found>, String> {
        let mut all = vec![Found::new(); CLIENTS];
        let window_ns = STEPS * 1_000_000;
        for start in (0..ROUND_NS).step_by(window_ns as usize) {
            let answer = self.get(&format!(
                "{BASE}/metrics/series?name={name}&label=round={}&step=1ms&{}",
                round.number,
                range(round, start, start + window_ns)
            ))?;
            if answer["truncated"] == true {
                return Err(format!("{name}: the answer was cut"));
            }
            for series in list(&answer["series"]) {
                let client = series["labels"]["client"].as_str().unwrap_or_default();
                let client: usize =
                    client.parse().map_err(|_| format!("strange labels {}", series["labels"]))?;
                see(series, &mut all[client]);
            }
        }
        Ok(all)
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn item_at(round: &Round, time_ms: &Value) -> u32 {
    let time_ms = time_ms.as_i64().unwrap_or_default();
    u32::try_from(time_ms - round.start_ns / 1_000_000).unwrap_or(u32::MAX)
}

fn range(round: &Round, from_ns: i64, to_ns: i64) -> String {
    format!("start={}&end={}", round.start_ns + from_ns, round.start_ns + to_ns)
}
