//! Brain: packets of a video stream become whole access units, and what a decoder must know before them.
//!
//! - A picture that comes as several packets (its slices one by one) is put together again. To know that a picture
//!   is whole one must see the next one, which costs a picture's length: it is waited for only until
//!   [`LEARN_KEYFRAMES`] keyframes came and no picture was split, and from the first split on for ever.
//! - Parameter sets leave the access units and become [`VideoParameters`]; a keyframe that brings others is
//!   preceded by them. Sets that do not fit the sample entry (a second PPS) stay in the stream.
//! - Nothing comes out before the first keyframe with complete parameter sets.
//!
//! What does not belong here: libav, clocks.

use std::collections::VecDeque;

use bytes::Bytes;
use tarsier_ingest::Anomaly;
use tarsier_segment::{nal, sample_entry};
use tarsier_types::{Codec, VideoParameters};

use crate::burst::Came;
use crate::libav::{RawPacket, StreamFacts};
use crate::nals::{Framing, NalCoding, NalKind, Sets};
use crate::obus;
use crate::stamps::{Stamp, Stamps, Told};

/// After so many keyframes without a split picture, a packet counts as a whole picture.
const LEARN_KEYFRAMES: u32 = 3;
/// A larger one does not end: what was gathered of it goes out as damaged (guess: several times the largest that a camera
/// of 8K makes).
const MAX_PICTURE_BYTES: usize = 32 << 20;
/// Ticks of a picture at 25 pictures a second, until the stream tells (guess).
const GUESSED_DURATION: i64 = 3600;

/// One picture, whole.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Picture {
    pub(crate) stamp: Stamp,
    pub(crate) is_keyframe: bool,
    pub(crate) came: Came,
    pub(crate) data: Bytes,
}

/// What comes out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PictureEvent {
    Parameters(VideoParameters),
    Picture(Picture),
    Anomaly(Anomaly),
}

/// The packets of one video stream.
#[derive(Debug)]
pub(crate) struct Pictures {
    kind: Kind,
    millifps: Option<u32>,
    /// What was said last.
    parameters: Option<VideoParameters>,
    stamps: Stamps<Coded>,
    out: VecDeque<PictureEvent>,
}

#[derive(Debug)]
enum Kind {
    Nal(Box<NalStream>),
    Av1 { record: Bytes, width: u16, height: u16 },
    Mjpeg,
}

/// A picture between the merging of its slices and its dating.
#[derive(Clone, Debug)]
struct Coded {
    is_keyframe: bool,
    is_corrupt: bool,
    came: Came,
    data: Bytes,
    /// Say these before it.
    parameters: Option<VideoParameters>,
}

impl Pictures {
    /// None for a coding that no file of ours can hold.
    pub(crate) fn new(facts: &StreamFacts) -> Option<Self> {
        let size = || Some((u16::try_from(facts.width).ok()?, u16::try_from(facts.height).ok()?));
        let kind = match facts.codec? {
            Codec::H264 => Kind::Nal(Box::new(NalStream::new(NalCoding::H264, &facts.extradata))),
            Codec::Hevc => Kind::Nal(Box::new(NalStream::new(NalCoding::Hevc, &facts.extradata))),
            // AV1CodecConfigurationRecord: marker 1, version 1.
            Codec::Av1 if facts.extradata.len() >= 4 && facts.extradata[0] == 0x81 => {
                let (width, height) = size()?;
                Kind::Av1 { record: facts.extradata.clone(), width, height }
            }
            Codec::Mjpeg => Kind::Mjpeg,
            _ => return None,
        };
        let duration =
            facts.millifps.map_or(GUESSED_DURATION, |millifps| 90_000_000 / i64::from(millifps));
        Some(Self {
            kind,
            millifps: facts.millifps,
            parameters: None,
            stamps: Stamps::new(duration, facts.reorder_depth),
            out: VecDeque::new(),
        })
    }

