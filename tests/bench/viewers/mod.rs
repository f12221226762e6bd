//! `bench viewers`: what it costs a hub to show one stream to many, and what it costs others.
//!
//! Everybody reads the same camera of 1080p25 4 Mbit/s over loopback, one server after the other. Viewers live in this
//! process, decode nothing and are not counted; what is counted is the CPU time of the server's process, in windows while
//! all of them watch.

mod crowd;
mod hls;
mod mse;
mod nginx;
mod rtsp;
mod webrtcbin;
mod whep;

use std::path::Path;

use tarsier_tests::gst::GstCamera;
use tarsier_tests::hub::{HubOptions, HubProcess};

use crate::Options;
use crate::cameras::{Cameras, MainAndSub, add_cameras, films};
use crate::fragments;
use crate::proc::rss_mb;
use crate::table::{Row, Table, median};
use crowd::{Crowd, Measured, Plan};
use nginx::Nginx;
use webrtcbin::WebRtcBin;

const GSTREAMER: &str = "GStreamer's RTSP server over TCP";
const WEBRTCBIN: &str = "GStreamer's webrtcbin";
const NGINX: &str = "nginx with its RTMP module, HLS";
const UNIT: &str = "CPU-s per viewer-minute";

/// Runs it.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Table> {
    let (main, sub) = films(Path::new("target/bench")).await?;
    let cameras = Cameras::start(1, &main, &sub).await?;
    let camera = cameras.url(1, "main");
    let plan =
        Plan { viewers: options.viewers, seconds: options.seconds(), windows: options.windows };
    let mut conditions = vec![format!(
        "{} viewers of one camera of 1080p25 4 Mbit/s over loopback, without sound; {} windows of {} s for each \
         server, one server after the other; the viewers only read and count",
        plan.viewers, plan.windows, plan.seconds
    )];
    let mut rows = Vec::new();

    let folder = tempfile::tempdir()?;
    let hub = HubProcess::start(folder.path(), &HubOptions::default()).await?;
    let ids = add_cameras(&hub, &cameras, 1, MainAndSub::Main).await?;
    let mut ours = Vec::new();
    for way in [Way::Mse, Way::Rtsp, Way::Hls, Way::Whep] {
        let url = way.url(&hub, &ids[0]);
        let measured = way.gather(plan, &url).await?.measure(plan, hub.pid()).await?;
        conditions.push(format!("{}: {}", way.name(), measured.words()));
        ours.push((way, measured, rss_mb(hub.pid())));
    }
    hub.stop().await?;

    let theirs = [
        (GSTREAMER, gstreamer(plan, &camera).await),
        (NGINX, nginx(plan, &camera).await),
        (WEBRTCBIN, webrtcbin(plan, &camera).await),
    ];
    let mut peers = Vec::new();
    for (name, measured) in theirs {
        match measured {
            Ok(measured) => {
                conditions.push(format!("{name}: {}", measured.words()));
                peers.push((name, median(&measured.cpu_per_viewer_minute)));
            }
            Err(error) => conditions.push(format!("{name}: NOT MEASURED: {error:#}")),
        }
    }
    let peer = |name: &str| peers.iter().find(|peer| peer.0 == name).map(|peer| peer.1);
    for (way, measured, memory_mb) in ours {
        let name = way.name();
        let cpu = median(&measured.cpu_per_viewer_minute);
        let like = way.peer();
        let metric = format!("the hub, {name}");
        rows.push(Row::new(&metric, UNIT, cpu, "at most 1x").against(like, peer(like)));
        // CPU seconds a minute of one viewer, times viewers, is CPU seconds a minute of all.
        let core = cpu * f64::from(plan.viewers) / 60.0 * 100.0;
        rows.push(Row::new(&metric, "% of one core", core, "at most 100"));
        rows.push(Row::new(&metric, "MB (RSS)", memory_mb, ""));
        let missing = format!("{metric}: {} that some viewer did not get", way.pieces());
        rows.push(Row::new(&missing, "count", measured.missing, "0"));
    }
    Ok(Table { name: "viewers", conditions, rows })
}

/// How our viewers watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Mse,
    Rtsp,
    Hls,
    Whep,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Mse => "MSE (a WebSocket)",
            Self::Rtsp => "RTSP over TCP",
            Self::Hls => "HLS, whole segments",
            Self::Whep => "WebRTC over UDP",
        }
    }

    const fn peer(self) -> &'static str {
        match self {
            Self::Mse | Self::Rtsp => GSTREAMER,
            Self::Hls => NGINX,
            Self::Whep => WEBRTCBIN,
        }
    }

    const fn pieces(self) -> &'static str {
        match self {
            Self::Mse | Self::Rtsp | Self::Whep => "pictures",
            Self::Hls => "segments",
        }
    }

    fn url(self, hub: &HubProcess, camera: &str) -> String {
        let token = &hub.token;
        match self {
            Self::Mse => fragments::url(hub, camera),
            Self::Rtsp => format!("{}/{camera}/main?token={token}", hub.rtsp_url),
            Self::Hls => format!("{}/live/{camera}/main/index.m3u8?token={token}", hub.url),
            Self::Whep => format!("{}/live/{camera}/main/whep?token={token}", hub.url),
        }
    }

    async fn gather(self, plan: Plan, url: &str) -> anyhow::Result<Crowd> {
        match self {
            Self::Mse => Crowd::gather(plan, |tally| mse::watch(url.to_owned(), tally)).await,
            Self::Rtsp => Crowd::gather(plan, |tally| rtsp::watch(url.to_owned(), tally)).await,
            Self::Hls => Crowd::gather(plan, |tally| hls::watch(url.to_owned(), tally)).await,
            Self::Whep => Crowd::gather(plan, |tally| whep::watch(url.to_owned(), tally)).await,
        }
    }
}

/// It reads the camera itself, which is in its figure.
async fn gstreamer(plan: Plan, camera: &str) -> anyhow::Result<Measured> {
    let mut relay = GstCamera::relay(camera).await?;
    let url = relay.url();
    let pid = relay.process().pid();
    Way::Rtsp.gather(plan, &url).await?.measure(plan, pid).await
}

/// FFmpeg reads the camera for it, as a recorder does for us; neither is counted.
async fn nginx(plan: Plan, camera: &str) -> anyhow::Result<Measured> {
    let nginx = Nginx::start(camera).await?;
    Way::Hls.gather(plan, &nginx.url()).await?.measure(plan, nginx.pid()).await
}

/// It reads the camera itself, too.
async fn webrtcbin(plan: Plan, camera: &str) -> anyhow::Result<Measured> {
    let server = WebRtcBin::start(camera).await?;
    Way::Whep.gather(plan, &server.url()).await?.measure(plan, server.pid()).await
}
