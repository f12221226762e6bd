//! Hands: one viewer, one task: units from the fan-out into the library, its datagrams into the socket.
//!
//! A viewer who takes less than comes waits for the socket here; behind that his queue in the fan-out leaves whole GOPs
//! out. Sound has a watch of its own, so that it goes on while the viewer goes over to other pictures. What does not belong here: when the GOP is sent anew ([`crate::refresh`]), RTP times ([`crate::stamp`], [`crate::sound`]).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use str0m::RtcError;
use tarsier_live::auto::splice::{Way, may_go_over};
use tarsier_live::fanout::StreamId;
use tarsier_live::viewer::Next;
use tarsier_live::{Live, LiveUnit, Watch};
use tarsier_types::{Clock, Mono, Track, VideoParameters};
use tokio::sync::mpsc;

use crate::batch::{Batch, MOST_BYTES};
use crate::follow::Follow;
use crate::gate::{Gate, MustEnd};
use crate::judge::{Order, payload};
use crate::offer::{SoundPayloads, VideoPayloads};
use crate::peer::{Peer, Said};
use crate::picture::Sets;
use crate::place::{Over, Place};
use crate::refresh::Refresh;
use crate::sound::Sound;
use crate::stamp::Stamper;
use crate::table::SessionId;

/// A viewer of whom nothing is heard for so long is gone: browsers ask every 2.5 s at the latest whether we are there.
pub(crate) const SILENCE: Duration = Duration::from_secs(12);
/// From the answer to the first picture; what takes longer does not come.
const CONNECTS_WITHIN: Duration = Duration::from_secs(15);
/// The last words at the end.
const GOODBYE: Duration = Duration::from_millis(100);
/// A whole GOP at once is more than the viewer's socket may hold: a batch, then a pause (guess: a socket's usual 208 kB
/// hold some 180 datagrams).
const BURST_PAUSE: Duration = Duration::from_millis(2);

/// What comes to a session from outside. When the sender is dropped, it is over.
#[derive(Debug)]
pub(crate) enum Mail {
    /// From the socket, or over TCP.
    Datagram { source: Place, bytes: Bytes },
    /// By PATCH.
    Candidate(String),
}

/// Why a session ended, for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    #[error("it was ended")]
    Told,
    #[error("the viewer is gone")]
    Gone,
    #[error("nothing was heard of the viewer")]
    Silence,
    #[error("the viewer may not watch any longer")]
    NotAllowed,
    #[error("the camera is gone")]
    CameraGone,
    #[error("the stream cannot go on over WebRTC")]
    NotPlayable,
    #[error("the wall clock was set")]
    ClockSet,
    #[error("the library gave up")]
    Library(#[from] RtcError),
}

/// One viewer.
pub(crate) struct Session<N> {
    pub(crate) id: SessionId,
    /// What is shown.
    pub(crate) stream: StreamId,
    /// Of `auto`: what should be.
    pub(crate) follow: Option<Follow>,
    pub(crate) live: Live<N>,
    /// What he is to hear, if anything.
    pub(crate) hearing: Option<Hearing<N>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) peer: Peer,
    /// By which pictures may be sent.
    pub(crate) payloads: VideoPayloads,
    pub(crate) inbox: mpsc::Receiver<Mail>,
    /// His leave to watch.
    pub(crate) must_end: MustEnd,
    pub(crate) show: Show,
    pub(crate) sending: Sending,
}

/// What is known of the pictures on their way.
#[derive(Default)]
pub(crate) struct Show {
    sets: Option<Sets>,
    payload_type: u8,
    video: Option<VideoParameters>,
    order: Order,
    stamper: Stamper,
    refresh: Refresh,
    /// The newest picture that was sent, by when it reached the recorder.
    until_utc_us: Option<i64>,
}

/// What a viewer hears.
pub(crate) struct Hearing<N> {
    /// The stream that it is the sound of.
    pub(crate) source: StreamId,
    /// Where that is, coded as he takes it.
    pub(crate) from: Live<N>,
    pub(crate) takes: SoundPayloads,
    /// From the moment on at which it is sent.
    pub(crate) sound: Option<Sound>,
}

/// The stream that he will be shown, from a keyframe on.
struct Coming<N> {
    watch: Watch<N>,
    way: Way,
    video: Option<VideoParameters>,
}

