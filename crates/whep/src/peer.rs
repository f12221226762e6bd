//! One viewer's WebRTC, as a state machine that does no IO: the only file that speaks to the library.
//!
//! The library's rule: after each change it is asked for output until it names a time ([`Said::Until`]). What does not
//! belong here: sockets, tasks, which picture is sent when.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::config::DtlsCert;
use str0m::media::{MediaKind, MediaTime, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::Extension;
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcError};

use crate::offer::H264Payload;

/// Free in the library's own map; the answer takes the offer's number anyway.
const PLAYOUT_DELAY_ID: u8 = 5;

/// What the library wants done.
#[derive(Debug)]
pub(crate) enum Said {
    /// A datagram is to be sent.
    Send { to: SocketAddr, bytes: Vec<u8> },
    /// Pictures may be sent from now on.
    Connected,
    /// The viewer lost pictures.
    KeyframeWanted,
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
    pub(crate) payload: H264Payload,
    pub(crate) certificate: DtlsCert,
    /// Where the viewer reaches us.
    pub(crate) local: SocketAddr,
    pub(crate) now: Instant,
}

/// One viewer.
pub(crate) struct Peer {
    rtc: Rtc,
    local: SocketAddr,
    payload: Pt,
    mid: Option<Mid>,
    has_connected: bool,
}

impl Peer {
    /// Answers an offer: the peer, its answer, and the name that STUN requests for it carry.
    pub(crate) fn answer(options: PeerOptions<'_>) -> Result<(Self, String, String), RtcError> {
        let PeerOptions { offer, payload, certificate, local, now } = options;
        let offer = SdpOffer::from_sdp_string(offer)?;
        // The viewer finds us and not the other way round: we have one address and answer to where requests come from.
        // Without bandwidth estimation nothing is paced: a keyframe is not held back (measured: up to a second).
        let mut config = Rtc::builder()
            .set_ice_lite(true)
            .set_dtls_cert(certificate)
            .clear_codecs()
            .set_extension(PLAYOUT_DELAY_ID, Extension::PlayoutDelay);
        config.codec_config().add_h264(
            payload.payload_type.into(),
            payload.rtx.map(Into::into),
            true,
            payload.profile_level_id,
        );
        let mut rtc = config.build(now);
        let candidate = Candidate::host(local, "udp")
            .map_err(|error| RtcError::RemoteSdp(error.to_string()))?;
        rtc.add_local_candidate(candidate);
        let answer = rtc.sdp_api().accept_offer(offer)?.to_sdp_string();
        let name = rtc.direct_api().local_ice_credentials().ufrag;
        let payload = payload.payload_type.into();
        Ok((Self { rtc, local, payload, mid: None, has_connected: false }, answer, name))
    }

    /// A datagram came. What is none of the protocols, or not whole, is passed over.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        source: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), RtcError> {
        match Receive::new(Protocol::Udp, source, self.local, bytes) {
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
        if let Ok(candidate) = Candidate::from_sdp_string(text) {
            self.rtc.add_remote_candidate(candidate);
        }
    }

    /// A picture, in Annex B.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        stamp: u64,
        picture: Vec<u8>,
    ) -> Result<(), RtcError> {
        let Some(writer) = self.mid.and_then(|mid| self.rtc.writer(mid)) else { return Ok(()) };
        // Shown as soon as it is decoded.
        let none = MediaTime::from_90khz(0);
        writer.playout_delay(none, none).write(
            self.payload,
            now,
            MediaTime::from_90khz(stamp),
            picture,
        )
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

    /// What the library wants.
    pub(crate) fn poll(&mut self) -> Result<Said, RtcError> {
        Ok(match self.rtc.poll_output()? {
            Output::Timeout(at) => Said::Until(at),
            Output::Transmit(transmit) => {
                Said::Send { to: transmit.destination, bytes: transmit.contents.into() }
            }
            Output::Event(event) => match event {
                Event::Connected => {
                    self.has_connected = true;
                    Said::Connected
                }
                Event::MediaAdded(media) if media.kind == MediaKind::Video => {
                    self.mid.get_or_insert(media.mid);
                    Said::Nothing
                }
                Event::KeyframeRequest(_) => Said::KeyframeWanted,
                Event::Closed
                | Event::IceConnectionStateChange(IceConnectionState::Disconnected) => Said::Gone,
                _ => Said::Nothing,
            },
        })
    }
}
