//! One viewer's WebRTC, as a state machine that does no IO: the only file that speaks to the library.
//!
//! The library's rule: after each change it is asked for output until it names a time ([`Said::Until`]). What does not
//! belong here: sockets, tasks, which picture is sent when.

use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::config::DtlsCert;
use str0m::format::{Codec, FormatParams};
use str0m::media::{Frequency, MediaKind, MediaTime, Mid, Pt};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::rtcp::Rtcp;
use str0m::rtp::{Extension, RawPacket};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcError};

use crate::fragment::MAX_CANDIDATES;
use crate::offer::{SoundPayloads, VideoPayloads};
use crate::place::{Ours, Over, Place};
use crate::sound::Packet;

/// Free in the library's own map; the answer takes the offer's number anyway.
const PLAYOUT_DELAY_ID: u8 = 5;
/// A second, at 90 kHz: sound that is later is not worth the wait (guess).
const MOST_HELD_BACK: u64 = 90_000;

/// What the library wants done.
#[derive(Debug)]
pub(crate) enum Said {
    /// A datagram is to be sent.
    Send { to: Place, bytes: Vec<u8> },
    /// Pictures may be sent from now on.
    Connected,
    /// The viewer lost pictures.
    KeyframeWanted,
    /// A packet of that number goes out.
    Sent { number: u64, bytes: usize },
    /// Which packets have reached the viewer, in order.
    Arrived(Vec<u64>),
    /// The viewer is gone.
    Gone,
    /// Something that needs no answer.
    Nothing,
    /// There is nothing more to do until then.
    Until(Instant),
}

/// What makes a peer.
pub(crate) struct PeerOptions<'a> {
    pub(crate) offer: &'a str,
    /// By which pictures may be sent.
    pub(crate) pictures: VideoPayloads,
    /// By which sound will be sent; where there are none, a place for it is refused.
    pub(crate) sound: SoundPayloads,
    pub(crate) certificate: DtlsCert,
    /// Where the viewer reaches us.
    pub(crate) ours: Ours,
    pub(crate) now: Instant,
    pub(crate) reports: Reports,
}

/// Whether it is told what becomes of each packet. The library's own estimate is not asked for: it paces (measured: a
/// keyframe was held back up to a second), and is slow to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reports {
    /// It is; the library copies each packet for it.
    Told,
    NotTold,
}

/// A track on its way.
#[derive(Default)]
struct Lane {
    mid: Option<Mid>,
    /// When the newest of it was. The library sorts by it what it is given.
    newest: Option<Instant>,
}

impl Lane {
    /// Never before what was written already: the wall clock is not as fine as what is written at once.
    fn after(&mut self, at: Instant) -> Instant {
        let at = self.newest.map_or(at, |newest| newest.max(at));
        self.newest = Some(at);
        at
    }
}

/// One viewer.
pub(crate) struct Peer {
    rtc: Rtc,
    ours: Ours,
    pictures: Lane,
    sounds: Lane,
    has_connected: bool,
    /// Of the newest packet that went out.
    number: u64,
    /// Taken from the viewer; the library keeps every one as long as the session lives.
    candidates: usize,
}