    /// Takes the stream's next packet.
    pub(crate) fn push(&mut self, packet: &RawPacket, came: Came) {
        match &mut self.kind {
            Kind::Nal(stream) => {
                if let Some(extradata) = &packet.new_extradata {
                    stream.renew(extradata);
                }
                for pending in stream.push(packet, came) {
                    if let Some((told, coded)) = stream.whole(pending, self.millifps) {
                        self.stamps.push(told, coded);
                    }
                }
            }
            Kind::Av1 { record, width, height } => {
                if let Some(new) =
                    packet.new_extradata.as_ref().filter(|new| new.first() == Some(&0x81))
                {
                    record.clone_from(new);
                }
                let entry = sample_entry::av01_from_av1c(record, *width, *height);
                let parameters = sample_entry::video_parameters(entry, self.millifps);
                let coded = raw(packet, packet.is_keyframe, came, parameters);
                let data = obus::temporal_unit(&packet.data, packet.is_keyframe, record);
                self.stamps.push(told(packet), Coded { data, ..coded });
            }
            Kind::Mjpeg => match jpeg_size(&packet.data) {
                Some((width, height)) => {
                    let parameters = sample_entry::video_parameters(
                        sample_entry::mjpeg(width, height),
                        self.millifps,
                    );
                    self.stamps.push(told(packet), raw(packet, true, came, parameters));
                }
                None => self.out.push_back(PictureEvent::Anomaly(Anomaly::BrokenUnit)),
            },
        }
        self.emit_dated();
    }

    /// The stream has ended: nothing needs to be waited for any more.
    pub(crate) fn finish(&mut self) {
        if let Kind::Nal(stream) = &mut self.kind
            && let Some(pending) = stream.pending.take()
            && let Some((told, coded)) = stream.whole(pending, self.millifps)
        {
            self.stamps.push(told, coded);
        }
        self.stamps.finish();
        self.emit_dated();
    }

    /// What is ready, in order.
    pub(crate) fn poll(&mut self) -> Option<PictureEvent> {
        self.out.pop_front()
    }

    fn emit_dated(&mut self) {
        while let Some((stamp, coded)) = self.stamps.poll() {
            self.emit(stamp, coded);
        }
    }

    fn emit(&mut self, stamp: Stamp, coded: Coded) {
        if coded.is_keyframe
            && let Some(new) = coded.parameters
            && self.parameters.as_ref() != Some(&new)
        {
            if self.parameters.is_some() {
                self.out.push_back(PictureEvent::Anomaly(Anomaly::ParametersChanged));
            }
            self.parameters = Some(new.clone());
            self.out.push_back(PictureEvent::Parameters(new));
        }
        if self.parameters.is_none() {
            return; // nothing before this can be decoded
        }
        if coded.is_corrupt {
            self.out.push_back(PictureEvent::Anomaly(Anomaly::PacketsLost(1)));
        }
        let Coded { is_keyframe, came, data, .. } = coded;
        self.out.push_back(PictureEvent::Picture(Picture { stamp, is_keyframe, came, data }));
    }
}

fn told(packet: &RawPacket) -> Told {
    Told { pts: packet.pts, dts: packet.dts, duration: packet.duration }
}

fn raw(
    packet: &RawPacket,
    is_keyframe: bool,
    came: Came,
    parameters: Option<VideoParameters>,
) -> Coded {
    Coded {
        is_keyframe,
        is_corrupt: packet.is_corrupt,
        came,
        data: packet.data.clone(),
        parameters,
    }
}

/// H.264 or H.265.
#[derive(Debug)]
struct NalStream {
    coding: NalCoding,
    framing: Framing,
    sets: Sets,
    /// NAL units before the first slice of the next picture.
    before: Vec<Bytes>,
    pending: Option<Pending>,
    /// Bytes in both.
    held: usize,
    splits: Splits,
    has_begun: bool,
}

/// A picture that may still get slices.
#[derive(Debug)]
struct Pending {
    told: Told,
    is_keyframe: bool,
    is_corrupt: bool,
    came: Came,
    units: Vec<Bytes>,
}

/// Whether pictures come in several packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Splits {
    Learning { keyframes: u32 },
    Never,
    Always,
}

impl NalStream {
    fn new(coding: NalCoding, extradata: &Bytes) -> Self {
        let (sets, framing) = Sets::from_extradata(coding, extradata);
        Self {
            coding,
            framing,
            sets,
            before: Vec::new(),
            pending: None,
            held: 0,
            splits: Splits::Learning { keyframes: 0 },
            has_begun: false,
        }
    }

    /// The container said something new ahead of its packets (a sequence header in the middle of FLV).
    fn renew(&mut self, extradata: &Bytes) {
        let (sets, framing) = Sets::from_extradata(self.coding, extradata);
        self.sets = sets.or(&self.sets);
        self.framing = framing;
    }

