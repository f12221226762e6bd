//! Over real sockets, with a door that opens by one word.

use std::sync::Mutex;

use bytes::Bytes;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tarsier_live::fanout::StreamId;
use tarsier_live::{LiveInput, LiveUnit};
use tarsier_rtp::packets::interleaved;
use tarsier_types::{
    AccessUnit, CameraId, Dts, ParameterSets, Pts, StreamKind, SystemClock, Ticks, Track, UtcMs,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;

use super::*;
use crate::description::fixtures::video;
use crate::door::{Admitted, Refused, Shown, Why};

const PATIENCE: Duration = Duration::from_secs(30);

/// Lets everybody in who says "open", until the test says otherwise.
struct Sesame {
    end: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Door<&'static str> for Sesame {
    fn admit(&self, shown: &Shown, _camera: &str, _stream: &str) -> Result<Admitted, Refused> {
        if *shown != Shown::Token("open".to_owned()) {
            return Err(Refused { why: Why::Unauthorized, words: "Say the word.".to_owned() });
        }
        let end = self.end.lock().unwrap().take();
        let ended = async move {
            match end {
                Some(end) => drop(end.await),
                None => std::future::pending().await,
            }
        };
        Ok(Admitted { stream: stream(), ended: Box::pin(ended) })
    }

    fn words(&self, why: Option<&&'static str>) -> String {
        why.copied().unwrap_or("nothing yet").to_owned()
    }
}

fn stream() -> StreamId {
    (CameraId::new("garden").unwrap(), StreamKind::Main.into())
}

struct Running {
    rtsp: Rtsp,
    live: Live<&'static str>,
    end: oneshot::Sender<()>,
}

fn start() -> Running {
    start_with(None)
}

fn start_with(tls: Option<Arc<ServerConfig>>) -> Running {
    let clock = Arc::new(SystemClock::start());
    let live = Live::start(clock.clone(), |_| {});
    let (end, ends) = oneshot::channel();
    let door = Arc::new(Sesame { end: Mutex::new(Some(ends)) });
    let listen = Listen { address: ([127, 0, 0, 1], 0).into(), tls };
    let rtsp = Rtsp::start(listen, live.clone(), door, clock).unwrap();
    Running { rtsp, live, end }
}

impl Running {
    /// A camera that sends a picture each time somebody looks, for as long as the test lasts.
    fn shows_pictures(&self) {
        self.shows(4);
    }

    /// The same, of so many bytes.
    fn shows(&self, bytes: u32) {
        let mut picture = bytes.to_be_bytes().to_vec();
        picture.push(0x65);
        picture.resize(4 + usize::try_from(bytes).unwrap(), 1);
        let picture = Bytes::from(picture);
        let live = self.live.clone();
        tokio::spawn(async move {
            let parameters = ParameterSets { video: video(77), audio: None };
            let watch = live.watch(stream()).await;
            live.handle(stream(), LiveInput::Parameters(parameters)).await;
            for number in 0_i64.. {
                let unit = AccessUnit {
                    track: Track::Video,
                    pts: Pts(number * 3600),
                    dts: Dts(number * 3600),
                    duration: Ticks(3600),
                    is_keyframe: number % 10 == 0,
                    arrived: UtcMs(number * 40),
                    data: picture.clone(),
                };
                let unit = LiveUnit { unit, arrived_utc_us: number * 40_000 };
                live.handle(stream(), LiveInput::Unit(unit)).await;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            drop(watch);
        });
    }

    async fn client(&self) -> Client {
        let socket = TcpStream::connect(self.rtsp.address()).await.unwrap();
        Client { socket: Box::new(socket), received: Vec::new() }
    }

    async fn client_over(&self, tls: Arc<ClientConfig>) -> Client {
        let socket = TcpStream::connect(self.rtsp.address()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let socket = TlsConnector::from(tls).connect(name, socket).await.unwrap();
        Client { socket: Box::new(socket), received: Vec::new() }
    }
}

/// TLS with a certificate that the client knows.
fn tls() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut known = RootCertStore::empty();
    known.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(known)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

struct Client {
    socket: Box<dyn Socket>,
    received: Vec<u8>,
}

impl Client {
    /// Waits until `found` finds something in what was received; what it took is gone then.
    async fn until<T>(&mut self, found: impl Fn(&[u8]) -> Option<(T, usize)>) -> T {
        loop {
            if let Some((it, used)) = found(&self.received) {
                self.received.drain(..used);
                return it;
            }
            let read = self.socket.read_buf(&mut self.received);
            let read = tokio::time::timeout(PATIENCE, read).await.expect("in time").unwrap();
            assert!(read > 0, "closed: {}", String::from_utf8_lossy(&self.received));
        }
    }

    async fn ask(&mut self, method: &str, path: &str, headers: &str) -> String {
        let text = format!("{method} rtsp://h{path} RTSP/1.0\r\nCSeq: 7\r\n{headers}\r\n");
        self.socket.write_all(text.as_bytes()).await.unwrap();
        self.until(|bytes| {
            let text = std::str::from_utf8(bytes).ok()?;
            let (head, body) = text.split_once("\r\n\r\n")?;
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let length = length.map_or(0, |length| length.parse().unwrap());
            (body.len() >= length).then(|| (text.to_owned(), head.len() + 4 + length))
        })
        .await
    }

    /// Until an answer to PLAY, which names the session.
    async fn play(&mut self, transport: &str) -> String {
        let described = self.ask("DESCRIBE", "/garden/main?token=open", "").await;
        assert!(described.starts_with("RTSP/1.0 200 OK\r\nCSeq: 7\r\n"), "{described}");
        let transport = format!("Transport: {transport}\r\n");
        let agreed = self.ask("SETUP", "/garden/main/track1", &transport).await;
        let session = agreed.split("Session: ").nth(1).and_then(|it| it.split(';').next());
        let session = format!("Session: {}\r\n", session.expect("a session"));
        let text = format!("PLAY rtsp://h/garden/main RTSP/1.0\r\nCSeq: 8\r\n{session}\r\n");
        self.socket.write_all(text.as_bytes()).await.unwrap();
        let end = |bytes: &[u8]| {
            let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
            Some(((), at + 4))
        };
        self.until(end).await;
        agreed
    }

    async fn until_closed(&mut self) {
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(PATIENCE, self.socket.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "the connection stays open");
    }
}

#[tokio::test]
async fn the_last_gop_comes_over_tcp_and_the_end_of_the_right_ends_it() {
    let running = start();
    running.shows_pictures();
    let mut client = running.client().await;
    let refused = client.ask("DESCRIBE", "/garden/main?token=shut", "").await;
    assert!(refused.starts_with("RTSP/1.0 401 Unauthorized"), "{refused}");
    assert!(refused.ends_with("\r\n\r\nSay the word."), "{refused}");
    client.play("RTP/AVP/TCP;interleaved=4-5").await;
    let first: Vec<u8> = client
        .until(|bytes| {
            let media = interleaved(bytes).find(|(channel, _)| *channel == 4);
            media.map(|(_, packet)| (packet.to_vec(), 0))
        })
        .await;
    assert_eq!(first[12] & 0x1f, 7, "a keyframe is led by its parameter sets");
    assert_eq!(client.received[1], 5, "a report leads");
    running.end.send(()).unwrap();
    client.until_closed().await;
}

#[tokio::test]
async fn datagrams_come_from_the_port_that_was_agreed_on() {
    let running = start();
    running.shows_pictures();
    let media = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let reports = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
    let mut client = running.client().await;
    let ports = format!("{}-{}", port(&media), port(&reports));
    let agreed = client.play(&format!("RTP/AVP;unicast;client_port={ports}")).await;
    let ours = agreed.split("server_port=").nth(1).and_then(|it| it.split('-').next());
    let ours: u16 = ours.unwrap().parse().unwrap();
    let mut packet = [0; 1500];
    for (socket, from) in [(&reports, ours + 1), (&media, ours)] {
        let received = tokio::time::timeout(PATIENCE, socket.recv_from(&mut packet)).await;
        assert_eq!(received.expect("in time").unwrap().1.port(), from);
    }
    assert_eq!(packet[0], 0x80, "RTP");
    running.rtsp.end_all();
    client.until_closed().await;
}

#[tokio::test]
async fn a_camera_that_is_away_is_told_of_in_words() {
    let running = start();
    running.live.handle(stream(), LiveInput::Notice(Some("Garden is offline."))).await;
    let mut client = running.client().await;
    let answer = client.ask("DESCRIBE", "/garden/main?token=open", "").await;
    assert!(answer.starts_with("RTSP/1.0 503 Service Unavailable"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nGarden is offline."), "{answer}");
}

#[tokio::test]
async fn there_is_an_end_to_the_number_of_clients() {
    let running = start();
    running.shows_pictures();
    let mut clients = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        let mut client = running.client().await;
        client.ask("DESCRIBE", "/garden/main?token=open", "").await;
        clients.push(client);
    }
    let mut more = running.client().await;
    let refused = more.until(|bytes| Some((bytes.to_vec(), 0)).filter(|_| !bytes.is_empty())).await;
    assert!(refused.starts_with(b"RTSP/1.0 503 "), "{}", String::from_utf8_lossy(&refused));
    more.until_closed().await;
    clients.truncate(1);
    assert!(clients[0].ask("OPTIONS", "/garden/main", "").await.contains("Public: "));
}

#[tokio::test]
async fn a_crowd_that_shows_no_token_keeps_nobody_out_and_ends_nothing() {
    let running = start();
    running.shows_pictures();
    let mut known = running.client().await;
    known.ask("DESCRIBE", "/garden/main?token=open", "").await;
    let mut crowd = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        let mut client = running.client().await;
        assert!(client.ask("OPTIONS", "/garden/main", "").await.contains("Public: "));
        crowd.push(client);
    }
    crowd.remove(0).until_closed().await;
    let described = known.ask("DESCRIBE", "/garden/main?token=open", "").await;
    assert!(described.starts_with("RTSP/1.0 200 OK"), "{described}");
}

#[tokio::test]
async fn a_header_without_end_is_not_read_to_the_end() {
    let running = start();
    let mut client = running.client().await;
    client.socket.write_all(b"DESCRIBE rtsp://h/garden/main RTSP/1.0\r\nX: ").await.unwrap();
    let mut written = 0;
    while written < 10 << 20 && client.socket.write_all(&[b'x'; 4096]).await.is_ok() {
        written += 4096;
    }
    assert!(written < 10 << 20, "all of it was taken");
}

#[tokio::test]
async fn over_tls_a_client_gets_the_same_and_is_told_the_end() {
    let (server, client) = tls();
    let running = start_with(Some(server));
    running.shows_pictures();
    let mut client = running.client_over(client).await;
    let described = client.ask("DESCRIBE", "/garden/main?token=open", "").await;
    assert!(described.starts_with("RTSP/1.0 200 OK"), "{described}");
    let beside = "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n";
    let refused = client.ask("SETUP", "/garden/main/track1", beside).await;
    assert!(refused.starts_with("RTSP/1.0 461 "), "everybody could read that: {refused}");
    client.play("RTP/AVP/TCP;interleaved=0-1").await;
    client.until(|bytes| interleaved(bytes).nth(20).map(|_| ((), bytes.len()))).await;
    running.end.send(()).unwrap();
    let mut rest = Vec::new();
    let end = tokio::time::timeout(PATIENCE, client.socket.read_to_end(&mut rest)).await;
    // Without a goodbye of TLS that would be an error: somebody may have cut the line.
    end.expect("the connection stays open").expect("it ends without a goodbye");
}

#[tokio::test]
async fn whoever_takes_nothing_is_given_up_over_tls_too() {
    let (server, client) = tls();
    let mut running = start_with(Some(server));
    running.shows(60_000);
    let mut client = running.client_over(client).await;
    client.play("RTP/AVP/TCP;interleaved=0-1").await;
    let ended = tokio::time::timeout(PATIENCE, running.end.closed()).await;
    assert!(ended.is_ok(), "it is kept");
}
