//! Live streams for other programs: what FFmpeg, GStreamer and our own recorder make of the RTSP server, and what it
//! makes of clients that mean no good.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use tarsier_demo::{DemoOptions, DemoServer};
use tarsier_tests::hub::{HubOptions, HubProcess, token};
use tarsier_types::StreamKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::recording::{stream, until_written};
use crate::{camera, cameras, free_port, hub, journey};

const PATIENCE: Duration = Duration::from_secs(60);

/// A client that speaks by hand.
pub(crate) struct Client {
    socket: TcpStream,
    url: String,
    /// What was received and not yet looked at.
    received: Vec<u8>,
}

impl Client {
    pub(crate) async fn open(hub: &HubProcess, camera: &str) -> anyhow::Result<Self> {
        let address = hub.rtsp_url.strip_prefix("rtsp://").context("no RTSP server")?.parse()?;
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(16 << 10)?;
        let socket = socket.connect(address).await?;
        Ok(Self { socket, url: format!("{}/{camera}/main", hub.rtsp_url), received: Vec::new() })
    }

    async fn say(&mut self, method: &str, rest: &str, headers: &str) -> anyhow::Result<()> {
        let text = format!("{method} {}{rest} RTSP/1.0\r\nCSeq: 1\r\n{headers}\r\n", self.url);
        Ok(self.socket.write_all(text.as_bytes()).await?)
    }

    /// Answers as status, and head and body as text. Only before it plays: it does not tell packets from answers.
    async fn ask(
        &mut self,
        method: &str,
        rest: &str,
        headers: &str,
    ) -> anyhow::Result<(u16, String)> {
        self.say(method, rest, headers).await?;
        let text = loop {
            let text = String::from_utf8_lossy(&self.received).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
                if body.len() >= length.map_or(Ok(0), str::parse)? {
                    break text;
                }
            }
            ensure!(self.read().await? > 0, "the server closed: {text}");
        };
        self.received.clear();
        let status = text.split(' ').nth(1).context("no status")?.parse()?;
        Ok((status, text))
    }

    pub(crate) async fn read(&mut self) -> anyhow::Result<usize> {
        let read = self.socket.read_buf(&mut self.received);
        Ok(tokio::time::timeout(PATIENCE, read).await.context("nothing comes")??)
    }

    /// The parameter sets of the stream, as it is described.
    async fn described(&mut self, token: &str) -> anyhow::Result<String> {
        let (status, text) = self.ask("DESCRIBE", &format!("?token={token}"), "").await?;
        ensure!(status == 200, "{text}");
        let sets = text.split("sprop-parameter-sets=").nth(1).context("no parameter sets")?;
        Ok(sets.lines().next().unwrap_or_default().to_owned())
    }

    /// Begins to play over this connection.
    pub(crate) async fn play(&mut self, token: &str) -> anyhow::Result<()> {
        self.described(token).await?;
        let (status, text) = self
            .ask("SETUP", "/track1", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n")
            .await?;
        ensure!(status == 200, "{text}");
        let session = text.lines().find_map(|line| line.strip_prefix("Session: "));
        let session = session.and_then(|it| it.split(';').next()).context("no session")?.to_owned();
        self.say("PLAY", "", &format!("Session: {session}\r\n")).await
    }

    /// Reads until the server closes, however it does.
    pub(crate) async fn until_closed(&mut self) -> anyhow::Result<()> {
        loop {
            self.received.clear();
            let read = self.socket.read_buf(&mut self.received);
            match tokio::time::timeout(PATIENCE, read).await.context("it is not closed")? {
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) => {}
            }
        }
    }
}

async fn run(program: &str, folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output());
    let output = output.await.with_context(|| format!("{program} hangs"))??;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && errors.is_empty(), "{program}: {errors}");
    Ok(String::from_utf8(output.stdout)?)
}

