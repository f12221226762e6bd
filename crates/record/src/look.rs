//! Hands: is somebody there? Asked of a host that was silent, every second until it answers (ADR 0010).
//!
//! A look is a TCP connection and, where the protocol lets one ask without a name, one question: `OPTIONS` of RTSP
//! (RFC 2326 section 10.1), to which any answer is life, a 401 as well. A camera whose system has started and whose
//! RTSP server has not accepts the connection and says nothing. No credentials are ever sent, and no path.
//!
//! What does not belong here: how often (`reconnect`), what is wrong (`ingest::problem`).

use std::time::Duration;

use tarsier_types::{CameraUrl, Scheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Long enough for one SYN of TCP to be lost (RFC 6298: sent again after 1 s).
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Whether a look can tell anything: SRT is not spoken over TCP.
pub(crate) const fn can_tell(scheme: Scheme) -> bool {
    !matches!(scheme, Scheme::Srt)
}

/// Somebody answers at that address.
pub(crate) async fn answers(url: CameraUrl) -> bool {
    timeout(PATIENCE, ask(&url)).await.unwrap_or(false)
}

async fn ask(url: &CameraUrl) -> bool {
    let host = url.host().trim_start_matches('[').trim_end_matches(']');
    let Ok(mut stream) = TcpStream::connect((host, url.port())).await else { return false };
    if url.scheme() != Scheme::Rtsp {
        return true;
    }
    let question = format!(
        "OPTIONS rtsp://{}:{}/ RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Tarsier/{}\r\n\r\n",
        url.host(),
        url.port(),
        env!("CARGO_PKG_VERSION")
    );
    if stream.write_all(question.as_bytes()).await.is_err() {
        return false;
    }
    matches!(stream.read(&mut [0; 1]).await, Ok(1))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn listener() -> (TcpListener, CameraUrl) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (url, _) = CameraUrl::parse(&format!("rtsp://127.0.0.1:{port}/secret-path")).unwrap();
        (listener, url)
    }

    #[tokio::test]
    async fn a_closed_port_does_not_answer() {
        let (listener, url) = listener().await;
        drop(listener);
        assert!(!answers(url).await);
    }

    #[tokio::test]
    async fn an_open_port_without_a_word_does_not_answer() {
        let (listener, url) = listener().await;
        let silent = tokio::spawn(async move { listener.accept().await.unwrap() });
        assert!(!answers(url).await, "its RTSP server has not started");
        drop(silent.await);
    }

    #[tokio::test]
    async fn any_answer_is_life_and_the_question_holds_neither_path_nor_credentials() {
        let (listener, url) = listener().await;
        let camera = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 256];
            let length = stream.read(&mut asked).await.unwrap();
            stream.write_all(b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        assert!(answers(url).await);
        let asked = camera.await.unwrap();
        assert!(asked.starts_with("OPTIONS rtsp://127.0.0.1:"), "{asked}");
        assert!(!asked.contains("secret-path") && !asked.contains("Authorization"), "{asked}");
    }
}
