//! Hands: a conversation with one camera: its clock, its services, the profile that turns it; then turning it.
//!
//! Who asks is shown as WS-Security wants it, and once a camera has challenged us over HTTP, by HTTP Digest alone: the
//! standard (ONVIF Core section 5.9) forbids both at once. What does not belong here: when it is asked, and by how many at
//! once: `&mut self` says one.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rand::TryRngCore as _;
use tarsier_rtp::digest::Challenge;
use tarsier_types::{Clock as _, Credentials};

use crate::address::Address;
use crate::answers::{self, Fault, Preset, Services};
use crate::envelope::{Question, Service};
use crate::error::OnvifError;
use crate::http::{Client, Raw};
use crate::security;
use crate::xml::Element;

/// What of a camera can be turned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ability {
    /// It looks to the sides, up and down.
    pub pan_tilt: bool,
    /// It looks nearer.
    pub zoom: bool,
}

/// How fast, each from -1 to 1: to the right, up, nearer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Velocity {
    /// To the right.
    pub pan: f64,
    /// Up.
    pub tilt: f64,
    /// Nearer.
    pub zoom: f64,
}

/// A camera that answers ONVIF.
#[derive(Debug)]
pub struct Device {
    client: Client,
    address: Address,
    credentials: Option<Credentials>,
    /// Its clock minus ours.
    offset_ms: i64,
    /// It wants HTTP Digest, and has got so many answers to this challenge.
    challenge: Option<(Challenge, u32)>,
}

/// A camera that can be turned.
#[derive(Debug)]
pub struct Ptz {
    device: Device,
    service: Address,
    profile: String,
    can: Ability,
}

/// Why a question was not answered: the camera's own no is told apart, because it may be asked another way.
enum Unanswered {
    No(Fault),
    Failed(OnvifError),
}

impl From<Unanswered> for OnvifError {
    fn from(why: Unanswered) -> Self {
        match why {
            Unanswered::Failed(error) => error,
            Unanswered::No(fault) if fault.reason.is_empty() => {
                Self::Refused(fault.codes.join(", "))
            }
            Unanswered::No(fault) => Self::Refused(fault.reason),
        }
    }
}

impl Device {
    /// Whether a device answers there, and how its clock goes. That may be asked by everybody: nothing is said of who asks,
    /// unless HTTP itself wants it.
    pub async fn reach(
        client: &Client,
        address: Address,
        credentials: Option<Credentials>,
    ) -> Result<Self, OnvifError> {
        let (client, here) = (client.clone(), address.clone());
        let mut device = Self { client, address, credentials, offset_ms: 0, challenge: None };
        match device.ask_as(&here, &Question::time(), "").await {
            Ok(answer) => {
                let now = device.client.clock.utc();
                device.offset_ms = answers::time(&answer).map_or(0, |theirs| theirs.0 - now.0);
                Ok(device)
            }
            // It speaks SOAP, and keeps its time to itself: then ours will do.
            Err(Unanswered::No(_)) => Ok(device),
            Err(Unanswered::Failed(error)) => Err(error),
        }
    }

    /// The same, if it can be turned.
    pub async fn ptz(mut self) -> Result<Ptz, OnvifError> {
        let Services { media, media2, ptz } = self.services().await?;
        let place = |said: Option<String>| said.and_then(|said| self.address.of_service(&said));
        let service = place(ptz).ok_or(OnvifError::NoPtz("it has no PTZ service"))?;
        let (media, media2) = (place(media), place(media2));
        let mut profile = None;
        for (address, of) in [(media, Service::Media), (media2, Service::Media2)] {
            let (None, Some(address)) = (&profile, address) else { continue };
            match self.ask(&address, &Question::profiles(of)).await {
                Ok(answer) => profile = answers::profile(&answer),
                Err(Unanswered::No(fault)) => tracing::debug!(?fault, "no profiles"),
                Err(Unanswered::Failed(error)) => return Err(error),
            }
        }
        let profile = profile.ok_or(OnvifError::NoPtz("none of its profiles has PTZ"))?;
        let mut can = profile.can;
        if can == Ability::default()
            && let Some(node) = &profile.node
        {
            can = match self.ask(&service, &Question::node(node)).await {
                Ok(answer) => answers::node(&answer).unwrap_or_default(),
                Err(Unanswered::No(_)) => can,
                Err(Unanswered::Failed(error)) => return Err(error),
            };
        }
        if can == Ability::default() {
            return Err(OnvifError::NoPtz("nothing of it turns"));
        }
        Ok(Ptz { device: self, service, profile: profile.token, can })
    }

