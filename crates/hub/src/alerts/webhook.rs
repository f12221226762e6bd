//! Hands: posts alerts to the address that an administrator typed, and to no other: redirects are not followed.
//!
//! Never in anybody's way: what is to be posted waits in a short queue, and what finds no room is left out and said so.
//! Each post is tried three times. A receiver proves by `x-tarsier-signature` who sent it: `sha256=` and the
//! HMAC-SHA256 (RFC 2104) of the body under the secret, in hexadecimal.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use tarsier_api::alert::WebhookResult;
use tarsier_types::{Clock, SystemClock};
use tokio::sync::{mpsc, watch};

use super::settings::Webhook;

/// Alerts that may wait; behind a receiver that hangs, each takes half a minute.
const QUEUE: usize = 64;
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Before the second attempt, and before the third.
pub(crate) const WAITS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
const SIGNATURE: &str = "x-tarsier-signature";

/// A post that waits.
struct Post {
    webhook: Webhook,
    body: Vec<u8>,
}

/// The handle.
#[derive(Clone)]
pub(crate) struct Poster {
    posts: mpsc::Sender<Post>,
    result: Arc<watch::Sender<Option<WebhookResult>>>,
    clock: SystemClock,
}

impl Poster {
    /// Starts the task that posts; it ends with the last handle.
    pub(crate) fn start(clock: SystemClock, waits: [Duration; 2]) -> Self {
        let (posts, mut waiting) = mpsc::channel::<Post>(QUEUE);
        let poster = Self { posts, result: Arc::new(watch::Sender::new(None)), clock };
        let result = Arc::clone(&poster.result);
        tokio::spawn(async move {
            let client = client();
            while let Some(post) = waiting.recv().await {
                let outcome = match &client {
                    Ok(client) => deliver(client, &post, waits).await,
                    Err(error) => Err(format!("Nothing can be posted from here: {error}.")),
                };
                say(&result, clock, outcome);
            }
        });
        poster
    }

    /// Posts it as soon as those before it are done.
    pub(crate) fn post(&self, webhook: Webhook, body: Vec<u8>) {
        if self.posts.try_send(Post { webhook, body }).is_err() {
            let outcome =
                format!("{QUEUE} alerts wait for this address already; the newest was left out.");
            say(&self.result, self.clock, Err(outcome));
        }
    }

    /// What became of the last one.
    pub(crate) fn result(&self) -> Option<WebhookResult> {
        self.result.borrow().clone()
    }

    #[cfg(test)]
    pub(crate) fn watch(&self) -> watch::Receiver<Option<WebhookResult>> {
        self.result.subscribe()
    }
}

fn say(
    result: &watch::Sender<Option<WebhookResult>>,
    clock: SystemClock,
    outcome: Result<String, String>,
) {
    let (is_delivered, message) = match outcome {
        Ok(message) => (true, message),
        Err(message) => {
            tracing::warn!(message, "an alert was not posted to the webhook");
            (false, message)
        }
    };
    result.send_replace(Some(WebhookResult { at_utc_ms: clock.utc().0, is_delivered, message }));
}

