//! Hands: takes a stream from the fan-out while somebody asks for it, and lets questions wait.
//!
//! One task a stream, however many ask; it never waits for any of them. Who asks gets handles to bytes that are there
//! anyway, so a slow or vanished player costs nothing but what he holds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tarsier_live::{Live, Tracks};
use tarsier_types::{CameraId, Clock, StreamKind};
use tokio::sync::watch;

use crate::broadcast::{Birth, Broadcast, Change, Look, Refusal, Reload, first_segment};
use crate::name::FileName;
use crate::playlist::Rendition;

/// A camera's own streams alone: a player that speaks HTTP decodes what the camera sends, or takes the other one.
type StreamId = (CameraId, StreamKind);

/// An answer, and the target duration by which others may keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// What was asked for.
    pub body: T,
    /// Of the playlist.
    pub target: Duration,
}

struct Channel<N> {
    broadcast: Mutex<Broadcast<N>>,
    /// Counts changes, for who waits.
    changes: watch::Sender<u64>,
}

impl<N> Channel<N> {
    fn broadcast(&self) -> MutexGuard<'_, Broadcast<N>> {
        self.broadcast.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: Change) {
        if change == Change::Something {
            self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
        }
    }
}

struct Open<N> {
    channels: HashMap<StreamId, Arc<Channel<N>>>,
    /// The number of the next segment of those that are not open any more: no later one begins below it, whatever the wall
    /// clock says by then.
    reached: HashMap<StreamId, u64>,
}

impl<N> Default for Open<N> {
    fn default() -> Self {
        Self { channels: HashMap::new(), reached: HashMap::new() }
    }
}

type Channels<N> = Arc<Mutex<Open<N>>>;

/// All streams that are asked for.
pub struct Hls<N> {
    clock: Arc<dyn Clock>,
    channels: Channels<N>,
}

