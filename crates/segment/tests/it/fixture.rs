//! Real coded pictures as access units, and a file made of them: shared by the tests of this crate.

use bytes::Bytes;
use tarsier_segment::{
    Cut, Cutter, FragmentBuilder, SegmentMeta, init_segment, mfra, nal, origin_of, sample_entry,
};
use tarsier_types::{
    AccessUnit, CameraId, Dts, ParameterSets, Part, Pts, StreamKind, Ticks, Track, UtcMs,
};

pub(crate) const BASELINE: &[u8] =
    include_bytes!("../../../../tests/fixtures/x264_baseline_64x64.h264");
pub(crate) const B_FRAMES: &[u8] =
    include_bytes!("../../../../tests/fixtures/x264_bframes_64x64.h264");

/// Ticks of a picture: the fixtures have ten a second.
pub(crate) const PICTURE: i64 = 9000;
/// 1024 samples at 16 kHz.
pub(crate) const AUDIO_FRAME: i64 = 5760;
/// Media time of the first picture.
pub(crate) const RUN_START: i64 = 123_456_789;

pub(crate) fn start() -> UtcMs {
    UtcMs(1_795_205_700_000)
}

pub(crate) fn meta() -> SegmentMeta {
    SegmentMeta {
        camera: CameraId::new("garden").unwrap(),
        stream: StreamKind::Main,
        start: start(),
        software: "Tarsier 0.1.0".to_owned(),
    }
}

pub(crate) fn parameters(stream: &[u8]) -> ParameterSets {
    let find =
        |kind| nal::annex_b_units(stream).find(|nal| nal::h264_type(nal) == Some(kind)).unwrap();
    let (width, height) = sample_entry::h264_dimensions(find(7)).unwrap();
    let video = sample_entry::avc1(find(7), find(8), width, height);
    let audio = sample_entry::mp4a(&[0x14, 0x08], 16_000, 1);
    ParameterSets {
        video: sample_entry::video_parameters(video, Some(10_000)).unwrap(),
        audio: sample_entry::audio_parameters(audio),
    }
}

/// The pictures of a stream that begins each access unit with a delimiter, shown in the order `I B B P B B P …`
/// where it has B-frames: the decoding order is `I P B B P B B …`.
pub(crate) fn pictures(stream: &[u8]) -> Vec<AccessUnit> {
    let has_b_frames = stream == B_FRAMES;
    let mut grouped: Vec<Vec<&[u8]>> = Vec::new();
    for nal in nal::annex_b_units(stream) {
        match nal::h264_type(nal) {
            Some(9) => grouped.push(Vec::new()),
            Some(7 | 8) => {}
            _ => grouped.last_mut().unwrap().push(nal),
        }
    }
    let (mut in_gop, mut gop_start) = (0, 0);
    let unit = |(at, nals): (i64, Vec<&[u8]>)| {
        let is_keyframe = nals.iter().any(|nal| nal::h264_type(nal) == Some(5));
        if is_keyframe {
            (in_gop, gop_start) = (0, at);
        }
        // Each GOP decodes I0 P3 B1 B2 P6 B4 B5 …; the last picture of the stream is a P that comes alone.
        let shown = match in_gop % 3 {
            _ if !has_b_frames || in_gop == 0 => at,
            1 => (gop_start + in_gop + 2).min(24),
            _ => at - 1,
        };
        in_gop += 1;
        AccessUnit {
            track: Track::Video,
            pts: Pts(RUN_START + shown * PICTURE),
            dts: Dts(RUN_START + at * PICTURE),
            duration: Ticks(PICTURE),
            is_keyframe,
            arrived: start() + Ticks(at * PICTURE),
            data: nal::units_to_lengths(nals.into_iter()),
        }
    };
    (0_i64..).zip(grouped).map(unit).collect()
}

/// Sound for that many pictures: silence as an AAC encoder codes it, beginning a little before the first picture.
pub(crate) fn sound(pictures: usize) -> Vec<AccessUnit> {
    let end = i64::try_from(pictures).unwrap() * PICTURE;
    (0..end / AUDIO_FRAME + 2)
        .map(|at| at * AUDIO_FRAME - 2250)
        .take_while(|at| *at < end)
        .map(|at| AccessUnit {
            track: Track::Audio,
            pts: Pts(RUN_START + at),
            dts: Dts(RUN_START + at),
            duration: Ticks(AUDIO_FRAME),
            is_keyframe: true,
            arrived: start() + Ticks(at),
            data: Bytes::from_static(&[0x01, 0x18, 0x20, 0x07]),
        })
        .collect()
}

/// Both tracks in the order in which a camera sends them; the first picture comes first.
pub(crate) fn interleaved(stream: &[u8]) -> Vec<AccessUnit> {
    let mut units = pictures(stream);
    let sound = sound(units.len());
    units.extend(sound);
    units.sort_by_key(|unit| (unit.dts.0.max(RUN_START), unit.track == Track::Audio));
    units
}

/// A file in pieces: what a test needs to know of where they are.
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    pub(crate) init_bytes: usize,
    pub(crate) parts: Vec<Part>,
    /// How many units are in the file up to the end of each part.
    pub(crate) units: Vec<u32>,
}

/// Writes one closed file as a recorder does, with one segment whatever the time.
pub(crate) fn write_file(parameters: &ParameterSets, units: Vec<AccessUnit>) -> File {
    let mut cutter = Cutter::new(900);
    let init = init_segment(parameters, Some(&meta()));
    let mut file =
        File { init_bytes: init.len(), bytes: init.to_vec(), parts: Vec::new(), units: Vec::new() };
    let mut builder = FragmentBuilder::new(origin_of(&units[0]), 16_000);
    let mut composition_offset = None;
    for unit in units {
        let next_picture = (unit.track == Track::Video).then_some(unit.dts);
        match cutter.handle(&unit, unit.arrived) {
            Cut::Segment => assert!(builder.is_empty(), "the script has one segment"),
            Cut::Fragment => file.append(&mut builder, next_picture),
            Cut::Nothing => {}
        }
        composition_offset.get_or_insert(unit.pts.offset_from(unit.dts));
        builder.push(unit);
    }
    file.append(&mut builder, None);
    let index = mfra(&file.parts, composition_offset.unwrap());
    file.bytes.extend_from_slice(&index);
    file
}

impl File {
    fn append(&mut self, builder: &mut FragmentBuilder, end: Option<Dts>) {
        let fragment = builder.take(end).unwrap();
        self.parts.push(Part {
            offset: u64::try_from(self.bytes.len()).unwrap(),
            bytes: u32::try_from(fragment.bytes()).unwrap(),
            start: fragment.start,
            duration: fragment.duration,
            starts_with_keyframe: fragment.starts_with_keyframe,
        });
        self.units.push(self.units.last().copied().unwrap_or(0) + fragment.units);
        self.bytes.extend_from_slice(&fragment.head);
        for payload in &fragment.payload {
            self.bytes.extend_from_slice(payload);
        }
    }
}
