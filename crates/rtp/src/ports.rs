//! Pairs of UDP ports: RTP on an even one, RTCP on the next (RFC 3550 section 11).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// Guess: enough tries to find two neighbours that are free on a busy machine.
const TRIES: usize = 64;

/// The ports of one track.
pub struct PortPair {
    media: UdpSocket,
    reports: UdpSocket,
    ports: (u16, u16),
    /// Where the client listens; set when the track is.
    client: Option<(SocketAddr, SocketAddr)>,
}

impl PortPair {
    /// Opens a pair on the address that the client speaks to.
    pub async fn open(local: IpAddr) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            let media = UdpSocket::bind((local, 0)).await?;
            let port = media.local_addr()?.port();
            if port % 2 == 1 {
                continue;
            }
            match UdpSocket::bind((local, port + 1)).await {
                Ok(reports) => {
                    return Ok(Self { media, reports, ports: (port, port + 1), client: None });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The two port numbers.
    pub fn ports(&self) -> (u16, u16) {
        self.ports
    }

    /// Sends to those ports of the client from now on; never to another host than the one that asked.
    pub fn set_client(&mut self, host: IpAddr, media: u16, reports: u16) {
        self.client = Some((SocketAddr::new(host, media), SocketAddr::new(host, reports)));
    }

    /// Sends a packet, or drops it when the system has no room: a datagram that is late is worth nothing.
    pub fn send(&self, kind: PacketKind, packet: &[u8]) -> Sent {
        let Some((media, reports)) = self.client else { return Sent::Refused };
        let sent = match kind {
            PacketKind::Rtp => self.media.try_send_to(packet, media),
            PacketKind::Rtcp => self.reports.try_send_to(packet, reports),
        };
        if sent.is_ok() { Sent::Gone } else { Sent::Refused }
    }

    /// Whether the client has said something on the RTCP port, from the very port that it named.
    pub fn poll_heard(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 1500];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match self.reports.poll_recv_from(context, &mut buffer) {
                Poll::Ready(Ok(from)) if self.client.is_some_and(|(_, it)| it == from) => {
                    return Poll::Ready(());
                }
                // Somebody else, or an ICMP answer to an earlier datagram.
                Poll::Ready(_) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Which of the two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    /// Media.
    Rtp,
    /// Reports.
    Rtcp,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The system has it.
    Gone,
    /// It was dropped here.
    Refused,
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn nobody_but_the_client_itself_keeps_a_session_alive() {
        let local = IpAddr::from(Ipv4Addr::LOCALHOST);
        let mut pair = PortPair::open(local).await.unwrap();
        let (stranger, client) = (
            UdpSocket::bind((local, 0)).await.unwrap(),
            UdpSocket::bind((local, 0)).await.unwrap(),
        );
        pair.set_client(local, 9, client.local_addr().unwrap().port());
        for socket in [&stranger, &client] {
            socket.send_to(b"report", (local, pair.ports().1)).await.unwrap();
        }
        let heard = std::future::poll_fn(|context| pair.poll_heard(context));
        tokio::time::timeout(Duration::from_secs(20), heard).await.expect("the client was heard");
        let again = std::future::poll_fn(|context| Poll::Ready(pair.poll_heard(context))).await;
        assert!(again.is_pending(), "the stranger counted as well");
    }
}
