//! A bad network between two sides: a TCP proxy whose behaviour a test changes while it runs.
//!
//! What does not belong here: knowing what is said through it.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tarsier_types::{Clock, Mono, SystemClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How the network behaves. A change holds for living connections too, at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Everything passes.
    #[default]
    None,
    /// The port is closed: new connections are refused by the system. Living ones go on.
    Refuse,
    /// Connections are taken and stay open, but nothing passes in either direction: a cable pulled out.
    Hang,
    /// Only what the server says is held back: connected, but without pictures (a zombie).
    Mute,
    /// Everything arrives this much later, in both directions.
    Delay(Duration),
    /// Each connection is cut after so many bytes from the server, counted from its beginning.
    CutAfter(u64),
    /// So many of a hundred new connections are reset as soon as they are taken; which ones follows from their numbers.
    FailSome(u8),
    /// So many of a hundred packets are lost, and arrive when TCP has sent them again: everything behind them waits.
    Loss(u8),
    /// No more than so many bits a second come from the server.
    Narrow(u64),
}

/// Linux sends what was not acknowledged again after 200 ms at the earliest (`TCP_RTO_MIN`).
const SENT_AGAIN: Duration = Duration::from_millis(200);
/// What fits a packet: read at a time while packets are lost.
const PACKET: usize = 1448;
/// What a router keeps for a narrow line.
const KEPT_PACKETS: usize = 16;

/// How living connections end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// By FIN, as when a server ends in order.
    Close,
    /// By RST, as when a device loses power and comes back.
    Reset,
    /// Not at all: nothing passes any more, and nobody is told (half-open). New connections are not concerned.
    Strand,
}

/// A running proxy. Dropping it ends every connection and closes the port.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    fault: watch::Sender<Fault>,
    cut: watch::Sender<(u64, Cut)>,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicU64,
    failed: AtomicU64,
    living: AtomicU64,
    bytes_to_client: AtomicU64,
}

