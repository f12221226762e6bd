//! Brain: what a camera is asked, as XML (SOAP 1.2; ONVIF Core, Media, Media2 and PTZ Service Specifications).

use std::time::Duration;

use crate::device::{Ability, Velocity};
use crate::xml::escape;

const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
const SCHEMA: &str = "http://www.onvif.org/ver10/schema";

/// A service of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Every device has it.
    Device,
    /// Profiles.
    Media,
    /// Profiles, on devices that do not have the older one.
    Media2,
    /// What we are here for.
    Ptz,
}

impl Service {
    /// Of its operations.
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Device => "http://www.onvif.org/ver10/device/wsdl",
            Self::Media => "http://www.onvif.org/ver10/media/wsdl",
            Self::Media2 => "http://www.onvif.org/ver20/media/wsdl",
            Self::Ptz => "http://www.onvif.org/ver20/ptz/wsdl",
        }
    }
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Whom.
    pub service: Service,
    /// What.
    pub operation: &'static str,
    inner: String,
}

impl Question {
    const fn plain(service: Service, operation: &'static str) -> Self {
        Self { service, operation, inner: String::new() }
    }

    fn with(service: Service, operation: &'static str, inner: String) -> Self {
        Self { service, operation, inner }
    }

    /// What time is it at your place? May be asked by everybody.
    pub const fn time() -> Self {
        Self::plain(Service::Device, "GetSystemDateAndTime")
    }

    /// Where are your services, as every device can say?
    pub fn capabilities() -> Self {
        let inner = "<Category>All</Category>".to_owned();
        Self::with(Service::Device, "GetCapabilities", inner)
    }

    /// The same, as newer devices say it.
    pub fn services() -> Self {
        let inner = "<IncludeCapability>false</IncludeCapability>".to_owned();
        Self::with(Service::Device, "GetServices", inner)
    }

    /// Which profiles do you have?
    pub fn profiles(service: Service) -> Self {
        let inner = match service {
            Service::Media2 => "<Type>PTZ</Type>".to_owned(),
            _ => String::new(),
        };
        Self::with(service, "GetProfiles", inner)
    }

    /// What can that node do?
    pub fn node(token: &str) -> Self {
        let inner = format!("<NodeToken>{}</NodeToken>", escape(token));
        Self::with(Service::Ptz, "GetNode", inner)
    }

    /// Which positions do you know?
    pub fn presets(profile: &str) -> Self {
        Self::with(Service::Ptz, "GetPresets", of_profile(profile))
    }

    /// Turn, until you are told otherwise, or that time is over.
    pub fn turn(profile: &str, can: Ability, to: Velocity, timeout: Duration) -> Self {
        let (pan, tilt, zoom) = (number(to.pan), number(to.tilt), number(to.zoom));
        let pan_tilt = format!("<PanTilt x=\"{pan}\" y=\"{tilt}\" xmlns=\"{SCHEMA}\"/>");
        let zoom = format!("<Zoom x=\"{zoom}\" xmlns=\"{SCHEMA}\"/>");
        let velocity: String = [(can.pan_tilt, pan_tilt), (can.zoom, zoom)]
            .into_iter()
            .filter_map(|(can, it)| can.then_some(it))
            .collect();
        // Cameras read whole seconds alone.
        let seconds = timeout.as_secs().max(1);
        let inner = format!(
            "{}<Velocity>{velocity}</Velocity><Timeout>PT{seconds}S</Timeout>",
            of_profile(profile)
        );
        Self::with(Service::Ptz, "ContinuousMove", inner)
    }

    /// Stand still.
    pub fn stop(profile: &str) -> Self {
        let inner = format!("{}<PanTilt>true</PanTilt><Zoom>true</Zoom>", of_profile(profile));
        Self::with(Service::Ptz, "Stop", inner)
    }

    /// Go to that position.
    pub fn goto_preset(profile: &str, token: &str) -> Self {
        let preset = format!("<PresetToken>{}</PresetToken>", escape(token));
        Self::with(Service::Ptz, "GotoPreset", of_profile(profile) + &preset)
    }

    /// Remember where you look as a position of that name.
    pub fn set_preset(profile: &str, name: &str) -> Self {
        let preset = format!("<PresetName>{}</PresetName>", escape(name));
        Self::with(Service::Ptz, "SetPreset", of_profile(profile) + &preset)
    }

    /// The whole of it; `security` shows who asks, and may be empty.
    pub fn envelope(&self, security: &str) -> String {
        let Self { service, operation, inner } = self;
        let namespace = service.namespace();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope xmlns:s=\"{SOAP}\"><s:Header>{security}</s:Header>\
             <s:Body><{operation} xmlns=\"{namespace}\">{inner}</{operation}></s:Body></s:Envelope>"
        )
    }

    /// For HTTP.
    pub fn content_type(&self) -> String {
        let (namespace, operation) = (self.service.namespace(), self.operation);
        format!("application/soap+xml; charset=utf-8; action=\"{namespace}/{operation}\"")
    }
}

fn of_profile(token: &str) -> String {
    format!("<ProfileToken>{}</ProfileToken>", escape(token))
}

/// From -1 to 1, in at most three digits: some cameras read no more, none needs more.
fn number(value: f64) -> String {
    let value = if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 };
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Element;

    #[test]
    fn numbers_are_short_and_bounded() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (-0.0001, "0"),
            (0.5, "0.5"),
            (-1.0 / 3.0, "-0.333"),
            (7.0, "1"),
            (-7.0, "-1"),
            (f64::NAN, "0"),
            (f64::INFINITY, "0"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn only_what_a_camera_can_turn_is_asked_for() {
        let to = Velocity { pan: 1.0, tilt: -0.5, zoom: 0.25 };
        let velocity = |pan_tilt, zoom| {
            let can = Ability { pan_tilt, zoom };
            let question = Question::turn("a<b", can, to, Duration::from_millis(2500));
            let root = Element::read(question.envelope("").as_bytes()).unwrap();
            let turn = root.at(&["Body", "ContinuousMove"]).unwrap().clone();
            assert_eq!(turn.text_at(&["ProfileToken"]), Some("a<b"));
            assert_eq!(turn.text_at(&["Timeout"]), Some("PT2S"));
            let of = |element: &Element| {
                (element.name.clone(), element.attribute("x").map(str::to_owned))
            };
            turn.child("Velocity").unwrap().children.iter().map(of).collect::<Vec<_>>()
        };
        let (pan_tilt, zoom) = (
            ("PanTilt".to_owned(), Some("1".to_owned())),
            ("Zoom".to_owned(), Some("0.25".to_owned())),
        );
        assert_eq!(velocity(true, true), [pan_tilt.clone(), zoom.clone()]);
        assert_eq!(velocity(true, false), [pan_tilt]);
        assert_eq!(velocity(false, true), [zoom]);
    }
}
