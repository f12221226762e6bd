//! What goes on under a token ends with it, on every transport, and goes on under a later one.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tarsier_tests::hub::{HubOptions, HubProcess, token};
use tarsier_tests::webrtc;

use crate::recording::until_written;
use crate::{camera, cameras, hub, journey, live, rtsp};

const PATIENCE: Duration = Duration::from_secs(20);
/// What is promised of an end, and a second in which a token is rounded.
const ENDS_WITHIN: Duration = Duration::from_secs(6);

/// The transports. A new one is a line here and in [`Going`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Mse,
    Auto,
    Hls,
    Events,
    Rtsp,
    Whep,
}

/// WHEP at last: a viewer who is not heard of for long is gone.
const WAYS: [Way; 6] = [Way::Mse, Way::Auto, Way::Hls, Way::Events, Way::Rtsp, Way::Whep];

/// Something that goes on until its token ends.
enum Going {
    Mse(live::Viewer),
    Whep { viewer: Box<webrtc::Viewer>, session: String },
    Hls { playlist: String, next: u64 },
    Events(reqwest::Response),
    Rtsp(rtsp::Client),
}

impl Going {
    async fn begin(
        way: Way,
        hub: &mut HubProcess,
        camera: &str,
        token: &str,
    ) -> anyhow::Result<Self> {
        let own = std::mem::replace(&mut hub.token, token.to_owned());
        let going = Self::open(way, hub, camera).await;
        hub.token = own;
        going
    }

    async fn open(way: Way, hub: &HubProcess, camera: &str) -> anyhow::Result<Self> {
        Ok(match way {
            Way::Mse | Way::Auto => {
                let stream = if way == Way::Auto { "auto" } else { "main" };
                let mut viewer = live::Viewer::open(hub, camera, stream).await?;
                viewer.until_pictures(2).await?;
                Self::Mse(viewer)
            }
            Way::Whep => {
                let (mut viewer, session, _) = webrtc::Viewer::open(hub, camera).await?;
                viewer.picture().await?;
                Self::Whep { viewer: Box::new(viewer), session }
            }
            Way::Hls => {
                let playlist =
                    format!("{}/live/{camera}/main/index.m3u8?token={}", hub.url, hub.token);
                let mut hls = Self::Hls { playlist, next: 0 };
                ensure!(hls.reload().await? == 200, "no playlist");
                hls
            }
            Way::Events => {
                let request = reqwest::Client::new().get(format!("{}/api/v1/events", hub.url));
                let answer = request.bearer_auth(&hub.token).send().await?;
                ensure!(answer.status() == 200, "{}", answer.status());
                Self::Events(answer)
            }
            Way::Rtsp => {
                let mut client = rtsp::Client::open(hub, camera).await?;
                client.play(&hub.token).await?;
                ensure!(client.read().await? > 0, "it was closed");
                Self::Rtsp(client)
            }
        })
    }

    /// The next segment's playlist, once it is there.
    async fn reload(&mut self) -> anyhow::Result<u16> {
        let Self::Hls { playlist, next } = self else { bail!("not by HLS") };
        let wanted = if *next == 0 { String::new() } else { format!("&_HLS_msn={next}") };
        let request = reqwest::Client::new().get(format!("{playlist}{wanted}")).timeout(PATIENCE);
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        if status == 200 {
            let first =
                text.split_once("MEDIA-SEQUENCE:").and_then(|(_, rest)| rest.lines().next());
            let first: u64 = first.context("no number")?.parse()?;
            *next = first + u64::try_from(text.matches("#EXTINF:").count())?;
        }
        Ok(status)
    }

    /// Still there.
    async fn goes_on(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Mse(viewer) => viewer.until_pictures(30).await,
            Self::Whep { viewer, .. } => viewer.picture().await.map(drop),
            Self::Hls { .. } => {
                ensure!(self.reload().await? == 200, "refused");
                Ok(())
            }
            Self::Events(_) | Self::Rtsp(_) => bail!("nobody asks that"),
        }
    }

    async fn until_over(mut self) -> anyhow::Result<()> {
        match &mut self {
            Self::Mse(viewer) => {
                let told = viewer.until_message("ended").await?;
                ensure!(told["problem"]["code"] == "unauthorized", "{told}");
            }
            Self::Whep { viewer, .. } => viewer.until_closed().await?,
            Self::Hls { .. } => loop {
                match self.reload().await? {
                    200 => {}
                    401 => break,
                    other => bail!("{other}"),
                }
            },
            Self::Rtsp(client) => client.until_closed().await?,
            Self::Events(answer) => while answer.chunk().await?.is_some() {},
        }
        Ok(())
    }
}

/// All of them are over within what is promised.
async fn all_over(going: Vec<(Way, Going)>, within: Duration) -> anyhow::Result<()> {
    let each = going.into_iter().map(|(way, going)| over(way, going, within));
    futures::future::try_join_all(each).await.map(drop)
}

async fn over(way: Way, going: Going, within: Duration) -> anyhow::Result<()> {
    let over = tokio::time::timeout(within, going.until_over()).await;
    over.with_context(|| format!("{way:?} goes on"))?.with_context(|| format!("{way:?}"))
}

/// Watched all the time, until what was opened with the first token must have ended.
async fn goes_on_beyond(going: &mut Going, expires: tokio::time::Instant) -> anyhow::Result<()> {
    while tokio::time::Instant::now() < expires + ENDS_WITHIN {
        going.goes_on().await?;
    }
    Ok(())
}