/// FFmpeg decodes so many pictures, each of them whole.
async fn decode(folder: &Path, transport: &str, url: &str, count: usize) -> anyhow::Result<()> {
    let frames = count.to_string();
    let arguments = ["-v", "error", "-xerror", "-rtsp_transport", transport, "-i", url];
    let rest = ["-an", "-frames:v", &frames, "-f", "framemd5", "-"];
    let decoded = run("ffmpeg", folder, &[&arguments[..], &rest].concat()).await?;
    let pictures = decoded.lines().filter(|line| line.starts_with('0')).count();
    ensure!(pictures == count, "{transport}: {pictures} pictures: {decoded}");
    Ok(())
}

async fn until_viewers(hub: &HubProcess, camera: &str, count: u64) -> anyhow::Result<()> {
    let path = format!("/api/v1/cameras/{camera}/status");
    hub.until(&format!("{count} viewers"), &path, PATIENCE, |status| {
        (stream(status, "main").ok()?["viewers"] == count).then_some(())
    })
    .await
}

#[test]
fn ffmpeg_and_gstreamer_play_a_camera_over_tcp_and_udp() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Drive")).await?;
        until_written(&hub, &id, 30).await?;
        let token = token(folder.path(), &["--role", "viewer", "--camera", &id]).await?;
        let url = |stream: &str| format!("{}/{id}/{stream}?token={token}", hub.rtsp_url);
        let entries = ["-show_entries", "stream=codec_name,width", "-of", "csv=p=0"];
        let mut widths = Vec::new();
        for stream in ["main", "sub"] {
            let url = url(stream);
            let arguments =
                [&["-v", "error", "-rtsp_transport", "tcp"], &entries[..], &["-i", &url]];
            let probed = run("ffprobe", folder.path(), &arguments.concat()).await?;
            let width = probed.lines().find_map(|line| line.strip_prefix("h264,"));
            widths.push(width.with_context(|| probed.clone())?.to_owned());
        }
        ensure!(widths[0] != widths[1], "main and sub are two streams: {widths:?}");
        for transport in ["tcp", "udp"] {
            decode(folder.path(), transport, &url("main"), 60).await?;
        }
        let location = format!("location={}", url("main"));
        for protocols in ["protocols=tcp", "protocols=udp"] {
            let pipeline = ["-q", "rtspsrc", &location, protocols, "!", "rtph264depay", "!"];
            let sink = ["h264parse", "!", "avdec_h264", "!", "fakesink", "num-buffers=60"];
            run("gst-launch-1.0", folder.path(), &[&pipeline[..], &sink].concat()).await?;
        }
        server.stop().await;
        Ok(())
    });
}

#[test]
fn h265_and_b_frames_go_out_as_they_are() {
    journey(async {
        let films = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/demo/samples");
        for (film, codec) in [("tiny-hevc-mulaw.mov", "hevc"), ("tiny-h264-b.mp4", "h264")] {
            let main = Some(films.join(film));
            let server = DemoServer::start(DemoOptions { main, ..free_port() }).await?;
            let (folder, hub) = hub().await?;
            let id = hub.add_camera(&camera(&server, 1, "Tiny")).await?;
            until_written(&hub, &id, 30).await?;
            let url = format!("{}/{id}/main?token={}", hub.rtsp_url, hub.token);
            let arguments = ["-v", "error", "-rtsp_transport", "tcp", "-select_streams", "v"];
            let entries = ["-show_entries", "stream=codec_name", "-of", "csv=p=0", "-i", &url];
            let probed =
                run("ffprobe", folder.path(), &[&arguments[..], &entries].concat()).await?;
            ensure!(probed.trim() == codec, "{film}: {probed}");
            decode(folder.path(), "tcp", &url, 60).await?;
            server.stop().await;
        }
        Ok(())
    });
}

