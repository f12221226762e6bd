//! Hands: where a camera is asked, and finding it there.

use std::time::Duration;

use tarsier_api::ptz::{PtzAbility, PtzPreset};
use tarsier_onvif::address::USUAL_PORTS;
use tarsier_onvif::{Address, Client, Device, OnvifError, Ptz};
use tarsier_types::Credentials;

use crate::config::CameraEntry;

/// All usual ports of a host that swallows everything, and a camera that thinks for long.
const WITHIN: Duration = Duration::from_secs(45);

/// Where, and who asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    addresses: Vec<Address>,
    credentials: Option<Credentials>,
    /// For people.
    pub(super) place: String,
    is_typed: bool,
    /// Who types a password once more wants it tried once more.
    epoch: i64,
}

/// Why a camera is not even looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Untried {
    /// It is switched off: nobody speaks to it.
    Disabled,
    /// It is one of ours, and does not turn.
    Demo,
}

impl Target {
    pub(super) fn of(entry: &CameraEntry) -> Result<Self, Untried> {
        if !entry.enabled {
            return Err(Untried::Disabled);
        }
        let epoch = entry.config.epoch;
        let credentials = entry.onvif_credentials.clone().or_else(|| entry.credentials.clone());
        if let Some(url) = &entry.config.onvif {
            let place = format!("{}, port {}", url.host(), url.port());
            let addresses = vec![Address::typed(url)];
            return Ok(Self { addresses, credentials, place, is_typed: true, epoch });
        }
        if entry.config.demo.is_some() {
            return Err(Untried::Demo);
        }
        let host = entry.config.main.url.host();
        let addresses = USUAL_PORTS.map(|port| Address::guess(host, port)).to_vec();
        Ok(Self { addresses, credentials, place: host.to_owned(), is_typed: false, epoch })
    }
}

/// The camera, ready to be turned, and what it can.
pub(super) async fn find(
    client: &Client,
    target: &Target,
) -> Result<(Ptz, PtzAbility), OnvifError> {
    let found = tokio::time::timeout(WITHIN, look(client, target)).await;
    found.map_err(|_| OnvifError::TookTooLong)?
}

async fn look(client: &Client, target: &Target) -> Result<(Ptz, PtzAbility), OnvifError> {
    let mut why = OnvifError::NoConnection;
    for address in &target.addresses {
        match Device::reach(client, address.clone(), target.credentials.clone()).await {
            Ok(device) => {
                let mut ptz = device.ptz().await?;
                let ability = ability(&mut ptz).await?;
                return Ok((ptz, ability));
            }
            // It is there, and wants another password: at another port it would count that as one try more.
            Err(error @ (OnvifError::WrongCredentials | OnvifError::CredentialsNeeded)) => {
                return Err(error);
            }
            Err(error) => {
                tracing::debug!(?address, %error, "no ONVIF device here");
                why = error;
            }
        }
    }
    // Of places that were guessed nobody wants to know what else answers there.
    Err(if target.is_typed {
        why
    } else {
        OnvifError::NoPtz("nothing speaks ONVIF at its usual ports")
    })
}

async fn ability(ptz: &mut Ptz) -> Result<PtzAbility, OnvifError> {
    let can = ptz.can();
    let presets = ptz.presets().await?.into_iter();
    let presets = presets.map(|preset| PtzPreset { token: preset.token, name: preset.name });
    Ok(PtzAbility { pan_tilt: can.pan_tilt, zoom: can.zoom, presets: presets.collect() })
}
