//! Hands: what is under way towards the camera. At most one attempt or one session, and one look.
//!
//! What does not belong here: when anything of it begins or ends (`reconnect`), what comes of it (`stream`).

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use futures::future::BoxFuture;
use tarsier_ingest::{Source as _, SourceError, SourceEvent};
use tarsier_types::{Clock as _, Credentials, Mono, SystemClock};
use tarsier_wire::StreamConfig;

use crate::look;
use crate::open::OpenSource;

/// What happened.
#[derive(Debug)]
pub(crate) enum Happened {
    /// The camera answered; a session stands.
    Opened,
    /// The attempt failed, or the session ended.
    Failed(SourceError),
    /// Something came.
    Came(SourceEvent),
    /// The look is over.
    Looked { answers: bool },
    /// The deadline was reached.
    Due,
}

/// The line to one stream of the camera.
pub(crate) struct Line<O: OpenSource> {
    opener: Arc<O>,
    config: StreamConfig,
    credentials: Option<Credentials>,
    clock: SystemClock,
    opening: Option<BoxFuture<'static, Result<O::Source, SourceError>>>,
    source: Option<O::Source>,
    looking: Option<BoxFuture<'static, bool>>,
    alarm: Alarm,
}

impl<O: OpenSource> Line<O> {
    pub(crate) fn new(
        opener: Arc<O>,
        config: StreamConfig,
        credentials: Option<Credentials>,
        clock: SystemClock,
    ) -> Self {
        let alarm = Alarm::default();
        Self {
            opener,
            config,
            credentials,
            clock,
            opening: None,
            source: None,
            looking: None,
            alarm,
        }
    }

    /// Begins an attempt; one that is under way is given up.
    pub(crate) fn connect(&mut self) {
        let (opener, config) = (Arc::clone(&self.opener), self.config.clone());
        let (credentials, clock) = (self.credentials.clone(), self.clock);
        self.opening =
            Some(Box::pin(async move { opener.open(&config, credentials.as_ref(), clock).await }));
    }

    /// Begins a look.
    pub(crate) fn look(&mut self) {
        self.looking = Some(Box::pin(look::answers(self.config.url.clone())));
    }

    /// Ends the attempt or the session: within a second.
    pub(crate) async fn end(&mut self) {
        self.opening = None;
        if let Some(source) = self.source.take() {
            source.close().await;
        }
    }

    /// Waits for what comes next, but not beyond the deadline. Cancel-safe.
    pub(crate) async fn next(&mut self, deadline: Option<Mono>) -> Happened {
        self.alarm.set(self.clock, deadline);
        let Self { opening, source, looking, alarm, .. } = self;
        tokio::select! {
            biased;
            came = next_of::<O>(source) => match came {
                Ok(event) => Happened::Came(event),
                Err(error) => Happened::Failed(error),
            },
            opened = finished(opening) => {
                *opening = None;
                match opened {
                    Ok(opened) => {
                        *source = Some(opened);
                        Happened::Opened
                    }
                    Err(error) => Happened::Failed(error),
                }
            }
            answers = finished(looking) => {
                *looking = None;
                Happened::Looked { answers }
            }
            () = alarm.rings() => Happened::Due,
        }
    }
}

async fn next_of<O: OpenSource>(
    source: &mut Option<O::Source>,
) -> Result<SourceEvent, SourceError> {
    match source {
        Some(source) => source.next().await,
        None => pending().await,
    }
}

async fn finished<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// A timer that is put off by every picture, and set anew only when it has rung: it may ring too early, and whoever
/// hears it finds that nothing is due.
#[derive(Default)]
struct Alarm {
    at: Option<Mono>,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Alarm {
    fn set(&mut self, clock: SystemClock, deadline: Option<Mono>) {
        let Some(deadline) = deadline else {
            (self.at, self.sleep) = (None, None);
            return;
        };
        if self.at.is_none_or(|at| deadline < at) {
            let left = deadline.since(clock.mono());
            (self.at, self.sleep) = (Some(deadline), Some(Box::pin(tokio::time::sleep(left))));
        }
    }

    async fn rings(&mut self) {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().await,
            None => pending().await,
        }
        (self.at, self.sleep) = (None, None);
    }
}
