//! What is called with whatever bytes: it may refuse them, and never panic, and what it takes holds to its rules.

use std::io::Cursor;

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tarsier_ingest::g711::Law;
use tarsier_ingest::sound::Sound;
use tarsier_onvif::Address;
use tarsier_onvif::answers;
use tarsier_onvif::envelope::Question;
use tarsier_onvif::xml::Element;
use tarsier_segment::{nal, name, read_units, sample_entry, scan, sps};
use tarsier_tiers::sidecar;
use tarsier_tiers::volume::Identity;
use tarsier_types::CameraUrl;
use tarsier_wire::framing::{decode, encode};
use tarsier_wire::{ProbeReport, ProbeRequest, RecorderConfig, ToHub, ToRecorder};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn messages<M: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let mut read = BytesMut::from(bytes);
    let mut left = read.len();
    while let Ok(Some((message, payload))) = decode::<M>(&mut read) {
        assert!(read.len() < left, "a message has bytes");
        left = read.len();
        let head = encode(&message, payload.len()).expect("what was read can be written");
        let mut again = BytesMut::from(&[&head[..], &payload].concat()[..]);
        let (same, _) = decode::<M>(&mut again).expect("and read again").expect("whole");
        assert_eq!(encode(&same, payload.len()).expect("as before"), head);
    }
}

/// A recorder to its hub, over the local socket.
pub(crate) fn wire_to_hub(bytes: &[u8]) {
    messages::<ToHub>(bytes);
}

/// A hub to its recorder.
pub(crate) fn wire_to_recorder(bytes: &[u8]) {
    messages::<ToRecorder>(bytes);
}

/// What children are started with, and say at the end.
pub(crate) fn wire_json(bytes: &[u8]) {
    let _ = serde_json::from_slice::<RecorderConfig>(bytes);
    let _ = serde_json::from_slice::<ProbeRequest>(bytes);
    let _ = serde_json::from_slice::<ProbeReport>(bytes);
}

/// A file of footage, torn or foreign.
pub(crate) fn footage(bytes: &[u8]) {
    let Ok(found) = scan(&mut Cursor::new(bytes)) else { return };
    assert!(found.whole_bytes <= bytes.len() as u64, "nothing beyond the end is whole");
    for part in &found.parts {
        let from = usize::try_from(part.offset).expect("within the file");
        let fragment = &bytes[from..from + part.bytes as usize];
        if let Ok(units) = read_units(&found, fragment) {
            let payload: usize = units.iter().map(|unit| unit.data.len()).sum();
            assert!(payload <= fragment.len() * 2, "each of two tracks lies in it once");
        }
    }
}

/// How a stream is coded, as a camera or a file tells.
pub(crate) fn sample_entries(bytes: &[u8]) {
    let owned = Bytes::copy_from_slice(bytes);
    if let Some(video) = sample_entry::video_parameters(owned.clone(), None) {
        assert!(video.rfc6381.is_ascii(), "{}", video.rfc6381);
    }
    let _ = sample_entry::audio_parameters(owned);
    let nals = sample_entry::parameter_nals(bytes).unwrap_or_default();
    assert!(nals.iter().map(|nal| nal.len()).sum::<usize>() <= bytes.len());
}

/// What a camera says over ONVIF.
pub(crate) fn onvif_answers(bytes: &[u8]) {
    let Ok(root) = Element::read(bytes) else { return };
    let answer = match answers::body(&root) {
        Some(Ok(answer)) => answer,
        Some(Err(fault)) => {
            assert!(fault.reason.chars().count() <= 200, "not longer than people read");
            let _ = fault.is_about_who_asks();
            return;
        }
        None => return,
    };
    let _ = (answers::time(answer), answers::node(answer), answers::new_preset(answer));
    let presets = answers::presets(answer);
    assert!(presets.len() <= 512 && presets.iter().all(|preset| !preset.token.is_empty()));
    if let Some(profile) = answers::profile(answer) {
        let question = Question::presets(&profile.token).envelope("");
        let again = Element::read(question.as_bytes()).expect("our own XML");
        let token = again.text_at(&["Body", "GetPresets", "ProfileToken"]).unwrap_or_default();
        assert!(token.len() <= profile.token.len(), "a token is no XML of its own");
    }
    let device = Address::guess("192.0.2.7", 80);
    for services in [answers::capabilities(answer), answers::services(answer)] {
        for said in [services.media, services.media2, services.ptz].into_iter().flatten() {
            let url = device.of_service(&said).map(|address| address.url());
            assert!(url.is_none_or(|url| url.starts_with("http://192.0.2.7:80/")), "{said}");
        }
    }
}