impl Peer {
    /// Answers an offer: the peer, its answer, and the name that STUN requests for it carry.
    pub(crate) fn answer(options: PeerOptions<'_>) -> Result<(Self, String, String), RtcError> {
        let PeerOptions { offer, pictures, sound, certificate, ours, now, reports } = options;
        let offer = SdpOffer::from_sdp_string(offer)?;
        // The viewer finds us and not the other way round: we have one address and answer to where requests come from.
        let mut config = Rtc::builder()
            .set_ice_lite(true)
            .set_dtls_cert(certificate)
            .enable_raw_packets(reports == Reports::Told)
            .clear_codecs()
            .set_extension(PLAYOUT_DELAY_ID, Extension::PlayoutDelay);
        for of in &pictures.h264 {
            let (number, rtx) = (of.payload_type.into(), of.rtx.map(Into::into));
            config.codec_config().add_h264(number, rtx, true, of.profile_level_id);
        }
        for of in &pictures.h265 {
            let (number, rtx) = (of.payload_type.into(), of.rtx.map(Into::into));
            let (profile, tier, level) = (of.profile_id, of.tier_flag, of.level_id);
            config.codec_config().add_h265(number, rtx, profile, tier, level);
        }
        for of in &pictures.av1 {
            let (number, rtx) = (of.payload_type.into(), of.rtx.map(Into::into));
            // As they are offered: the library matches them by the letter.
            let format = FormatParams {
                profile: Some(of.profile),
                level_idx: Some(of.level_idx),
                tier: Some(of.tier),
                ..FormatParams::default()
            };
            let clock = Frequency::NINETY_KHZ;
            config.codec_config().add_config(number, rtx, Codec::Av1, clock, None, format);
        }
        let (opus, telephone) = (Frequency::FORTY_EIGHT_KHZ, Frequency::EIGHT_KHZ);
        for (payload, codec, clock, channels) in [
            (sound.opus, Codec::Opus, opus, Some(2)),
            (sound.mu_law, Codec::PCMU, telephone, None),
            (sound.a_law, Codec::PCMA, telephone, None),
        ] {
            let Some(payload) = payload.map(Pt::from) else { continue };
            let any = FormatParams::default();
            config.codec_config().add_config(payload, None, codec, clock, channels, any);
        }
        let mut rtc = config.build(now);
        let tcp = Candidate::builder().tcp().host(ours.tcp).tcptype(TcpType::Passive);
        for candidate in [Candidate::builder().udp().host(ours.udp).build(), tcp.build()] {
            rtc.add_local_candidate(candidate?);
        }
        let answer = one_stream(&rtc.sdp_api().accept_offer(offer)?.to_sdp_string());
        let name = rtc.direct_api().local_ice_credentials().ufrag;
        let peer = Self {
            rtc,
            ours,
            pictures: Lane::default(),
            sounds: Lane::default(),
            has_connected: false,
            number: 0,
            candidates: 0,
        };
        Ok((peer, answer, name))
    }

