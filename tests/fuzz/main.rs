//! Every parser of ours that reads what others wrote, with bytes that are nearly right.
//!
//! How long they run, and how they run longer: `crates/fuzz/src/lib.rs`. Parsers that are private to their crates are tried
//! there: `crates/whep/src/peer.rs` (offers and datagrams, through the library),
//! `crates/rtsp/src/conversation/tests.rs` (clients of the RTSP server), `crates/rtsp/src/description.rs` (what goes out to
//! them), `crates/av/src/assembly/tests.rs` (packets of cameras, by libav), `crates/demo/src/rtsp/conversation.rs` (RTSP),
//! `crates/demo/src/mp4/movie.rs` (films), `crates/hub/src/tests/nonsense.rs` (every route of the hub, and what stands in
//! heads of requests), `crates/ingest/src/sync/tests.rs` (sender reports), `crates/tiers/src/manifest.rs` (buckets).

mod av1;
mod rtsp;
mod seeds;
mod targets;

use tarsier_fuzz::fuzz;

#[test]
fn messages_between_hub_and_recorder() {
    fuzz(targets::wire_to_hub, &seeds::to_hub());
    fuzz(targets::wire_to_recorder, &seeds::to_recorder());
    fuzz(targets::wire_json, &seeds::wire_json());
}

#[test]
fn files_of_footage() {
    fuzz(targets::footage, &seeds::footage());
    fuzz(targets::footage_path, &seeds::paths());
    fuzz(targets::locks, &seeds::locks());
    fuzz(targets::identity, &seeds::identities());
}

#[test]
fn what_cameras_send() {
    fuzz(targets::sample_entries, &seeds::sample_entries());
    fuzz(targets::nal_units, &seeds::pictures());
    fuzz(av1::packets_of_a_camera, &av1::packets());
    fuzz(targets::camera_url, &seeds::urls());
    fuzz(targets::companded_sound, &seeds::companded_sound());
    fuzz(targets::onvif_answers, &seeds::onvif());
}

#[test]
fn what_viewers_send() {
    fuzz(targets::whep_offer, &seeds::offers());
    fuzz(targets::whep_fragment, &seeds::fragments());
    fuzz(targets::hls_file, &seeds::hls_files());
    fuzz(targets::api_bodies, &seeds::bodies());
}

#[test]
fn what_clients_of_the_rtsp_server_send() {
    fuzz(rtsp::requests, &rtsp::connections());
    fuzz(rtsp::transport, &rtsp::transports());
}

#[test]
fn what_goes_out_by_rtp() {
    fuzz(rtsp::packets, &rtsp::pictures());
    fuzz(av1::temporal_unit, &av1::temporal_units());
}
