//! `watchkeep demo`: a simulated application of several agents that sends live OTLP to a running
//! server through its public port. Nothing of it goes round the wire: what the server shows of
//! the demo it would show of anyone's agents.

mod agents;
mod budgets;
mod calls;
mod catalog;
mod client;
mod meter;
mod otlp;
mod random;
mod run;
mod simulation;
#[cfg(test)]
mod tests;

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::task::JoinSet;
use watchkeep_model::error::IoContext as _;
use watchkeep_model::{Clock as _, Result, SystemClock};

use self::client::Client;
use self::simulation::{Request, Signal, Simulation};
use crate::cli::DemoArguments;
use crate::print;

/// How far the simulation goes between two sends: of the past, and live.
const PAST_STEP_NS: i64 = 15_000_000_000;
const LIVE_STEP_NS: i64 = 1_000_000_000;
/// How often the totals are printed while live.
const REPORT_EVERY_NS: i64 = 10_000_000_000;
/// Requests under way at one time.
const REQUESTS_MAX: usize = 8;

/// Sends until told to stop, or for the given duration.
pub(crate) fn run(arguments: &DemoArguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context(|| "cannot start the runtime".into())?;
    runtime.block_on(async {
        tokio::select! {
            outcome = Demo::start(arguments).await?.send_all() => outcome,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.context(|| "cannot listen for signals".into())?;
                print("\nstopped\n")
            }
        }
    })
}

/// What was sent.
#[derive(Debug, Default)]
struct Totals {
    spans: usize,
    logs: usize,
    points: usize,
    requests: usize,
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { spans, logs, points, requests } = self;
        write!(f, "{spans} spans, {logs} log records, {points} data points in {requests} requests")
    }
}

struct Demo {
    client: Client,
    simulation: Simulation,
    totals: Totals,
    /// Until where the simulation has been sent.
    sent_ns: i64,
    live_from_ns: i64,
    end_ns: Option<i64>,
}

impl Demo {
    async fn start(arguments: &DemoArguments) -> Result<Self> {
        let client = Client::new(&arguments.endpoint)?;
        client.check().await?;
        budgets::make(&client).await?;
        let now = SystemClock.now_ns();
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let start_ns = now.saturating_sub(nanos(arguments.history.0));
        let seed = arguments.seed.unwrap_or(now as u64);
        let simulation = Simulation::new(seed, start_ns, arguments.rate);
        print(&banner(arguments, seed, &simulation, &client.web_address()))?;
        let end_ns = arguments.duration.map(|duration| now.saturating_add(nanos(duration.0)));
        let totals = Totals::default();
        Ok(Self { client, simulation, totals, sent_ns: start_ns, live_from_ns: now, end_ns })
    }

    async fn send_all(mut self) -> Result<()> {
        self.send_past().await?;
        self.send_live().await?;
        print(&format!("done: {}\n", self.totals))
    }

    async fn send_past(&mut self) -> Result<()> {
        let start = self.sent_ns;
        let length = (self.live_from_ns - start).max(1);
        let mut shown = 0;
        while self.sent_ns + PAST_STEP_NS <= self.live_from_ns {
            self.step(PAST_STEP_NS).await?;
            let tenths = (self.sent_ns - start) * 10 / length;
            if tenths > shown && tenths < 10 {
                shown = tenths;
                self.report(&format!("history {:>3} %", tenths * 10), true)?;
            }
        }
        if self.sent_ns > start {
            self.report("history 100 %", false)?;
        }
        Ok(())
    }

    async fn send_live(&mut self) -> Result<()> {
        print("live now; Ctrl-C ends it\n")?;
        let mut reported = self.sent_ns;
        while self.end_ns.is_none_or(|end| self.sent_ns < end) {
            let ahead = self.sent_ns + LIVE_STEP_NS - SystemClock.now_ns();
            tokio::time::sleep(Duration::from_nanos(ahead.max(0) as u64)).await;
            self.step(LIVE_STEP_NS).await?;
            if self.sent_ns - reported >= REPORT_EVERY_NS {
                reported = self.sent_ns;
                self.report("live", true)?;
            }
        }
        Ok(())
    }

    /// One line about what was sent; on a terminal the next may take its place.
    fn report(&self, what: &str, replaced: bool) -> Result<()> {
        let terminal = std::io::stdout().is_terminal();
        let end = if replaced && terminal { "\r" } else { "\n" };
        print(&format!("{what}: {}{end}", self.totals))?;
        std::io::stdout().flush().context(|| "cannot write to stdout".into())
    }

    /// Sends what the application does in the next stretch of time.
    async fn step(&mut self, length_ns: i64) -> Result<()> {
        self.sent_ns += length_ns;
        let mut under_way = JoinSet::new();
        for request in self.simulation.advance(self.sent_ns) {
            self.totals.add(&request);
            while under_way.len() >= REQUESTS_MAX {
                finish_one(&mut under_way).await?;
            }
            let client = self.client.clone();
            under_way.spawn(async move { client.send(request).await });
        }
        while !under_way.is_empty() {
            finish_one(&mut under_way).await?;
        }
        Ok(())
    }
}

async fn finish_one(under_way: &mut JoinSet<Result<()>>) -> Result<()> {
    match under_way.join_next().await {
        Some(ended) => ended.context(|| "sending broke off".into())?,
        None => Ok(()),
    }
}

impl Totals {
    fn add(&mut self, request: &Request) {
        self.requests += 1;
        match request.signal {
            Signal::Traces => self.spans += request.items,
            Signal::Logs => self.logs += request.items,
            Signal::Metrics => self.points += request.items,
        }
    }
}

fn banner(arguments: &DemoArguments, seed: u64, simulation: &Simulation, web: &str) -> String {
    let until = match arguments.duration {
        Some(duration) => format!("for {duration}"),
        None => "until Ctrl-C".to_owned(),
    };
    format!(
        "\n  Watchkeep demo: this is a SIMULATION. No model is called and no customer exists; every\n  \
         resource carries watchkeep.demo=true.\n\n  \
         Services   {services}\n  \
         Sends      traces, logs and metrics as OTLP over HTTP to {endpoint}\n  \
         Pace       {rate} runs of agents a minute, the past {history} first, then live {until}\n  \
         Seed       {seed}\n  \
         See it     {web}\n\n",
        services = simulation.services().join(", "),
        endpoint = arguments.endpoint,
        rate = arguments.rate,
        history = arguments.history,
    )
}
