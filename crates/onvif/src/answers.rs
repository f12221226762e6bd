//! Brain: what a camera said, read from its XML.
//!
//! Lenient where cameras differ, silent where something is missing: what is not there is `None` or left out. What does not
//! belong here: what is asked next ([`crate::device`]).

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tarsier_types::UtcMs;

use crate::device::Ability;
use crate::envelope::Service;
use crate::xml::Element;

/// More is no list that a person chooses from; ONVIF devices have up to 300.
const MOST_PRESETS: usize = 512;
/// As shown to people.
const LONGEST_TEXT: usize = 200;
/// Tokens have at most 64 letters by the standard; some are longer.
const LONGEST_TOKEN: usize = 256;

/// The answer is that it will not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// All codes from the outer to the inner, without prefixes: `Sender`, `NotAuthorized`.
    pub codes: Vec<String>,
    /// In the camera's words, shortened.
    pub reason: String,
}

impl Fault {
    /// It does not believe who asks, or does not allow it to him.
    pub fn is_about_who_asks(&self) -> bool {
        let codes =
            ["NotAuthorized", "FailedAuthentication", "InvalidSecurity", "OperationProhibited"];
        // Devices made with generic libraries say it in words alone.
        let words = ["not authorized", "unauthorized", "authentication", "ws-security"];
        let reason = self.reason.to_ascii_lowercase();
        self.codes.iter().any(|code| codes.contains(&code.as_str()))
            || words.iter().any(|words| reason.contains(words))
    }
}

/// What stands in the envelope.
pub fn body(root: &Element) -> Option<Result<&Element, Fault>> {
    let body = root.child("Body").filter(|_| root.name == "Envelope")?;
    let first = body.children.first()?;
    Some(if first.name == "Fault" { Err(fault(first)) } else { Ok(first) })
}

fn fault(element: &Element) -> Fault {
    let bare = |text: &str| text.trim().rsplit(':').next().unwrap_or_default().to_owned();
    let mut codes = Vec::new();
    let mut code = element.child("Code");
    while let Some(at) = code {
        codes.extend(at.text_at(&["Value"]).map(bare));
        code = at.child("Subcode");
    }
    // SOAP 1.1, in which some cameras complain.
    codes.extend(element.text_at(&["faultcode"]).map(bare));
    // Where the codes of ONVIF are put by devices made with generic libraries.
    codes.extend(element.text_at(&["Detail", "fault", "subcode"]).map(bare));
    let reason = element.text_at(&["Reason", "Text"]).or(element.text_at(&["faultstring"]));
    Fault { codes, reason: shown(reason.unwrap_or_default()) }
}

/// A text of a stranger for people: one line, not long.
fn shown(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect()
}

/// The camera's clock.
pub fn time(answer: &Element) -> Option<UtcMs> {
    let utc = answer.at(&["SystemDateAndTime", "UTCDateTime"])?;
    let number = |path: [&str; 2]| utc.text_at(&path)?.parse::<i16>().ok();
    let small = |path| i8::try_from(number(path)?).ok();
    let civil = DateTime::new(
        number(["Date", "Year"])?,
        small(["Date", "Month"])?,
        small(["Date", "Day"])?,
        small(["Time", "Hour"])?,
        small(["Time", "Minute"])?,
        // A leap second.
        small(["Time", "Second"])?.min(59),
        0,
    );
    let at = civil.ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(UtcMs(at.timestamp().as_millisecond()))
}

/// Where the services that we need are, as the camera says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// The older one of the two.
    pub media: Option<String>,
    /// The newer one.
    pub media2: Option<String>,
    /// Without it nothing turns.
    pub ptz: Option<String>,
}

/// From the answer to `GetCapabilities`.
pub fn capabilities(answer: &Element) -> Services {
    let at = |name| answer.text_at(&["Capabilities", name, "XAddr"]).map(str::to_owned);
    Services { media: at("Media"), media2: None, ptz: at("PTZ") }
}

