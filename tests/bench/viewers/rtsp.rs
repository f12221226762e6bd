//! A viewer over RTSP, in one TCP connection: asks for the pictures alone, and reads the packets as they come.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::crowd::Tally;

/// Servers end a session of a minute's silence.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);
/// At 25 pictures a second, in 1/90 000 s.
const PICTURE: u32 = 3600;

/// Pictures that should be between two, by the step of their times.
pub(super) fn left_out(step: u32) -> u64 {
    u64::from(((step.saturating_add(PICTURE / 2)) / PICTURE).saturating_sub(1))
}

struct Client {
    socket: TcpStream,
    received: BytesMut,
    requests: u32,
}

impl Client {
    async fn say(&mut self, method: &str, url: &str, headers: &str) -> anyhow::Result<()> {
        self.requests += 1;
        let text = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\n{headers}\r\n", self.requests);
        Ok(self.socket.write_all(text.as_bytes()).await?)
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        self.received.reserve(64 << 10);
        ensure!(self.socket.read_buf(&mut self.received).await? > 0, "the server closed");
        Ok(())
    }

    /// Takes an answer from what was received, head and body, once it is whole.
    fn answer(&mut self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.received).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = header(head, "Content-Length").and_then(|it| it.parse().ok()).unwrap_or(0);
        let body = body.get(..length)?;
        self.received.advance(head.len() + 4 + length);
        Some(format!("{head}\r\n\r\n{body}"))
    }

    async fn ask(&mut self, method: &str, url: &str, headers: &str) -> anyhow::Result<String> {
        self.say(method, url, headers).await?;
        loop {
            if let Some(answer) = self.answer() {
                ensure!(answer.starts_with("RTSP/1.0 200"), "{method}: {answer}");
                return Ok(answer);
            }
            self.read().await?;
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.trim()))
}

/// Watches for ever.
pub(crate) async fn watch(url: String, tally: Arc<Tally>) -> anyhow::Result<()> {
    let address = url.strip_prefix("rtsp://").and_then(|rest| rest.split('/').next());
    let socket = TcpStream::connect(address.context("an RTSP address")?).await?;
    let mut client = Client { socket, received: BytesMut::new(), requests: 0 };
    let described = client.ask("DESCRIBE", &url, "Accept: application/sdp\r\n").await?;
    let plain = url.split('?').next().unwrap_or(&url);
    let base = header(&described, "Content-Base").unwrap_or(plain).trim_end_matches('/');
    let pictures = described.split("m=video").nth(1).context("no pictures are described")?;
    let control = pictures.split("a=control:").nth(1).and_then(|rest| rest.lines().next());
    let control = match control.context("no address of the pictures")? {
        whole if whole.starts_with("rtsp://") => whole.to_owned(),
        part => format!("{base}/{part}"),
    };
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let answer = client.ask("SETUP", &control, transport).await?;
    let session = header(&answer, "Session").and_then(|it| it.split(';').next());
    let session = format!("Session: {}\r\n", session.context("no session")?);
    client.say("PLAY", base, &session).await?;
    let mut sign_of_life = tokio::time::interval(SIGN_OF_LIFE);
    sign_of_life.tick().await;
    let mut packets = Packets { last: None, bytes: 0 };
    loop {
        packets.take(&mut client, &tally)?;
        tokio::select! {
            read = client.read() => read?,
            _ = sign_of_life.tick() => client.say("GET_PARAMETER", base, &session).await?,
        }
    }
}

struct Packets {
    /// The time of the last picture.
    last: Option<u32>,
    /// Of the picture that is coming.
    bytes: usize,
}

impl Packets {
    /// Everything that is whole: packets (RFC 2326, section 10.12) and answers.
    fn take(&mut self, client: &mut Client, tally: &Tally) -> anyhow::Result<()> {
        loop {
            match client.received.first() {
                None => return Ok(()),
                Some(b'$') => {
                    let Some(head) = client.received.first_chunk::<4>() else { return Ok(()) };
                    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
                    let channel = head[1];
                    let Some(packet) = client.received.get(4..4 + length) else { return Ok(()) };
                    if channel == 0 {
                        self.packet(packet, tally);
                    }
                    client.received.advance(4 + length);
                }
                Some(b'R') => {
                    let Some(answer) = client.answer() else { return Ok(()) };
                    ensure!(answer.starts_with("RTSP/1.0 200"), "{answer}");
                }
                Some(other) => bail!("neither a packet nor an answer: {other}"),
            }
        }
    }

    fn packet(&mut self, packet: &[u8], tally: &Tally) {
        self.bytes += packet.len();
        let [_, kind, _, _, time @ ..] = packet else { return };
        let Some(time) = time.first_chunk::<4>() else { return };
        // The last packet of a picture is marked (RFC 6184, section 5.1).
        if kind & 0x80 == 0 {
            return;
        }
        let time = u32::from_be_bytes(*time);
        tally.got(std::mem::take(&mut self.bytes));
        if let Some(last) = self.last.replace(time) {
            tally.misses(left_out(time.wrapping_sub(last)));
        }
    }
}
