//! RTSP over loopback, spoken by hand: what real clients rely on, and what they must be refused.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::time::Duration;

use md5::{Digest as _, Md5};
use tarsier_demo::{AuthScheme, DemoOptions, DemoServer, Join, ParameterSetsIn, Quirks, Tracks};
use tarsier_types::{Credentials, Secret, StreamKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// Every wait ends here.
const DEADLINE: Duration = Duration::from_secs(20);

struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    cseq: u32,
}

#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        let find = |line: &str| {
            line.split_once(": ").filter(|(key, _)| *key == name).map(|(_, value)| value.len())
        };
        let line = self.head.lines().find(|line| find(line).is_some());
        line.map_or("", |line| &line[name.len() + 2..])
    }

    fn session(&self) -> String {
        self.header("Session").split(';').next().unwrap_or_default().to_owned()
    }
}

impl Client {
    async fn connect(server: &DemoServer) -> Self {
        Self {
            stream: TcpStream::connect(server.addr()).await.unwrap(),
            received: Vec::new(),
            cseq: 0,
        }
    }

    async fn more(&mut self) -> usize {
        let read = tokio::time::timeout(DEADLINE, self.stream.read_buf(&mut self.received));
        read.await.expect("the server answers in time").unwrap()
    }

    async fn ask(&mut self, method: &str, uri: &str, headers: &str) -> Reply {
        self.cseq += 1;
        let text = format!("{method} {uri} RTSP/1.0\r\nCSeq: {}\r\n{headers}\r\n", self.cseq);
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.reply().await
    }

    /// The next response; packets before it are thrown away.
    async fn reply(&mut self) -> Reply {
        loop {
            if self.received.first() == Some(&b'$') {
                if self.packet_is_whole() {
                    self.take_packet();
                    continue;
                }
            } else if let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n")
            {
                let head = String::from_utf8(self.received[..end].to_vec()).unwrap();
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                let mut reply = Reply { status, head, body: String::new() };
                let length = reply.header("Content-Length").parse().unwrap_or(0);
                while self.received.len() < end + 4 + length {
                    assert!(self.more().await > 0, "the body is cut short");
                }
                reply.body =
                    String::from_utf8(self.received[end + 4..end + 4 + length].to_vec()).unwrap();
                self.received.drain(..end + 4 + length);
                return reply;
            }
            assert!(self.more().await > 0, "the connection ended instead of an answer");
        }
    }

    fn packet_is_whole(&self) -> bool {
        let size = |four: &[u8]| 4 + usize::from(u16::from_be_bytes([four[2], four[3]]));
        self.received.len() >= 4 && self.received.len() >= size(&self.received)
    }

    fn take_packet(&mut self) -> (u8, Vec<u8>) {
        let size = 4 + usize::from(u16::from_be_bytes([self.received[2], self.received[3]]));
        let packet: Vec<u8> = self.received.drain(..size).collect();
        (packet[1], packet[4..].to_vec())
    }

    async fn packet(&mut self) -> (u8, Vec<u8>) {
        while !self.packet_is_whole() {
            assert!(self.more().await > 0, "the stream ended");
        }
        assert_eq!(self.received[0], b'$', "between packets there are only packets");
        self.take_packet()
    }

    /// Sets up both tracks over TCP and plays; gives the session and the answer to PLAY.
    async fn play_tcp(&mut self, url: &str) -> (String, Reply) {
        let first = self
            .ask(
                "SETUP",
                &format!("{url}/track1"),
                "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
            )
            .await;
        assert_eq!(first.status, 200, "{first:?}");
        let session = first.session();
        let headers =
            format!("Session: {session}\r\nTransport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n");
        let second = self.ask("SETUP", &format!("{url}/track2"), &headers).await;
        assert_eq!((second.status, second.session()), (200, session.clone()), "{second:?}");
        let play = self.ask("PLAY", url, &format!("Session: {session}\r\nRange: npt=0-\r\n")).await;
        assert_eq!(play.status, 200, "{play:?}");
        (session, play)
    }
}

async fn server(join: Join) -> DemoServer {
    DemoServer::start(DemoOptions { join, ..DemoOptions::default() }).await.unwrap()
}

/// `seq` and `rtptime` of a track in RTP-Info.
fn beginning(play: &Reply, track: &str) -> (u16, u32) {
    let entry = play
        .header("RTP-Info")
        .split(',')
        .find(|entry| entry.contains(track))
        .expect("the track is there");
    let value = |name: &str| {
        entry.split(';').find_map(|part| part.strip_prefix(name)).expect("a value").to_owned()
    };
    (value("seq=").parse().unwrap(), value("rtptime=").parse().unwrap())
}