/// Coded pictures and parameter sets of a camera.
pub(crate) fn nal_units(bytes: &[u8]) {
    for unit in nal::annex_b_units(bytes).chain(nal::length_units(bytes)).chain([bytes]) {
        let _ = (nal::h264_type(unit), nal::hevc_type(unit));
        let _ = (sps::h264(unit), sps::hevc(unit));
        let _ = (sample_entry::h264_dimensions(unit), sample_entry::hevc_dimensions(unit));
        let _ = (sps::h264_rfc6381(unit), sps::hevc_rfc6381(unit));
        let _ = sample_entry::avc1_from_avcc(unit, 64, 64);
    }
    let lengths = nal::annex_b_to_lengths(bytes);
    let units: Vec<_> = nal::annex_b_units(bytes).filter(|unit| !unit.is_empty()).collect();
    let again: Vec<_> = nal::length_units(&lengths).filter(|unit| !unit.is_empty()).collect();
    assert_eq!(units, again, "no unit is lost on the way");
}

/// Sound as telephones code it, in packets that say when they were taken.
pub(crate) fn companded_sound(bytes: &[u8]) {
    let Some(([high, low, channels], mut rest)) = bytes.split_first_chunk() else { return };
    let rate_hz = u32::from(u16::from_be_bytes([*high, *low])) * 100;
    for law in [Law::A, Law::Mu] {
        let Some(mut sound) = Sound::new(law, rate_hz, u16::from(*channels)) else { return };
        let (mut blocks, mut packets) = (0, 0);
        while let Some((stamp, behind)) = rest.split_first_chunk() {
            let (packet, behind) = behind.split_at(behind.len().min(160));
            blocks += sound.push(i64::from_be_bytes(*stamp), packet).len();
            packets += 1;
            rest = behind;
        }
        // Silence for at most a second takes the place of what is missing.
        let most = packets * (rate_hz as usize + 160) / 512 + packets;
        assert!(blocks <= most, "{blocks} blocks of {packets} packets");
    }
}

/// What makes a folder or a bucket a tier.
pub(crate) fn identity(bytes: &[u8]) {
    if let Ok(identity) = serde_json::from_slice::<Identity>(bytes) {
        let again = serde_json::to_vec(&identity).expect("plain fields are JSON");
        assert_eq!(serde_json::from_slice::<Identity>(&again).ok(), Some(identity));
    }
}

/// The path of a file in a tier, a folder or a bucket.
pub(crate) fn footage_path(bytes: &[u8]) {
    if let Ok((camera, stream, start)) = name::parse(&text(bytes)) {
        let path = name::path(&camera, stream, start);
        assert_eq!(name::parse(&path).ok(), Some((camera, stream, start)));
    }
}

/// What a person types, or a camera list holds.
pub(crate) fn camera_url(bytes: &[u8]) {
    if let Ok((url, _)) = CameraUrl::parse(&text(bytes)) {
        let kept = String::from(url.clone());
        let authority = kept.split(['/', '?', '#']).nth(2).unwrap_or_default();
        assert!(!authority.contains('@'), "{kept} keeps a password");
        assert_eq!(
            CameraUrl::try_from(kept).ok(),
            Some(url),
            "it is the same when it is read again"
        );
    }
}

/// A viewer's offer by WHEP.
pub(crate) fn whep_offer(bytes: &[u8]) {
    let _ = tarsier_whep::offer::video_payloads(&text(bytes));
}

/// A viewer's candidates by WHEP.
pub(crate) fn whep_fragment(bytes: &[u8]) {
    let text = text(bytes);
    if let Some(fragment) = tarsier_whep::fragment::parse(&text) {
        assert!(fragment.candidates.iter().all(|it| it.starts_with("candidate:")));
    }
}

/// A file that a player of HLS asks for.
pub(crate) fn hls_file(bytes: &[u8]) {
    if let Some(name) = tarsier_hls::FileName::parse(&text(bytes)) {
        assert_eq!(tarsier_hls::FileName::parse(&name.to_string()), Some(name));
    }
}

/// What clients send in a body or over a WebSocket, and the claims of a token.
pub(crate) fn api_bodies(bytes: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<tarsier_api::live::MseRequest>(bytes) {
        let _ = tarsier_live::mse::can_play(&request.codecs, "avc1.640028");
    }
    let _ = serde_json::from_slice::<tarsier_api::live::MseRenewal>(bytes);
    let _ = serde_json::from_slice::<tarsier_api::rights::NewToken>(bytes);
    let _ = serde_json::from_slice::<tarsier_api::rights::NewStreamToken>(bytes);
    let _ = serde_json::from_slice::<tarsier_api::live::MseReport>(bytes);
    let _ = serde_json::from_slice::<tarsier_api::rights::Claims>(bytes);
    let _ = serde_json::from_slice::<tarsier_api::camera::NewCamera>(bytes);
    let _ = serde_json::from_slice::<tarsier_api::camera::CameraChange>(bytes);
}

/// The list of locks that a tier or a bucket keeps beside its footage.
pub(crate) fn locks(bytes: &[u8]) {
    if let Ok(locks) = sidecar::from_bytes(bytes) {
        let again = sidecar::from_bytes(&sidecar::to_bytes(&locks)).expect("our own bytes");
        assert_eq!(again, locks);
    }
}
