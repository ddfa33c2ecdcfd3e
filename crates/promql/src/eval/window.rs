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
        Self { times: Arc::clone(times), low, high, rate: OnceCell::new() }
    }

    pub(crate) fn window(&self, step: usize) -> (usize, usize) {
        (self.low[step] as usize, self.high[step] as usize)
    }

    /// How many samples all steps look at, and the most at one step.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let mut sum = 0;
        let mut most = 0;
        for (low, high) in self.low.iter().zip(&self.high) {
            sum += u64::from(high - low);
            most = most.max(u64::from(high - low));
        }
        (sum, most)
    }
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
