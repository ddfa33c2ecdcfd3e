//! The bound on request bytes in memory. Every byte of a body is reserved before it is kept, grown
//! as more arrive and again when the body is decompressed, and given back when the request ends.

use std::sync::Arc;
use std::time::Duration;

use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use watchkeep_model::{Error, ErrorKind, Result};

/// Hands out room for request bytes.
#[derive(Debug, Clone)]
pub struct Gate {
    kibibytes: Arc<Semaphore>,
    wait_max: Duration,
    in_flight: IntGauge,
}

/// Room held by one request; given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    gate: Gate,
    permit: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Gate {
    /// When to try again after the room was not to be had.
    const RETRY_AFTER: Duration = Duration::from_secs(1);

    /// A gate for so many bytes in all.
    pub fn new(bytes_max: u64, wait_max: Duration, in_flight: IntGauge) -> Self {
        let kibibytes = usize::try_from(bytes_max >> 10).unwrap_or(usize::MAX);
        let kibibytes = kibibytes.min(Semaphore::MAX_PERMITS);
        Self { kibibytes: Arc::new(Semaphore::new(kibibytes)), wait_max, in_flight }
    }

    /// A reservation of nothing yet.
    pub fn open(&self) -> Reservation {
        Reservation { gate: self.clone(), permit: None, bytes: 0 }
    }
}

impl Reservation {
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reserves more, waiting a short while for others to finish; `Overloaded` when they do not.
    pub async fn grow(&mut self, bytes: usize) -> Result<()> {
        let held = self.bytes.div_ceil(1024);
        let wanted = (self.bytes + bytes).div_ceil(1024) - held;
        if wanted > 0 {
            let permits = u32::try_from(wanted).unwrap_or(u32::MAX);
            let more = self.gate.acquire(permits).await?;
            self.gate.in_flight.add(i64::from(permits) << 10);
            match &mut self.permit {
                Some(permit) => permit.merge(more),
                none => *none = Some(more),
            }
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Reservation {
    /// Holds exactly so many bytes from now on: reserves more, or gives some back.
    pub async fn set(&mut self, bytes: usize) -> Result<()> {
        if let Some(more) = bytes.checked_sub(self.bytes) {
            return self.grow(more).await;
        }
        let surplus = self.bytes.div_ceil(1024) - bytes.div_ceil(1024);
        if let Some(permit) = &mut self.permit
            && let Some(given_back) = permit.split(surplus)
        {
            self.gate.in_flight.sub((given_back.num_permits() as i64) << 10);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(permit) = &self.permit {
            self.gate.in_flight.sub((permit.num_permits() as i64) << 10);
        }
    }
}

impl Gate {
    async fn acquire(&self, permits: u32) -> Result<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.kibibytes).try_acquire_many_owned(permits) {
            return Ok(permit);
        }
        let wait = Arc::clone(&self.kibibytes).acquire_many_owned(permits);
        match tokio::time::timeout(self.wait_max, wait).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Error::new(
                ErrorKind::Overloaded { retry_after: Self::RETRY_AFTER },
                format!(
                    "cannot take {permits} KiB more: limits.ingest_bytes_in_flight_max is reached"
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn room_is_bounded_and_comes_back() {
        let gauge = IntGauge::new("g", "g").unwrap();
        let gate = Gate::new(10 << 10, Duration::from_millis(100), gauge.clone());
        let mut first = gate.open();
        first.grow(9 << 10).await.unwrap();
        first.grow(1).await.unwrap();
        assert_eq!((first.bytes(), gauge.get()), ((9 << 10) + 1, 10 << 10));
        // A byte that fits in the rounding needs no more room.
        first.grow(1).await.unwrap();
        let refused = gate.open().grow(1).await.unwrap_err();
        assert!(matches!(refused.kind(), ErrorKind::Overloaded { .. }));
        first.set(3 << 10).await.unwrap();
        assert_eq!(gauge.get(), 3 << 10);
        gate.open().grow(7 << 10).await.unwrap();
        first.set(10 << 10).await.unwrap();
        drop(first);
        assert_eq!(gauge.get(), 0);
        gate.open().grow(10 << 10).await.unwrap();
    }
}
