//! When a blocking call into libav must give up: libav asks the interrupt callback, the callback asks here.
//!
//! libav does not always heed a single "yes": after a timeout the RTSP reader hands out what its parser still
//! held and reports success, and the next call would start a new wait. So an abort is latched: once it was due,
//! every later question is answered with "yes", until [`Watch::grant`] allows a last word (TEARDOWN).
//!
//! What does not belong here: how long anything may take.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tarsier_types::{Clock, Mono, SystemClock};

/// Shared by the thread that sits in libav and whoever wants it out.
#[derive(Debug)]
pub(crate) struct Watch {
    clock: SystemClock,
    /// Nanoseconds on the monotonic clock.
    deadline: AtomicU64,
    expired: AtomicBool,
    stopped: AtomicBool,
    granted: AtomicBool,
}

impl Watch {
    pub(crate) fn new(clock: SystemClock) -> Self {
        Self {
            clock,
            deadline: AtomicU64::new(u64::MAX),
            expired: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            granted: AtomicBool::new(false),
        }
    }

    pub(crate) fn clock(&self) -> SystemClock {
        self.clock
    }

    /// Calls into libav end at `deadline`.
    pub(crate) fn arm(&self, deadline: Mono) {
        self.deadline.store(nanos(deadline), Ordering::Relaxed);
    }

    /// Calls into libav end now: nobody wants the stream any more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// A deadline passed while libav was asked for something.
    pub(crate) fn has_expired(&self) -> bool {
        self.expired.load(Ordering::Relaxed)
    }

    /// After a stop or an expiry: this much time for saying good-bye.
    pub(crate) fn grant(&self, span: Duration) {
        self.arm(self.clock.mono() + span);
        self.granted.store(true, Ordering::Relaxed);
    }

    /// The answer to libav's question.
    pub(crate) fn must_abort(&self) -> bool {
        let late = nanos(self.clock.mono()) >= self.deadline.load(Ordering::Relaxed);
        if self.granted.load(Ordering::Relaxed) {
            return late;
        }
        if late {
            self.expired.store(true, Ordering::Relaxed);
        }
        self.is_stopped() || self.has_expired()
    }
}

fn nanos(point: Mono) -> u64 {
    u64::try_from(point.since_zero().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_latched_until_a_last_word_is_granted() {
        let watch = Watch::new(SystemClock::start());
        assert!(!watch.must_abort(), "nothing is due yet");
        watch.arm(Mono::ZERO);
        assert!(watch.must_abort(), "the deadline has passed");
        watch.arm(Mono::from_millis(3_600_000));
        assert!(watch.must_abort(), "a new deadline must not hide that the old one passed");
        watch.grant(Duration::from_secs(3600));
        assert!(!watch.must_abort(), "TEARDOWN may still be sent");
        assert!(watch.has_expired(), "what happened is not forgotten");
    }

    #[test]
    fn a_stop_ends_the_call_at_once() {
        let watch = Watch::new(SystemClock::start());
        watch.stop();
        assert!(watch.must_abort() && watch.is_stopped() && !watch.has_expired());
    }
}