/// From the answer to `GetServices`.
pub fn services(answer: &Element) -> Services {
    let at = |service: Service| {
        let namespace = |it: &&Element| it.text_at(&["Namespace"]) == Some(service.namespace());
        answer.all("Service").find(namespace)?.text_at(&["XAddr"]).map(str::to_owned)
    };
    Services { media: at(Service::Media), media2: at(Service::Media2), ptz: at(Service::Ptz) }
}

/// A profile that can turn the camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// By which it is asked for.
    pub token: String,
    /// What turns it.
    pub node: Option<String>,
    /// By the spaces that it names; both false: it names none.
    pub can: Ability,
}

/// The first profile that can turn the camera: by either media service.
pub fn profile(answer: &Element) -> Option<Profile> {
    answer.all("Profiles").find_map(|profile| {
        let configuration =
            profile.child("PTZConfiguration").or(profile.at(&["Configurations", "PTZ"]))?;
        let names = |name: &str| configuration.text_at(&[name]).is_some();
        Some(Profile {
            token: token(profile)?,
            node: configuration.text_at(&["NodeToken"]).and_then(bounded),
            can: Ability {
                pan_tilt: names("DefaultContinuousPanTiltVelocitySpace"),
                zoom: names("DefaultContinuousZoomVelocitySpace"),
            },
        })
    })
}

/// What a node can do.
pub fn node(answer: &Element) -> Option<Ability> {
    let spaces = answer.at(&["PTZNode", "SupportedPTZSpaces"])?;
    let has = |name| spaces.child(name).is_some();
    Some(Ability {
        pan_tilt: has("ContinuousPanTiltVelocitySpace"),
        zoom: has("ContinuousZoomVelocitySpace"),
    })
}

/// A position that the camera remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// By which it is asked for.
    pub token: String,
    /// For people; the token where the camera has none.
    pub name: String,
}

/// The positions that the camera remembers, each once.
pub fn presets(answer: &Element) -> Vec<Preset> {
    let mut presets: Vec<Preset> = Vec::new();
    for preset in answer.all("Preset").take(MOST_PRESETS) {
        let Some(token) = token(preset) else { continue };
        if presets.iter().any(|known| known.token == token) {
            continue;
        }
        let name = preset.text_at(&["Name"]).map(shown).filter(|name| !name.is_empty());
        presets.push(Preset { name: name.unwrap_or_else(|| shown(&token)), token });
    }
    presets
}

/// The token of a position that was just made.
pub fn new_preset(answer: &Element) -> Option<String> {
    answer.text_at(&["PresetToken"]).and_then(bounded)
}

fn token(element: &Element) -> Option<String> {
    element.attribute("token").and_then(bounded)
}