#[test]
fn sound_goes_out_beside_the_pictures() {
    journey(async {
        let films = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/demo/samples");
        for (film, coded) in
            [("driveway-sub.mp4", "aac,16000,1"), ("tiny-hevc-mulaw.mov", "pcm_s16be,8000,1")]
        {
            let main = Some(films.join(film));
            let server = DemoServer::start(DemoOptions { main, ..free_port() }).await?;
            let (folder, hub) = hub().await?;
            let id = hub.add_camera(&camera(&server, 1, "Loud")).await?;
            until_written(&hub, &id, 30).await?;
            let url = format!("{}/{id}/main?token={}", hub.rtsp_url, hub.token);
            let begin = ["-v", "error", "-rtsp_transport", "tcp"];
            let told = ["-select_streams", "a", "-show_entries"];
            let entries = ["stream=codec_name,sample_rate,channels", "-of", "csv=p=0", "-i", &url];
            let arguments = [&begin[..], &told, &entries].concat();
            let probed = run("ffprobe", folder.path(), &arguments).await?;
            ensure!(probed.trim() == coded, "{film}: {probed}");

            let entries = ["-show_entries", "packet=codec_type,pts_time", "-of", "csv=p=0"];
            let some = ["-read_intervals", "%+#80", "-i", &url];
            let packets =
                run("ffprobe", folder.path(), &[&begin[..], &entries, &some].concat()).await?;
            let first = |kind: &str| {
                let times = packets.lines().filter_map(|line| line.strip_prefix(kind));
                let times = times.filter_map(|time| time.trim_matches(',').parse::<f64>().ok());
                times.min_by(f64::total_cmp).with_context(|| format!("{film}, {kind}: {packets}"))
            };
            let apart = first("audio,")? - first("video,")?;
            ensure!(apart.abs() < 0.2, "{film}: sound begins {apart} s behind the pictures");

            let decoding = ["-xerror", "-i", &url, "-vn", "-frames:a", "40", "-f", "framemd5", "-"];
            let decoded = run("ffmpeg", folder.path(), &[&begin[..], &decoding].concat()).await?;
            let frames = decoded.lines().filter(|line| line.starts_with('0')).count();
            ensure!(frames == 40, "{film}: {frames} frames of sound: {decoded}");
            server.stop().await;
        }
        Ok(())
    });
}

#[test]
fn another_recorder_takes_the_token_as_password() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Gate")).await?;
        until_written(&hub, &id, 30).await?;
        let token = token(folder.path(), &["--role", "viewer", "--camera", &id]).await?;
        let (_other_folder, other) = self::hub().await?;
        let mut second = json!({
            "name": "Gate, of the other",
            "main": { "url": format!("{}/{id}/main", hub.rtsp_url) },
            "username": "anybody",
            "password": token,
        });
        let of_other = other.add_camera(&second).await?;
        until_written(&other, &of_other, 100).await?;
        let status = hub.get(&format!("/api/v1/cameras/{id}/status")).await?;
        ensure!(stream(&status, "main")?["viewers"] == 1, "it counts as a viewer: {status}");

        second["name"] = json!("With a wrong one");
        second["password"] = json!("x.y.z");
        let refused = other.add_camera(&second).await?;
        let path = format!("/api/v1/cameras/{refused}/status");
        let code = other.until("it is refused", &path, PATIENCE, |status| {
            status["problem"]["code"].as_str().map(str::to_owned)
        });
        let code = code.await?;
        ensure!(code == "wrong_credentials", "{code}");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn whoever_may_not_watch_is_told_why() {
    journey(async {
        let server = cameras(2).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Mine")).await?;
        let other = hub.add_camera(&camera(&server, 2, "Other")).await?;
        until_written(&hub, &id, 30).await?;
        let mine = token(folder.path(), &["--role", "viewer", "--camera", &id]).await?;
        let mut client = Client::open(&hub, &id).await?;
        let (status, text) = client.ask("DESCRIBE", "", "").await?;
        ensure!(
            status == 401 && text.contains("WWW-Authenticate: Basic realm=\"Tarsier\""),
            "{text}"
        );
        let (status, text) = client.ask("DESCRIBE", "?token=a.b.c", "").await?;
        ensure!(status == 401 && text.contains("not of this Tarsier"), "{text}");
        let (status, text) = client.ask("SETUP", "/track1", "Transport: RTP/AVP/TCP\r\n").await?;
        ensure!(status == 401, "nor without a description: {text}");
        let (status, text) = client.ask("PLAY", "", "Session: 1\r\n").await?;
        ensure!(status == 454, "{text}");
        let (status, text) = Client::open(&hub, &other)
            .await?
            .ask("DESCRIBE", &format!("?token={mine}"), "")
            .await?;
        ensure!(status == 403 && text.contains("for other cameras"), "{text}");
        let (status, text) = Client::open(&hub, "nobody")
            .await?
            .ask("DESCRIBE", &format!("?token={}", hub.token), "")
            .await?;
        ensure!(status == 404, "{text}");

        server.stop().await;
        hub.until_state(&id, "offline", PATIENCE).await?;
        let (status, text) =
            Client::open(&hub, &id).await?.ask("DESCRIBE", &format!("?token={mine}"), "").await?;
        ensure!(status == 503 && text.contains("Mine"), "the reason is in the body: {text}");
        ensure!(!hub.logs().contains(&mine), "no token in the logs");
        Ok(())
    });
}

