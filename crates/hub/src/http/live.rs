//! `/live/{camera}/{stream}/mse`: plugs a WebSocket into [`tarsier_live`]; and what can be watched live.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tarsier_api::live::{self, MseMessage, MseRenewal, MseReport, MseRequest};
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_api::rights::Right;
use tarsier_live::auto::{self, AutoViewer, Ladder, Line, Report, Start};
use tarsier_live::fanout::StreamId;
use tarsier_live::mse::{self, Gone};
use tarsier_live::{LiveStream, MseOut, MseSink, Rung, Tracks};
use tarsier_types::{CameraId, StreamKind};
use tokio::sync::watch;

use crate::http::answer::{Failure, PathOf};
use crate::http::rights::{Holder, refused};
use crate::hub::Hub;
use crate::sessions::{Permit, Wanted};
use crate::words;

/// For the client's first message, whatever else he sends before it.
const PATIENCE: Duration = Duration::from_secs(10);
/// A connection that takes nothing for so long is dead, not slow.
const DEAD_AFTER: Duration = Duration::from_secs(10);
/// For a client that must be told why it ends.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A list of codecs, a token.
const MAX_REQUEST_BYTES: usize = 16 << 10;
/// In the place of a stream: whichever the connection takes.
pub(crate) const AUTO: &str = "auto";
/// Of padding, in one message.
const MOST_PADDING: usize = 256 << 10;

/// A WebSocket for Media Source Extensions: the client sends `MseRequest`, the hub answers with `MseMessage`s as
/// text and with an init segment and fragments as binary messages. It ends with the token, unless the client sends a
/// later one in time (`MseRenewal`). `auto` chooses between the streams and follows the connection, of which the client tells by
/// `MseReport`; a token gets no stream by it that it is not for.
#[utoipa::path(get, path = "/live/{camera}/{stream}/mse", params(
    ("camera" = String, Path, description = "Of the camera"), ("stream" = String, Path, description = "`main`, `sub`, a rung (`720p`, `480p`, `360p`), or `auto`: whichever of them the connection takes")), responses(
    (status = 101, description = "Goes on as a WebSocket"),
    (status = 400, body = Problem, description = "No WebSocket was asked for"),
    (status = 401, body = Problem, description = "No token, or not a good one"),
    (status = 403, body = Problem, description = "The token is for other cameras"),
    (status = 404, body = Problem, description = "No such camera or stream")))]
