//! Opens a stream by libav to look at it, within the time that was given.
//!
//! What does not belong here: what is looked at (`tarsier_ingest::look`), making a still of the picture (`still`).

use std::time::Duration;

use tarsier_ingest::look;
use tarsier_types::{Clock, SystemClock};
use tarsier_wire::{ProbeReport, ProbeRequest, Problem};
use tokio::time::timeout;

use crate::source::{LibavSource, Timeouts};

/// Left for the farewell.
const RESERVE: Duration = Duration::from_millis(500);

/// Looks at a camera, within the time that the request gives.
pub async fn probe(request: &ProbeRequest, clock: SystemClock) -> ProbeReport {
    let whole = Duration::from_millis(u64::from(request.timeout_ms)).saturating_sub(RESERVE);
    let deadline = clock.mono() + whole;
    let timeouts = Timeouts { open: Timeouts::default().open.min(whole), ..Timeouts::default() };
    let opening = LibavSource::open(
        &request.url,
        request.credentials.as_ref(),
        request.transport,
        clock,
        timeouts,
    );
    // libav ends by itself when its time is over; looking at the port afterwards takes a little longer.
    match timeout(whole + RESERVE, opening).await {
        Err(_) => ProbeReport::Failed {
            problem: Problem::NoPictures,
            detail: "no keyframe came in time".to_owned(),
        },
        Ok(Err(error)) => error.into(),
        Ok(Ok(source)) => {
            let sound = source.sound_as_sent();
            look(source, sound, &clock, deadline).await
        }
    }
}