async fn renew_session(hub: &HubProcess, session: &str, token: &str) -> anyhow::Result<u16> {
    let request = reqwest::Client::new().post(format!("{}{session}/renew", hub.url));
    Ok(request.bearer_auth(token).timeout(PATIENCE).send().await?.status().as_u16())
}

/// A token made of the hub's own, as the pages ask for it.
async fn for_pictures(
    hub: &HubProcess,
    camera: &str,
    stream: Option<&str>,
) -> anyhow::Result<String> {
    let asked = serde_json::json!({ "camera_id": camera, "stream": stream, "right": "live" });
    let (status, made) = hub.call("POST", "/api/v1/session/stream", Some(&asked)).await?;
    ensure!(status == 200, "{status} {made}");
    Ok(made["token"].as_str().context("no token")?.to_owned())
}

#[test]
fn what_goes_on_ends_with_its_token_and_goes_on_under_a_later_one() {
    journey(async {
        let server = cameras(2).await?;
        let (folder, mut hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Yard")).await?;
        let other = hub.add_camera(&camera(&server, 2, "Shed")).await?;
        until_written(&hub, &id, 30).await?;

        // Time enough to begin on a busy machine.
        let ttl = Duration::from_secs(20);
        let viewer = ["--role", "viewer", "--camera", id.as_str(), "--stream", "main"];
        let short = token(folder.path(), &[&viewer[..], &["--ttl", "20s"]].concat()).await?;
        let expires = tokio::time::Instant::now() + ttl;
        let later = token(folder.path(), &[&viewer[..], &["--right", "live"]].concat()).await?;
        let elsewhere = token(folder.path(), &["--role", "viewer", "--camera", &other]).await?;

        let mut mse = live::Viewer::open(&hub, &id, "main").await?;
        mse.hand_over(&elsewhere).await?;
        let told = mse.until_message("ended").await?;
        ensure!(told["problem"]["code"] == "forbidden", "a token for another camera: {told}");
        let mut mse = Going::begin(Way::Mse, &mut hub, &id, &short).await?;
        if let Going::Mse(viewer) = &mut mse {
            viewer.hand_over(&later).await?;
        }
        let mut ending = Vec::new();
        for way in WAYS {
            let going = Going::begin(way, &mut hub, &id, &short).await;
            ending.push((way, going.with_context(|| format!("{way:?}"))?));
        }
        let mut whep = Going::begin(Way::Whep, &mut hub, &id, &short).await?;
        if let Going::Whep { session, .. } = &whep {
            let status = renew_session(&hub, session, &elsewhere).await?;
            ensure!(status == 403, "a token for another camera: {status}");
            ensure!(renew_session(&hub, session, &later).await? == 204);
        }

        let left = expires.saturating_duration_since(tokio::time::Instant::now());
        let (over, mse, whep) = tokio::join!(
            all_over(ending, left + ENDS_WITHIN),
            goes_on_beyond(&mut mse, expires),
            goes_on_beyond(&mut whep, expires),
        );
        over.context("the token has expired")?;
        ensure!(tokio::time::Instant::now() + Duration::from_secs(2) > expires, "not before");
        mse.context("MSE under a later token")?;
        whep.context("WHEP under a later token")?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn what_goes_on_ends_when_its_token_is_revoked_and_it_stays_revoked() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, mut hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Yard")).await?;
        until_written(&hub, &id, 30).await?;
        let viewer = ["--role", "viewer", "--camera", id.as_str()];
        let mine = token(folder.path(), &viewer).await?;
        let (admin, untouched) = (hub.token.clone(), token(folder.path(), &viewer).await?);
        // What is made of a token for one stream, or for a camera, goes with it.
        hub.token.clone_from(&mine);
        let narrow = for_pictures(&hub, &id, Some("main")).await?;
        let every_stream = for_pictures(&hub, &id, None).await?;
        hub.token = admin;

        let mut ending = Vec::new();
        for way in WAYS {
            let under = match way {
                Way::Events => &mine,
                Way::Auto => &every_stream,
                _ => &narrow,
            };
            let going = Going::begin(way, &mut hub, &id, under).await;
            ending.push((way, going.with_context(|| format!("{way:?}"))?));
        }
        let mut other = Going::begin(Way::Mse, &mut hub, &id, &untouched).await?;
        token(folder.path(), &["--revoke", &mine]).await?;
        all_over(ending, ENDS_WITHIN).await.context("the token is revoked")?;
        other.goes_on().await.context("under another token")?;
        for way in WAYS {
            for token in [&mine, &narrow, &every_stream] {
                let refused = Going::begin(way, &mut hub, &id, token).await;
                ensure!(refused.is_err(), "{way:?} by a revoked token");
            }
        }

        // Without a hub, too: after a crash it is said to answer where nobody does.
        hub.kill().await?;
        token(folder.path(), &["--revoke", &untouched]).await?;
        let mut hub = HubProcess::start(folder.path(), &HubOptions::default()).await?;
        for token in [mine, untouched] {
            hub.token = token;
            let (status, problem): (u16, Value) = hub.call("GET", "/api/v1/session", None).await?;
            ensure!(status == 401 && problem["code"] == "unauthorized", "{status} {problem}");
        }
        server.stop().await;
        Ok(())
    });
}
