//! Kills the real program at random moments while clients write to it, starts it again on the same
//! directory, and checks that every acknowledged item is there once, and every other at most once.
//!
//! What this proves is about the process: the operating system lives on, so bytes that were
//! written but not synced survive. Whether syncs happen where they must is for tests on a
//! simulated disk.
//!
//! `WATCHKEEP_KILLS` is the number of kills (10), `WATCHKEEP_SEED` repeats the choices of a run
//! (the threads' timing it can not repeat), and `WATCHKEEP_BIN` names another program to test:
//!
//! ```text
//! WATCHKEEP_KILLS=200 WATCHKEEP_BIN=target/release/watchkeep \
//!     cargo test -p watchkeep --test crash -- --nocapture
//! ```

#![expect(clippy::unwrap_used, reason = "all of this is a test, helpers too")]
#![expect(clippy::print_stdout, reason = "all of this is a test, helpers too")]

mod check;
mod http;
mod load;
mod random;
mod server;

use std::time::{Duration, Instant};

use watchkeep_model::{Clock as _, SystemClock};

use crate::check::{Tally, check};
use crate::load::Round;
use crate::random::Random;
use crate::server::Server;

/// How long clients write before a kill.
const WRITING_MS: (u64, u64) = (5, 500);
/// How often a start is killed too, and how long after it began.
const KILLED_STARTS: f64 = 0.25;
const STARTING_MS: (u64, u64) = (0, 60);
/// Rounds lie before the present: the first by so much, each next one after the one before.
const HISTORY_NS: i64 = 3 * 3600 * 1_000_000_000;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, got {text:?}")))
}

#[test]
fn what_was_acknowledged_survives_kills_and_nothing_is_doubled() {
    let kills = setting("WATCHKEEP_KILLS").unwrap_or(10);
    let now_ns = SystemClock.now_ns();
    let seed = setting("WATCHKEEP_SEED").unwrap_or(now_ns as u64);
    let data = tempfile::tempdir().unwrap();
    let began = Instant::now();
    // Whole milliseconds, because samples have no finer time.
    let base_ns = (now_ns - HISTORY_NS) / 1_000_000_000 * 1_000_000_000;
    let run = Run { base_ns, kills, done: 0, random: Random::new(seed), rounds: Vec::new() };
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.play(data.path())));
    let outcome = caught.unwrap_or_else(|_| Err("the harness broke off, see above".into()));
    let took = began.elapsed().as_secs_f64();
    match outcome {
        Ok(summary) => println!("{summary} ({took:.1} s, WATCHKEEP_SEED={seed})"),
        Err(why) => panic!(
            "{why}\nWATCHKEEP_SEED={seed} WATCHKEEP_KILLS={kills}; data and server.log kept in {}",
            data.keep().display()
        ),
    }
}

struct Run {
    base_ns: i64,
    kills: u64,
    done: u64,
    random: Random,
    rounds: Vec<Round>,
}

impl Run {
    fn play(mut self, directory: &std::path::Path) -> Result<String, String> {
        let mut slowest = Duration::ZERO;
        let mut server = Server::start(directory);
        slowest = slowest.max(server.wait_until_ready()?);
        while self.done < self.kills {
            let number = self.rounds.len();
            let mut round = Round::new(number, self.base_ns);
            let writing = self.random.millis(WRITING_MS);
            let address = server.address().to_owned();
            round.write(&address, self.random.fork(), || {
                std::thread::sleep(writing);
                server.kill();
            });
            self.done += 1;
            self.rounds.push(round);
            server = Server::start(directory);
            while self.done < self.kills && self.random.chance(KILLED_STARTS) {
                std::thread::sleep(self.random.millis(STARTING_MS));
                server.kill();
                self.done += 1;
                server = Server::start(directory);
            }
            slowest = slowest.max(server.wait_until_ready()?);
            let tally = check(&server, &self.rounds[number..])?;
            tally.verdict().map_err(|why| format!("after kill {}: {why}", self.done))?;
            if self.done.is_multiple_of(20) {
                println!("{} kills; in the last round {tally}", self.done);
            }
        }
        // What was in order after its own kill must still be so after all that came later, and
        // after an orderly stop.
        server.stop()?;
        let mut server = Server::start(directory);
        slowest = slowest.max(server.wait_until_ready()?);
        let tally = check(&server, &self.rounds)?;
        tally.verdict().map_err(|why| format!("at the end: {why}"))?;
        server.stop()?;
        self.summary(&tally, slowest)
    }

    fn summary(&self, tally: &Tally, slowest: Duration) -> Result<String, String> {
        if tally.acknowledged == 0 {
            return Err("nothing was acknowledged, so nothing was tested".into());
        }
        Ok(format!(
            "{} kills, {} acknowledged, {} lost, {} doubled; {} refused, {} cut off, of which {} \
             were kept; slowest start {} ms",
            self.done,
            tally.acknowledged,
            tally.lost.len(),
            tally.doubled.len(),
            tally.refused,
            tally.unanswered,
            tally.unanswered_kept,
            slowest.as_millis(),
        ))
    }
}
