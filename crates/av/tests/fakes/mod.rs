//! A camera of a few lines on loopback: answers each connection with what the test wants, and tells what it was asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// A server that lives until the test ends.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Receiver<String>,
}

impl Server {
    /// Hands every connection to `answer`, with the head of its first request.
    pub(crate) fn start(
        answer: impl Fn(TcpStream, String) + Send + Sync + Clone + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let (answer, sender): (_, Sender<String>) = (answer.clone(), sender.clone());
                thread::spawn(move || {
                    let Some(head) = head_of(&stream) else { return };
                    let _ = sender.send(head.clone());
                    answer(stream, head);
                });
            }
        });
        Self { address, requests }
    }

    /// Sends an HTTP body, in pieces, as often as it is given, then holds the connection or ends it.
    pub(crate) fn http(kind: &'static str, body: Vec<u8>, then: Then) -> Self {
        Self::start(move |mut stream, _| {
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n");
            if stream.write_all(head.as_bytes()).is_err() {
                return;
            }
            for piece in body.chunks(1000) {
                if stream.write_all(piece).is_err() {
                    return;
                }
            }
            if then == Then::Hold {
                until_closed(&mut stream);
            }
        })
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.try_iter().collect()
    }
}

/// After the body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    End,
    Hold,
}

/// Waits until the other side is gone.
pub(crate) fn until_closed(stream: &mut TcpStream) {
    let mut rest = [0; 1024];
    while matches!(stream.read(&mut rest), Ok(count) if count > 0) {}
}

/// Up to the empty line.
pub(crate) fn head_of(mut stream: &TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}
