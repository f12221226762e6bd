//! Hands: the one UDP socket of all viewers. What goes to one of them at once goes out by one call where the system can
//! cut it up by itself (Linux: `UDP_SEGMENT`; Windows: `UDP_SEND_MSG_SIZE`), and several datagrams may come in by one.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::batch::Batch;

/// All that one call can bring.
pub(crate) const MOST_AT_ONCE: usize = 64 << 10;

/// The socket.
pub(crate) struct Udp {
    socket: UdpSocket,
    state: UdpSocketState,
}

impl Udp {
    pub(crate) async fn bind(ip: IpAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((ip, 0)).await?;
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self { socket, state })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// How many datagrams may go by one call: one, where the system cannot cut.
    pub(crate) fn most_in_a_batch(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// What cannot be sent is lost, as datagrams may be.
    pub(crate) async fn send(&self, batch: &Batch) {
        let Some((destination, contents, size)) = batch.contents() else { return };
        let transmit = Transmit {
            destination,
            ecn: None,
            contents,
            segment_size: (contents.len() > size).then_some(size),
            src_ip: None,
        };
        let sending = async || loop {
            self.socket.writable().await?;
            let send = || self.state.try_send((&self.socket).into(), &transmit);
            match self.socket.try_io(Interest::WRITABLE, send) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return sent,
            }
        };
        if let Err(error) = sending().await {
            tracing::trace!(%error, "datagrams were not sent");
        }
    }

    /// The next datagrams, each given to `take` with where it comes from.
    pub(crate) async fn receive(
        &self,
        buffer: &mut [u8],
        mut take: impl FnMut(SocketAddr, &[u8]),
    ) -> io::Result<()> {
        let mut meta = [RecvMeta::default()];
        loop {
            self.socket.readable().await?;
            let receive = || {
                let mut slices = [IoSliceMut::new(buffer)];
                self.state.recv((&self.socket).into(), &mut slices, &mut meta)
            };
            match self.socket.try_io(Interest::READABLE, receive) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
                Ok(_) => break,
            }
        }
        let [RecvMeta { addr, len, stride, .. }] = meta;
        for datagram in buffer[..len].chunks(stride.max(1)) {
            take(addr, datagram);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// What comes until nothing is missing of `wanted` datagrams.
    async fn received(udp: &Udp, wanted: usize) -> Vec<Vec<u8>> {
        let (mut buffer, mut datagrams) = (vec![0; MOST_AT_ONCE], Vec::new());
        let receiving = async {
            while datagrams.len() < wanted {
                udp.receive(&mut buffer, |_, bytes| datagrams.push(bytes.to_vec())).await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, receiving).await.expect("all come");
        datagrams
    }

    #[tokio::test]
    async fn what_goes_out_by_one_call_comes_as_the_datagrams_that_it_was() {
        let here = [127, 0, 0, 1].into();
        let (udp, other) = (Udp::bind(here).await.unwrap(), Udp::bind(here).await.unwrap());
        let to = other.local_addr().unwrap();
        let most = udp.most_in_a_batch();
        let mut batch = Batch::default();
        let mut sent = Vec::new();
        for number in 0..40_u8 {
            let datagram = vec![number; if number == 39 { 100 } else { 1150 }];
            if !batch.fits(to, &datagram, most) {
                udp.send(&batch).await;
                batch.clear();
            }
            batch.push(to, &datagram);
            sent.push(datagram);
        }
        udp.send(&batch).await;
        assert_eq!(received(&other, sent.len()).await, sent);
        // A socket that knows nothing of this is given them one by one.
        let plain = UdpSocket::bind((here, 0)).await.unwrap();
        let mut batch = Batch::default();
        batch.push(plain.local_addr().unwrap(), &[1; 200]);
        if most > 1 {
            batch.push(plain.local_addr().unwrap(), &[2; 200]);
        }
        udp.send(&batch).await;
        let mut buffer = [0; 2000];
        for number in 1..=most.min(2) {
            let received = tokio::time::timeout(PATIENCE, plain.recv(&mut buffer)).await;
            assert_eq!(received.unwrap().unwrap(), 200);
            assert_eq!(usize::from(buffer[0]), number);
        }
    }
}
