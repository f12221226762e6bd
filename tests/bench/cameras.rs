//! The cameras of the benches: one demo server, and films for it whose pictures carry their number.
//!
//! The number is drawn as in our own demo films (`crates/demo/samples/README.md`): a strip of 18 cells in row 34 of 36,
//! columns 1 to 18 of 64. A picture is sent when the wall clock says its number, so the number on a screen tells how
//! old it is, whoever brought it there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use tarsier_tests::hub::{HubProcess, program};
use tokio::process::{Child, Command};

/// Pictures of a film, after which it begins anew.
pub(crate) const PICTURES: u32 = SECONDS * 25;
/// As long as 250 frames of the sound, too: where they do not fit, the demo camera cuts the film (`crates/demo/src/film.rs`).
const SECONDS: u32 = 16;

/// A demo camera server, killed when dropped.
pub(crate) struct Cameras {
    child: Child,
    port: u16,
}

impl Cameras {
    pub(crate) async fn start(count: u16, main: &Path, sub: &Path) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(program("tarsierd")?)
            .args([
                "demo-camera",
                "--listen",
                &format!("127.0.0.1:{port}"),
                "--cameras",
                &count.to_string(),
            ])
            .arg("--main")
            .arg(main)
            .arg("--sub")
            .arg(sub)
            .kill_on_drop(true)
            .stdout(std::process::Stdio::null())
            .spawn()
            .context("start the demo cameras")?;
        let deadline = tokio::time::sleep(Duration::from_secs(20));
        tokio::pin!(deadline);
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            ensure!(!deadline.is_elapsed(), "the demo cameras do not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { child, port })
    }

    pub(crate) fn url(&self, camera: u16, stream: &str) -> String {
        format!("rtsp://127.0.0.1:{}/cam{camera}/{stream}", self.port)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }
}

/// Films for the cameras, made once by ffmpeg.
pub(crate) async fn films(folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    std::fs::create_dir_all(folder)?;
    let main = film(folder, "numbered-16s-1080p25-4m.mp4", (1920, 1080), "4M").await?;
    let sub = film(folder, "numbered-16s-360p25-400k.mp4", (640, 360), "400k").await?;
    Ok((main, sub))
}

async fn film(
    folder: &Path,
    name: &str,
    size: (u32, u32),
    bitrate: &str,
) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    if path.is_file() {
        return Ok(path);
    }
    let unfinished = folder.join(format!("unfinished-{name}"));
    let (width, height) = size;
    let source = format!(
        "testsrc2=size={width}x{height}:rate=25:duration={SECONDS},noise=alls=12:allf=t{}",
        number_strip(width / 64)
    );
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &source])
        .args(["-f", "lavfi", "-i"])
        .arg(format!("sine=frequency=330:sample_rate=16000:duration={SECONDS}"))
        .args(["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high"])
        .args(["-bf", "0", "-g", "50"])
        .args(["-b:v", bitrate, "-minrate", bitrate, "-maxrate", bitrate, "-bufsize", bitrate])
        .args(["-x264-params", "nal-hrd=cbr:scenecut=0", "-pix_fmt", "yuv420p"])
        .args(["-c:a", "aac", "-b:a", "32k", "-ac", "1", "-movflags", "+faststart"])
        .arg(&unfinished)
        .status()
        .await
        .context("ffmpeg makes the films of the bench")?;
    ensure!(status.success(), "ffmpeg could not make {name}");
    std::fs::rename(&unfinished, &path)?;
    Ok(path)
}

/// Filters that draw the strip: black behind it, a white guard, 16 bits of the picture's number, a black guard.
fn number_strip(cell: u32) -> String {
    let box_at = |column: u32, columns: u32, colour: &str| {
        let (x, y, width) = (column * cell, 34 * cell, columns * cell);
        format!(",drawbox=x={x}:y={y}:w={width}:h={cell}:c={colour}:t=fill")
    };
    let mut filters = box_at(0, 20, "black") + &box_at(1, 1, "white");
    for bit in 0..16 {
        let weight = 1 << (15 - bit);
        let is_set = format!(":enable='mod(floor(n/{weight}),2)'");
        filters += &(box_at(2 + bit, 1, "white") + &is_set);
    }
    filters
}

/// Which streams of a camera are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MainAndSub {
    /// The main stream alone.
    Main,
    /// Both, each with its own film.
    Both,
    /// Both, and the main stream shows the film of the sub stream.
    BothSmall,
}

/// Adds cameras 1 to `count` and waits until all of them record.
pub(crate) async fn add_cameras(
    hub: &HubProcess,
    cameras: &Cameras,
    count: u16,
    streams: MainAndSub,
) -> anyhow::Result<Vec<String>> {
    let main = if streams == MainAndSub::BothSmall { "sub" } else { "main" };
    let mut ids = Vec::new();
    for camera in 1..=count {
        let mut new = json!({
            "name": format!("Camera {camera}"),
            "main": { "url": cameras.url(camera, main) },
        });
        if streams != MainAndSub::Main {
            new["sub"] = json!({ "url": cameras.url(camera, "sub") });
        }
        ids.push(hub.add_camera(&new).await?);
    }
    for id in &ids {
        hub.until_state(id, "recording", Duration::from_secs(60)).await?;
    }
    Ok(ids)
}