/// What is known of the datagrams on their way.
#[derive(Default)]
pub(crate) struct Sending {
    to: Option<Place>,
    batch: Batch,
    since_pause: usize,
}

/// A session's place in the table: given back however the session ends, and be it by a panic of the library.
struct Listed {
    gate: Arc<Gate>,
    id: SessionId,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.gate.forget(&self.id);
    }
}

/// What happened next.
enum Happened<N> {
    Mail(Option<Mail>),
    Picture(Next<N>),
    Coming(Next<N>),
    Sound(Next<N>),
    Time,
    MustEnd,
}

impl<N: Clone + PartialEq + Send + Sync + 'static> Session<N> {
    /// Until somebody ends it, or the viewer is gone.
    pub(crate) async fn run(mut self) {
        let listed = Listed { gate: self.gate.clone(), id: self.id.clone() };
        let end = match self.watched().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        tracing::debug!(session = self.id.as_str(), camera = %self.stream.0, why = %end, "a viewer's WebRTC session is over");
        drop(listed);
        let _ = tokio::time::timeout(GOODBYE, self.say_goodbye()).await;
    }

    async fn watched(&mut self) -> Result<std::convert::Infallible, End> {
        let began = self.clock.mono();
        let mut heard = began;
        let mut watch: Option<Watch<N>> = None;
        let mut coming: Option<Coming<N>> = None;
        let mut sounds: Option<Watch<N>> = None;
        let mut must_end = std::mem::replace(&mut self.must_end, Box::pin(std::future::pending()));
        loop {
            // A picture takes long to go out where TCP is narrow; his leave may be over meanwhile.
            let wants = tokio::select! {
                wants = self.drain() => wants?,
                () = &mut must_end => return Err(End::NotAllowed),
            };
            if !self.peer.is_alive() {
                return Err(End::Gone);
            }
            let now = self.clock.mono();
            if let Some(follow) = self.follow.as_mut().filter(|_| watch.is_none()) {
                follow.went_over(now, self.stream.1);
            }
            if let Some(hearing) = self.hearing.as_mut().filter(|_| wants.has_connected)
                && hearing.sound.is_none()
            {
                sounds = Some(hearing.from.listen(hearing.source.clone()).await);
                let now_unix_us = self.clock.utc().0 * 1000;
                hearing.sound = Some(Sound::new(hearing.takes, now_unix_us));
            }
            if (wants.has_connected && watch.is_none()) || self.show.refresh.is_due(now) {
                // Whoever joins gets the last GOP.
                watch = Some(self.live.watch(self.stream.clone()).await);
                self.show.stamper.join(self.clock.utc().0 * 1000);
                self.show.refresh.sent(now);
            }
            if watch.is_some() {
                let waited = watch.as_ref().map(|watch| watch.waited(now));
                self.look(now, waited.unwrap_or_default(), &mut coming).await?;
            }
            let silent_at = if self.peer.has_connected() {
                heard + SILENCE
            } else {
                (heard + SILENCE).min(began + CONNECTS_WITHIN)
            };
            if silent_at <= now {
                return Err(End::Silence);
            }
            let looks_at = self.follow.as_ref().filter(|_| watch.is_some()).map(Follow::deadline);
            let own = self.show.refresh.deadline().into_iter().chain(looks_at);
            let own = own.min().map_or(silent_at, |at| at.min(silent_at));
            let sleep = own.since(now).min(wants.until.saturating_duration_since(instant()));
            let may_send = self.follow.as_ref().is_none_or(|follow| follow.may_send(now));
            let happened = tokio::select! {
                mail = self.inbox.recv() => Happened::Mail(mail),
                next = next_of(watch.as_mut().filter(|_| may_send)) => Happened::Picture(next),
                next = next_of(coming.as_mut().map(|coming| &mut coming.watch)) => Happened::Coming(next),
                next = next_of(sounds.as_mut()) => Happened::Sound(next),
                () = tokio::time::sleep(sleep) => Happened::Time,
                () = &mut must_end => Happened::MustEnd,
            };
            match happened {
                Happened::Mail(None) => return Err(End::Told),
                Happened::Mail(Some(Mail::Candidate(text))) => self.peer.candidate(&text),
                Happened::Mail(Some(Mail::Datagram { source, bytes })) => {
                    heard = self.clock.mono();
                    self.peer.receive(instant(), source, &bytes)?;
                }
                Happened::Picture(next) => self.next(next)?,
                Happened::Coming(next) => self.comes(next, &mut coming, &mut watch)?,
                // Pictures say why nothing follows.
                Happened::Sound(Next::Ended(_)) => sounds = None,
                Happened::Sound(next) => self.hear(&next)?,
                Happened::Time => self.peer.timeout(instant())?,
                Happened::MustEnd => return Err(End::NotAllowed),
            }
        }
    }

    /// Watches what should be shown, if that is another stream.
    async fn look(
        &mut self,
        now: Mono,
        waited: Duration,
        coming: &mut Option<Coming<N>>,
    ) -> Result<(), End> {
        let Some(follow) = &mut self.follow else { return Ok(()) };
        if follow.deadline() > now {
            return Ok(());
        }
        follow.look(now, waited);
        let wanted = follow.wanted().ok_or(End::NotPlayable)?;
        if wanted == self.stream.1 {
            *coming = None;
        } else if coming.as_ref().is_none_or(|coming| coming.watch.stream().1 != wanted) {
            let way = if follow.is_lower(wanted) { Way::AtOnce } else { Way::InOrder };
            let watch = self.live.watch((self.stream.0.clone(), wanted)).await;
            *coming = Some(Coming { watch, way, video: None });
        }
        Ok(())
    }

    /// Goes over to the other stream at a keyframe of it.
    fn comes(
        &mut self,
        next: Next<N>,
        coming: &mut Option<Coming<N>>,
        watch: &mut Option<Watch<N>>,
    ) -> Result<(), End> {
        let (Some(follow), Some(other)) = (&mut self.follow, &mut *coming) else { return Ok(()) };
        let (now, stream) = (self.clock.mono(), other.watch.stream().1);
        match next {
            Next::Init(parameters) if payload(&parameters.video, &self.payloads).is_ok() => {
                other.video = Some(parameters.video.clone());
            }
            Next::Init(_) | Next::Ended(_) => {
                follow.without(now, stream);
                *coming = None;
            }
            Next::Unit { unit, .. }
                if unit.is_keyframe() && may_go_over(other.way, &unit, self.show.until_utc_us) =>
            {
                let Some(Coming { watch: other, video: Some(video), .. }) = coming.take() else {
                    return Ok(());
                };
                follow.went_over(now, stream);
                (self.stream, *watch) = (other.stream().clone(), Some(other));
                self.show.stamper.join(self.clock.utc().0 * 1000);
                self.show.refresh.sent(now);
                self.begin(video)?;
                self.picture(&unit)?;
            }
            Next::Unit { .. } | Next::Waiting(_) | Next::Skipped(_) => {}
        }
        Ok(())
    }

    /// A run begins.
    fn begin(&mut self, video: VideoParameters) -> Result<(), End> {
        self.show.stamper.begin_run();
        self.show.order.restart();
        let payload = payload(&video, &self.payloads).map_err(|_| End::NotPlayable)?;
        self.show.payload_type = payload.payload_type();
        self.show.sets = Sets::of(&video);
        self.show.video = Some(video);
        Ok(())
    }

    fn next(&mut self, next: Next<N>) -> Result<(), End> {
        match next {
            Next::Init(parameters) => self.begin(parameters.video.clone())?,
            Next::Unit { unit, .. } => self.picture(&unit)?,
            Next::Skipped(units) => {
                tracing::debug!(session = self.id.as_str(), units, "a viewer was too slow");
            }
            Next::Waiting(_) => {}
            Next::Ended(_) => return Err(End::CameraGone),
        }
        Ok(())
    }

    /// Something of the stream whose sound he hears; its pictures tell the time.
    fn hear(&mut self, next: &Next<N>) -> Result<(), End> {
        let sound = self.hearing.as_mut().and_then(|hearing| hearing.sound.as_mut());
        let Some(sound) = sound else { return Ok(()) };
        match next {
            Next::Init(parameters) => sound.begin_run(parameters.audio.as_ref()),
            Next::Unit { unit, .. } if unit.is_picture() => sound.picture(unit),
            Next::Unit { unit, .. } => {
                for packet in sound.frame(unit) {
                    let at = at(&*self.clock, packet.unix_us);
                    self.peer.write_sound(at, packet)?;
                }
            }
            Next::Skipped(_) | Next::Waiting(_) | Next::Ended(_) => {}
        }
        Ok(())
    }

    fn picture(&mut self, live: &LiveUnit) -> Result<(), End> {
        let unit = &live.unit;
        if unit.track != Track::Video {
            return Ok(());
        }
        if !self.show.order.keeps(unit) {
            if let Some(video) = self.show.video.take() {
                self.gate.is_reordered(&self.stream, video);
            }
            return Err(End::NotPlayable);
        }
        let now = self.clock.mono();
        let pad_bytes = self.follow.as_mut().map_or(0, |follow| follow.picture(now, live));
        let picture = self.show.sets.as_ref().and_then(|sets| sets.wire(unit, pad_bytes));
        let Some(picture) = picture else { return Ok(()) };
        let stamp =
            self.show.stamper.stamp(unit.pts, live.arrived_utc_us).map_err(|_| End::ClockSet)?;
        self.show.until_utc_us = Some(live.arrived_utc_us);
        let (at, payload_type) = (at(&*self.clock, stamp.unix_us), self.show.payload_type);
        Ok(self.peer.write(payload_type, at, stamp.time, picture)?)
    }

    /// Does all that the library wants done.
    async fn drain(&mut self) -> Result<Wants, End> {
        let mut has_connected = self.peer.has_connected();
        loop {
            match self.peer.poll()? {
                Said::Send { to, bytes } => self.send(to, &bytes).await,
                Said::Connected => has_connected = true,
                Said::KeyframeWanted => self.show.refresh.asked(),
                Said::Sent { number, bytes } => {
                    if let Some(follow) = &mut self.follow {
                        follow.sent(self.clock.mono(), number, bytes);
                    }
                }
                Said::Arrived(numbers) => {
                    if let Some(follow) = &mut self.follow {
                        follow.reported(self.clock.mono(), numbers);
                    }
                }
                Said::Gone => return Err(End::Gone),
                Said::Nothing => {}
                Said::Until(until) => {
                    self.send_batch().await;
                    return Ok(Wants { has_connected, until });
                }
            }
        }
    }

    async fn send(&mut self, to: Place, bytes: &[u8]) {
        if self.sending.to != Some(to) {
            // The library writes to those alone who know the password.
            self.sending.to = Some(to);
            self.gate.answered(&self.id, to);
        }
        if to.over == Over::Tcp {
            self.gate.send(to, bytes).await;
            self.sent(bytes.len()).await;
            return;
        }
        if !self.sending.batch.fits(to.address, bytes, self.gate.most_in_a_batch()) {
            self.send_batch().await;
        }
        self.sending.batch.push(to.address, bytes);
    }

    /// What has gathered goes out.
    async fn send_batch(&mut self) {
        let Some((_, bytes, _)) = self.sending.batch.contents() else { return };
        let length = bytes.len();
        self.gate.send_all(&self.sending.batch).await;
        self.sending.batch.clear();
        self.sent(length).await;
    }

    async fn sent(&mut self, bytes: usize) {
        self.sending.since_pause += bytes;
        if self.sending.since_pause >= MOST_BYTES {
            self.sending.since_pause = 0;
            tokio::time::sleep(BURST_PAUSE).await;
        }
    }

    async fn say_goodbye(&mut self) -> Result<(), RtcError> {
        self.peer.close()?;
        while self.peer.is_alive() {
            match self.peer.poll()? {
                Said::Send { to, bytes } => self.gate.send(to, &bytes).await,
                Said::Until(until) => {
                    let now = instant();
                    tokio::time::sleep(until.saturating_duration_since(now)).await;
                    self.peer.timeout(instant())?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

struct Wants {
    has_connected: bool,
    until: Instant,
}

async fn next_of<N>(watch: Option<&mut Watch<N>>) -> Next<N> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

/// The library's time of a moment that is past by the wall clock: of the future it makes no reports.
fn at(clock: &dyn Clock, unix_us: i64) -> Instant {
    let ago = u64::try_from(clock.utc().0 * 1000 - unix_us).unwrap_or(0);
    let now = instant();
    now.checked_sub(Duration::from_micros(ago)).unwrap_or(now)
}

/// The library's kind of time.
pub(crate) fn instant() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests;