#[tokio::test]
async fn a_stream_is_described_set_up_played_paused_and_torn_down() {
    let server = server(Join::LatestKeyframe).await;
    let url = server.url(1, StreamKind::Main);
    let mut client = Client::connect(&server).await;

    let options = client.ask("OPTIONS", &url, "").await;
    assert!(options.header("Public").contains("GET_PARAMETER"), "{options:?}");
    let describe = client.ask("DESCRIBE", &url, "Accept: application/sdp\r\n").await;
    assert_eq!(describe.header("Content-Base"), format!("{url}/"));
    for line in [
        "m=video 0 RTP/AVP 96",
        "a=rtpmap:96 H264/90000",
        "a=framerate:25.000",
        "mpeg4-generic/16000/1",
        "a=control:track2",
    ] {
        assert!(describe.body.contains(line), "{line:?} is missing in {}", describe.body);
    }

    let (session, play) = client.play_tcp(&url).await;
    assert!(play.header("Session").ends_with(";timeout=60"));
    let (sequence, timestamp) = beginning(&play, "track1");
    let (_, report) = client.packet().await;
    assert_eq!(
        report[1], 200,
        "a sender report leads, so that the streams can be synchronised at once"
    );
    let first = loop {
        let (channel, packet) = client.packet().await;
        if channel == 0 {
            break packet;
        }
    };
    assert_eq!(first[2..4], sequence.to_be_bytes(), "RTP-Info names the first packet");
    assert_eq!(first[4..8], timestamp.to_be_bytes(), "and its timestamp");
    assert_eq!(first[12] & 0x1f, 7, "a viewer begins with the parameter sets of a keyframe");

    let session_header = format!("Session: {session}\r\n");
    assert_eq!(
        client.ask("GET_PARAMETER", &url, &session_header).await.status,
        200,
        "a keep-alive"
    );
    assert_eq!(client.ask("PAUSE", &url, &session_header).await.status, 200);
    let again = client.ask("PLAY", &url, &session_header).await;
    let resumed = beginning(&again, "track1").1;
    assert!(
        resumed.wrapping_sub(timestamp) % 3600 == 0,
        "after a pause the clock is still the same"
    );
    assert_eq!(client.packet().await.1[1], 200, "playing goes on");
    assert_eq!(client.ask("TEARDOWN", &url, &session_header).await.status, 200);
    while client.more().await > 0 {}
    server.stop().await;
}

#[tokio::test]
async fn viewers_of_one_camera_share_its_clock() {
    let server = server(Join::NextKeyframe).await;
    let url = server.url(2, StreamKind::Sub);
    let mut reports = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(&server).await;
        let (_, play) = client.play_tcp(&url).await;
        let (_, report) = client.packet().await;
        let ntp = u64::from_be_bytes(report[8..16].try_into().unwrap());
        let timestamp = u32::from_be_bytes(report[16..20].try_into().unwrap());
        // Where the session's own origin is taken away, the first picture's time on the wall clock is left.
        let lead = beginning(&play, "track1").1.wrapping_sub(timestamp).cast_signed();
        let nanos = i128::from(ntp >> 32) * 1_000_000_000
            + i128::from(((ntp & 0xffff_ffff) * 1_000_000_000) >> 32);
        reports.push(nanos + i128::from(lead) * 1_000_000_000 / 90_000);
    }
    let gop = 2_000_000_000;
    let apart = (reports[1] - reports[0]).rem_euclid(gop);
    let apart = apart.min(gop - apart);
    assert!(apart < 1_000_000, "keyframes of two sessions are {apart} ns off the same GOP grid");
    server.stop().await;
}

#[tokio::test]
async fn datagrams_reach_the_ports_of_the_client() {
    let server = server(Join::LatestKeyframe).await;
    let url = server.url(1, StreamKind::Sub);
    let (media, reports) = (
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
    );
    let ports =
        format!("{}-{}", media.local_addr().unwrap().port(), reports.local_addr().unwrap().port());
    let mut client = Client::connect(&server).await;
    let transport = format!("Transport: RTP/AVP;unicast;client_port={ports}\r\n");
    let set_up = client.ask("SETUP", &format!("{url}/track1"), &transport).await;
    assert!(set_up.header("Transport").contains("server_port="), "{set_up:?}");
    let play = client.ask("PLAY", &url, &format!("Session: {}\r\n", set_up.session())).await;
    let mut packet = [0; 1500];
    let (length, _) =
        tokio::time::timeout(DEADLINE, media.recv_from(&mut packet)).await.unwrap().unwrap();
    assert!(
        length > 12 && packet[2..4] == beginning(&play, "track1").0.to_be_bytes(),
        "the first packet arrives"
    );
    let (_, from) =
        tokio::time::timeout(DEADLINE, reports.recv_from(&mut packet)).await.unwrap().unwrap();
    assert_eq!(packet[1], 200, "and a sender report");
    assert!(
        set_up.header("Transport").contains(&format!("-{}", from.port())),
        "from the port that was promised"
    );
    server.stop().await;
}