    /// By the older question, which every device knows; by the newer one where that leaves something open.
    async fn services(&mut self) -> Result<Services, OnvifError> {
        let here = self.address.clone();
        let old = match self.ask(&here, &Question::capabilities()).await {
            Ok(answer) => answers::capabilities(&answer),
            Err(Unanswered::No(_)) => Services::default(),
            Err(Unanswered::Failed(error)) => return Err(error),
        };
        if old.ptz.is_some() && old.media.is_some() {
            return Ok(old);
        }
        match self.ask(&here, &Question::services()).await {
            Ok(answer) => {
                let new = answers::services(&answer);
                let (media, ptz) = (old.media.or(new.media), old.ptz.or(new.ptz));
                Ok(Services { media, media2: new.media2, ptz })
            }
            Err(Unanswered::No(_)) => Ok(old),
            Err(Unanswered::Failed(error)) => Err(error),
        }
    }

    async fn ask(&mut self, at: &Address, question: &Question) -> Result<Element, Unanswered> {
        let now = self.client.clock.utc().plus_millis(self.offset_ms);
        let header = match (&self.credentials, &self.challenge) {
            (Some(credentials), None) => security::header(credentials, random(), now),
            _ => String::new(),
        };
        self.ask_as(at, question, &header).await
    }

    async fn ask_as(
        &mut self,
        at: &Address,
        question: &Question,
        header: &str,
    ) -> Result<Element, Unanswered> {
        let failed = Unanswered::Failed;
        let mut raw = self.send(at, question, header).await.map_err(failed)?;
        if let (401, Some(challenge), true) =
            (raw.status, raw.challenge.take(), self.credentials.is_some())
        {
            self.challenge = Some((challenge, 0));
            raw = self.send(at, question, "").await.map_err(failed)?;
        }
        let stranger = || {
            failed(match self.credentials {
                Some(_) => OnvifError::WrongCredentials,
                None => OnvifError::CredentialsNeeded,
            })
        };
        let root = Element::read(&raw.body).ok();
        match root.as_ref().and_then(answers::body) {
            Some(Ok(answer)) if raw.status < 400 => Ok(answer.clone()),
            Some(Err(fault)) if fault.is_about_who_asks() => Err(stranger()),
            Some(Err(fault)) if raw.status != 401 => Err(Unanswered::No(fault)),
            _ if raw.status == 401 => Err(stranger()),
            _ => Err(failed(OnvifError::NotOnvif("it does not answer in SOAP"))),
        }
    }

    async fn send(
        &mut self,
        at: &Address,
        question: &Question,
        header: &str,
    ) -> Result<Raw, OnvifError> {
        let authorization = match (&mut self.challenge, &self.credentials) {
            (Some((challenge, count)), Some(Credentials { username, password })) => {
                *count += 1;
                let known = (username.as_str(), password.expose().as_str());
                let nonce = BASE64_STANDARD.encode(random());
                Some(challenge.answer(known, ("POST", at.path()), &nonce, *count))
            }
            _ => None,
        };
        let body = question.envelope(header);
        self.client.post(at, &question.content_type(), authorization.as_deref(), body).await
    }
}

impl Ptz {
    /// What of it can be turned.
    pub const fn can(&self) -> Ability {
        self.can
    }

    /// Begins to turn, until told otherwise or that time is over: if the camera keeps time, which not every one does.
    pub async fn turn(&mut self, to: Velocity, timeout: Duration) -> Result<(), OnvifError> {
        self.ask(&Question::turn(&self.profile, self.can, to, timeout)).await.map(drop)
    }

    /// Stands still.
    pub async fn stop(&mut self) -> Result<(), OnvifError> {
        self.ask(&Question::stop(&self.profile)).await.map(drop)
    }

    /// The positions that it remembers; none if it does not know of such a thing.
    pub async fn presets(&mut self) -> Result<Vec<Preset>, OnvifError> {
        match self.ask(&Question::presets(&self.profile)).await {
            Ok(answer) => Ok(answers::presets(&answer)),
            Err(OnvifError::Refused(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Goes to one of them.
    pub async fn goto_preset(&mut self, token: &str) -> Result<(), OnvifError> {
        self.ask(&Question::goto_preset(&self.profile, token)).await.map(drop)
    }

    /// Remembers where it looks; answers the new position's token.
    pub async fn set_preset(&mut self, name: &str) -> Result<String, OnvifError> {
        let answer = self.ask(&Question::set_preset(&self.profile, name)).await?;
        answers::new_preset(&answer).ok_or(OnvifError::NotOnvif("no token of a position"))
    }

    async fn ask(&mut self, question: &Question) -> Result<Element, OnvifError> {
        let Self { device, service, .. } = self;
        Ok(device.ask(service, question).await?)
    }
}

/// From the operating system.
fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).expect("the operating system has randomness");
    bytes
}
