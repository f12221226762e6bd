//! When each picture of a camera reached its recorder: a viewer of the same stream over the WebSocket, in this process,
//! reads the moment from the `prft` box of each fragment.
//!
//! What belongs to a fragment is known by its media time, which is the camera's clock; what is on a screen, by the
//! number in the picture. Counted from 1970, the camera sends picture n when the wall clock says n * 40 ms
//! (`crates/demo/src/schedule.rs`). A picture whose arrival is within 40 ms of its sending ties one to the other; more
//! than half of them have to agree.

use std::collections::HashMap;

use anyhow::{Context as _, bail, ensure};
use tarsier_tests::hub::HubProcess;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::cameras::PICTURES;
use crate::fragments::{self, Fragment, Fragments};

const PICTURE_US: i64 = 40_000;
/// The same in 1/90 000 s.
const PICTURE_TICKS: i64 = 3600;

/// Notes arrivals until it is asked for them.
pub(crate) struct Witness {
    task: JoinHandle<anyhow::Result<()>>,
    noted: mpsc::UnboundedReceiver<Fragment>,
}

impl Witness {
    pub(crate) async fn begin(hub: &HubProcess, camera: &str) -> anyhow::Result<Self> {
        let mut fragments = Fragments::open(&fragments::url(hub, camera)).await?;
        let (note, noted) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                note.send(fragments.next().await?)?;
            }
        });
        Ok(Self { task, noted })
    }

    pub(crate) async fn end(mut self) -> anyhow::Result<Arrivals> {
        if self.task.is_finished() {
            self.task.await?.context("the witness could not go on")?;
            bail!("the witness left");
        }
        self.task.abort();
        let mut noted = Vec::new();
        while let Ok(fragment) = self.noted.try_recv() {
            noted.push(fragment);
        }
        Arrivals::of(&noted)
    }
}

/// When pictures reached the recorder, by their number since 1970.
pub(crate) struct Arrivals(HashMap<i64, i64>);

/// How old a picture was on the screen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age {
    pub(crate) since_sent_us: i64,
    pub(crate) since_arrived_us: Option<i64>,
}

impl Arrivals {
    fn of(noted: &[Fragment]) -> anyhow::Result<Self> {
        let index = |fragment: &Fragment| {
            (i64::from(fragment.media_time) + PICTURE_TICKS / 2) / PICTURE_TICKS
        };
        let mut votes: HashMap<i64, usize> = HashMap::new();
        for fragment in noted {
            let first = fragment.arrived_unix_us / PICTURE_US - index(fragment);
            *votes.entry(first).or_default() += 1;
        }
        let (first, most) = votes.into_iter().max_by_key(|vote| vote.1).context("no fragments")?;
        ensure!(
            most * 2 > noted.len(),
            "pictures arrive so unevenly that nobody can tell which is which: {most} of {} agree",
            noted.len()
        );
        let arrival = |it: &Fragment| (index(it) + first, it.arrived_unix_us);
        Ok(Self(noted.iter().map(arrival).collect()))
    }

    /// Of the picture with that number in its loop, the last one that was sent before it was shown.
    pub(crate) fn age(&self, number: i64, shown_unix_us: i64) -> Age {
        let last_sent = shown_unix_us / PICTURE_US;
        let picture = last_sent - (last_sent - number).rem_euclid(i64::from(PICTURES));
        Age {
            since_sent_us: shown_unix_us - picture * PICTURE_US,
            since_arrived_us: self.0.get(&picture).map(|arrived| shown_unix_us - arrived),
        }
    }
}
