//! Viewers that read nothing, read a byte a second, vanish, come back a hundred times a second, send garbage or send
//! too much: nobody else notices, and nothing of them is left.
//!
//! Each kind comes in three rounds. The first warms up what a process keeps for good (pools, arenas of memory); after
//! the third the hub holds no more than after the second.

mod figures;
mod raw;
mod witness;

use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use tarsier_tests::hub::HubProcess;
use tarsier_tests::webrtc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use self::figures::Figures;
use self::raw::{
    PATIENCE, ask, connect, drip, frame, frame_head, head, hundred_a_second, say, sip,
    until_closed, upgraded,
};
use self::witness::Witness;
use crate::recording::{stream, until_written};
use crate::{camera, cameras, hub, journey};

/// A stream stays wanted for half a minute after the last question by HLS.
const LETS_GO_WITHIN: Duration = Duration::from_secs(60);
/// The camera sends 25 pictures a second; this machine may be busy.
const LONGEST_GAP: Duration = Duration::from_secs(10);

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const PING: u8 = 0x89;
const REQUEST: &[u8] = br#"{"codecs":["avc1.640028"]}"#;

/// Three rounds, while a good viewer watches.
async fn besieged(
    round: impl AsyncFn(&HubProcess, &str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let server = cameras(1).await?;
    let (_folder, hub) = hub().await?;
    let id = hub.add_camera(&camera(&server, 1, "Drive")).await?;
    until_written(&hub, &id, 30).await?;
    let mut witness = Witness::sit(&hub, &id).await?;
    let first = Figures::of(&hub)?;
    round(&hub, &id).await?;
    first.until_files(&hub).await?;
    round(&hub, &id).await?;
    let second = first.until_files(&hub).await?;
    round(&hub, &id).await?;
    let third = Figures { files: first.files, ..second }.until_regained(&hub).await?;
    witness.sees_on(30).await?;
    let path = format!("/api/v1/cameras/{id}/status");
    hub.until("the good viewer alone", &path, LETS_GO_WITHIN, |status| {
        (stream(status, "main").ok()?["viewers"] == 1).then_some(())
    })
    .await?;
    let seen = witness.leave().await?;
    tell(&format!("at first {first:?}, then {second:?}, at last {third:?}; {seen:?}"));
    ensure!(seen.longest_gap < LONGEST_GAP, "{seen:?}");
    let logs = hub.logs();
    ensure!(!logs.contains("panicked"), "{logs}");
    server.stop().await;
    Ok(())
}

/// Figures of this run, shown by `--nocapture`.
#[expect(clippy::print_stdout, reason = "what was measured is worth more than that it was enough")]
fn tell(figures: &str) {
    println!("{figures}");
}

#[test]
fn hostile_viewers_by_media_source_are_noticed_by_nobody_and_leave_nothing() {
    journey(besieged(async |hub: &HubProcess, id: &str| {
        let path = &format!("/live/{id}/main/mse");
        let watching = async || {
            let mut socket = upgraded(hub, path).await?;
            socket.write_all(&frame(TEXT, REQUEST)).await?;
            anyhow::Ok(socket)
        };
        let said = async |bytes: Vec<u8>| {
            let mut socket = upgraded(hub, path).await?;
            let _ = socket.write_all(&bytes).await;
            until_closed(socket).await
        };
        let silent = try_join_all((0..20).map(|_| upgraded(hub, path))).await?;
        let reads_nothing = try_join_all((0..20).map(|_| watching())).await?;
        let sips = async {
            let sockets = try_join_all((0..5).map(|_| watching())).await?;
            futures::future::join_all(sockets.into_iter().map(|socket| sip(socket, 3))).await;
            anyhow::Ok(())
        };
        let comes_again = hundred_a_second(200, async || {
            let mut socket = watching().await?;
            let _ = tokio::time::timeout(PATIENCE, socket.read_u8()).await?;
            Ok(())
        });
        let unmasked = [&[TEXT, REQUEST.len().try_into()?], REQUEST].concat();
        let deep = ["[".repeat(8000), "]".repeat(8000)].concat();
        let garbage = [
            vec![0xff; 64],
            unmasked,
            // Refused by its head: nothing of its length ever comes.
            [frame(TEXT, REQUEST), frame_head(TEXT, 10_000_000)].concat(),
            frame_head(TEXT, u64::MAX),
            frame_head(PING, 126),
            frame(TEXT, &[0xff; 8]),
            frame(TEXT, b"{}"),
            frame(TEXT, deep.as_bytes()),
            frame(BINARY, REQUEST),
            frame(0x80, REQUEST),
            frame(0xf1, REQUEST),
            frame(0x88, &[1]),
        ];
        let garbage = try_join_all(garbage.into_iter().map(said));
        let floods = async {
            let mut socket = watching().await?;
            let (ping, text) = (frame(PING, &[7; 125]), frame(TEXT, &[b' '; 1000]));
            for _ in 0..500 {
                // He reads none of the answers, so at last none of what he says may be read either.
                let say = async {
                    socket.write_all(&ping).await?;
                    socket.write_all(&text).await
                };
                if !matches!(
                    tokio::time::timeout(Duration::from_millis(200), say).await,
                    Ok(Ok(()))
                ) {
                    break;
                }
            }
            anyhow::Ok(())
        };
        tokio::try_join!(sips, comes_again, garbage, floods)?;
        drop((silent, reads_nothing));
        Ok(())
    }));
}

#[test]
fn hostile_viewers_by_hls_are_noticed_by_nobody_and_leave_nothing() {
    journey(besieged(async |hub: &HubProcess, id: &str| {
        let folder = format!("/live/{id}/main");
        let get = |path: &str| head(hub, "GET", &format!("{folder}/{path}"), "");
        let playlist = reqwest::get(format!("{}{folder}/index.m3u8?token={}", hub.url, hub.token));
        let playlist = playlist.await?.error_for_status()?.text().await?;
        let media =
            playlist.lines().filter_map(|line| line.split("URI=\"").nth(1)?.split('"').next());
        let media: Vec<String> = media.map(&get).collect();
        ensure!(media.len() > 2, "{playlist}");
        let wait = get("index.m3u8?_HLS_msn=1&_HLS_part=0");
        let newest = playlist.lines().find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"));
        let newest: u64 = newest.unwrap_or_default().parse()?;
        let ahead = get(&format!("index.m3u8?_HLS_msn={}", newest + 8));

        let waits = try_join_all((0..50).map(|_| say(hub, &ahead))).await?;
        let reads_nothing =
            try_join_all(media.iter().cycle().take(50).map(|it| say(hub, it))).await?;
        let sips = async {
            let sockets = try_join_all(media.iter().take(5).map(|it| say(hub, it))).await?;
            futures::future::join_all(sockets.into_iter().map(|socket| sip(socket, 3))).await;
            anyhow::Ok(())
        };
        let comes_again = hundred_a_second(200, async || ask(hub, &wait).await);
        let garbage = [
            "index.m3u8?_HLS_msn=99999999999999999999",
            "index.m3u8?_HLS_msn=18446744073709551615&_HLS_part=18446744073709551615",
            "index.m3u8?_HLS_msn=-1",
            "index.m3u8?_HLS_part=0",
            "index.m3u8?%00=%ff&&&==",
            "hls/ffffffffffffffff-part-18446744073709551615.m4s",
            "hls/..%2f..%2f..%2fkey",
            "hls/-.-.-",
        ];
        let garbage = try_join_all(garbage.map(|path| ask(hub, get(path))));
        tokio::try_join!(sips, comes_again, garbage)?;
        drop((waits, reads_nothing));
        Ok(())
    }));
}

#[test]
fn hostile_viewers_by_webrtc_are_noticed_by_nobody_and_leave_nothing() {
    journey(besieged(async |hub: &HubProcess, id: &str| {
        let path = &format!("/live/{id}/main/whep");
        let post = |length: usize, body: &str| {
            let more = format!("content-type: application/sdp\r\ncontent-length: {length}\r\n");
            format!("{}{body}", head(hub, "POST", path, &more))
        };
        let (_, offer, _) = webrtc::Viewer::new().await?;
        let session = crate::whep::post(hub, id, "application/sdp", offer.clone()).await?;
        ensure!(session.status() == 201, "{}", session.status());
        let location = session.headers()["location"].to_str()?.to_owned();
        let answer = session.text().await?;
        let port = |protocol: &str| {
            let mut candidates = answer.lines().filter(|line| line.starts_with("a=candidate:"));
            let ours = candidates.find(|line| line.split(' ').nth(2) == Some(protocol));
            let port = ours.and_then(|line| line.split(' ').nth(5)?.parse::<u16>().ok());
            port.with_context(|| format!("no candidate of {protocol} in {answer}"))
        };
        let (udp, tcp) = (port("udp")?, port("tcp")?);

        let half = try_join_all((0..20).map(|_| say(hub, post(offer.len(), &offer[..40])))).await?;
        // Nobody answers for these: they fall silent before they have said anything.
        let never_connects =
            hundred_a_second(100, async || ask(hub, post(offer.len(), &offer)).await);
        let garbage = [
            "v=0".to_owned(),
            "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF\r\n".repeat(100),
            offer.replace("a=mid:", "a=mid:\u{fe0f}"),
            offer.replace("H264/90000", "H264/0"),
            offer.replace("a=fingerprint:", "a=fingerprint:sha-999 "),
            offer.replace(' ', ""),
            offer.replace("\r\n", "\n\n\n"),
            offer.chars().rev().collect(),
        ];
        let garbage = try_join_all(garbage.iter().map(|it| ask(hub, post(it.len(), it))));
        let long = ask(hub, post(10_000_000, &"x".repeat(1_000_000)));
        let datagrams = async {
            let socket = UdpSocket::bind(("127.0.0.1", 0)).await?;
            socket.connect(("127.0.0.1", udp)).await?;
            for number in 0..1000_u32 {
                let first = u8::try_from(number % 256)?;
                let length = usize::try_from(number * 7 % 1500)?;
                let mut bytes = vec![first; length + 20];
                // Every other one is like STUN: type, length, cookie, an attribute of a length that is a lie.
                if number % 2 == 0 {
                    bytes[..8].copy_from_slice(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
                    bytes[2..4].copy_from_slice(&u16::try_from(length)?.to_be_bytes());
                }
                socket.send(&bytes).await?;
            }
            anyhow::Ok(())
        };
        // Each behind its length, as it should be; and nothing at all.
        let lines = try_join_all((0..20_usize).map(async |number| {
            let mut line = TcpStream::connect(("127.0.0.1", tcp)).await?;
            let frames = [&[0, 20][..], &[0x21; 20]].concat().repeat(50 * (number % 2));
            line.write_all(&frames).await?;
            anyhow::Ok(line)
        }));
        // A datagram that is longer than any.
        let long_lines = try_join_all((0..10).map(async |_| {
            let mut line = TcpStream::connect(("127.0.0.1", tcp)).await?;
            line.write_all(&[0xff; 700]).await?;
            until_closed(line).await
        }));
        let (.., lines, _) =
            tokio::try_join!(never_connects, garbage, long, datagrams, lines, long_lines)?;
        drop(lines);
        drop(half);
        // By now the one that came first has been silent as long as the others: when it is gone, so are they.
        let begun = tokio::time::Instant::now();
        while trickle(hub, &location).await? != 404 {
            ensure!(begun.elapsed() < PATIENCE, "a silent viewer is kept");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }));
}

/// Status of a fragment for a session, by a tag that is never right.
async fn trickle(hub: &HubProcess, session: &str) -> anyhow::Result<u16> {
    crate::whep::patch(hub, session, Some("\"never\""), "").await
}

#[test]
fn hostile_clients_of_the_api_are_noticed_by_nobody_and_leave_nothing() {
    journey(async {
        besieged(async |hub: &HubProcess, id: &str| {
            let events = head(hub, "GET", "/api/v1/events?after=0", "");
            let status = head(hub, "GET", "/api/v1/status", "");
            let file = newest_file(hub, id).await?;
            let file = head(hub, "GET", &file, "");
            let body = "content-type: application/json\r\ncontent-length: 60000\r\n";
            let half = head(hub, "POST", "/api/v1/cameras", body);

            // More than have room, and none of them says who he is.
            let silent = try_join_all((0..400).map(|_| connect(hub))).await?;
            let reads_nothing = try_join_all(
                [&events, &file, &half].into_iter().cycle().take(60).map(|it| say(hub, it)),
            )
            .await?;
            let sips = async {
                let sockets = try_join_all((0..5).map(|_| say(hub, &file))).await?;
                futures::future::join_all(sockets.into_iter().map(|socket| sip(socket, 3))).await;
                anyhow::Ok(())
            };
            let comes_again = hundred_a_second(200, async || ask(hub, &status).await);
            let garbage = [
                vec![0; 4096],
                vec![0xff; 4096],
                b"GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999999999999\r\n\r\n".into(),
                b"GET / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n".into(),
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
                format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "../".repeat(2000)).into(),
                format!("GET /api/v1/status?token={} HTTP/1.1\r\nhost: localhost\r\n\r\n", "e30.".repeat(5000)).into(),
                head(hub, "POST", "/api/v1/cameras", body).replace("60000", "4").into_bytes(),
            ];
            let garbage = garbage.map(|mut bytes| {
                bytes.extend_from_slice(b"{[}]\r\n\r\n");
                ask(hub, bytes)
            });
            let long_heads = (0..10).map(|_| {
                ask(hub, head(hub, "GET", "/healthz", &format!("x: {}\r\n", "y".repeat(10_000_000))))
            });
            tokio::try_join!(
                sips,
                comes_again,
                try_join_all(garbage),
                try_join_all(long_heads)
            )?;
            drop((silent, reads_nothing));
            Ok(())
        })
        .await
    });
}

async fn newest_file(hub: &HubProcess, id: &str) -> anyhow::Result<String> {
    let path = format!("/api/v1/cameras/{id}/main/segments");
    let list = hub.get(&path).await?;
    let start = &list["items"][0]["start_utc_ms"];
    Ok(format!("{path}/{start}.mp4"))
}

#[test]
fn who_takes_for_ever_to_say_what_he_wants_is_not_heard_out() {
    journey(async {
        let (_folder, hub) = hub().await?;
        let body = "content-type: application/json\r\ncontent-length: 60000\r\n";
        let post = head(&hub, "POST", "/api/v1/cameras", body);
        let get = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ";
        let answered = async {
            let mut stream = say(&hub, head(&hub, "GET", "/healthz", "")).await?;
            let begun = tokio::time::Instant::now();
            while matches!(
                tokio::time::timeout(PATIENCE, stream.read(&mut [0; 512])).await?,
                Ok(1..)
            ) {}
            Ok(begun.elapsed())
        };
        let (head, body, next) = tokio::try_join!(drip(&hub, get), drip(&hub, &post), answered)?;
        for (what, after) in [("a head", head), ("a body", body), ("another question", next)] {
            tell(&format!("{what}: closed after {after:?}"));
            ensure!(
                after > Duration::from_secs(10),
                "{what}: {after:?} is too short for a bad line"
            );
        }
        Ok(())
    });
}
