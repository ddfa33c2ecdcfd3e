//! Which samples a step looks at, worked out once for each column of times.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::eval::Frame;
use crate::eval::plan::Shift;
use crate::eval::rate::RateFactors;

/// The samples of each step: positions from `low` up to, not including, `high`.
#[derive(Debug)]
pub(crate) struct Windows {
    /// Held so that the address of the times means them as long as this is kept.
    times: Arc<[i64]>,
    pub(crate) low: Vec<u32>,
    pub(crate) high: Vec<u32>,
    /// Steps in a row, the most there are, at each of which both ends are one further than at the
    /// step before, as they are while the series is sampled as often as it is looked at. Their
    /// samples can be read as slices.
    pub(crate) sliding: std::ops::Range<usize>,
    /// How many samples all steps look at.
    pub(crate) samples: u64,
    /// The most samples of one step.
    pub(crate) samples_max: u64,
    pub(crate) rate: OnceCell<RateFactors>,
}

/// How far a step looks: over `(time - before, time + after]`, the time shifted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach {
    pub(crate) frame: Frame,
    pub(crate) shift: Shift,
    pub(crate) before_ms: i64,
    pub(crate) after_ms: i64,
}

impl Reach {
    /// The ends of a step's window: after the first, up to and with the second.
    pub(crate) fn ends_ms(&self, step: usize) -> (i64, i64) {
        let time_ms = self.shift.apply(self.frame.time_ms(step));
        (time_ms.saturating_sub(self.before_ms), time_ms.saturating_add(self.after_ms))
    }

    /// First and last millisecond that any step looks at.
    pub(crate) fn span_ms(&self) -> (i64, i64) {
        let last = self.frame.steps - 1;
        (self.ends_ms(0).0.saturating_add(1), self.ends_ms(last).1)
    }
}

impl Windows {
    pub(crate) fn new(times: &Arc<[i64]>, reach: &Reach) -> Self {
        let steps = reach.frame.steps;
        let (mut low, mut high) = (Vec::with_capacity(steps), Vec::with_capacity(steps));
        let (mut from, mut to) = (0, 0);
        for step in 0..steps {
            let (after, last) = reach.ends_ms(step);
            while from < times.len() && times[from] <= after {
                from += 1;
            }
            to = to.max(from);
            while to < times.len() && times[to] <= last {
                to += 1;
            }
            low.push(from as u32);
            high.push(to as u32);
        }
        let sizes = || low.iter().zip(&high).map(|(low, high)| u64::from(high - low));
        Self {
            times: Arc::clone(times),
            sliding: longest_slide(&low, &high),
            samples: sizes().sum(),
            samples_max: sizes().max().unwrap_or(0),
            low,
            high,
            rate: OnceCell::new(),
        }
    }

    pub(crate) fn window(&self, step: usize) -> (usize, usize) {
        (self.low[step] as usize, self.high[step] as usize)
    }
}

fn longest_slide(low: &[u32], high: &[u32]) -> std::ops::Range<usize> {
    let (mut best, mut start) = (0..0, 0);
    for step in 1..=low.len() {
        let slides =
            step < low.len() && low[step] == low[step - 1] + 1 && high[step] == high[step - 1] + 1;
        if !slides {
            if step - start > best.len() && low[start] < high[start] {
                best = start..step;
            }
            start = step;
        }
    }
    best
}

/// The windows of the columns of times met so far: series of one target share theirs.
#[derive(Debug)]
pub(crate) struct WindowCache {
    pub(crate) reach: Reach,
    by_address: HashMap<usize, Rc<Windows>, foldhash::fast::FixedState>,
    last: Option<Rc<Windows>>,
}

/// How many columns of times are remembered.
const CACHE_MAX: usize = 512;

impl WindowCache {
    pub(crate) fn new(reach: Reach) -> Self {
        Self { reach, by_address: HashMap::default(), last: None }
    }

    pub(crate) fn get(&mut self, times: &Arc<[i64]>) -> Rc<Windows> {
        if let Some(last) = &self.last
            && (Arc::ptr_eq(&last.times, times) || *last.times == **times)
        {
            return Rc::clone(last);
        }
        let address = times.as_ptr() as usize;
        let windows = match self.by_address.get(&address) {
            Some(known) if Arc::ptr_eq(&known.times, times) => Rc::clone(known),
            _ => {
                let windows = Rc::new(Windows::new(times, &self.reach));
                if self.by_address.len() >= CACHE_MAX {
                    self.by_address.clear();
                }
                self.by_address.insert(address, Rc::clone(&windows));
                windows
            }
        };
        self.last = Some(Rc::clone(&windows));
        windows
    }
}