pub(crate) async fn mse(
    State(hub): State<Arc<Hub>>,
    Holder(caller): Holder,
    PathOf((id, stream)): PathOf<(String, String)>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Failure> {
    let (camera, shown, wanted) = if stream == AUTO {
        let (camera, streams) = caller.live_streams(&hub, &id)?;
        let wanted = Wanted::Streams(camera.id.clone(), streams.clone(), Right::Live);
        let shown = Shown::Auto(camera.id.clone(), streams);
        (camera, shown, wanted)
    } else {
        let (camera, stream) = caller.live_stream(&hub, (&id, &stream))?;
        let id = (camera.id.clone(), stream);
        (camera, Shown::One(id.clone()), Wanted::Stream(id, Right::Live))
    };
    let upgrade = upgrade.map_err(|_| {
        Failure::bad_request(
            "This address speaks WebSocket only.",
            "Open it by ws:// and not by http://.",
        )
    })?;
    let permit = hub.sessions.admit(&caller.claims, wanted).map_err(refused)?;
    let viewer = Viewer { permit, shown, camera: camera.name.clone() };
    // A frame is refused by its head: without a limit of its own it would first be read to its end.
    let upgrade = upgrade
        .max_message_size(MAX_REQUEST_BYTES)
        .max_frame_size(MAX_REQUEST_BYTES)
        .read_buffer_size(MAX_REQUEST_BYTES);
    Ok(upgrade.on_upgrade(move |socket| serve(hub, viewer, socket)))
}

struct Viewer {
    permit: Permit,
    shown: Shown,
    /// Its name.
    camera: String,
}

/// What is asked for.
enum Shown {
    One(StreamId),
    /// Whichever of these, or what is made of them.
    Auto(CameraId, Vec<StreamKind>),
}

/// Why nothing follows.
enum Over {
    /// All was said.
    Served,
    /// Nobody is there to be told.
    Gone,
    Because(Problem),
}

/// The stream in the words of the API.
pub(crate) fn name_of(stream: LiveStream) -> live::LiveStream {
    match stream {
        LiveStream::Own(StreamKind::Main) => live::LiveStream::Main,
        LiveStream::Own(StreamKind::Sub) => live::LiveStream::Sub,
        LiveStream::Rung(Rung::P720) => live::LiveStream::P720,
        LiveStream::Rung(Rung::P480) => live::LiveStream::P480,
        LiveStream::Rung(Rung::P360) => live::LiveStream::P360,
    }
}

async fn serve(hub: Arc<Hub>, viewer: Viewer, mut socket: WebSocket) {
    let Viewer { permit, shown, camera } = viewer;
    let request = tokio::time::timeout(PATIENCE, first_message(&mut socket)).await;
    let Ok(Some(request)) = request else { return };
    let mut stopping = hub.stopping.subscribe();
    let (sender, mut receiver) = socket.split();
    let mut sink = Socket { sender };
    let (reporting, reports) = watch::channel(Report::default());
    // The guard that it returns must not live on.
    let told_to_end = async {
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let over = tokio::select! {
        served = show(&hub, shown, request, reports, &mut sink) => match served {
            Ok(()) => Over::Served,
            Err(Gone) => Over::Gone,
        },
        over = listen(&mut receiver, &permit, &reporting) => over,
        () = told_to_end => Over::Because(words::stopping()),
        ending = permit.ended() => Over::Because(words::must_end(ending, &camera)),
    };
    let last_words = async {
        match over {
            Over::Served => {}
            Over::Gone => return Err(Gone),
            Over::Because(why) => sink.send(MseOut::Ended(why)).await?,
        }
        let normally = CloseFrame { code: close_code::NORMAL, reason: "".into() };
        sink.put(Message::Close(Some(normally))).await
    };
    // Who does not listen is not waited for.
    let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
}

async fn show(
    hub: &Hub,
    shown: Shown,
    request: MseRequest,
    reports: watch::Receiver<Report>,
    sink: &mut Socket,
) -> Result<(), Gone> {
    let tracks = if request.sound { Tracks::PicturesAndSound } else { Tracks::Pictures };
    match shown {
        Shown::One(stream) => {
            let mut watch = hub.live.watch_tracks(stream, tracks).await;
            mse::serve(&mut watch, &request.codecs, sink).await
        }
        Shown::Auto(camera, streams) => {
            let start = Start {
                ladder: Ladder::of(&streams),
                most: request.best.into(),
                line: if request.is_narrow { Line::Narrow } else { Line::Unknown },
                is_told: request.reports,
            };
            let viewer = AutoViewer { camera, start, codecs: request.codecs, tracks };
            auto::serve(&hub.live, &hub.clock, viewer, reports, sink).await
        }
    }
}

/// Reading on is what notices that the client closed; all that it has to say is what has reached it, and a later token.
async fn listen(
    receiver: &mut SplitStream<WebSocket>,
    permit: &Permit,
    reporting: &watch::Sender<Report>,
) -> Over {
    while let Some(Ok(message)) = receiver.next().await {
        let Message::Text(text) = message else { continue };
        if let Ok(MseReport { received, best }) = serde_json::from_str(&text) {
            reporting.send_modify(|report| {
                report.received = received;
                report.best = best.map(Into::into).or(report.best);
            });
            continue;
        }
        let Ok(MseRenewal { token }) = serde_json::from_str(&text) else { continue };
        if let Err(why) = permit.prolong(&token) {
            return Over::Because(words::refused(why));
        }
    }
    Over::Gone
}

async fn first_message(socket: &mut WebSocket) -> Option<MseRequest> {
    loop {
        match socket.recv().await?.ok()? {
            Message::Text(text) => return serde_json::from_str(&text).ok(),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Binary(_) | Message::Close(_) => return None,
        }
    }
}

struct Socket {
    sender: SplitSink<WebSocket, Message>,
}

impl Socket {
    async fn put(&mut self, message: Message) -> Result<(), Gone> {
        match tokio::time::timeout(DEAD_AFTER, self.sender.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }
}

impl MseSink<Problem> for Socket {
    async fn send(&mut self, message: MseOut<Problem>) -> Result<(), Gone> {
        let words = match message {
            MseOut::Media(bytes) => return self.put(Message::Binary(bytes)).await,
            MseOut::Init { mime, width, height, stream, is_best } => {
                MseMessage::Init { mime, width, height, stream: name_of(stream), is_best }
            }
            MseOut::Skipped(units) => MseMessage::Skipped { units },
            MseOut::Padding(bytes) => {
                MseMessage::Probe { padding: "-".repeat(bytes.min(MOST_PADDING)) }
            }
            MseOut::Waiting(problem) => MseMessage::Waiting { problem },
            MseOut::Ended(problem) => MseMessage::Ended { problem },
            MseOut::NotPlayable { rfc6381 } => MseMessage::Ended {
                problem: words::problem(
                    ProblemCode::NotPlayable,
                    format!("This browser cannot decode the camera's video ({rfc6381})."),
                    "Set the stream to H.264 in the camera's settings, watch its sub stream, or use another browser.",
                ),
            },
        };
        let text = serde_json::to_string(&words).expect("a message is plain JSON");
        self.put(Message::Text(text.into())).await
    }
}