fn digest(method: &str, uri: &str, challenge: &str, password: &str) -> String {
    let hex = |text: String| {
        Md5::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    };
    let field = |name: &str| {
        challenge.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap()
    };
    let (realm, nonce) = (field("realm"), field("nonce"));
    let secret = hex(format!("admin:{realm}:{password}"));
    let response = hex(format!("{secret}:{nonce}:{}", hex(format!("{method}:{uri}"))));
    format!(
        "Authorization: Digest username=\"admin\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\"\r\n"
    )
}

#[tokio::test]
async fn digest_lets_in_the_right_password_alone() {
    let credentials =
        Credentials { username: "admin".into(), password: Secret::new("p@ss/word".to_owned()) };
    let options = DemoOptions {
        credentials: Some(credentials),
        auth: AuthScheme::Digest,
        ..DemoOptions::default()
    };
    let server = DemoServer::start(options).await.unwrap();
    let url = server.url(1, StreamKind::Main);
    let mut client = Client::connect(&server).await;
    let refused = client.ask("DESCRIBE", &url, "").await;
    assert_eq!((refused.status, refused.body.as_str()), (401, ""), "nothing is told to strangers");
    let challenge = refused.header("WWW-Authenticate").to_owned();
    let wrong =
        client.ask("DESCRIBE", &url, &digest("DESCRIBE", &url, &challenge, "password")).await;
    assert_eq!(wrong.status, 401, "a wrong password");
    let other = client.ask("DESCRIBE", &url, &digest("SETUP", &url, &challenge, "p@ss/word")).await;
    assert_eq!(other.status, 401, "an answer to another method");
    let right =
        client.ask("DESCRIBE", &url, &digest("DESCRIBE", &url, &challenge, "p@ss/word")).await;
    assert_eq!(right.status, 200, "the right password");
    let unproved =
        client.ask("SETUP", &format!("{url}/track1"), "Transport: RTP/AVP/TCP\r\n").await;
    assert_eq!(unproved.status, 401, "each request is proved");
    assert_eq!(server.stats().unauthorized, 4, "and every refusal is counted");
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_the_right_code() {
    let server = server(Join::NextKeyframe).await;
    let url = server.url(1, StreamKind::Main);
    let base = url.strip_suffix("/cam1/main").unwrap();
    let mut client = Client::connect(&server).await;
    for path in ["/cam3/main", "/cam0/main", "/cam1/third", "/", "/cam1/main/track1"] {
        assert_eq!(
            client.ask("DESCRIBE", &format!("{base}{path}"), "").await.status,
            404,
            "{path}"
        );
    }
    let tcp = "Transport: RTP/AVP/TCP;interleaved=0-1\r\n";
    assert_eq!(client.ask("SETUP", &url, tcp).await.status, 404, "no track was named");
    let multicast = "Transport: RTP/AVP;multicast\r\n";
    assert_eq!(client.ask("SETUP", &format!("{url}/track1"), multicast).await.status, 461);
    assert_eq!(
        client.ask("PLAY", &url, "Session: 12345678\r\n").await.status,
        454,
        "no such session"
    );
    assert_eq!(client.ask("GET_PARAMETER", &url, "Session: 12345678\r\n").await.status, 454);
    assert_eq!(client.ask("RECORD", &url, "").await.status, 501);
    let set_up = client.ask("SETUP", &format!("{url}/track1"), tcp).await;
    let session = format!("Session: {}\r\n", set_up.session());
    let twice = client.ask("SETUP", &format!("{url}/track1"), &format!("{session}{tcp}")).await;
    assert_eq!(twice.status, 455, "a track is set up once");
    let clash = client.ask("SETUP", &format!("{url}/track2"), &format!("{session}{tcp}")).await;
    assert_eq!(clash.status, 461, "channels that are taken");
    assert_eq!(client.ask("PAUSE", &url, &session).await.status, 455, "nothing plays yet");
    assert_eq!(
        client.ask("PLAY", &server.url(2, StreamKind::Main), &session).await.status,
        404,
        "another camera"
    );
    client.stream.write_all(b"NONSENSE\r\nCSeq: 99\r\n\r\n").await.unwrap();
    let bad = client.reply().await;
    assert_eq!((bad.status, bad.header("CSeq")), (400, "99"));
    assert_eq!(client.more().await, 0, "who speaks no RTSP is hung up on");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped_and_hurts_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("fat.mp4");
    std::fs::write(&film, fat_film()).unwrap();
    let options =
        DemoOptions { main: Some(film), join: Join::LatestKeyframe, ..DemoOptions::default() };
    let server = DemoServer::start(options).await.unwrap();
    let url = server.url(1, StreamKind::Main);
    let mut lazy = Client::connect(&server).await;
    let set_up = lazy.ask("SETUP", &format!("{url}/track1"), "Transport: RTP/AVP/TCP\r\n").await;
    assert_eq!(
        lazy.ask("PLAY", &url, &format!("Session: {}\r\n", set_up.session())).await.status,
        200
    );

    let mut keen = Client::connect(&server).await;
    let set_up = keen.ask("SETUP", &format!("{url}/track1"), "Transport: RTP/AVP/TCP\r\n").await;
    assert_eq!(
        keen.ask("PLAY", &url, &format!("Session: {}\r\n", set_up.session())).await.status,
        200
    );
    let dropped = async {
        while server.stats().too_slow == 0 {
            keen.packet().await;
        }
    };
    tokio::time::timeout(DEADLINE, dropped)
        .await
        .expect("who is more than 8 MiB behind is dropped");
    assert_eq!(server.sessions().len(), 1, "the other one stays");
    server.stop().await;
}

/// 8 pictures of 300 kB each, 25 per second: 60 Mbit/s. The pictures hold no real image, which no server looks at.
fn fat_film() -> Vec<u8> {
    fn boxed(kind: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let size = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
        [&size[..], &kind, &body].concat()
    }
    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }
    const SIZE: u32 = 300_000;
    let mut picture = (SIZE - 4).to_be_bytes().to_vec();
    picture.push(0x65);
    picture.resize(usize::try_from(SIZE).unwrap(), 0x55);
    let ftyp = boxed(*b"ftyp", &[b"isom\0\0\0\0isom"]);
    let mdat = boxed(*b"mdat", &[&picture.repeat(8)]);
    let first = u32::try_from(ftyp.len() + 8).unwrap();
    let config = boxed(
        *b"avcC",
        &[&[1, 0x64, 0, 0x28, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x28, 1, 0, 2, 0x68, 0xee]],
    );
    let avc1 = boxed(*b"avc1", &[&[0; 78], &config]);
    let stbl = boxed(
        *b"stbl",
        &[
            &boxed(*b"stsd", &[&words(&[0, 1]), &avc1]),
            &boxed(*b"stts", &[&words(&[0, 1, 8, 40])]),
            &boxed(*b"stsc", &[&words(&[0, 1, 1, 8, 1])]),
            &boxed(*b"stsz", &[&words(&[0, SIZE, 8])]),
            &boxed(*b"stco", &[&words(&[0, 1, first])]),
        ],
    );
    let minf = boxed(*b"minf", &[&stbl]);
    let media_header = boxed(*b"mdhd", &[&words(&[0, 0, 0, 1000, 320])]);
    let hdlr = boxed(*b"hdlr", &[&words(&[0, 0]), b"vide"]);
    let trak = boxed(*b"trak", &[&boxed(*b"mdia", &[&media_header, &hdlr, &minf])]);
    let movie_header = boxed(*b"mvhd", &[&words(&[0, 0, 0, 1000, 320])]);
    [ftyp, mdat, boxed(*b"moov", &[&movie_header, &trak])].concat()
}

#[tokio::test]
async fn a_camera_misbehaves_as_it_is_told_to() {
    let start = |quirks| DemoServer::start(DemoOptions { quirks, ..DemoOptions::default() });
    let two = Quirks { sessions_at_most: Some(2), ..Quirks::default() };
    let server = start(two).await.unwrap();
    let uri = format!("{}/track1", server.url(1, StreamKind::Main));
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let mut clients = Vec::new();
    for expected in [200, 200, 453] {
        let mut client = Client::connect(&server).await;
        assert_eq!(client.ask("SETUP", &uri, transport).await.status, expected);
        clients.push(client);
    }
    for (quirks, there, absent) in [
        (Quirks { tracks: Tracks::SoundOnly, ..Quirks::default() }, "m=audio", "m=video"),
        (
            Quirks { parameter_sets: ParameterSetsIn::Band, ..Quirks::default() },
            "H264/90000",
            "sprop-parameter-sets",
        ),
    ] {
        let server = start(quirks).await.unwrap();
        let mut client = Client::connect(&server).await;
        let sdp = client.ask("DESCRIBE", &server.url(1, StreamKind::Main), "").await.body;
        assert!(sdp.contains(there) && !sdp.contains(absent), "{sdp}");
    }
}
