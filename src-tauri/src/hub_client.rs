//! Hands: what the window asks of the hub, over HTTP on loopback.
//!
//! What does not belong here: what the answers mean to the tray, and finding the hub.

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use tarsier_api::alert::AlertMute;
use tarsier_api::event::Event;
use tarsier_api::system::System;
use tarsier_types::UtcMs;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::sse::Parser;

/// An answer over loopback takes milliseconds; more than this is a hub that hangs.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// How long to wait before the event stream is asked for again.
const RESUME_AFTER: Duration = Duration::from_secs(1);
/// A quiet hub sends a comment every 15 s to keep the stream alive; three missed ones are a dead connection.
const SILENCE_DEADLINE: Duration = Duration::from_secs(45);

/// Why the hub gave no useful answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Nobody answers.
    #[error("the hub cannot be reached")]
    NotReached(#[source] reqwest::Error),
    /// The token is expired, or from another data folder.
    #[error("the hub refuses the token")]
    Unauthorized,
    /// It says no.
    #[error("the hub answers {status}")]
    Refused {
        /// With this.
        status: StatusCode,
    },
    /// It says something else than what was asked for.
    #[error("the hub's answer cannot be understood")]
    Unintelligible(#[source] reqwest::Error),
}

/// What comes out of the event stream.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Something happened.
    Event(Box<Event>),
    /// The stream ended because the token did; ask for a new one.
    TokenExpired,
}

/// A hub with the token that it takes.
#[derive(Clone)]
pub(crate) struct HubClient {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl HubClient {
    /// Asks nothing yet. `url` has no slash at the end.
    pub(crate) fn new(url: String, token: String) -> Self {
        Self { http: http(), url, token }
    }

    /// Somebody answers `/healthz` there as a hub does.
    pub(crate) async fn is_alive(url: &str) -> bool {
        let asked = http().get(format!("{url}/healthz")).timeout(ANSWER_DEADLINE).send().await;
        asked.is_ok_and(|answer| answer.status().is_success())
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The page with the token in the fragment, which no server and no log ever sees.
    pub(crate) fn page_url(&self) -> String {
        format!("{}/#token={}", self.url, self.token)
    }

    /// `GET /api/v1/system`.
    pub(crate) async fn system(&self) -> Result<System, AskError> {
        self.ask(Method::GET, "/api/v1/system", None)
            .await?
            .json()
            .await
            .map_err(AskError::Unintelligible)
    }

    /// `PUT /api/v1/recording`.
    pub(crate) async fn set_paused(&self, paused: bool) -> Result<(), AskError> {
        self.ask(Method::PUT, "/api/v1/recording", Some(json!({ "paused": paused })))
            .await
            .map(drop)
    }

    /// `PUT /api/v1/alerts/mute`.
    pub(crate) async fn set_muted(&self, until: Option<UtcMs>) -> Result<(), AskError> {
        let mute = AlertMute { until_utc_ms: until.map(|until| until.0) };
        self.ask(Method::PUT, "/api/v1/alerts/mute", Some(json!(mute))).await.map(drop)
    }

    /// `POST /api/v1/demo`.
    pub(crate) async fn add_demo(&self, cameras: u16) -> Result<(), AskError> {
        self.ask(Method::POST, "/api/v1/demo", Some(json!({ "cameras": cameras }))).await.map(drop)
    }

    /// `POST /api/v1/system/stop`: the hub closes every segment and ends.
    pub(crate) async fn stop(&self) -> Result<(), AskError> {
        self.ask(Method::POST, "/api/v1/system/stop", None).await.map(drop)
    }

    /// Events from now on, through breaks of the connection, until the receiver is dropped or the token ends.
    ///
    /// The channel holds 64; when it is full the stream waits, and the hub's own queue and `Last-Event-ID` make up for it.
    pub(crate) fn events(&self) -> mpsc::Receiver<Heard> {
        let (sender, receiver) = mpsc::channel(64);
        let hub = self.clone();
        tokio::spawn(async move {
            let mut last_id = None;
            while !sender.is_closed() {
                match hub.follow_events(&mut last_id, &sender).await {
                    Err(AskError::Unauthorized) => {
                        // Nobody listens any more if this fails.
                        let _ = sender.send(Heard::TokenExpired).await;
                        return;
                    }
                    Err(error) => tracing::debug!(%error, "the event stream broke"),
                    Ok(()) => tracing::debug!("the event stream ended"),
                }
                tokio::select! {
                    () = sender.closed() => return,
                    () = sleep(RESUME_AFTER) => {}
                }
            }
        });
        receiver
    }

    async fn follow_events(
        &self,
        last_id: &mut Option<String>,
        sender: &mpsc::Sender<Heard>,
    ) -> Result<(), AskError> {
        let mut request =
            self.http.get(format!("{}/api/v1/events", self.url)).bearer_auth(&self.token);
        if let Some(id) = last_id.as_deref() {
            request = request.header("Last-Event-ID", id);
        }
        let mut bytes = judge(request.send().await)?.bytes_stream();
        let mut parser = Parser::default();
        loop {
            let piece = tokio::select! {
                () = sender.closed() => return Ok(()),
                piece = timeout(SILENCE_DEADLINE, bytes.next()) => piece,
            };
            let Ok(Some(piece)) = piece else { return Ok(()) };
            let Ok(messages) = parser.push(&piece.map_err(AskError::NotReached)?) else {
                return Ok(());
            };
            for message in messages {
                if message.id.is_some() {
                    last_id.clone_from(&message.id);
                }
                match serde_json::from_str(&message.data) {
                    Ok(event) => drop(sender.send(Heard::Event(Box::new(event))).await),
                    // A newer hub knows more kinds of events than this window.
                    Err(error) => {
                        tracing::debug!(%error, "an event that this window does not know");
                    }
                }
            }
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> Result<Response, AskError> {
        let mut request =
            self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        judge(request.timeout(ANSWER_DEADLINE).send().await)
    }
}

/// Never through a proxy: the hub is on this machine, and the token is for it alone.
fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap_or_default()
}

fn judge(answer: reqwest::Result<Response>) -> Result<Response, AskError> {
    let answer = answer.map_err(AskError::NotReached)?;
    match answer.status() {
        StatusCode::UNAUTHORIZED => Err(AskError::Unauthorized),
        status if status.is_success() => Ok(answer),
        status => Err(AskError::Refused { status }),
    }
}