#[test]
fn a_session_ends_with_its_token() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Drive")).await?;
        until_written(&hub, &id, 30).await?;
        let short = ["--role", "viewer", "--camera", &id, "--ttl", "30s"];
        let token = token(folder.path(), &short).await?;
        let mut client = Client::open(&hub, &id).await?;
        client.play(&token).await?;
        until_viewers(&hub, &id, 1).await?;
        client.until_closed().await?;
        until_viewers(&hub, &id, 0).await?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn clients_that_mean_no_good_harm_nobody() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Drive")).await?;
        until_written(&hub, &id, 30).await?;
        // One that plays and reads nothing.
        let mut asleep = Client::open(&hub, &id).await?;
        asleep.play(&hub.token).await?;
        until_viewers(&hub, &id, 1).await?;
        // One whose header has no end.
        let mut endless = Client::open(&hub, &id).await?;
        endless.say("DESCRIBE", "", "X-Long: ").await?;
        let sent = async {
            let mut sent = 0;
            while sent < 10 << 20 && endless.socket.write_all(&[b'x'; 4096]).await.is_ok() {
                sent += 4096;
            }
            sent
        };
        let sent = tokio::time::timeout(PATIENCE, sent).await.context("it is read on and on")?;
        endless.until_closed().await?;
        ensure!(sent < 10 << 20, "all of it was taken");
        // The others notice nothing.
        let url = format!("{}/{id}/main?token={}", hub.rtsp_url, hub.token);
        decode(folder.path(), "tcp", &url, 60).await?;
        // And the sleeper is given up, though nobody closed anything.
        until_viewers(&hub, &id, 0).await?;
        asleep.until_closed().await?;
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_camera_that_codes_in_another_way_ends_the_session_so_that_clients_come_again() {
    journey(async {
        let server = cameras(1).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Changing")).await?;
        until_written(&hub, &id, 30).await?;
        let mut client = Client::open(&hub, &id).await?;
        let before = client.described(&hub.token).await?;
        client.play(&hub.token).await?;
        until_viewers(&hub, &id, 1).await?;
        let change = json!({ "main": { "url": server.url(1, StreamKind::Sub) } });
        let (status, body) =
            hub.call("PATCH", &format!("/api/v1/cameras/{id}"), Some(&change)).await?;
        ensure!(status == 200, "{status} {body}");
        client.until_closed().await?;
        let after = Client::open(&hub, &id).await?.described(&hub.token).await?;
        ensure!(after != before, "the same is described: {after}");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_hub_whose_rtsp_port_is_taken_goes_on_without_and_says_so() {
    journey(async {
        let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = taken.local_addr()?.to_string();
        let folder = tempfile::tempdir()?;
        let options = HubOptions { rtsp_listen: Some(address.clone()), ..HubOptions::default() };
        let hub = HubProcess::start(folder.path(), &options).await?;
        ensure!(hub.rtsp_url.is_empty(), "{}", hub.rtsp_url);
        let rtsp = hub.get("/api/v1/system").await?["rtsp"].clone();
        let Some(problem) = rtsp["problem"].as_str() else { bail!("nothing is said: {rtsp}") };
        ensure!(problem.contains(&address) && rtsp["url"].is_null(), "{rtsp}");
        hub.until_logged("there is no RTSP server", Duration::from_secs(20)).await?;
        Ok(())
    });
}