impl<N: Clone + PartialEq + Send + Sync + 'static> Hls<N> {
    /// Nobody asks yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, channels: Channels::default() }
    }

    /// The playlist of a stream; with `reload` once it holds that.
    pub async fn playlist(
        &self,
        live: &Live<N>,
        stream: &StreamId,
        reload: Option<Reload>,
        token: &str,
    ) -> Result<Answer<String>, Refusal<N>> {
        let channel = self.started(live, stream);
        let there = self.until(&channel, |broadcast| broadcast.is_there(reload)).await?;
        // Two broadcasts are never locked at once.
        let other = self.report_beside(stream);
        let text = channel.broadcast().playlist(token, other);
        let body = text.expect("what is there has a pace");
        Ok(Answer { body, target: there.target })
    }

    /// A file that a playlist of the stream names.
    pub async fn file(
        &self,
        stream: &StreamId,
        name: FileName,
    ) -> Result<Answer<Bytes>, Refusal<N>> {
        let channel = self.lock().channels.get(stream).cloned().ok_or(Refusal::NotFound)?;
        self.until(&channel, |broadcast| broadcast.file(name)).await
    }

    /// What a stream is, once something of it can be played.
    pub async fn rendition(
        &self,
        live: &Live<N>,
        stream: &StreamId,
    ) -> Result<Answer<Rendition>, Refusal<N>> {
        let channel = self.started(live, stream);
        self.until(&channel, Broadcast::rendition).await
    }

    /// Everything is over: who waits is answered.
    pub fn end_all(&self) {
        for channel in self.lock().channels.values() {
            let change = channel.broadcast().end(None);
            channel.tell(change);
        }
    }

    /// Streams that are taken from the fan-out now.
    pub fn streams(&self) -> usize {
        self.lock().channels.len()
    }

    fn lock(&self) -> MutexGuard<'_, Open<N>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report_beside(&self, stream: &StreamId) -> Option<crate::playlist::Report> {
        let other = match stream.1 {
            StreamKind::Main => StreamKind::Sub,
            StreamKind::Sub => StreamKind::Main,
        };
        let channel = self.lock().channels.get(&(stream.0.clone(), other)).cloned()?;
        channel.broadcast().report()
    }

    fn started(&self, live: &Live<N>, stream: &StreamId) -> Arc<Channel<N>> {
        let now = self.clock.mono();
        let channel = {
            let mut open = self.lock();
            if let Some(channel) = open.channels.get(stream) {
                channel.broadcast().asked(now);
                return channel.clone();
            }
            let utc = self.clock.utc();
            let reached = open.reached.get(stream).copied().unwrap_or_default();
            let birth = Birth {
                now,
                life: u64::try_from(utc.0).unwrap_or_default(),
                first_segment: first_segment(utc).max(reached),
            };
            let channel = Arc::new(Channel {
                broadcast: Mutex::new(Broadcast::new(stream.1, birth)),
                changes: watch::Sender::new(0),
            });
            open.channels.insert(stream.clone(), channel.clone());
            channel
        };
        let task = Feeding {
            clock: self.clock.clone(),
            channels: self.channels.clone(),
            channel: channel.clone(),
            stream: stream.clone(),
        };
        let (live, stream) = (live.clone(), stream.clone());
        // All of it in the task: who asks may be gone at any await.
        tokio::spawn(async move {
            let watch = live.watch_tracks(stream, Tracks::PicturesAndSound).await;
            task.run(watch).await;
        });
        channel
    }

    async fn until<T>(
        &self,
        channel: &Channel<N>,
        mut look: impl FnMut(&Broadcast<N>) -> Look<T, N>,
    ) -> Result<Answer<T>, Refusal<N>> {
        let mut changes = channel.changes.subscribe();
        let patience = {
            let mut broadcast = channel.broadcast();
            broadcast.asked(self.clock.mono());
            broadcast.patience()
        };
        let found = tokio::time::timeout(patience, async {
            loop {
                changes.mark_unchanged();
                {
                    let broadcast = channel.broadcast();
                    match look(&broadcast) {
                        Look::Is(body) => return Ok(Answer { body, target: broadcast.target() }),
                        Look::Refused(refusal) => return Err(refusal),
                        Look::NotYet => {}
                    }
                }
                if changes.changed().await.is_err() {
                    return Err(Refusal::NotFound);
                }
            }
        })
        .await;
        let mut broadcast = channel.broadcast();
        broadcast.asked(self.clock.mono());
        found.unwrap_or_else(|_| Err(broadcast.silence()))
    }
}

/// The task of one stream.
struct Feeding<N> {
    clock: Arc<dyn Clock>,
    channels: Channels<N>,
    channel: Arc<Channel<N>>,
    stream: StreamId,
}

impl<N: Clone + PartialEq + Send + Sync + 'static> Feeding<N> {
    async fn run(self, mut watch: tarsier_live::Watch<N>) {
        let (camera, stream) = &self.stream;
        tracing::debug!(%camera, %stream, "HLS is asked for");
        loop {
            let deadline = self.channel.broadcast().deadline();
            let left = deadline.since(self.clock.mono());
            tokio::select! {
                next = watch.next() => {
                    let change = self.channel.broadcast().handle(next);
                    self.channel.tell(change);
                }
                () = tokio::time::sleep(left + Duration::from_millis(1)) => {}
            }
            if self.is_over() {
                break;
            }
        }
        tracing::debug!(%camera, %stream, "HLS is not asked for any more");
    }

    /// Decided while nobody can find the channel: a question comes before the end, or to a new channel.
    fn is_over(&self) -> bool {
        let mut open = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let broadcast = self.channel.broadcast();
        let is_over = broadcast.is_ended() || broadcast.deadline() <= self.clock.mono();
        if is_over {
            open.channels.remove(&self.stream);
            open.reached.insert(self.stream.clone(), broadcast.next_segment());
        }
        is_over
    }
}

#[cfg(test)]
mod tests;
