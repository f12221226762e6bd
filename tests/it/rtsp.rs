//! Live streams for other programs: what FFmpeg, GStreamer and our own recorder make of the RTSP server, and what it
//! makes of clients that mean no good.

mod by_hand;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use tarsier_demo::{DemoOptions, DemoServer};
use tarsier_rtp::digest::Algorithm;
use tarsier_tests::hub::{HubOptions, HubProcess, token};
use tarsier_types::StreamKind;
use tokio::io::AsyncWriteExt as _;

use self::by_hand::Asked;
pub(crate) use self::by_hand::{Client, Login};
use crate::recording::{stream, until_written};
use crate::{camera, cameras, free_port, hub, journey};

const PATIENCE: Duration = Duration::from_secs(60);
/// What is promised of the end of a right.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

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
fn another_recorder_takes_user_name_and_password_or_the_token_as_password() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Gate")).await?;
        until_written(&hub, &id, 30).await?;
        let login = Login::given(&hub, &[&id]).await?;
        let made = token(folder.path(), &["--role", "viewer", "--camera", &id]).await?;
        let (_other_folder, other) = self::hub().await?;
        let mut second = json!({
            "name": "Gate, of the other",
            "main": { "url": format!("{}/{id}/main", hub.rtsp_url) },
            "username": login.user,
            "password": login.password,
        });
        let of_other = other.add_camera(&second).await?;
        until_written(&other, &of_other, 100).await?;
        second["username"] = json!("anybody");
        for (name, token) in [("Gate, by token", &login.token), ("Gate, by the command's", &made)] {
            second["name"] = json!(name);
            second["password"] = json!(token);
            let of_other = other.add_camera(&second).await?;
            until_written(&other, &of_other, 30).await?;
        }
        until_viewers(&hub, &id, 3).await?;

        second["name"] = json!("With a wrong one");
        second["username"] = json!(login.user);
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

/// GStreamer takes so many pictures.
async fn gstreamer(folder: &Path, source: &[&str], count: usize) -> anyhow::Result<()> {
    let count = format!("num-buffers={count}");
    let rest = ["!", "rtph264depay", "!", "h264parse", "!", "avdec_h264", "!", "fakesink", &count];
    run("gst-launch-1.0", folder, &[&["-q", "rtspsrc"], source, &rest].concat()).await.map(drop)
}

#[test]
fn ffmpeg_and_gstreamer_log_in_with_a_user_name_and_a_password() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Drive")).await?;
        until_written(&hub, &id, 30).await?;
        let login = Login::given(&hub, &[&id]).await?;
        let url = login.url(&hub.rtsp_url, &id, "main")?;
        for transport in ["tcp", "udp"] {
            decode(folder.path(), transport, &url, 60).await?;
        }
        let location = format!("location={url}");
        gstreamer(folder.path(), &[&location, "protocols=tcp"], 60).await?;
        let location = format!("location={}/{id}/main", hub.rtsp_url);
        let (user, password) = (format!("user-id={}", login.user), login.password.as_str());
        let password = format!("user-pw={password}");
        gstreamer(folder.path(), &[&location, &user, &password], 60).await?;
        // A token that the command line made, without the hub: proved by Digest, too.
        let token = token(folder.path(), &["--role", "viewer", "--camera", &id]).await?;
        let password = format!("user-pw={token}");
        gstreamer(folder.path(), &[&location, "user-id=anybody", &password], 60).await?;
        let address = hub.rtsp_url.replace("rtsp://", &format!("rtsp://anybody:{token}@"));
        let location = format!("location={address}/{id}/main");
        gstreamer(folder.path(), &[&location, "protocols=tcp"], 60).await?;

        for wrong in [url.replace(&login.password, "wrong"), url.replace(&login.user, "nobody")] {
            let arguments = ["-v", "error", "-rtsp_transport", "tcp", "-i", &wrong];
            let refused = run("ffprobe", folder.path(), &arguments).await;
            let refused = refused.err().context("a wrong password opens it")?.to_string();
            ensure!(refused.contains("401"), "{refused}");
        }
        server.stop().await;
        let logs = hub.logs();
        ensure!(!logs.contains(&login.password), "no password in the logs");
        ensure!(!logs.contains(&token), "no token in the logs");
        Ok(())
    });
}

