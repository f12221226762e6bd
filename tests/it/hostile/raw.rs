//! Bytes on a socket, as no library would send them.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures::future::try_join_all;
use tarsier_tests::hub::HubProcess;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// A viewer's socket that is full at once.
const SMALL: u32 = 4096;

pub(super) async fn connect(hub: &HubProcess) -> anyhow::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(SMALL)?;
    socket.connect(([127, 0, 0, 1], hub.port()).into()).await.context("connect")
}

/// The head of a request with the admin's token.
pub(super) fn head(hub: &HubProcess, method: &str, path: &str, more: &str) -> String {
    let (port, token) = (hub.port(), &hub.token);
    format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\n{more}\r\n"
    )
}

/// Sends bytes on a new connection; the hub may close it before it has all of them.
pub(super) async fn say(hub: &HubProcess, bytes: impl AsRef<[u8]>) -> anyhow::Result<TcpStream> {
    let mut stream = connect(hub).await?;
    let _ = stream.write_all(bytes.as_ref()).await;
    Ok(stream)
}

/// Sends bytes, and waits until the hub has answered or closed.
pub(super) async fn ask(hub: &HubProcess, bytes: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let mut stream = say(hub, bytes).await?;
    let answered = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 512])).await;
    // A reset is an answer too.
    let _ = answered.context("the hub neither answers nor closes")?;
    Ok(())
}

/// Waits until the hub closes, whatever else it says.
pub(super) async fn until_closed(mut stream: TcpStream) -> anyhow::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    let reading = async { while matches!(stream.read(&mut buffer).await, Ok(1..)) {} };
    tokio::time::timeout(PATIENCE, reading).await.context("the hub does not close")
}

/// Takes a byte a second, for so long.
pub(super) async fn sip(mut stream: TcpStream, seconds: u32) {
    let mut pace = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..seconds {
        pace.tick().await;
        let _ = tokio::time::timeout(Duration::from_secs(1), stream.read_u8()).await;
    }
}

/// Sends a byte a second until the hub closes; answers how long that took.
pub(super) async fn drip(hub: &HubProcess, begin: &str) -> anyhow::Result<Duration> {
    let mut stream = say(hub, begin).await?;
    let begun = tokio::time::Instant::now();
    let mut pace = tokio::time::interval(Duration::from_secs(1));
    let mut answer = [0; 512];
    loop {
        tokio::select! {
            read = stream.read(&mut answer) => if matches!(read, Ok(0) | Err(_)) {
                return Ok(begun.elapsed());
            },
            _ = pace.tick() => if stream.write_all(b"x").await.is_err() {
                return Ok(begun.elapsed());
            }
        }
        ensure!(begun.elapsed() < PATIENCE, "the hub listens for ever");
    }
}

/// A WebSocket that the hub has accepted.
pub(super) async fn upgraded(hub: &HubProcess, path: &str) -> anyhow::Result<TcpStream> {
    let more = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut stream = say(hub, head(hub, "GET", path, more)).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let byte = tokio::time::timeout(PATIENCE, stream.read_u8()).await;
        answer.push(byte.context("no answer to a WebSocket")??);
    }
    if !answer.starts_with(b"HTTP/1.1 101") {
        bail!("{}", String::from_utf8_lossy(&answer));
    }
    Ok(stream)
}

/// A masked frame of that first byte; the mask is of zeros.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = frame_head(first, payload.len() as u64);
    frame.extend_from_slice(payload);
    frame
}

/// Its head alone.
pub(super) fn frame_head(first: u8, length: u64) -> Vec<u8> {
    let mut head = vec![first, 0x80 | 127];
    head.extend_from_slice(&length.to_be_bytes());
    head.extend_from_slice(&[0; 4]);
    head
}

/// Does something so many times, a hundred times a second.
pub(super) async fn hundred_a_second(
    times: u32,
    what: impl AsyncFn() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let begun = tokio::time::Instant::now();
    let what = &what;
    try_join_all((0..times).map(|number| async move {
        tokio::time::sleep_until(begun + Duration::from_millis(10) * number).await;
        what().await
    }))
    .await?;
    Ok(())
}
