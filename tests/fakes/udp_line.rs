//! A line of some width between a client and a server that speak UDP, with a router that keeps a little and throws away
//! what is more. Only towards the client: what he says is small.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// What the router keeps, in time.
const KEEPS: Duration = Duration::from_millis(400);

/// The line.
pub struct UdpLine {
    address: SocketAddr,
    width: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl UdpLine {
    /// One without limit to a server.
    pub async fn start(server: SocketAddr) -> io::Result<Self> {
        let (near, far) =
            (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
        let (address, width) = (near.local_addr()?, Arc::new(AtomicU64::new(0)));
        let task = tokio::spawn(carry(near, far, server, width.clone()));
        Ok(Self { address, width, task })
    }

    /// Where the client finds the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// So many bytes a second from now on; 0: any number.
    pub fn set(&self, bytes_per_second: u64) {
        self.width.store(bytes_per_second, Ordering::Relaxed);
    }
}

impl Drop for UdpLine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(near: UdpSocket, far: UdpSocket, server: SocketAddr, width: Arc<AtomicU64>) {
    let (mut up, mut down) = (vec![0; 2048], vec![0; 2048]);
    let (mut client, mut free) = (None, Instant::now());
    let mut kept: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    loop {
        let due = kept.front().map(|(due, _)| *due);
        let waiting = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Ok((length, from)) = near.recv_from(&mut up) => {
                client = Some(from);
                let _ = far.send_to(&up[..length], server).await;
            }
            Ok((length, _)) = far.recv_from(&mut down) => {
                let (now, width) = (Instant::now(), width.load(Ordering::Relaxed));
                free = free.max(now);
                if free - now > KEEPS {
                    continue;
                }
                let bytes = u64::try_from(length).unwrap_or(0);
                let takes = (bytes * 1_000_000).checked_div(width).unwrap_or(0);
                free += Duration::from_micros(takes);
                kept.push_back((free, down[..length].to_vec()));
            }
            () = waiting => {
                let Some(((_, bytes), client)) = kept.pop_front().zip(client) else { continue };
                let _ = near.send_to(&bytes, client).await;
            }
        }
    }
}
