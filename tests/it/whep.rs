//! Live pictures by WebRTC: a viewer over real sockets, from the offer to the end of the session.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use reqwest::header;
use serde_json::Value;
use str0m::media::MediaData;
use tarsier_demo::{DemoOptions, DemoServer};
use tarsier_tests::hub::{HubProcess, token};
use tarsier_tests::webrtc::{Viewer, offer_to};

use crate::recording::{stream, until_written};
use crate::{camera, cameras, free_port, hub, journey};

const PATIENCE: Duration = Duration::from_secs(20);
/// What the hub promises for a viewer who falls silent, and the pace of a status.
const SILENT_WITHIN: Duration = Duration::from_secs(16);

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

pub(crate) async fn post(
    hub: &HubProcess,
    camera: &str,
    kind: &str,
    body: impl Into<reqwest::Body>,
) -> anyhow::Result<reqwest::Response> {
    offer_to(hub, (camera, "main"), kind, body).await
}

/// An offer that ought to be refused: status and problem.
async fn refused(
    hub: &HubProcess,
    camera: &str,
    kind: &str,
    body: impl Into<reqwest::Body>,
) -> anyhow::Result<(u16, Value)> {
    let answer = post(hub, camera, kind, body).await?;
    let status = answer.status().as_u16();
    Ok((status, serde_json::from_str(&answer.text().await?).context("no problem")?))
}

pub(crate) async fn patch(
    hub: &HubProcess,
    session: &str,
    etag: Option<&str>,
    body: &'static str,
) -> anyhow::Result<u16> {
    let mut request = reqwest::Client::new()
        .patch(format!("{}{session}", hub.url))
        .bearer_auth(&hub.token)
        .header(header::CONTENT_TYPE, "application/trickle-ice-sdpfrag")
        .body(body);
    if let Some(etag) = etag {
        request = request.header(header::IF_MATCH, etag);
    }
    Ok(request.timeout(PATIENCE).send().await?.status().as_u16())
}

pub(crate) async fn until_viewers(
    hub: &HubProcess,
    camera: &str,
    wanted: u64,
    within: Duration,
) -> anyhow::Result<()> {
    let path = format!("/api/v1/cameras/{camera}/status");
    hub.until(&format!("{wanted} watch"), &path, within, |status| {
        (stream(status, "main").ok()?["viewers"] == wanted).then_some(())
    })
    .await
}

/// Whether the picture begins with parameter sets, so that a decoder can begin with it.
fn is_entry(data: &[u8]) -> bool {
    data.windows(5).take(64).any(|bytes| bytes[..4] == [0, 0, 0, 1] && bytes[4] & 0x1f == 7)
}

/// How old a picture is by its RTP time: the wall clock in ticks of 1/90 000 s, of which 32 bits are sent. A picture that
/// was faster on its way than others seems a little younger than it is.
fn age_ms(data: &MediaData) -> anyhow::Result<i64> {
    let ticks = i64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_micros())? * 9 / 100;
    let behind = (ticks - i64::try_from(data.time.numer())?).rem_euclid(1 << 32);
    Ok(if behind >= 1 << 31 { behind - (1 << 32) } else { behind } / 90)
}

