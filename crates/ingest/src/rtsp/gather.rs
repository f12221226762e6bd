//! Patience: packets are left in the kernel for a while, so that many are read at one wake-up.
//!
//! ```text
//! read all that is there ─> nothing left ─> pause ─> read all that is there ─> …
//! ```
//! retina reads up to 64 KiB at once, so a pause of 100 ms at 4 Mbit/s is one read instead of a dozen. While it pauses,
//! the source is asleep on one timer; TCP flow control keeps what the kernel cannot hold at the camera.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Longer pauses gain nothing, and a camera's send buffer is small (guess: 256 KiB hold 250 ms of 8 Mbit/s).
const LONGEST: Duration = Duration::from_millis(250);

pub(super) struct Gather {
    patience: Duration,
    pause: Pin<Box<Sleep>>,
    is_paused: bool,
    saw_something: bool,
}

impl Gather {
    /// No patience.
    pub(super) fn new() -> Self {
        Self {
            patience: Duration::ZERO,
            pause: Box::pin(tokio::time::sleep(Duration::ZERO)),
            is_paused: false,
            saw_something: false,
        }
    }

    pub(super) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience.min(LONGEST);
        if patience.is_zero() {
            self.is_paused = false;
        }
    }

    pub(super) const fn saw_something(&mut self) {
        self.saw_something = true;
    }

    /// There is nothing more to read. True if a pause begins.
    pub(super) fn begin_pause(&mut self) -> bool {
        let begins = self.saw_something && !self.patience.is_zero();
        self.saw_something = false;
        if begins {
            self.pause.as_mut().reset(Instant::now() + self.patience);
            self.is_paused = true;
        }
        begins
    }

    /// Ready when there is no pause (any more).
    pub(super) fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_paused {
            ready!(self.pause.as_mut().poll(cx));
            self.is_paused = false;
        }
        Poll::Ready(())
    }
}