    /// A datagram came. What is none of the protocols, or not whole, is passed over.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        source: Place,
        bytes: &[u8],
    ) -> Result<(), RtcError> {
        let (protocol, local) = match source.over {
            Over::Udp => (Protocol::Udp, self.ours.udp),
            Over::Tcp => (Protocol::Tcp, self.ours.tcp),
        };
        match Receive::new(protocol, source.address, local, bytes) {
            Ok(receive) => self.rtc.handle_input(Input::Receive(now, receive)),
            Err(_) => Ok(()),
        }
    }

    /// The time that [`Said::Until`] named has come.
    pub(crate) fn timeout(&mut self, now: Instant) -> Result<(), RtcError> {
        self.rtc.handle_input(Input::Timeout(now))
    }

    /// The viewer has another address.
    pub(crate) fn candidate(&mut self, text: &str) {
        // A name under .local is known to the viewer's own network alone, and we are asked by it anyway.
        if self.candidates < MAX_CANDIDATES
            && let Ok(candidate) = Candidate::from_sdp_string(text)
        {
            self.candidates += 1;
            self.rtc.add_remote_candidate(candidate);
        }
    }

    /// A picture, in Annex B or as units of AV1, by one of the payloads, and when it was by the wall clock.
    pub(crate) fn write(
        &mut self,
        payload_type: u8,
        at: Instant,
        stamp: u64,
        picture: Vec<u8>,
    ) -> Result<(), RtcError> {
        let at = self.pictures.after(at);
        let writer = self.pictures.mid.and_then(|mid| self.rtc.writer(mid));
        let Some(writer) = writer else { return Ok(()) };
        // Shown as soon as it is decoded; with sound, which comes later, a player may hold it back for that.
        let none = MediaTime::from_90khz(0);
        let most = self.sounds.mid.map_or(none, |_| MediaTime::from_90khz(MOST_HELD_BACK));
        writer.playout_delay(none, most).write(
            payload_type.into(),
            at,
            MediaTime::from_90khz(stamp),
            picture,
        )
    }

    /// A packet of sound, and when it was by the wall clock.
    pub(crate) fn write_sound(&mut self, at: Instant, packet: Packet) -> Result<(), RtcError> {
        let clock = Frequency::new(packet.clock_hz);
        let at = self.sounds.after(at);
        let writer = self.sounds.mid.and_then(|mid| self.rtc.writer(mid));
        let (Some(writer), Some(clock)) = (writer, clock) else { return Ok(()) };
        let time = MediaTime::new(packet.time, clock);
        writer.write(packet.payload_type.into(), at, time, packet.data)
    }

    /// Says goodbye; [`Self::poll`] has the datagrams.
    pub(crate) fn close(&mut self) -> Result<(), RtcError> {
        self.rtc.close()
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.rtc.is_alive()
    }

    pub(crate) const fn has_connected(&self) -> bool {
        self.has_connected
    }

    fn raw(&mut self, packet: RawPacket) -> Said {
        match packet {
            RawPacket::RtpTx(header, bytes) => {
                let Some(low) = header.ext_vals.transport_cc else { return Said::Nothing };
                self.number = extended(self.number, low);
                Said::Sent { number: self.number, bytes: bytes.len() }
            }
            RawPacket::RtcpRx(Rtcp::Twcc(report)) => {
                let first = extended(self.number, report.base_seq);
                // The times in it are those of the viewer's clock, from an unknown beginning on.
                let packets = report.into_iter(crate::session::instant(), first.into());
                let numbered = (first..).zip(packets);
                let arrived = numbered.filter(|(_, (_, _, at))| at.is_some());
                Said::Arrived(arrived.map(|(number, _)| number).collect())
            }
            _ => Said::Nothing,
        }
    }

    /// What the library wants.
    pub(crate) fn poll(&mut self) -> Result<Said, RtcError> {
        Ok(match self.rtc.poll_output()? {
            Output::Timeout(at) => Said::Until(at),
            Output::Transmit(transmit) => {
                let over = if transmit.proto == Protocol::Tcp { Over::Tcp } else { Over::Udp };
                let to = Place { over, address: transmit.destination };
                Said::Send { to, bytes: transmit.contents.into() }
            }
            Output::Event(event) => match event {
                Event::Connected => {
                    self.has_connected = true;
                    Said::Connected
                }
                Event::MediaAdded(media) if media.kind == MediaKind::Video => {
                    self.pictures.mid.get_or_insert(media.mid);
                    Said::Nothing
                }
                Event::MediaAdded(media) => {
                    self.sounds.mid.get_or_insert(media.mid);
                    Said::Nothing
                }
                Event::KeyframeRequest(_) => Said::KeyframeWanted,
                Event::RawPacket(packet) => self.raw(*packet),
                Event::Closed
                | Event::IceConnectionStateChange(IceConnectionState::Disconnected) => Said::Gone,
                _ => Said::Nothing,
            },
        })
    }
}

/// The number whose low 16 bits are these, nearest to another one.
fn extended(near: u64, low: u16) -> u64 {
    let [.., high, least] = near.to_be_bytes();
    let step = low.wrapping_sub(u16::from_be_bytes([high, least])).cast_signed();
    near.saturating_add_signed(step.into())
}