#[test]
fn a_viewer_sees_the_last_gop_at_once_and_is_told_the_age_of_each_picture() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Drive")).await?;
        until_written(&hub, &id, 60).await?;
        let (mut viewer, session, etag) = Viewer::open(&hub, &id).await?;
        let first = viewer.picture().await?;
        ensure!(is_entry(&first.data), "the first picture can be decoded");
        let mut last = first.time;
        for _ in 0..80 {
            let picture = viewer.picture().await?;
            ensure!(picture.time > last, "never back in time");
            last = picture.time;
            let age_ms = age_ms(&picture)?;
            ensure!((-100..1000).contains(&age_ms), "{age_ms} ms old");
        }
        until_viewers(&hub, &id, 1, PATIENCE).await?;

        ensure!(patch(&hub, &session, None, "").await? == 428, "no tag");
        ensure!(patch(&hub, &session, Some("\"x\""), "").await? == 412, "another tag");
        ensure!(patch(&hub, &session, Some("*"), "a=ice-ufrag:new\r\n").await? == 422, "a restart");
        ensure!(patch(&hub, &session, Some(&etag), "hello").await? == 400, "no fragment");
        let candidate = "a=candidate:1 1 udp 2122260223 192.0.2.1 9 typ host\r\na=candidate:2 1 udp 1 x.local 9 typ host\r\n";
        ensure!(patch(&hub, &session, Some(&etag), candidate).await? == 204);
        viewer.picture().await?;

        let (status, _) = hub.call("DELETE", &session, None).await?;
        ensure!(status == 200, "{status}");
        viewer.until_closed().await?;
        until_viewers(&hub, &id, 0, PATIENCE).await?;
        let (status, _) = hub.call("DELETE", &session, None).await?;
        ensure!(status == 404, "it is over: {status}");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_viewer_who_lost_pictures_gets_the_last_gop_anew_and_not_more_often_than_twice_a_second() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Gate")).await?;
        until_written(&hub, &id, 60).await?;
        let (mut viewer, _, _) = Viewer::open(&hub, &id).await?;
        // Behind the first GOP, and behind the half second in which nothing is sent anew.
        let begun = now();
        while begun.elapsed() < Duration::from_secs(1) {
            viewer.picture().await?;
        }
        let asked = now();
        let (mut entries, mut last) = (Vec::new(), None);
        while asked.elapsed() < Duration::from_secs(2) {
            viewer.ask_for_keyframe()?;
            let picture = viewer.picture().await?;
            if let Some(last) = last {
                ensure!(picture.time > last, "what is sent anew is not older than what was shown");
            }
            last = Some(picture.time);
            if is_entry(&picture.data) {
                entries.push(asked.elapsed());
            }
        }
        // Those of the camera itself come too: one a second or less often.
        ensure!((3..=8).contains(&entries.len()), "asked with each picture for 2 s: {entries:?}");
        ensure!(entries[0] < Duration::from_millis(400), "the first at once: {entries:?}");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_session_ends_with_its_viewer_its_token_its_camera_and_the_hub() {
    journey(async {
        let server = cameras(2).await?;
        let (folder, mut hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Yard")).await?;
        let other = hub.add_camera(&camera(&server, 2, "Shed")).await?;
        until_written(&hub, &id, 30).await?;
        until_written(&hub, &other, 30).await?;

        let (mut viewer, _, _) = Viewer::open(&hub, &id).await?;
        viewer.picture().await?;
        until_viewers(&hub, &id, 1, PATIENCE).await?;
        drop(viewer);
        until_viewers(&hub, &id, 0, SILENT_WITHIN).await?;

        let admin = std::mem::replace(
            &mut hub.token,
            token(folder.path(), &["--role", "viewer", "--camera", &id, "--ttl", "4s"]).await?,
        );
        let (status, problem) = refused(&hub, &other, "application/sdp", "v=0").await?;
        ensure!(status == 403, "a token for another camera: {status} {problem}");
        let (mut viewer, _, _) = Viewer::open(&hub, &id).await?;
        viewer.until_closed().await.context("the token is over")?;
        hub.token = admin;

        let (mut viewer, _, _) = Viewer::open(&hub, &other).await?;
        viewer.picture().await?;
        let (status, _) = hub.call("DELETE", &format!("/api/v1/cameras/{other}"), None).await?;
        ensure!(status < 300, "{status}");
        viewer.until_closed().await.context("the camera is gone")?;

        let (mut viewer, _, _) = Viewer::open(&hub, &id).await?;
        viewer.picture().await?;
        let (stopped, closed) = tokio::join!(hub.stop(), viewer.until_closed());
        ensure!(stopped?.success());
        closed.context("the hub has gone")?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn what_cannot_be_shown_over_webrtc_is_refused_in_words() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Attic")).await?;
        until_written(&hub, &id, 30).await?;
        let (_, offer, _) = Viewer::new().await?;
        let no_h264 = offer.replace("H264/90000", "VP8/90000");
        let no_password = offer.lines().filter(|line| !line.starts_with("a=ice-pwd"));
        let no_password = no_password.collect::<Vec<_>>().join("\r\n");
        let long = format!("{offer}{}", "a=x\r\n".repeat(20_000));
        for (kind, body, status, code) in [
            ("application/sdp", "garbage".to_owned(), 400, "bad_request"),
            ("application/sdp", "v=0\r\nm=video\r\n\u{0}".to_owned(), 400, "bad_request"),
            ("application/sdp", no_password, 400, "bad_request"),
            ("application/sdp", long, 413, "bad_request"),
            ("application/json", offer.clone(), 415, "bad_request"),
            ("application/sdp", no_h264, 422, "not_playable"),
        ] {
            let told = refused(&hub, &id, kind, body).await?;
            ensure!(told.0 == status && told.1["code"] == code, "{status} {code}: {told:?}");
            ensure!(told.1["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{told:?}");
        }
        let films = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/demo/samples");
        for (film, setting) in
            [("tiny-h264-b.mp4", "B-frames off"), ("tiny-hevc-mulaw.mov", "H.264")]
        {
            let films =
                DemoServer::start(DemoOptions { main: Some(films.join(film)), ..free_port() });
            let films = films.await?;
            let id = hub.add_camera(&camera(&films, 1, film)).await?;
            until_written(&hub, &id, 60).await?;
            let told = refused(&hub, &id, "application/sdp", offer.clone()).await?;
            let hint = told.1["hint"].as_str().unwrap_or_default();
            ensure!(told.0 == 422 && told.1["code"] == "not_playable", "{film}: {told:?}");
            ensure!(hint.contains(setting), "{film}: {told:?}");
            films.stop().await;
        }
        server.stop().await;
        Ok(())
    });
}