impl Proxy {
    /// Listens on a free port of loopback, and passes connections on to `server`.
    pub async fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let (fault, faults) = watch::channel(Fault::None);
        let (cut, cuts) = watch::channel((0, Cut::Close));
        let counters = Arc::new(Counters::default());
        let shared = Shared {
            server,
            faults,
            cuts,
            counters: Arc::clone(&counters),
            clock: SystemClock::start(),
        };
        let task = tokio::spawn(accept(listener, addr, shared));
        Ok(Self { addr, fault, cut, counters, task })
    }

    /// Where clients connect to.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A URL of the server, led through the proxy: host and port are changed.
    pub fn url(&self, url: &str) -> String {
        let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
        let path = rest.find('/').map_or("", |at| &rest[at..]);
        format!("{scheme}://{}{path}", self.addr)
    }

    /// Changes how the network behaves.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Ends all living connections.
    pub fn cut(&self, how: Cut) {
        self.cut.send_modify(|(count, last)| {
            *count += 1;
            *last = how;
        });
    }

    /// Connections since the start.
    pub fn accepted(&self) -> u64 {
        self.counters.accepted.load(Ordering::Relaxed)
    }

    /// Connections that [`Fault::FailSome`] has ended.
    pub fn failed(&self) -> u64 {
        self.counters.failed.load(Ordering::Relaxed)
    }

    /// Connections that live.
    pub fn living(&self) -> u64 {
        self.counters.living.load(Ordering::Relaxed)
    }

    /// Bytes from the server that reached clients.
    pub fn bytes_to_client(&self) -> u64 {
        self.counters.bytes_to_client.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Shared {
    server: SocketAddr,
    faults: watch::Receiver<Fault>,
    cuts: watch::Receiver<(u64, Cut)>,
    counters: Arc<Counters>,
    clock: SystemClock,
}

async fn accept(listener: TcpListener, addr: SocketAddr, mut shared: Shared) {
    let mut connections = JoinSet::new();
    let mut listener = Some(listener);
    loop {
        let refuse = *shared.faults.borrow_and_update() == Fault::Refuse;
        if refuse {
            listener = None;
        } else if listener.is_none() {
            // The same port again; the living connections do not hold it (SO_REUSEADDR).
            listener = TcpListener::bind(addr).await.ok();
        }
        let next = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        // Somebody else may have the port for a moment: tried again.
        let patience = if listener.is_none() && !refuse {
            Duration::from_millis(50)
        } else {
            Duration::from_secs(3600)
        };
        tokio::select! {
            accepted = next => if let Ok((client, _)) = accepted {
                let number = shared.counters.accepted.fetch_add(1, Ordering::Relaxed);
                let fault = *shared.faults.borrow();
                if let Fault::FailSome(percent) = fault && is_hit(number, percent) {
                    shared.counters.failed.fetch_add(1, Ordering::Relaxed);
                    let _ = client.set_zero_linger();
                } else {
                    connections.spawn(connection(client, shared.clone()));
                }
            },
            changed = shared.faults.changed() => if changed.is_err() { return },
            Some(_) = connections.join_next() => {}
            () = tokio::time::sleep(patience) => {}
        }
    }
}

/// Chance that is the same in every run (splitmix64 of the number).
fn is_hit(number: u64, percent: u8) -> bool {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % 100 < u64::from(percent)
}

/// Counts a connection as long as it lives.
struct Living(Arc<Counters>);

impl Drop for Living {
    fn drop(&mut self) {
        self.0.living.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn connection(mut client: TcpStream, mut shared: Shared) {
    shared.counters.living.fetch_add(1, Ordering::Relaxed);
    let _living = Living(Arc::clone(&shared.counters));
    let mut cuts = shared.cuts.clone();
    cuts.mark_unchanged();
    let passed = async {
        // While the network hangs, the server does not even hear of a new client.
        shared.faults.wait_for(|fault| *fault != Fault::Hang).await.ok()?;
        let mut server = TcpStream::connect(shared.server).await.ok()?;
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let pump = |direction| Pump {
            direction,
            shared: shared.clone(),
            passed: 0,
            packets: 0,
            free_at: Mono::ZERO,
        };
        let (up, down) = (pump(Direction::ToServer), pump(Direction::ToClient));
        tokio::select! {
            _ = up.run(from_client, to_server) => {}
            _ = down.run(from_server, to_client) => {}
        }
        Some(())
    };
    let cut = tokio::select! {
        _ = passed => None,
        changed = cuts.changed() => changed.ok().map(|()| cuts.borrow().1),
    };
    match cut {
        Some(Cut::Reset) => drop(client.set_zero_linger()),
        Some(Cut::Strand) => {
            // What the client says goes nowhere, until it gives up.
            let mut nowhere = [0; 4096];
            while client.read(&mut nowhere).await.is_ok_and(|read| read > 0) {}
        }
        Some(Cut::Close) | None => {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToClient,
    ToServer,
}

/// One direction of a connection.
struct Pump {
    direction: Direction,
    shared: Shared,
    passed: u64,
    packets: u64,
    /// When a narrow line has carried what it was given.
    free_at: Mono,
}

/// What is under way at most in one direction.
const IN_FLIGHT: usize = 256;

impl Pump {
    async fn run(mut self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
        let mut under_way: VecDeque<(Mono, Vec<u8>)> = VecDeque::new();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let fault = *self.shared.faults.borrow_and_update();
            let held = fault == Fault::Hang
                || (fault == Fault::Mute && self.direction == Direction::ToClient);
            let (at_a_time, most) = match fault {
                Fault::Loss(_) => (PACKET, IN_FLIGHT),
                Fault::Narrow(_) if self.direction == Direction::ToClient => (PACKET, KEPT_PACKETS),
                _ => (buffer.len(), IN_FLIGHT),
            };
            let wait = under_way.front().map(|(due, _)| due.since(self.shared.clock.mono()));
            tokio::select! {
                changed = self.shared.faults.changed() => if changed.is_err() { return Ok(()) },
                read = from.read(&mut buffer[..at_a_time]), if !held && under_way.len() < most => {
                    let read = read?;
                    if read == 0 {
                        for (_, bytes) in under_way {
                            to.write_all(&bytes).await?;
                        }
                        return Ok(());
                    }
                    let due = self.due(fault, read);
                    under_way.push_back((due, buffer[..read].to_vec()));
                }
                () = tokio::time::sleep(wait.unwrap_or_default()), if !held && wait.is_some() => {
                    if let Some((_, bytes)) = under_way.pop_front() {
                        let room = self.room(fault, bytes.len());
                        to.write_all(&bytes[..room]).await?;
                        self.count(room);
                        if room < bytes.len() {
                            return Ok(());
                        }
                    }
                }
            }
        }
    }

    /// When what was read just now arrives.
    fn due(&mut self, fault: Fault, bytes: usize) -> Mono {
        let now = self.shared.clock.mono();
        match fault {
            Fault::Narrow(bps) if self.direction == Direction::ToClient => {
                let bits = u64::try_from(bytes).unwrap_or(0) * 8;
                let takes = Duration::from_micros(bits * 1_000_000 / bps.max(1));
                self.free_at = self.free_at.max(now) + takes;
                self.free_at
            }
            _ => now + self.delay(fault),
        }
    }

    /// How long what was read just now is under way.
    fn delay(&mut self, fault: Fault) -> Duration {
        self.packets += 1;
        match fault {
            Fault::Delay(delay) => delay,
            Fault::Loss(percent) if is_hit(self.packets, percent) => SENT_AGAIN,
            _ => Duration::ZERO,
        }
    }

    /// How much of so many bytes may still pass.
    fn room(&self, fault: Fault, bytes: usize) -> usize {
        match fault {
            Fault::CutAfter(limit) if self.direction == Direction::ToClient => {
                usize::try_from(limit.saturating_sub(self.passed)).unwrap_or(usize::MAX).min(bytes)
            }
            _ => bytes,
        }
    }

    fn count(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(0);
        self.passed += bytes;
        if self.direction == Direction::ToClient {
            self.shared.counters.bytes_to_client.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    /// Sends back what it gets.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        addr
    }

    async fn exchange(stream: &mut TcpStream, text: &[u8]) -> io::Result<Vec<u8>> {
        stream.write_all(text).await?;
        let mut answer = vec![0; text.len()];
        tokio::time::timeout(DEADLINE, stream.read_exact(&mut answer)).await??;
        Ok(answer)
    }

    #[tokio::test]
    async fn a_refused_port_is_closed_and_opens_again() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut old = TcpStream::connect(proxy.addr()).await.unwrap();
        assert_eq!(exchange(&mut old, b"hello").await.unwrap(), b"hello");
        proxy.set(Fault::Refuse);
        let refused = async { while TcpStream::connect(proxy.addr()).await.is_ok() {} };
        tokio::time::timeout(DEADLINE, refused).await.expect("new connections are refused");
        assert_eq!(
            exchange(&mut old, b"still here").await.unwrap(),
            b"still here",
            "living ones go on"
        );
        proxy.set(Fault::None);
        let open = async { while TcpStream::connect(proxy.addr()).await.is_err() {} };
        tokio::time::timeout(DEADLINE, open).await.expect("the same port opens again");
    }

    #[tokio::test]
    async fn what_hangs_arrives_when_the_fault_is_over() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        exchange(&mut stream, b"1").await.unwrap();
        for fault in [Fault::Hang, Fault::Mute] {
            proxy.set(fault);
            stream.write_all(b"2").await.unwrap();
            let mut answer = [0];
            let early =
                tokio::time::timeout(Duration::from_millis(150), stream.read_exact(&mut answer))
                    .await;
            assert!(early.is_err(), "nothing comes through {fault:?}");
            proxy.set(Fault::None);
            tokio::time::timeout(DEADLINE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
            assert_eq!(answer, *b"2", "after {fault:?} nothing is lost");
        }
    }

    #[tokio::test]
    async fn a_narrow_line_carries_so_much_a_second_and_loses_nothing() {
        let clock = SystemClock::start();
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        exchange(&mut stream, b"warm").await.unwrap();
        proxy.set(Fault::Narrow(800_000));
        let (began, sent) = (clock.mono(), vec![7; 50_000]);
        assert_eq!(exchange(&mut stream, &sent).await.unwrap(), sent);
        let took = clock.mono().since(began);
        assert!(took >= Duration::from_millis(490), "{took:?} for half a second's worth");
    }

    #[tokio::test]
    async fn a_delay_holds_in_both_directions_and_keeps_the_order() {
        let clock = SystemClock::start();
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        exchange(&mut stream, b"warm").await.unwrap();
        proxy.set(Fault::Delay(Duration::from_millis(60)));
        let began = clock.mono();
        assert_eq!(exchange(&mut stream, b"abcdefgh").await.unwrap(), b"abcdefgh");
        let took = clock.mono().since(began);
        assert!(took >= Duration::from_millis(120), "there and back took {took:?}");
    }

    #[tokio::test]
    async fn connections_end_as_they_are_told_to() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        exchange(&mut stream, b"hello").await.unwrap();
        proxy.cut(Cut::Close);
        let read = tokio::time::timeout(DEADLINE, stream.read(&mut [0; 8])).await.unwrap();
        assert_eq!(read.unwrap(), 0, "FIN");
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        exchange(&mut stream, b"hello").await.unwrap();
        proxy.cut(Cut::Reset);
        let read = tokio::time::timeout(DEADLINE, stream.read(&mut [0; 8])).await.unwrap();
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset, "RST");
        proxy.set(Fault::CutAfter(3));
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut all = Vec::new();
        tokio::time::timeout(DEADLINE, stream.read_to_end(&mut all)).await.unwrap().unwrap();
        assert_eq!(all, b"hel", "three bytes, then the end");
        assert_eq!(
            proxy.url("rtsp://192.0.2.1:554/cam1/main"),
            format!("rtsp://{}/cam1/main", proxy.addr())
        );
    }

    #[tokio::test]
    async fn a_stranded_connection_hears_nothing_more_and_new_ones_pass() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut old = TcpStream::connect(proxy.addr()).await.unwrap();
        exchange(&mut old, b"hello").await.unwrap();
        proxy.cut(Cut::Strand);
        old.write_all(b"anybody?").await.unwrap();
        let answer = tokio::time::timeout(Duration::from_millis(150), old.read(&mut [0; 8])).await;
        assert!(answer.is_err(), "neither an answer nor an end: {answer:?}");
        let mut new = TcpStream::connect(proxy.addr()).await.unwrap();
        assert_eq!(exchange(&mut new, b"hello").await.unwrap(), b"hello", "a new one passes");
    }

    #[tokio::test]
    async fn lost_packets_come_late_and_in_order() {
        let clock = SystemClock::start();
        let proxy = Proxy::start(echo().await).await.unwrap();
        proxy.set(Fault::Loss(100));
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        let sent: Vec<u8> = (0..=255).cycle().take(4 * PACKET).collect();
        let began = clock.mono();
        assert_eq!(exchange(&mut stream, &sent).await.unwrap(), sent, "nothing is lost for good");
        let took = clock.mono().since(began);
        assert!(took >= 2 * SENT_AGAIN, "each way a packet is sent again: {took:?}");
    }

    #[tokio::test]
    async fn some_connections_fail_and_most_do_not() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        proxy.set(Fault::FailSome(10));
        let mut good = 0;
        for _ in 0..100 {
            let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
            good += u64::from(exchange(&mut stream, b"hello").await.is_ok());
        }
        assert_eq!(good + proxy.failed(), 100, "who was not failed was served");
        assert!((3..=20).contains(&proxy.failed()), "about ten of a hundred: {}", proxy.failed());
    }
}