fn bounded(token: &str) -> Option<String> {
    (!token.is_empty() && token.len() <= LONGEST_TOKEN).then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            Element::read(include_bytes!(concat!("../../../tests/fixtures/onvif/", $name, ".xml")))
                .unwrap()
        };
    }

    /// What a real camera said, or what it complained of.
    fn said(root: &Element) -> Result<&Element, Fault> {
        body(root).expect("an envelope with something in it")
    }

    #[test]
    fn a_real_camera_is_understood() {
        let root = fixture!("GetSystemDateAndTime");
        // 2014-12-24T19:14:37Z
        assert_eq!(time(said(&root).unwrap()), Some(UtcMs(1_419_448_477_000)));
        let root = fixture!("GetCapabilities");
        let at = Some("http://192.168.68.111/onvif/services".to_owned());
        let found = capabilities(said(&root).unwrap());
        assert_eq!(found, Services { media: at.clone(), media2: None, ptz: at.clone() });
        let root = fixture!("GetServices");
        assert_eq!(services(said(&root).unwrap()).ptz, at);
        let root = fixture!("GetProfiles");
        let both = Ability { pan_tilt: true, zoom: true };
        let expected = Profile { token: "main".into(), node: Some("default".into()), can: both };
        assert_eq!(profile(said(&root).unwrap()), Some(expected));
        let root = fixture!("GetPresets");
        let presets = presets(said(&root).unwrap());
        assert_eq!(presets.len(), 46);
        assert_eq!(presets[45], Preset { token: "Home2".into(), name: "Home".into() });
        let root = fixture!("Fault");
        let fault = said(&root).unwrap_err();
        assert_eq!(fault.codes, ["Sender", "InvalidArgVal", "NoToken"]);
        let root = fixture!("ContinuousMove");
        assert_eq!(said(&root).unwrap().name, "ContinuousMoveResponse");
    }

    #[test]
    fn a_node_says_what_it_can() {
        // The answer to GetNodes holds nodes as that to GetNode holds one.
        let root = fixture!("GetNodes");
        assert_eq!(node(said(&root).unwrap()), Some(Ability { pan_tilt: true, zoom: true }));
    }

    fn read(inner: &str) -> Element {
        let text =
            format!("<e:Envelope xmlns:e='x'><e:Header/><e:Body>{inner}</e:Body></e:Envelope>");
        Element::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn every_way_to_say_no_to_a_stranger_is_understood() {
        for no in [
            "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code><s:Reason><s:Text>Sender not Authorized</s:Text></s:Reason></s:Fault>",
            "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>wsse:FailedAuthentication</s:Value></s:Subcode></s:Code></s:Fault>",
            "<Fault><faultcode>wsse:FailedAuthentication</faultcode><faultstring>x</faultstring></Fault>",
            "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text>WS-Security header required but not provided</s:Text></s:Reason></s:Fault>",
            "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text>Authentication failed</s:Text></s:Reason></s:Fault>",
            "<s:Fault><s:Reason><s:Text>The action requested requires authorization and the sender is Not Authorized</s:Text></s:Reason></s:Fault>",
        ] {
            let root = read(no);
            assert!(said(&root).unwrap_err().is_about_who_asks(), "{no}");
        }
        let root = read(
            "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:InvalidArgVal</s:Value></s:Subcode></s:Code><s:Reason><s:Text> No\n\n such   preset </s:Text></s:Reason></s:Fault>",
        );
        let fault = said(&root).unwrap_err();
        assert!(!fault.is_about_who_asks());
        assert_eq!(
            (fault.codes.join(" "), fault.reason),
            ("Sender InvalidArgVal".into(), "No such preset".into())
        );
    }

    #[test]
    fn profiles_of_the_newer_service_are_understood_and_those_without_ptz_passed_over() {
        let root = read(
            "<r><Profiles token='1'><Configurations><VideoSource/></Configurations></Profiles>\
             <Profiles token='2'><Configurations><PTZ token='p'><NodeToken>n</NodeToken>\
             <DefaultContinuousZoomVelocitySpace>u</DefaultContinuousZoomVelocitySpace></PTZ></Configurations></Profiles></r>",
        );
        let found = profile(said(&root).unwrap()).unwrap();
        assert_eq!((found.token.as_str(), found.node.as_deref()), ("2", Some("n")));
        assert_eq!(found.can, Ability { pan_tilt: false, zoom: true });
        let root = read("<r><Profiles token='1'/></r>");
        assert_eq!(profile(said(&root).unwrap()), None);
    }

    #[test]
    fn presets_without_names_are_called_by_their_tokens() {
        let root = read(
            "<r><Preset token='1'><Name> Front\u{7} door </Name></Preset><Preset token='2'/><Preset token=''><Name>x</Name></Preset><Preset token='1'><Name>again</Name></Preset></r>",
        );
        let names: Vec<_> = presets(said(&root).unwrap()).into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["Front door", "2"]);
    }

    #[test]
    fn a_clock_that_is_not_set_or_nonsense_is_none() {
        let at = |date: &str| {
            let root = read(&format!(
                "<r><SystemDateAndTime><UTCDateTime><Time><Hour>23</Hour><Minute>59</Minute><Second>60</Second></Time><Date>{date}</Date></UTCDateTime></SystemDateAndTime></r>"
            ));
            time(said(&root).unwrap())
        };
        assert_eq!(at("<Year>1970</Year><Month>1</Month><Day>1</Day>"), Some(UtcMs(86_399_000)));
        assert_eq!(at("<Year>2026</Year><Month>13</Month><Day>1</Day>"), None);
        assert_eq!(at("<Year>99999999</Year><Month>1</Month><Day>1</Day>"), None);
        assert_eq!(at(""), None);
    }
}
