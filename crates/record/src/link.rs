//! Hands: the socket to the hub. Connects, says what waits in the outbox, hears commands, connects again.
//!
//! What does not belong here: what is said and what is left out (`outbox`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use interprocess::local_socket::GenericFilePath;
use interprocess::local_socket::tokio::prelude::*;
use tarsier_types::{StreamKind, SystemClock};
use tarsier_wire::{ToHub, ToRecorder, framing};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc};

use crate::gate::Gate;
use crate::outbox::Outbox;

/// Between two attempts to reach the hub.
const RETRY: Duration = Duration::from_millis(250);

/// What the hub asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HubCommand {
    Watch(StreamKind, bool),
    /// About recording: any message that has no variant of its own here.
    Record(ToRecorder),
    Stop,
}

/// Where commands go.
#[derive(Debug)]
pub(crate) struct Commands {
    pub(crate) to: mpsc::Sender<HubCommand>,
    pub(crate) gate: Gate,
}

impl Commands {
    async fn say(&self, command: HubCommand) -> anyhow::Result<()> {
        self.to.send(command).await.context("hand on a command")?;
        self.gate.wake();
        Ok(())
    }
}

/// A handle on the outbox for everybody who has something to say.
#[derive(Clone, Debug, Default)]
pub(crate) struct HubLink {
    outbox: Arc<Mutex<Outbox>>,
    filled: Arc<Notify>,
    emptied: Arc<Notify>,
}

impl HubLink {
    fn with<R>(&self, change: impl FnOnce(&mut Outbox) -> R) -> R {
        change(&mut self.outbox.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn fact(&self, fact: ToHub) {
        self.with(|outbox| outbox.fact(fact));
        self.filled.notify_one();
    }

    pub(crate) fn live(&self, stream: StreamKind, message: ToHub, payload: Bytes) {
        self.with(|outbox| outbox.live(stream, message, payload));
        self.filled.notify_one();
    }

    /// What would be sent to a hub.
    #[cfg(test)]
    pub(crate) fn said(&self) -> Vec<ToHub> {
        self.with(|outbox| {
            std::iter::from_fn(|| outbox.pop()).map(|(message, _)| message).collect()
        })
    }

    /// As if a hub were there.
    #[cfg(test)]
    pub(crate) fn connected() -> Self {
        let link = Self::default();
        link.with(|outbox| outbox.connected(ToHub::Heartbeat { streams: Vec::new() }));
        link
    }

    /// Waits until everything was sent, or the deadline.
    pub(crate) async fn flush(&self, deadline: Duration) {
        let emptied = async {
            while !self.with(|outbox| outbox.is_empty()) {
                self.emptied.notified().await;
            }
        };
        let _ = tokio::time::timeout(deadline, emptied).await;
    }

    /// Serves the hub until it is gone for longer than `patience`; never returns while there is one.
    pub(crate) async fn run(
        self,
        socket: String,
        hello: ToHub,
        commands: Commands,
        patience: Duration,
        clock: SystemClock,
    ) {
        use tarsier_types::Clock as _;
        let mut last_seen = clock.mono();
        loop {
            match connect(&socket).await {
                Ok(connection) => {
                    self.with(|outbox| outbox.connected(hello.clone()));
                    if let Err(error) = self.converse(connection, &commands).await {
                        tracing::info!(%error, "the hub is gone; recording goes on");
                    }
                    self.with(Outbox::disconnected);
                    self.emptied.notify_waiters();
                    let _ = commands.say(HubCommand::Watch(StreamKind::Main, false)).await;
                    let _ = commands.say(HubCommand::Watch(StreamKind::Sub, false)).await;
                    last_seen = clock.mono();
                }
                Err(error) => tracing::debug!(%error, "no hub yet"),
            }
            if clock.mono().since(last_seen) > patience {
                return;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn converse(
        &self,
        connection: LocalSocketStream,
        commands: &Commands,
    ) -> anyhow::Result<()> {
        let (mut reading, mut writing) = (&connection, &connection);
        let speak = async {
            loop {
                let Some((message, payload)) = self.with(Outbox::pop) else {
                    self.emptied.notify_waiters();
                    self.filled.notified().await;
                    continue;
                };
                let head = framing::encode(&message, payload.len()).context("encode a message")?;
                writing.write_all(&head).await.context("write to the hub")?;
                if !payload.is_empty() {
                    writing.write_all(&payload).await.context("write to the hub")?;
                }
            }
        };
        let hear = async {
            let mut read = BytesMut::with_capacity(1024);
            loop {
                while let Some((message, _)) =
                    framing::decode::<ToRecorder>(&mut read).context("read from the hub")?
                {
                    let command = match message {
                        ToRecorder::Welcome => continue,
                        ToRecorder::Subscribe(stream) => HubCommand::Watch(stream, true),
                        ToRecorder::Unsubscribe(stream) => HubCommand::Watch(stream, false),
                        ToRecorder::Stop => HubCommand::Stop,
                        order => HubCommand::Record(order),
                    };
                    commands.say(command).await?;
                }
                anyhow::ensure!(
                    reading.read_buf(&mut read).await.context("read from the hub")? > 0,
                    "closed"
                );
            }
        };
        tokio::select! {
            result = speak => result,
            result = hear => result,
        }
    }
}

async fn connect(socket: &str) -> anyhow::Result<LocalSocketStream> {
    let name = socket.to_fs_name::<GenericFilePath>().context("the hub's socket name")?;
    LocalSocketStream::connect(name).await.context("connect to the hub")
}

#[cfg(test)]
impl HubLink {
    /// As if a hub were there.
    pub(crate) fn listen(&self) {
        self.with(|outbox| outbox.connected(ToHub::Heartbeat { streams: Vec::new() }));
    }

    /// What it would have heard since it was last asked.
    pub(crate) fn heard(&self) -> Vec<ToHub> {
        self.with(|outbox| std::iter::from_fn(|| outbox.pop()).map(|(said, _)| said).collect())
    }
}