fn client() -> Result<reqwest::Client, String> {
    reqwest::Client::builder()
        .redirect(Policy::none())
        // The typed address itself is asked, whatever the environment says.
        .no_proxy()
        .timeout(ANSWER_WITHIN)
        .user_agent(concat!("tarsier/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.without_url().to_string())
}

async fn deliver(
    client: &reqwest::Client,
    post: &Post,
    waits: [Duration; 2],
) -> Result<String, String> {
    let mut waits = waits.into_iter();
    loop {
        let why = match attempt(client, post).await {
            Ok(said) => return Ok(said),
            Err(why) => why,
        };
        match waits.next() {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(format!("{why} It was tried three times.")),
        }
    }
}

async fn attempt(client: &reqwest::Client, post: &Post) -> Result<String, String> {
    let mut request = client
        .post(post.webhook.url.expose().clone())
        .header(CONTENT_TYPE, "application/json")
        .body(post.body.clone());
    if let Some(secret) = &post.webhook.secret {
        request = request.header(SIGNATURE, signature(secret.expose(), &post.body));
    }
    let answer = request.send().await.map_err(|error| {
        // Its own words hold the address, which may be a secret.
        if error.is_timeout() {
            format!("It did not answer within {} s. Check the address.", ANSWER_WITHIN.as_secs())
        } else if error.is_connect() {
            "Nobody answers there. Check the address, and that its server runs.".to_owned()
        } else {
            "The answer could not be understood. Check the address.".to_owned()
        }
    })?;
    let status = answer.status();
    if status.is_success() {
        Ok(format!("Answered {}.", status.as_u16()))
    } else if status.is_redirection() {
        Err(format!(
            "Answered {}: it sends us to another address, which is not followed. Type that one.",
            status.as_u16()
        ))
    } else {
        Err(format!("Answered {}. Check the address and what its server wants.", status.as_u16()))
    }
}

fn signature(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, body);
    tag.as_ref().iter().fold("sha256=".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::extract::{Request, State};
    use axum::http::{StatusCode, header};
    use axum::response::{IntoResponse, Response};
    use http_body_util::BodyExt;
    use tarsier_types::Secret;

    use super::*;

    const AT_ONCE: [Duration; 2] = [Duration::ZERO; 2];

    #[derive(Default)]
    struct Receiver {
        statuses: Mutex<Vec<u16>>,
        got: Mutex<Vec<(Option<String>, String)>>,
        elsewhere: AtomicUsize,
    }

    async fn take(State(receiver): State<Arc<Receiver>>, request: Request) -> Response {
        if request.uri().path() == "/elsewhere" {
            receiver.elsewhere.fetch_add(1, Ordering::SeqCst);
            return StatusCode::OK.into_response();
        }
        let signature = request.headers().get(SIGNATURE);
        let signature = signature.map(|value| value.to_str().unwrap().to_owned());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        receiver.got.lock().unwrap().push((signature, String::from_utf8(body.to_vec()).unwrap()));
        let status = receiver.statuses.lock().unwrap().pop().unwrap_or(204);
        let status = StatusCode::from_u16(status).unwrap();
        (status, [(header::LOCATION, "/elsewhere")]).into_response()
    }

    /// What the receiver answers, one after the other; what it got, and the result.
    async fn run(statuses: &[u16], secret: Option<&str>) -> (Arc<Receiver>, WebhookResult) {
        let receiver = Arc::new(Receiver::default());
        receiver.statuses.lock().unwrap().extend(statuses.iter().rev());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        let poster = Poster::start(SystemClock::start(), AT_ONCE);
        let mut results = poster.watch();
        let webhook = Webhook {
            url: Secret::new(url.parse().unwrap()),
            secret: secret.map(|text| Secret::new(text.to_owned())),
        };
        poster.post(webhook, br#"{"id":1}"#.to_vec());
        let ended = tokio::time::timeout(Duration::from_secs(20), results.changed()).await;
        ended.expect("a result within 20 s").unwrap();
        let result = poster.result().unwrap();
        (receiver, result)
    }

    #[tokio::test]
    async fn an_alert_is_posted_and_signed() {
        let (receiver, result) = run(&[204], Some("key")).await;
        assert_eq!((result.is_delivered, result.message.as_str()), (true, "Answered 204."));
        // From: printf '{"id":1}' | openssl dgst -sha256 -hmac key
        let signature = "sha256=c95c6a7c2c7c761e984c68cf64b4bca93f07242900aafdbb328d3bb75ab0dcb0";
        let got = receiver.got.lock().unwrap().clone();
        assert_eq!(got, [(Some(signature.to_owned()), r#"{"id":1}"#.to_owned())]);
        let (receiver, _) = run(&[200], None).await;
        assert_eq!(
            receiver.got.lock().unwrap()[0].0,
            None,
            "without a secret there is no signature"
        );
    }

    #[tokio::test]
    async fn a_receiver_that_fails_is_asked_three_times() {
        let (receiver, result) = run(&[500, 503, 200], None).await;
        assert!(result.is_delivered, "{result:?}");
        assert_eq!(receiver.got.lock().unwrap().len(), 3);
        let (receiver, result) = run(&[500, 500, 500, 200], None).await;
        assert!(!result.is_delivered && result.message.contains("Answered 500"), "{result:?}");
        assert_eq!(receiver.got.lock().unwrap().len(), 3, "and then left alone");
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let (receiver, result) = run(&[302, 307, 308], None).await;
        assert!(!result.is_delivered && result.message.contains("another address"), "{result:?}");
        assert_eq!(receiver.elsewhere.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn nobody_there_is_said_without_the_address() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/canary", listener.local_addr().unwrap());
        drop(listener);
        let poster = Poster::start(SystemClock::start(), AT_ONCE);
        let mut results = poster.watch();
        let webhook = Webhook { url: Secret::new(url.parse().unwrap()), secret: None };
        poster.post(webhook, Vec::new());
        let ended = tokio::time::timeout(Duration::from_secs(20), results.changed()).await;
        ended.expect("a result within 20 s").unwrap();
        let result = poster.result().unwrap();
        assert!(!result.is_delivered && result.message.contains("Nobody answers"), "{result:?}");
        assert!(!result.message.contains("canary"));
    }

    #[tokio::test]
    async fn a_receiver_that_hangs_is_in_nobodys_way() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let poster = Poster::start(SystemClock::start(), AT_ONCE);
        let webhook = Webhook { url: Secret::new(url.parse().unwrap()), secret: None };
        for _ in 0..QUEUE + 2 {
            poster.post(webhook.clone(), Vec::new());
        }
        let result = poster.result().expect("what found no room is said at once");
        assert!(!result.is_delivered && result.message.contains("left out"), "{result:?}");
    }
}
