//! Hands: one request over HTTP, and what came back, in bounds.
//!
//! Redirects are not followed and no proxy is asked: it is the camera that is meant, and nobody else. Certificates are not
//! checked, because no camera has one that could be: TLS keeps listeners out, it does not tell who answers. What does not
//! belong here: who asks, and what an answer means ([`crate::device`]).

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use reqwest::redirect::Policy;
use tarsier_rtp::digest::Challenge;
use tarsier_types::SystemClock;

use crate::address::Address;
use crate::error::OnvifError;

const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Some cameras take seconds for their list of profiles.
const ANSWER_WITHIN: Duration = Duration::from_secs(6);
/// A recorder with 64 channels has about 600 kB of profiles.
const MOST_BYTES: usize = 4 << 20;

/// What asks cameras; one for all of them.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    pub(crate) clock: SystemClock,
}

/// What came back.
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// One of its own.
    ///
    /// # Errors
    /// TLS cannot be set up here.
    pub fn new(clock: SystemClock) -> Result<Self, String> {
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .http1_only()
            // As in the standards' examples: some cameras' servers know no other.
            .http1_title_case_headers()
            .tls_danger_accept_invalid_certs(true)
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(10))
            .user_agent(concat!("tarsier/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.without_url().to_string())?;
        Ok(Self { http, clock })
    }

    pub(crate) async fn post(
        &self,
        address: &Address,
        content_type: &str,
        authorization: Option<&str>,
        body: String,
    ) -> Result<Raw, OnvifError> {
        let mut request =
            self.http.post(address.url()).header(CONTENT_TYPE, content_type).body(body);
        if let Some(authorization) = authorization {
            // A name in another script is sent as UTF-8; one with invisible characters cannot be right.
            let value = HeaderValue::from_bytes(authorization.as_bytes());
            let value = value.map_err(|_| OnvifError::WrongCredentials)?;
            request = request.header(AUTHORIZATION, value);
        }
        let mut answer = request.send().await.map_err(|error| why(&error))?;
        let status = answer.status().as_u16();
        let mut challenges = answer.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenge = challenges.find_map(|value| Challenge::read(value.to_str().ok()?));
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| why(&error))? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(OnvifError::NotOnvif("its answer has no end"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Raw { status, challenge, body })
    }
}

fn why(error: &reqwest::Error) -> OnvifError {
    if error.is_timeout() && !error.is_connect() {
        OnvifError::TookTooLong
    } else if error.is_connect() {
        OnvifError::NoConnection
    } else {
        OnvifError::NotOnvif("it does not speak HTTP to the end")
    }
}
