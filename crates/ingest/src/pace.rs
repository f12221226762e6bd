//! How often a whole process wakes up.
//!
//! While a source is patient, packets still arrive one by one, and for each the kernel wakes the thread that waits in
//! `epoll_wait`, for nothing: tokio only notes that the socket is readable. So a recorder that nobody watches may also
//! hold the runtime's thread back before it waits: hang [`Pace::hold`] into `tokio::runtime::Builder::on_thread_park`
//! of a current-thread runtime, and all that happened meanwhile is seen at one wake-up.
//!
//! The price is that everything in the process is late by up to the pace; it is for processes that only write files.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A pace that one side sets and the runtime keeps. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Pace(Arc<AtomicU64>);

impl Pace {
    /// No holding back.
    pub fn new() -> Self {
        Self::default()
    }

    /// The longest time between something that happens and its being seen. Zero: at once.
    pub fn set(&self, pace: Duration) {
        self.0.store(u64::try_from(pace.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Holds the calling thread back for as long as is set.
    pub fn hold(&self) {
        let micros = self.0.load(Ordering::Relaxed);
        if micros > 0 {
            std::thread::park_timeout(Duration::from_micros(micros));
        }
    }
}
