use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind};
use str0m::net::TcpType;
use str0m::{Candidate, Input, Output, Rtc};
use tarsier_live::auto::{Ladder, Line};
use tarsier_live::{LiveInput, LiveStream, Rung, Start};
use tarsier_segment::sample_entry;
use tarsier_types::{
    AccessUnit, CameraId, Dts, Mono, ParameterSets, Pts, StreamKind, SystemClock, Ticks, UtcMs,
};

use super::*;
use crate::fragment::Fragment;
use crate::gate::{Feeds, Request, TrickleError, Whep};
use crate::offer::fixtures::WHOLE;
use crate::picture::fixtures::hevc;

/// Tells the time once, and then breaks.
#[derive(Default)]
struct Brittle(AtomicU32);

impl Clock for Brittle {
    fn mono(&self) -> Mono {
        assert_eq!(self.0.fetch_add(1, Ordering::SeqCst), 0, "the clock breaks, as it should");
        Mono::ZERO
    }
    fn utc(&self) -> UtcMs {
        UtcMs(0)
    }
}

async fn with_pictures(stream: &StreamId) -> (Live<&'static str>, Watch<&'static str>) {
    let live = Live::start(Arc::new(SystemClock::start()), |_| {});
    let entry = sample_entry::avc1(&[0x67, 77, 0, 31, 0xac], &[0x68, 0xee], 640, 360);
    let video = sample_entry::video_parameters(entry, None).unwrap();
    let watch = shown(&live, stream, video).await;
    (live, watch)
}

/// Pictures of a stream that somebody watches.
async fn shown(
    live: &Live<&'static str>,
    stream: &StreamId,
    video: VideoParameters,
) -> Watch<&'static str> {
    let watch = live.watch(stream.clone()).await;
    let parameters = LiveInput::Parameters(ParameterSets { video, audio: None });
    live.handle(stream.clone(), parameters).await;
    for at in 0..4 {
        let unit = AccessUnit {
            track: Track::Video,
            pts: Pts(at * 3600),
            dts: Dts(at * 3600),
            duration: Ticks(3600),
            is_keyframe: at == 0,
            arrived: UtcMs(0),
            data: Bytes::from_static(&[0, 0, 0, 2, 0x65, 7]),
        };
        let unit = LiveInput::Unit(LiveUnit { unit, arrived_utc_us: 0 });
        live.handle(stream.clone(), unit).await;
    }
    watch
}

/// A viewer's end of a session, as far as its first words.
struct Browser {
    rtc: Rtc,
    pending: Option<SdpPendingOffer>,
}

impl Browser {
    /// With his offer.
    fn at(address: SocketAddr) -> (Self, String) {
        let mut rtc = Rtc::new(instant());
        let candidate = Candidate::builder().tcp().host(address).tcptype(TcpType::Active);
        rtc.add_local_candidate(candidate.build().unwrap());
        let mut api = rtc.sdp_api();
        api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = api.apply().unwrap();
        (Self { rtc, pending: Some(pending) }, offer.to_sdp_string())
    }

    /// What he asks first of all: whether we are there.
    fn asks(&mut self, answer: &str) -> Vec<u8> {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        let pending = self.pending.take().unwrap();
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Transmit(transmit) => return transmit.contents.into(),
                Output::Timeout(at) => self.rtc.handle_input(Input::Timeout(at)).unwrap(),
                Output::Event(_) => {}
            }
        }
    }
}

#[tokio::test]
async fn a_viewer_by_tcp_who_takes_nothing_ends_with_his_leave_all_the_same() {
    let stream = (CameraId::new("garden").unwrap(), StreamKind::Main.into());
    let (live, _watch) = with_pictures(&stream).await;
    let clock = Arc::new(SystemClock::start());
    let whep = Whep::start(Ipv4Addr::LOCALHOST.into(), clock).await.unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    let (mut browser, offer) = Browser::at(address);
    let (revoke, revoked) = tokio::sync::oneshot::channel::<()>();
    let must_end = Box::pin(async move { drop(revoked.await) });
    let request =
        Request { stream: &stream, auto: None, sub_height: None, offer: &offer, must_end };
    let feeds = Feeds { live: &live, opus: &live };
    let opened = whep.open(feeds, [1, 2], request).await.unwrap();
    let asks = browser.asks(&opened.answer);
    let mut outbox = whep.gate.connections.clog(address);
    let from = Place { over: Over::Tcp, address };
    let answered = async {
        while outbox.len() < outbox.max_capacity() {
            assert!(whep.gate.deliver(from, &asks), "it is for nobody");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), answered).await.expect("no answer comes");
    // One more, which finds no room.
    whep.gate.deliver(from, &asks);
    tokio::task::yield_now().await;
    drop(revoke);
    let nothing = Fragment { ufrag: None, candidates: Vec::new() };
    let gone = async {
        let is_there = || whep.trickle(&opened.id, &stream, "another", &nothing);
        while is_there() == Err(TrickleError::OtherTag) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("he watches on");
    outbox.close();
}

#[tokio::test]
async fn a_session_that_panicked_takes_no_place_for_ever() {
    let stream = (CameraId::new("garden").unwrap(), StreamKind::Main.into());
    let (live, _watch) = with_pictures(&stream).await;
    let whep = Whep::start(Ipv4Addr::LOCALHOST.into(), Arc::new(Brittle::default())).await;
    let whep = whep.unwrap();
    let must_end = Box::pin(std::future::pending());
    let request = Request { stream: &stream, auto: None, sub_height: None, offer: WHOLE, must_end };
    let feeds = Feeds { live: &live, opus: &live };
    let opened = whep.open(feeds, [1, 2], request).await.unwrap();
    let nothing = Fragment { ufrag: None, candidates: Vec::new() };
    let is_there = || whep.trickle(&opened.id, &stream, "another", &nothing);
    let gone = async {
        while is_there() == Err(TrickleError::OtherTag) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("it is still listed");
    assert_eq!(is_there(), Err(TrickleError::NoSession));
}

#[tokio::test]
async fn of_auto_a_rung_that_nothing_here_can_make_is_passed_by() {
    let of = |stream: LiveStream| (CameraId::new("garden").unwrap(), stream);
    let [main, sub] = StreamKind::ALL.map(|kind| of(kind.into()));
    let (live, _sub) = with_pictures(&sub).await;
    // He decodes no H.265, and nothing makes H.264 of it.
    let _main = shown(&live, &main, hevc("hvc1.1.6.L93.B0")).await;
    let rung = of(Rung::P720.into());
    let _rung = live.watch(rung.clone()).await;
    live.handle(rung, LiveInput::Ended("no encoder")).await;
    let start = Start {
        ladder: Ladder::of(&StreamKind::ALL),
        most: StreamKind::Main,
        line: Line::Unknown,
        is_told: true,
    };
    let clock = Arc::new(SystemClock::start());
    let whep = Whep::start(Ipv4Addr::LOCALHOST.into(), clock).await.unwrap();
    let must_end = Box::pin(std::future::pending());
    let request =
        Request { stream: &main, auto: Some(start), sub_height: None, offer: WHOLE, must_end };
    let opened = whep.open(Feeds { live: &live, opus: &live }, [1, 2], request).await;
    opened.expect("he is shown the sub stream");
}