#[test]
fn over_tls_programs_play_and_the_hub_stays_the_same() {
    journey(async {
        let server = cameras(1).await?;
        let (folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Drive")).await?;
        until_written(&hub, &id, 30).await?;
        let login = Login::given(&hub, &[&id]).await?;
        let mut silent = Client::connect(&hub.rtsps_url, "").await?;
        let mut plain = Client::connect(&hub.rtsps_url, &format!("{id}/main")).await?;
        plain.say("DESCRIBE", "", &login.basic()).await?;
        plain.until_closed().await.context("RTSP without TLS")?;

        let url = login.url(&hub.rtsps_url, &id, "main")?;
        decode(folder.path(), "tcp", &url, 60).await?;
        let location = format!("location={url}");
        let strict = gstreamer(folder.path(), &[&location], 60).await;
        ensure!(strict.is_err(), "nobody vouches for the hub's own certificate");
        // It asks for UDP first, which nobody encrypts, and takes TCP when that is refused.
        gstreamer(folder.path(), &[&location, "tls-validation-flags=0"], 60).await?;
        silent.until_closed().await.context("a client that says nothing")?;

        let certificate = async |hub: &HubProcess| -> anyhow::Result<serde_json::Value> {
            Ok(hub.get("/api/v1/system").await?["rtsp"]["certificate"].clone())
        };
        let shown = certificate(&hub).await?;
        ensure!(shown["is_own"] == true, "{shown}");
        let fingerprint = shown["fingerprint_sha256"].clone();
        ensure!(fingerprint.as_str().is_some_and(|it| it.len() == 95), "{shown}");
        ensure!(!hub.logs().contains(&login.password), "no password in the logs");
        hub.stop().await?;

        let hub = HubProcess::start(folder.path(), &HubOptions::default()).await?;
        ensure!(certificate(&hub).await?["fingerprint_sha256"] == fingerprint, "it is kept");
        let url = login.url(&hub.rtsps_url, &id, "main")?;
        until_written(&hub, &id, 30).await?;
        decode(folder.path(), "tcp", &url, 30).await.context("the password is the same, too")?;

        let other = tempfile::tempdir()?;
        let files = ["rtsps.crt", "rtsps.key"].map(|name| folder.path().join(name));
        let [given, key] = files.map(|path| path.to_string_lossy().into_owned());
        let arguments = |certificate: &str| {
            ["--rtsps-cert", certificate, "--rtsps-key", &key].map(str::to_owned).to_vec()
        };
        let options = HubOptions { arguments: arguments(&given), ..HubOptions::default() };
        let second = HubProcess::start(other.path(), &options).await?;
        let shown = certificate(&second).await?;
        ensure!(shown["fingerprint_sha256"] == fingerprint && shown["is_own"] == false, "{shown}");
        second.stop().await?;
        let options = HubOptions { arguments: arguments("nothing.crt"), ..HubOptions::default() };
        let without = HubProcess::start(other.path(), &options).await?;
        let rtsp = without.get("/api/v1/system").await?["rtsp"].clone();
        let problem = rtsp["tls_problem"].as_str().context("nothing is said")?;
        ensure!(problem.contains("nothing.crt") && rtsp["tls_url"].is_null(), "{rtsp}");
        ensure!(!without.rtsp_url.is_empty(), "RTSP without TLS goes on");
        server.stop().await;
        Ok(())
    });
}

#[test]
fn a_password_is_proved_by_the_rules_of_digest_and_for_one_question_each() {
    journey(async {
        let server = cameras(2).await?;
        let (_folder, hub) = hub().await?;
        let id = hub.add_camera(&camera(&server, 1, "Mine")).await?;
        let other = hub.add_camera(&camera(&server, 2, "Other")).await?;
        until_written(&hub, &id, 30).await?;
        let login = Login::given(&hub, &[&id]).await?;
        let mut playing = Vec::new();
        for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
            let mut client = Client::open(&hub, &id).await?;
            let url = client.url.clone();
            let answer = |asked: &Asked, count| login.answer(asked, "DESCRIBE", &url, count);
            let (status, text) = client.ask("DESCRIBE", "", "").await?;
            ensure!(status == 401, "{text}");
            let asked = Asked::read(&text, algorithm)?;
            ensure!(!asked.is_stale, "{text}");

            let wrong = Login { password: "wrong".to_owned(), ..Login::given(&hub, &[]).await? };
            let wrong = wrong.answer(&asked, "DESCRIBE", &url, 1);
            let (status, text) = client.ask("DESCRIBE", "", &wrong).await?;
            let next = Asked::read(&text, algorithm)?;
            ensure!(status == 401 && !next.is_stale && next.nonce != asked.nonce, "{text}");

            let (status, text) = client.ask("DESCRIBE", "", &answer(&asked, 2)).await?;
            let next = Asked::read(&text, algorithm)?;
            ensure!(status == 401 && next.is_stale, "to a question that is over: {text}");

            // Another camera is another right; and what was said once is not good twice.
            let of_other = client.url.replace(&id, &other);
            let asks_other = login.answer(&next, "DESCRIBE", &of_other, 1);
            let own = std::mem::replace(&mut client.url, of_other);
            let (status, text) = client.ask("DESCRIBE", "", &asks_other).await?;
            ensure!(status == 403 && text.contains("for other cameras"), "{text}");
            let (status, text) = client.ask("DESCRIBE", "", &asks_other).await?;
            let next = Asked::read(&text, algorithm)?;
            ensure!(status == 401 && next.is_stale, "replayed: {text}");
            client.url = own;

            let good = answer(&next, 1);
            let (status, text) = client.ask("DESCRIBE", "", &good).await?;
            ensure!(status == 200, "{text}");
            let mut thief = Client::open(&hub, &id).await?;
            let (status, text) = thief.ask("DESCRIBE", "", &good).await?;
            ensure!(status == 401 && Asked::read(&text, algorithm)?.is_stale, "overheard: {text}");
            client.play_on().await?;
            playing.push(client.watching());
        }
        let mut client = Client::open(&hub, &id).await?;
        let (status, text) = client.ask("DESCRIBE", "", &login.basic()).await?;
        ensure!(status == 200, "by Basic: {text}");
        client.play_on().await?;
        playing.push(client.watching());
        until_viewers(&hub, &id, 3).await?;

        let (status, _) = hub.call("DELETE", &format!("/api/v1/tokens/{}", login.id), None).await?;
        ensure!(status == 204, "{status}");
        let over = tokio::time::timeout(ENDS_WITHIN, futures::future::try_join_all(playing)).await;
        for closed in over.context("it goes on")?? {
            closed?;
        }
        let mut client = Client::open(&hub, &id).await?;
        let (status, text) = client.ask("DESCRIBE", "", &login.basic()).await?;
        ensure!(status == 401, "taken back: {text}");
        let (status, text) = client.ask("DESCRIBE", &format!("?token={}", login.token), "").await?;
        ensure!(status == 401, "taken back: {text}");
        server.stop().await;
        ensure!(!hub.logs().contains(&login.password), "no password in the logs");
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
            status == 401 && text.contains("WWW-Authenticate: Basic realm=\"Tarsier\","),
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
        let taken_too = Some(address.clone());
        let options = HubOptions {
            rtsp_listen: taken_too.clone(),
            rtsps_listen: taken_too,
            ..HubOptions::default()
        };
        let hub = HubProcess::start(folder.path(), &options).await?;
        ensure!(hub.rtsp_url.is_empty() && hub.rtsps_url.is_empty(), "{}", hub.rtsp_url);
        let rtsp = hub.get("/api/v1/system").await?["rtsp"].clone();
        let Some(problem) = rtsp["problem"].as_str() else { bail!("nothing is said: {rtsp}") };
        ensure!(problem.contains(&address) && rtsp["url"].is_null(), "{rtsp}");
        let problem = rtsp["tls_problem"].as_str().unwrap_or_default();
        ensure!(problem.contains(&address) && rtsp["tls_url"].is_null(), "{rtsp}");
        hub.until_logged("there is no RTSP server", Duration::from_secs(20)).await?;
        Ok(())
    });
}
