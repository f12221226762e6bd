//! A camera that none of us wrote: GStreamer's RTSP server, run by `gst_camera.py`.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tarsier_types::Credentials;
use tokio::process::Command;

use crate::process::{Process, Stream};

/// Python and GStreamer start slowly on a busy machine.
const START: Duration = Duration::from_secs(30);

/// How the pictures are coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GstVideo {
    /// H.264 by x264, baseline.
    #[default]
    H264,
    /// H.264 by x264, main profile, with so many B-frames in a row.
    H264WithBFrames(u8),
    /// H.265 by x265.
    H265,
}

/// How the sound is coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GstAudio {
    /// AAC, 16 kHz mono, by RFC 3640.
    #[default]
    Aac,
    /// G.711 A-law.
    PcmAlaw,
    /// G.711 mu-law.
    PcmMulaw,
    /// No sound.
    None,
}

/// How clients prove who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum GstAuth {
    /// Not at all.
    #[default]
    Open,
    /// RFC 7617.
    Basic(Credentials),
    /// RFC 2617.
    Digest(Credentials),
}

/// What the camera is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GstOptions {
    /// The pictures.
    pub video: GstVideo,
    /// The sound.
    pub audio: GstAudio,
    /// Who may look.
    pub auth: GstAuth,
    /// Pictures from keyframe to keyframe, at 25 fps.
    pub gop: u16,
}

impl Default for GstOptions {
    fn default() -> Self {
        Self {
            video: GstVideo::default(),
            audio: GstAudio::default(),
            auth: GstAuth::default(),
            gop: 25,
        }
    }
}

/// The system's own Python runs it: the bindings of GStreamer belong to it.
fn script() -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fakes/gst_camera.py"));
    command
}

/// A running camera. Dropping it kills it.
#[derive(Debug)]
pub struct GstCamera {
    process: Process,
    port: u16,
}

impl GstCamera {
    /// Starts a camera, and waits until it listens.
    pub async fn start(options: &GstOptions) -> anyhow::Result<Self> {
        let mut command = script();
        command.args(["--gop", &options.gop.to_string()]);
        match options.video {
            GstVideo::H264 => command.args(["--codec", "h264"]),
            GstVideo::H264WithBFrames(count) => {
                command.args(["--codec", "h264", "--b-frames", &count.to_string()])
            }
            GstVideo::H265 => command.args(["--codec", "h265"]),
        };
        let audio = match options.audio {
            GstAudio::Aac => "aac",
            GstAudio::PcmAlaw => "alaw",
            GstAudio::PcmMulaw => "mulaw",
            GstAudio::None => "none",
        };
        command.args(["--audio", audio]);
        let (auth, credentials) = match &options.auth {
            GstAuth::Open => ("none", None),
            GstAuth::Basic(credentials) => ("basic", Some(credentials)),
            GstAuth::Digest(credentials) => ("digest", Some(credentials)),
        };
        command.args(["--auth", auth]);
        if let Some(credentials) = credentials {
            command.args(["--user", &credentials.username]);
            // Not as an argument: tests look for passwords in the list of processes.
            command.env("GST_CAMERA_PASSWORD", credentials.password.expose());
        }
        Self::begin(command).await
    }

    /// Not a camera of its own: what another RTSP server shows, read once and shown to whoever wants it.
    pub async fn relay(url: &str) -> anyhow::Result<Self> {
        let mut command = script();
        command.args(["--relay", url]);
        Self::begin(command).await
    }

    async fn begin(command: Command) -> anyhow::Result<Self> {
        let mut process = Process::spawn(command)?;
        let port = |line: &crate::process::Line| {
            let ready: Value =
                serde_json::from_str(&line.text).ok().filter(|_| line.stream == Stream::Out)?;
            u16::try_from(ready["port"].as_u64()?).ok()
        };
        let port = process.next_line("its port", START, port).await.context(
            "GStreamer's RTSP server is needed; on Debian: apt install python3-gi gir1.2-gst-rtsp-server-1.0 \
             gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav",
        )?;
        Ok(Self { process, port })
    }

    /// Its one stream, without credentials.
    pub fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/live", self.port)
    }

    /// Where it listens, for a [`crate::proxy::Proxy`].
    pub fn addr(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The process, to freeze or kill it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

#[cfg(test)]
mod tests {
    use tarsier_types::Secret;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpStream;

    use super::*;

    /// The status of a DESCRIBE, and all lines of the answer up to the first that contains `wanted`.
    async fn describe(camera: &GstCamera, wanted: &str) -> String {
        let ask = async {
            let mut stream = TcpStream::connect(camera.addr()).await.unwrap();
            let request = format!(
                "DESCRIBE {} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n",
                camera.url()
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut lines = BufReader::new(stream).lines();
            let mut answer = String::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                answer.push_str(&line);
                answer.push('\n');
                if line.contains(wanted) {
                    break;
                }
            }
            answer
        };
        tokio::time::timeout(START, ask).await.expect("an answer in time")
    }

    #[tokio::test]
    async fn cameras_of_each_kind_describe_themselves() {
        for (video, audio, name) in [
            (GstVideo::H264, GstAudio::Aac, "MPEG4-GENERIC/16000"),
            (GstVideo::H264WithBFrames(2), GstAudio::PcmAlaw, "PCMA"),
            (GstVideo::H265, GstAudio::PcmMulaw, "PCMU"),
        ] {
            let camera = GstCamera::start(&GstOptions { video, audio, ..GstOptions::default() })
                .await
                .unwrap();
            // PCMU and PCMA are static types: the line m=audio names them by number.
            let wanted = match audio {
                GstAudio::PcmAlaw => "m=audio 0 RTP/AVP 8",
                GstAudio::PcmMulaw => "m=audio 0 RTP/AVP 0",
                _ => name,
            };
            let answer = describe(&camera, wanted).await;
            assert!(
                answer.starts_with("RTSP/1.0 200") && answer.contains(wanted),
                "{video:?}, {audio:?}: {answer}"
            );
            let picture = if video == GstVideo::H265 { "H265/90000" } else { "H264/90000" };
            assert!(answer.contains(picture), "{picture} is missing in {answer}");
        }
    }

    #[tokio::test]
    async fn a_guarded_camera_asks_for_a_password() {
        let credentials =
            Credentials { username: "admin".into(), password: Secret::new("p@ss".to_owned()) };
        for (auth, scheme) in [
            (GstAuth::Basic(credentials.clone()), "Basic realm"),
            (GstAuth::Digest(credentials), "Digest realm"),
        ] {
            let camera =
                GstCamera::start(&GstOptions { auth, ..GstOptions::default() }).await.unwrap();
            let answer = describe(&camera, "WWW-Authenticate").await;
            assert!(
                answer.starts_with("RTSP/1.0 401") && answer.contains(scheme),
                "{scheme}: {answer}"
            );
        }
    }
}
