//! Hands: looks at a camera that is not added yet, in a child process, within 10 s (SPEC section 2).
//!
//! The URL and the password go over a pipe, never into an argument. What does not belong here: words for people
//! ([`crate::words`]).

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use tarsier_api::camera::{AudioFacts, CameraTest, CameraTestResult, StreamAddress, VideoFacts};
use tarsier_api::problem::Problem;
use tarsier_types::{Clock, Mono, Scheme};
use tarsier_wire::{Engine, ProbeReport, ProbeRequest, Problem as Cause};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::config::{self, Address};
use crate::hub::Hub;
use crate::words::{self, Place};

const DEADLINE: Duration = Duration::from_secs(10);
/// Of these, the child must leave so much for the still and the way back.
const RESERVE: Duration = Duration::from_millis(1500);
/// A keyframe of an 8K camera in base64.
const MAX_ANSWER_BYTES: u64 = 48 << 20;
/// A program that gives no answer at all is given up after this (the still: see [`crate::stills`]).
const MIN_TIME: Duration = Duration::from_millis(500);

impl Hub {
    /// What is at that URL.
    pub(crate) async fn test_camera(&self, test: CameraTest) -> Result<CameraTestResult, Problem> {
        let ends = self.clock.mono() + DEADLINE;
        let (address, from_url) =
            Address::read(&StreamAddress { url: test.url, transport: test.transport })?;
        let place = Place::of(&address.url);
        let scheme = address.url.scheme();
        let mut request = ProbeRequest {
            url: address.url,
            transport: address.transport.into(),
            credentials: config::merge(from_url, test.username, test.password),
            timeout_ms: 0,
        };
        let engines: &[Engine] = match scheme {
            Scheme::Rtsp => &[Engine::Rust, Engine::Libav],
            _ => &[Engine::Libav],
        };
        for engine in engines {
            let left = ends.since(self.clock.mono()).saturating_sub(RESERVE).max(MIN_TIME);
            request.timeout_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
            let program = match engine {
                Engine::Rust => &self.programs.recorder,
                Engine::Libav => &self.programs.recorder_libav,
            };
            match ask(program, &request, left + Duration::from_millis(300)).await {
                Ok(ProbeReport::EngineCannotRead { detail }) => {
                    tracing::debug!(engine = engine.name(), detail, "cannot read this camera");
                }
                Ok(ProbeReport::Failed { problem, detail }) => {
                    tracing::info!(host = place.host, ?problem, detail, "test of a camera failed");
                    return Err(words::cause(problem, &place));
                }
                Ok(found @ ProbeReport::Found { .. }) => {
                    return Ok(self.found(found, *engine, ends).await);
                }
                Err(AskError::TookTooLong) => return Err(words::cause(Cause::NoPictures, &place)),
                Err(AskError::Failed(why)) => {
                    tracing::error!(program = %program.display(), why, "a probe failed");
                    return Err(words::internal());
                }
            }
        }
        Err(words::cause(Cause::CodecNotSupported, &place))
    }

    async fn found(&self, found: ProbeReport, engine: Engine, ends: Mono) -> CameraTestResult {
        let ProbeReport::Found {
            video,
            rfc6381,
            width,
            height,
            millifps,
            audio,
            keyframe_mp4_base64,
        } = found
        else {
            unreachable!("the caller has matched it");
        };
        let left = ends.since(self.clock.mono()).max(MIN_TIME);
        let still = match BASE64.decode(keyframe_mp4_base64) {
            Ok(mp4) => {
                tokio::time::timeout(left, self.stills.make(Bytes::from(mp4), None, Some(960)))
                    .await
                    .ok()
            }
            Err(_) => None,
        };
        CameraTestResult {
            video: VideoFacts {
                codec: video.name().to_owned(),
                rfc6381,
                width,
                height,
                fps: millifps.map(|fps| f64::from(fps) / 1000.0),
            },
            audio: audio.map(|codec| AudioFacts {
                codec: codec.name().to_owned(),
                sample_rate_hz: None,
                channels: None,
            }),
            still_jpeg_base64: still.and_then(Result::ok).map(|jpeg| BASE64.encode(jpeg)),
            engine: engine.name().to_owned(),
        }
    }
}

enum AskError {
    TookTooLong,
    Failed(String),
}

async fn ask(
    program: &Path,
    request: &ProbeRequest,
    patience: Duration,
) -> Result<ProbeReport, AskError> {
    let mut line =
        serde_json::to_vec(request).map_err(|error| AskError::Failed(error.to_string()))?;
    line.push(b'\n');
    let mut command = Command::new(program);
    command.arg("probe");
    let answer = run(command, &line, MAX_ANSWER_BYTES, patience).await?;
    serde_json::from_slice(&answer)
        .map_err(|error| AskError::Failed(format!("no answer of ours: {error}")))
}

/// Runs a child with this input and gives its output; it is killed when it takes too long or is not waited for.
async fn run(
    mut command: Command,
    input: &[u8],
    most_bytes: u64,
    patience: Duration,
) -> Result<Vec<u8>, AskError> {
    let failed = |error: std::io::Error| AskError::Failed(error.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let talk = async {
        let mut answer = Vec::new();
        if let (Some(mut stdin), Some(stdout)) = (stdin, stdout) {
            let write = async {
                // A child that has seen enough closes its end; what it says matters.
                let _ = stdin.write_all(input).await;
                drop(stdin);
            };
            let mut stdout = stdout.take(most_bytes);
            let ((), read) = tokio::join!(write, stdout.read_to_end(&mut answer));
            read.map_err(failed)?;
        }
        let status = child.wait().await.map_err(failed)?;
        if answer.is_empty() {
            Err(AskError::Failed(format!("no output, {status}")))
        } else {
            Ok(answer)
        }
    };
    tokio::time::timeout(patience, talk).await.map_err(|_| AskError::TookTooLong)?
}

/// The same for who does not care why.
pub(crate) async fn run_child(
    command: Command,
    input: &[u8],
    most_bytes: u64,
    patience: Duration,
) -> Result<Vec<u8>, String> {
    run(command, input, most_bytes, patience).await.map_err(|error| match error {
        AskError::TookTooLong => format!("took longer than {patience:?}"),
        AskError::Failed(why) => why,
    })
}