/// Players keep tracks together in time that are of one stream (RFC 8830); the library makes a stream of each.
fn one_stream(answer: &str) -> String {
    let stream_of = |line: &str| {
        let (stream, track) = line.strip_prefix("a=msid:")?.split_once(' ')?;
        Some((stream.to_owned(), track.to_owned()))
    };
    let first = answer.lines().find_map(stream_of).map(|(stream, _)| stream);
    let lines = answer.lines().map(|line| match (&first, stream_of(line)) {
        (Some(stream), Some((_, track))) => format!("a=msid:{stream} {track}\r\n"),
        _ => format!("{line}\r\n"),
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::judge::{Shown, answered as kept, payload};
    use crate::obus::fixtures::av1;
    use crate::offer::fixtures::{
        CHROME_H265, CHROMIUM_AUDIO, CHROMIUM_AV1, WHOLE as OFFER, with_payloads,
    };
    use crate::offer::{Av1Payload, H264Payload, H265Payload};
    use crate::picture::fixtures::{hevc, video};
    use crate::session::instant;

    const OURS: ([u8; 4], u16) = ([127, 0, 0, 1], 40_000);

    fn answered(offer: &str) -> Result<(Peer, String, String), RtcError> {
        let h264 = H264Payload { payload_type: 103, rtx: Some(104), profile_level_id: 0x42_001f };
        answered_by(offer, VideoPayloads { h264: vec![h264], ..VideoPayloads::default() })
    }

    fn answered_by(
        offer: &str,
        pictures: VideoPayloads,
    ) -> Result<(Peer, String, String), RtcError> {
        static CERTIFICATE: std::sync::OnceLock<DtlsCert> = std::sync::OnceLock::new();
        let made =
            || str0m::crypto::from_feature_flags().dtls_provider.generate_certificate().unwrap();
        Peer::answer(PeerOptions {
            offer,
            pictures,
            sound: crate::offer::sound_payloads(offer),
            certificate: CERTIFICATE.get_or_init(made).clone(),
            ours: Ours { udp: OURS.into(), tcp: OURS.into() },
            now: instant(),
            reports: Reports::Told,
        })
    }

    /// The offer with pieces cut out and others put in, some of them lines of its own.
    fn offers() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[ -~]{0,8}",
            "(\r\n){0,3}",
            "[0-9]{1,21}",
            any::<Index>().prop_map(|line| format!(
                "\r\n{}\r\n",
                line.get(&OFFER.lines().collect::<Vec<_>>())
            )),
        ];
        proptest::collection::vec((any::<Index>(), 0_usize..12, piece), 0..6).prop_map(|changes| {
            let mut offer = with_payloads(OFFER, &[CHROME_H265, CHROMIUM_AV1].concat());
            for (at, length, piece) in changes {
                let from = at.index(offer.len() + 1);
                let until = (from + length).min(offer.len());
                offer.replace_range(from..until, &piece);
            }
            offer
        })
    }

    /// What a datagram is made of: its first byte, lengths that may lie, attributes, anything.
    type Parts = (u8, u8, Vec<(u16, u16, Vec<u8>)>, Vec<u8>);

    fn parts() -> impl Strategy<Value = Parts> {
        let any_bytes = |most: usize| proptest::collection::vec(any::<u8>(), 0..most);
        let attribute = (any::<u16>(), 0_u16..40, any_bytes(24));
        // STUN, DTLS, TURN, RTP and RTCP (RFC 7983), or none of them.
        let first = prop_oneof![0_u8..2, 20_u8..64, 64_u8..80, 128_u8..192, any::<u8>()];
        (first, any::<u8>(), proptest::collection::vec(attribute, 0..5), any_bytes(200))
    }

    fn datagram((first, lie, attributes, rest): Parts, user: &str) -> Vec<u8> {
        if first > 1 {
            return [vec![first], rest].concat();
        }
        let user = user.as_bytes();
        let mut body = vec![0, 6, 0, u8::try_from(user.len()).unwrap()];
        body.extend_from_slice(user);
        body.resize(body.len().next_multiple_of(4), 0);
        for (kind, length, value) in attributes {
            body.extend_from_slice(&kind.to_be_bytes());
            body.extend_from_slice(&length.to_be_bytes());
            body.extend_from_slice(&value);
        }
        let length = u16::try_from(body.len()).unwrap() + u16::from(lie % 8 == 0);
        let mut bytes = vec![first, 1];
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
        bytes.extend_from_slice(&[lie; 12]);
        bytes.extend_from_slice(&body);
        bytes
    }

    #[test]
    fn a_viewer_who_finds_new_addresses_for_ever_costs_no_more_memory() {
        let (mut peer, _, _) = answered(OFFER).unwrap();
        for port in 1..1000 {
            peer.candidate(&format!("candidate:1 1 udp 2122260223 192.0.2.1 {port} typ host"));
        }
        assert_eq!(peer.candidates, MAX_CANDIDATES);
    }

    #[test]
    fn what_is_written_at_once_stays_in_order_however_coarse_the_wall_clock_is() {
        let (mut lane, now) = (Lane::default(), instant());
        let earlier = now.checked_sub(Duration::from_millis(1)).unwrap();
        assert_eq!([now, earlier, now].map(|at| lane.after(at)), [now; 3]);
    }

    #[test]
    fn numbers_go_on_where_their_16_bits_turn_over() {
        assert_eq!(extended(0, 7), 7);
        assert_eq!(extended(65_530, 3), 65_539);
        assert_eq!(extended(65_539, 65_530), 65_530, "a report of the past");
        assert_eq!(extended(200_000, 3400), 200_008);
    }

    #[test]
    fn the_offer_that_is_changed_below_is_a_good_one() {
        let (_, answer, ufrag) = answered(OFFER).unwrap();
        assert!(
            answer.contains(&format!("a=ice-ufrag:{ufrag}")) && answer.contains("H264"),
            "{answer}"
        );
        let candidates: Vec<&str> =
            answer.lines().filter(|line| line.starts_with("a=candidate:")).collect();
        let tcp = candidates.iter().find(|line| line.contains(" tcp "));
        assert!(tcp.is_some_and(|line| line.contains("tcptype passive")), "{candidates:?}");
        assert_eq!(candidates.len(), 2, "one for each protocol: {candidates:?}");
    }

    #[test]
    fn h265_is_answered_with_the_number_and_the_words_of_the_offer() {
        let h265 = |payload_type, rtx, profile_id, level_id| H265Payload {
            payload_type,
            rtx,
            profile_id,
            tier_flag: 0,
            level_id,
        };
        let main = "a=fmtp:49 profile-id=1;tier-flag=0;level-id=180";
        let main_10 = "a=fmtp:51 profile-id=2;tier-flag=0;level-id=180";
        let old_safari = "a=rtpmap:49 H265/90000\r\n";
        for (lines, payload, fmtp) in [
            (CHROME_H265, h265(49, Some(50), 1, 180), Some(main)),
            (CHROME_H265, h265(51, Some(52), 2, 180), Some(main_10)),
            (old_safari, h265(49, None, 1, 93), None),
        ] {
            let pictures = VideoPayloads { h265: vec![payload], ..VideoPayloads::default() };
            let number = payload.payload_type;
            let (_, answer, _) = answered_by(&with_payloads(OFFER, lines), pictures).unwrap();
            assert!(answer.contains(&format!("a=rtpmap:{number} H265/90000")), "{answer}");
            assert!(!answer.contains("H264"), "it will not be sent: {answer}");
            let told = answer.lines().find(|line| line.starts_with(&format!("a=fmtp:{number} ")));
            assert_eq!(told, fmtp, "{answer}");
            let repairs = answer.contains(&format!("apt={number}"));
            assert_eq!(repairs, payload.rtx.is_some(), "{answer}");
        }
    }

    #[test]
    fn av1_is_answered_with_the_number_and_the_words_of_the_offer() {
        let av1 = |payload_type, rtx, profile| Av1Payload {
            payload_type,
            rtx,
            profile,
            level_idx: 5,
            tier: 0,
        };
        for (lines, payload, fmtp) in [
            (CHROMIUM_AV1, av1(45, Some(46), 0), "profile=0;level-idx=5;tier=0"),
            (CHROMIUM_AV1, av1(47, Some(48), 1), "profile=1;level-idx=5;tier=0"),
            ("a=rtpmap:45 AV1/90000\r\n", av1(45, None, 0), "profile=0;level-idx=5;tier=0"),
        ] {
            let pictures = VideoPayloads { av1: vec![payload], ..VideoPayloads::default() };
            let number = payload.payload_type;
            let (_, answer, _) = answered_by(&with_payloads(OFFER, lines), pictures).unwrap();
            let maps = answer.lines().filter(|line| line.starts_with("a=rtpmap:"));
            let coded: Vec<_> = maps.filter(|line| !line.contains(" rtx/")).collect();
            assert_eq!(
                coded,
                [format!("a=rtpmap:{number} AV1/90000")],
                "nothing else will be sent"
            );
            assert!(answer.contains(&format!("a=fmtp:{number} {fmtp}")), "{answer}");
            let repairs = answer.contains(&format!("apt={number}"));
            assert_eq!(repairs, payload.rtx.is_some(), "{answer}");
        }
    }

    #[test]
    fn sound_is_answered_with_what_will_be_sent_and_belongs_to_the_pictures() {
        let offer = OFFER.replace("BUNDLE 0", "BUNDLE 0 1");
        let ice: String = (offer.lines())
            .filter(|line| {
                ["a=ice-", "a=fingerprint", "a=setup"].iter().any(|it| line.starts_with(it))
            })
            .flat_map(|line| [line, "\r\n"])
            .collect();
        let offer = [&offer, CHROMIUM_AUDIO, &ice].concat();
        let section = |answer: &str| answer.split("m=audio ").nth(1).unwrap().to_owned();
        let (_, answer, _) = answered(&offer).unwrap();
        let audio = section(&answer);
        for line in ["opus/48000/2", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=sendonly"] {
            assert!(audio.contains(line), "{line} in {answer}");
        }
        let streams = answer.lines().filter_map(|line| line.strip_prefix("a=msid:"));
        let mut streams: Vec<_> = streams.filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(streams.len(), 2);
        streams.dedup();
        assert_eq!(streams.len(), 1, "{answer}");

        let (_, answer, _) =
            answered(&offer.replace("PCM", "G72").replace("opus", "speex")).unwrap();
        assert!(section(&answer).starts_with("0 "), "no sound that he takes: {answer}");
        assert!(answer.contains("m=video 9"), "{answer}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

        #[test]
        fn no_offer_panics(offer in offers()) {
            let offered = crate::offer::video_payloads(&offer).unwrap_or_default();
            for video in [video(77), hevc("hvc1.1.6.L93.B0"), av1("av01.0.04M.08", &[])] {
                if let Ok(chosen) = payload(&video, &offered) {
                    let _ = answered_by(&offer, kept(&offered, chosen, Shown::Several));
                }
            }
            let _ = crate::offer::sound_payloads(&offer);
            let _ = answered(&offer);
        }

        #[test]
        fn no_candidate_panics(text in "(candidate:)?([ -~]{1,12} ){0,9}(typ (host|srflx|relay))?[ -~]{0,9}") {
            let _ = Candidate::from_sdp_string(&text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        #[test]
        fn no_datagram_panics(sent in proptest::collection::vec(parts(), 1..20)) {
            let (mut peer, _, ufrag) = answered(OFFER).unwrap();
            let address = ([192, 0, 2, 1], 61_764).into();
            let mut now = instant();
            for parts in sent {
                let bytes = datagram(parts, &format!("{ufrag}:Uf1z"));
                let _ = str0m::ice::StunMessage::parse(&bytes);
                let over = if bytes.len().is_multiple_of(3) { Over::Tcp } else { Over::Udp };
                let _ = peer.receive(now, Place { over, address }, &bytes);
                while !matches!(peer.poll(), Ok(Said::Until(_)) | Err(_)) {}
                now += Duration::from_millis(20);
                let _ = peer.timeout(now);
            }
        }
    }
}
