//! A scripted RTSP server on loopback that misbehaves in exactly one way. It speaks just enough to be spoken to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tarsier_types::{CameraUrl, Credentials, Secret};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// H.264 baseline, 64x64 and 96x64, as x264 writes them.
pub(crate) const SPS_64: &str = "Z0LACtkEJsBEAAADAAQAAAMAyDxImSA=";
pub(crate) const SPS_96: [u8; 23] = [
    0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x06, 0x26, 0xc0, 0x44, 0, 0, 3, 0, 4, 0, 0, 3, 0, 0xc8, 0x3c,
    0x48, 0x99, 0x20,
];
pub(crate) const PPS: [u8; 5] = [0x68, 0xcb, 0x83, 0xcb, 0x20];

/// What it sends once it plays.
#[derive(Clone, Debug)]
pub(crate) enum Send {
    /// One RTP packet: channel, sequence number, timestamp, marker, payload.
    Rtp(u8, u16, u32, bool, Vec<u8>),
    /// A pause in milliseconds, as real cameras make between pictures.
    Pause(u64),
    /// Nothing more, but the connection stays.
    Silence,
}

/// How it behaves.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// Says these bytes at once, whatever it is asked, and listens on.
    Says(&'static [u8]),
    /// Accepts and never answers.
    Hangs,
    /// Closes the connection at the first request.
    HangsUp,
    /// Answers every request with that status line and these headers.
    Refuses(&'static str),
    /// DESCRIBE gives that SDP; SETUP is refused with that status line, if one is given.
    Describes(String, Option<&'static str>),
    /// Wants these credentials by Basic, then plays.
    Plays { sdp: String, basic: Option<String>, then: Vec<Send> },
}

/// A running fake.
pub(crate) struct Fake {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, manner.clone(), Arc::clone(&seen)));
                }
            }
        });
        Self { port, seen, task }
    }

    pub(crate) fn url(&self) -> CameraUrl {
        CameraUrl::parse(&format!("rtsp://127.0.0.1:{}/live", self.port)).unwrap().0
    }

    /// Every request so far, whole.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, manner: Manner, seen: Arc<Mutex<Vec<String>>>) {
    if let Manner::Says(bytes) = manner {
        let _ = stream.write_all(bytes).await;
    }
    let mut buffer = Vec::new();
    while let Some(request) = request(&mut stream, &mut buffer).await {
        let method = request.split(' ').next().unwrap_or_default().to_owned();
        let cseq = header(&request, "CSeq").unwrap_or_default();
        let authorization = header(&request, "Authorization");
        seen.lock().unwrap().push(request);
        let mut say = async |status: &str, headers: &str, body: &str| {
            let length = body.len();
            let text = format!(
                "RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
            );
            let _ = stream.write_all(text.as_bytes()).await;
        };
        match &manner {
            Manner::Says(_) | Manner::Hangs => {}
            Manner::HangsUp => return,
            Manner::Refuses(status) => {
                say(status, "WWW-Authenticate: Basic realm=\"x\"\r\n", "").await;
            }
            Manner::Plays { basic: Some(wanted), .. }
                if authorization.as_deref() != Some(&format!("Basic {wanted}")) =>
            {
                say("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", "").await;
            }
            Manner::Describes(sdp, refusal) => match (method.as_str(), refusal) {
                ("DESCRIBE", _) => say("200 OK", "Content-Type: application/sdp\r\n", sdp).await,
                (_, Some(status)) => say(status, "", "").await,
                _ => return,
            },
            Manner::Plays { sdp, then, .. } => match method.as_str() {
                "DESCRIBE" => say("200 OK", "Content-Type: application/sdp\r\n", sdp).await,
                "SETUP" => {
                    let transport =
                        header(&seen.lock().unwrap().last().cloned().unwrap(), "Transport")
                            .unwrap();
                    say(
                        "200 OK",
                        &format!("Session: 7;timeout=60\r\nTransport: {transport}\r\n"),
                        "",
                    )
                    .await;
                }
                "PLAY" => {
                    say("200 OK", "Session: 7\r\n", "").await;
                    if !play(&mut stream, then).await {
                        return;
                    }
                }
                _ => say("200 OK", "Session: 7\r\n", "").await,
            },
        }
    }
}

/// Sends the script. False if it ends with the connection.
async fn play(stream: &mut TcpStream, script: &[Send]) -> bool {
    for step in script {
        match step {
            Send::Pause(millis) => tokio::time::sleep(Duration::from_millis(*millis)).await,
            Send::Silence => return true,
            Send::Rtp(channel, sequence, timestamp, marker, payload) => {
                let length = u16::try_from(payload.len() + 12).unwrap();
                let payload_type = if *channel == 0 { 96 } else { 8 };
                let mut packet = vec![b'$', *channel];
                packet.extend(length.to_be_bytes());
                packet.extend([0x80, payload_type | if *marker { 0x80 } else { 0 }]);
                packet.extend(sequence.to_be_bytes());
                packet.extend(timestamp.to_be_bytes());
                packet.extend(u32::from(*channel).wrapping_add(0x1234).to_be_bytes());
                packet.extend(payload);
                if stream.write_all(&packet).await.is_err() {
                    return false;
                }
            }
        }
    }
    false
}

async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = buffer.drain(..end + 4).collect();
            return String::from_utf8(head).ok();
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => buffer.extend(&chunk[..read]),
        }
    }
}

fn header(request: &str, name: &str) -> Option<String> {
    request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
}

/// An SDP with these `m=` sections.
pub(crate) fn sdp(sections: &str) -> String {
    let sections = sections.replace('\n', "\r\n");
    format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=fake\r\nt=0 0\r\na=control:*\r\n{sections}\r\n")
}

/// H.264 of 64x64 pixels, its parameter sets in the SDP.
pub(crate) fn h264() -> String {
    format!(
        "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n\
         a=fmtp:96 packetization-mode=1;sprop-parameter-sets={SPS_64},aMuDyyA=\na=control:video"
    )
}

/// G.711 A-law.
pub(crate) const ALAW: &str = "m=audio 0 RTP/AVP 8\na=control:audio";

pub(crate) fn admin(password: &str) -> Credentials {
    Credentials { username: "admin".into(), password: Secret::new(password.into()) }
}

/// Numbered pictures: a keyframe at each multiple of `gop`, 25 a second, the number in the payload.
pub(crate) fn pictures(range: std::ops::Range<u16>, gop: u16) -> Vec<Send> {
    range
        .map(|n| {
            let kind = if n % gop == 0 { 0x65 } else { 0x41 };
            let [high, low] = n.to_be_bytes();
            Send::Rtp(
                0,
                n,
                9_000 + u32::from(n) * 3_600,
                true,
                vec![kind, 0x88, high + 1, low, 0x80],
            )
        })
        .collect()
}
