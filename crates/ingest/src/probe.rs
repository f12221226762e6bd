//! Opens a camera to look at it, within the time that was given.
//!
//! What does not belong here: what is looked at (`look`).

use std::time::Duration;

use tarsier_types::{CameraUrl, Clock, Scheme};
use tarsier_wire::{ProbeReport, ProbeRequest};

use crate::look::look;
use crate::rtsp::{RtspSource, Timeouts};

/// Left for the farewell.
const RESERVE: Duration = Duration::from_millis(300);

/// Whether this engine speaks the protocol of a URL.
pub fn can_read(url: &CameraUrl) -> bool {
    url.scheme() == Scheme::Rtsp
}

/// Looks at a camera, within the time that the request gives.
pub async fn probe(request: &ProbeRequest, clock: impl Clock + Clone + 'static) -> ProbeReport {
    if !can_read(&request.url) {
        return ProbeReport::EngineCannotRead {
            detail: format!("{} is not read here", request.url.scheme().name()),
        };
    }
    let whole = Duration::from_millis(u64::from(request.timeout_ms));
    let deadline = clock.mono() + whole.saturating_sub(RESERVE);
    let timeouts = Timeouts {
        open: Timeouts::default().open.min(whole.saturating_sub(RESERVE)),
        connect: Timeouts::default().connect.min(whole / 3),
        ..Timeouts::default()
    };
    let credentials = request.credentials.as_ref();
    let opened =
        RtspSource::open(&request.url, credentials, request.transport, clock.clone(), timeouts)
            .await;
    match opened {
        Err(error) => error.into(),
        Ok(source) => {
            let sound = source.sound_as_sent();
            look(source, sound, &clock, deadline).await
        }
    }
}