    /// Takes a packet; gives the pictures that are whole now.
    fn push(&mut self, packet: &RawPacket, came: Came) -> Vec<Pending> {
        let units = self.framing.units(&packet.data);
        let first_slice = units.iter().find_map(|unit| match self.coding.kind(unit) {
            NalKind::Slice { first, random_access } => Some((first, random_access)),
            _ => None,
        });
        self.held += packet.data.len();
        let mut whole: Vec<Pending> = Vec::new();
        if self.held > MAX_PICTURE_BYTES {
            self.held = packet.data.len();
            self.before.clear();
            whole
                .extend(self.pending.take().map(|endless| Pending { is_corrupt: true, ..endless }));
        }
        let Some((first, random_access)) = first_slice else {
            self.before.extend(units);
            return whole;
        };
        if let Some(pending) = &mut self.pending
            && (!first || (packet.pts.is_some() && packet.pts == pending.told.pts))
        {
            self.splits = Splits::Always;
            pending.units.append(&mut self.before);
            pending.units.extend(units);
            pending.is_corrupt |= packet.is_corrupt;
            pending.is_keyframe |= packet.is_keyframe;
            pending.came = came;
            return whole;
        }
        whole.extend(self.pending.take());
        if !first {
            // Belongs to a picture that is gone already, or was never begun.
            self.splits = Splits::Always;
        }
        let is_keyframe = packet.is_keyframe || random_access;
        let mut all = std::mem::take(&mut self.before);
        all.extend(units);
        self.held = all.iter().map(Bytes::len).sum();
        let pending = Pending {
            told: told(packet),
            is_keyframe,
            is_corrupt: packet.is_corrupt,
            came,
            units: all,
        };
        if let Splits::Learning { keyframes } = self.splits
            && is_keyframe
        {
            let keyframes = keyframes + 1;
            self.splits = if keyframes > LEARN_KEYFRAMES {
                Splits::Never
            } else {
                Splits::Learning { keyframes }
            };
        }
        match self.splits {
            Splits::Never => whole.push(pending),
            Splits::Learning { .. } | Splits::Always => self.pending = Some(pending),
        }
        whole
    }

    /// Takes the parameter sets out of a picture; none if nothing before it can be decoded.
    fn whole(&mut self, pending: Pending, millifps: Option<u32>) -> Option<(Told, Coded)> {
        let Pending { told, is_keyframe, is_corrupt, came, mut units } = pending;
        if !is_keyframe && !self.has_begun {
            return None;
        }
        let mut parameters = None;
        if is_keyframe {
            let mut brought = Sets::default();
            for unit in &units {
                brought.add(self.coding.kind(unit), unit.clone());
            }
            let unchanged =
                |new: &[Bytes], known: &[Bytes]| new.iter().all(|unit| known.contains(unit));
            let is_same = unchanged(&brought.vps, &self.sets.vps)
                && unchanged(&brought.sps, &self.sets.sps)
                && unchanged(&brought.pps, &self.sets.pps);
            if !is_same {
                let merged = brought.or(&self.sets);
                // One that cannot be read must not replace one that could.
                if merged.parameters(self.coding, millifps).is_some() {
                    self.sets = merged;
                }
            }
            parameters = Some(self.sets.parameters(self.coding, millifps)?);
            self.has_begun = true;
        }
        units.retain(|unit| match self.coding.kind(unit) {
            NalKind::Padding => false,
            NalKind::Vps | NalKind::Sps | NalKind::Pps => !self.sets.is_first(unit),
            NalKind::Slice { .. } | NalKind::Other => true,
        });
        let missing: Vec<&Bytes> = if is_keyframe {
            self.sets.beyond_first().filter(|unit| !units.contains(unit)).collect()
        } else {
            Vec::new()
        };
        let data = nal::units_to_lengths(missing.into_iter().chain(&units).map(AsRef::as_ref));
        Some((told, Coded { is_keyframe, is_corrupt, came, data, parameters }))
    }
}

/// Width and height as the frame header (SOF0 to SOF2, ITU-T T.81 section B.2.2) of a JPEG picture tells them.
fn jpeg_size(data: &[u8]) -> Option<(u16, u16)> {
    let mut rest = data.strip_prefix(&[0xff, 0xd8])?;
    loop {
        let [0xff, marker, high, low, ..] = *rest else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if matches!(marker, 0xc0..=0xc2) {
            let [_, h0, h1, w0, w1, ..] = *rest.get(4..)? else { return None };
            let (width, height) = (u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1]));
            return (width > 0 && height > 0).then_some((width, height));
        }
        rest = rest.get(2 + length..)?;
    }
}

#[cfg(test)]
mod tests;
