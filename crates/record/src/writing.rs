//! Hands: what a stream's task does for its recording: the brain's actions, the hub's orders, the disk's news.
//!
//! What does not belong here: connecting and reading (`stream`), deciding (`recording`).

use std::time::Duration;

use tarsier_segment::{Fragment, SegmentMeta, init_segment, name};
use tarsier_types::{Clock as _, Mono, UtcMs, UtcRange};
use tarsier_wire::{RecordingMode, ToHub};

use crate::disk::{DiskNews, NewFile};
use crate::open::OpenSource;
use crate::recording::{Action, Takeover};
use crate::stream::StreamTask;

/// After a failed write, how long until the disk is tried again.
const DISK_RETRY: Duration = Duration::from_secs(2);

/// Said by the hub about what is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Mode(RecordingMode),
    SegmentSeconds(u32),
    Event(UtcRange),
    EndAt(UtcMs),
    BeginAt(UtcMs, Takeover),
    /// Of that stream.
    RecordedUntil(UtcMs),
    /// Files are begun in another tier from now on.
    OtherTier,
    /// Time has passed, whether pictures come or not.
    Tick,
}

/// When the disk is asked again whether it takes files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DiskRetry {
    #[default]
    NotNeeded,
    At(Mono),
    /// It was asked and has not answered.
    Asked,
}

impl<O: OpenSource> StreamTask<O> {
    /// Does what the hub says.
    pub(crate) fn obey(&mut self, order: Order) {
        let now = self.clock.utc();
        match order {
            Order::Mode(mode) => self.recording.mode(mode, now),
            Order::SegmentSeconds(seconds) => self.recording.segment_seconds(seconds),
            Order::Event(event) => self.recording.event(event, now),
            Order::EndAt(at) => self.recording.end_at(at),
            Order::RecordedUntil(end) => self.recording.recorded_until(end),
            Order::BeginAt(at, takeover) => self.recording.begin_at(at, takeover, now),
            Order::OtherTier if self.recording.is_barred() => {
                self.state.disk_retry = DiskRetry::At(self.clock.mono());
                self.try_disk_again();
            }
            Order::OtherTier => self.leave_disk_if_needed(),
            Order::Tick => {
                self.recording.tick(now);
                self.try_disk_again();
                self.leave_disk_if_needed();
            }
        }
        self.act();
    }

    /// Does what the recording brain says.
    pub(crate) fn act(&mut self) {
        while let Some(action) = self.recording.poll() {
            match action {
                Action::Open { start, parameters, continues } => {
                    let meta = SegmentMeta {
                        camera: self.camera.clone(),
                        stream: self.kind,
                        start,
                        software: concat!("Tarsier ", env!("CARGO_PKG_VERSION")).to_owned(),
                    };
                    let init = init_segment(&parameters, Some(&meta));
                    let path = name::path(&self.camera, self.kind, start);
                    let file = NewFile { start, path, init, parameters, continues };
                    self.files.open(self.kind, file);
                }
                Action::Write { file, fragment } => self.write(file, fragment),
                Action::Close => self.files.close(self.kind),
                Action::Gap { range, reason } => {
                    self.hub.fact(ToHub::Gap { stream: self.kind, range, reason });
                }
                Action::Lost { units } => self.counters.lost(units),
                Action::Shortened { by_ms } => tracing::warn!(
                    stream = %self.kind,
                    by_ms,
                    "the pre-roll is shorter than configured: memory does not reach further back"
                ),
                Action::Standby(seen) => {
                    // Who is sixteen keyframes behind hears of the next one.
                    let _ = self.standby.try_send((self.kind, seen));
                }
                Action::HandedOver => self.state.is_over = true,
            }
        }
        self.counters.in_memory(self.recording.memory_ms());
    }

    fn write(&mut self, file: UtcMs, fragment: Fragment) {
        let units = fragment.units;
        match self.files.write(self.kind, fragment) {
            Ok(()) => self.counters.queued(units),
            Err(refused) => {
                self.recording.disk_is_behind(file, &refused);
                self.retry_disk_later();
                let problem = "the disk is too slow: 64 MiB of footage wait for it".to_owned();
                tracing::error!(stream = %self.kind, problem);
                let (problem, tier_id) = (Some(problem), self.files.tier_id());
                self.hub.fact(ToHub::Disk { stream: self.kind, problem, tier_id });
            }
        }
    }

    /// What the disk thread says.
    pub(crate) fn disk_says(&mut self, news: DiskNews) {
        match news {
            DiskNews::Began { file } => self.recording.disk_began(file),
            DiskNews::Refused { file } => {
                self.recording.disk_refused(file);
                self.retry_disk_if_barred();
            }
            DiskNews::Failed { file, durable } => {
                self.recording.disk_failed(file, durable);
                self.retry_disk_if_barred();
            }
            DiskNews::StillRefuses => self.retry_disk_later(),
            DiskNews::Works => {
                self.state.disk_retry = DiskRetry::NotNeeded;
                self.recording.disk_works(self.clock.utc());
            }
        }
        self.act();
    }

    /// What comes next goes where there is room; what was handed over waits for the other disk.
    fn leave_disk_if_needed(&mut self) {
        if self.files.should_leave(self.kind) {
            self.recording.leave_file();
        }
    }

    /// Asks the disk whether it takes files, if it is time to.
    fn try_disk_again(&mut self) {
        if let DiskRetry::At(at) = self.state.disk_retry
            && self.clock.mono() >= at
            && self.files.has_room(self.kind)
        {
            self.state.disk_retry = DiskRetry::Asked;
            self.files.probe(self.kind);
        }
    }

    fn retry_disk_if_barred(&mut self) {
        if self.recording.is_barred() {
            self.retry_disk_later();
        }
    }

    fn retry_disk_later(&mut self) {
        self.state.disk_retry = DiskRetry::At(self.clock.mono() + DISK_RETRY);
    }
}
