//! Prints what a camera sends, and keeps it if a file is named:
//! `cargo run -p tarsier-ingest --example watch -- URL [SECONDS] [FILE.mp4] [udp]`.
#![expect(clippy::print_stdout, reason = "it is a program that prints")]

use std::path::Path;
use std::time::Duration;

use tarsier_ingest::{Anchor, RtspSource, Source as _, SourceEvent, Timeouts};
use tarsier_segment::{init_segment, unit_fragment};
use tarsier_types::{CameraUrl, Clock as _, Dts, SystemClock, Track, Transport};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seconds = arguments.get(1).and_then(|text| text.parse().ok()).unwrap_or(5);
    let transport = if arguments.last().is_some_and(|last| last == "udp") {
        Transport::Udp
    } else {
        Transport::Tcp
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    let address = arguments.first().map_or("rtsp://127.0.0.1:8554/", String::as_str);
    match CameraUrl::parse(address) {
        Ok((url, credentials)) => runtime.block_on(async {
            let clock = SystemClock::start();
            let opened =
                RtspSource::open(&url, credentials.as_ref(), transport, clock, Timeouts::default())
                    .await;
            match opened {
                Ok(mut source) => {
                    let file = arguments
                        .iter()
                        .find(|argument| Path::new(argument).extension() == Some("mp4".as_ref()));
                    watch(&mut source, clock, Duration::from_secs(seconds), file).await;
                    source.close().await;
                }
                Err(error) => println!("{error}"),
            }
        }),
        Err(error) => println!("{error}"),
    }
}

async fn watch(source: &mut RtspSource, clock: SystemClock, span: Duration, file: Option<&String>) {
    let until = clock.mono() + span;
    let (mut pictures, mut keyframes, mut sounds, mut bytes, mut reordered) = (0, 0, 0, 0, 0);
    let (mut last_picture, mut last_sound, mut delays) = (0, 0, (i64::MAX, i64::MIN));
    let mut anchor = None;
    let (mut mp4, mut rate_hz, mut sequence) = (Vec::new(), 0, 0);
    while clock.mono() < until {
        match source.next().await {
            Ok(SourceEvent::Unit(unit)) => {
                bytes += unit.data.len();
                sequence += 1;
                mp4.extend_from_slice(&unit_fragment(sequence, &unit, Dts(0), None, rate_hz));
                if unit.track == Track::Audio {
                    (sounds, last_sound) = (sounds + 1, unit.pts.0);
                    continue;
                }
                pictures += 1;
                keyframes += i32::from(unit.is_keyframe);
                reordered += i32::from(unit.pts.0 != unit.dts.0);
                last_picture = last_picture.max(unit.pts.0);
                if let Some(anchor) = &anchor {
                    let anchor: &Anchor = anchor;
                    let delay = unit.arrived.millis_since(anchor.utc_of(unit.pts));
                    delays = (delays.0.min(delay), delays.1.max(delay));
                }
            }
            Ok(SourceEvent::NewRun { zero }) => anchor = Some(Anchor::new(zero)),
            Ok(SourceEvent::Parameters(sets)) => {
                println!("{} {}x{}", sets.mime(), sets.video.width, sets.video.height);
                rate_hz = sets.audio.as_ref().map_or(0, |audio| audio.sample_rate_hz);
                mp4.extend_from_slice(&init_segment(&sets, None));
            }
            Ok(event) => println!("{event:?}"),
            Err(error) => {
                println!("{error}");
                return;
            }
        }
    }
    println!(
        "{pictures} pictures ({keyframes} keyframes, {reordered} reordered) to {} ms, {sounds} sounds to {} ms, \
         {bytes} bytes, delay {} to {} ms",
        last_picture / 90,
        last_sound / 90,
        delays.0,
        delays.1
    );
    if let Some(file) = file
        && let Err(error) = std::fs::write(file, mp4)
    {
        println!("{file}: {error}");
    }
}
