//! `moov`: the tracks that a camera could send, with their samples.

use std::ops::Range;

use super::boxes::{Fields, boxes, child};
use super::entry::{self, AudioFormat, VideoFormat};
use super::{ReadMovieError, table};

/// A picture as it lies in the file. Times are ticks of the track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VideoSample {
    pub(crate) place: Range<usize>,
    /// Since the first picture is decoded.
    pub(crate) dts: i64,
    /// On the movie's timeline, after the edit list.
    pub(crate) pts: i64,
    pub(crate) duration: u32,
    pub(crate) is_keyframe: bool,
}

/// The pictures.
#[derive(Clone, Debug)]
pub(crate) struct VideoTrack {
    pub(crate) timescale: u32,
    pub(crate) format: VideoFormat,
    pub(crate) samples: Vec<VideoSample>,
}

/// The sound, cut into units of equal length.
#[derive(Clone, Debug)]
pub(crate) struct AudioTrack {
    /// Samples per second, which is also the timescale.
    pub(crate) sample_rate_hz: u32,
    pub(crate) channels: u8,
    pub(crate) format: AudioFormat,
    /// Samples in each unit.
    pub(crate) unit_samples: u32,
    /// Where the movie's timeline begins in the sound, in samples; AAC encoders put a silent start before it.
    pub(crate) start_samples: i64,
    pub(crate) units: Vec<Vec<u8>>,
}

/// A movie's two tracks.
#[derive(Clone, Debug)]
pub(crate) struct Movie {
    pub(crate) video: VideoTrack,
    pub(crate) audio: Option<AudioTrack>,
}

/// Reads the tables of a file.
pub(crate) fn read(file: &[u8]) -> Result<Movie, ReadMovieError> {
    let moov = child(file, *b"moov").ok_or(ReadMovieError::NoMovie)?;
    if child(moov, *b"mvex").is_some() {
        return Err(ReadMovieError::Fragmented);
    }
    let movie_timescale = timescale(child(moov, *b"mvhd")).ok_or(damaged("mvhd"))?;
    let (mut video, mut audio) = (None, None);
    for (_, trak) in boxes(moov).filter(|(kind, _)| kind == b"trak") {
        let mdia = child(trak, *b"mdia").ok_or(damaged("mdia"))?;
        let handler =
            child(mdia, *b"hdlr").and_then(|body| body.get(8..12)).ok_or(damaged("hdlr"))?;
        let timescale = timescale(child(mdia, *b"mdhd")).ok_or(damaged("mdhd"))?;
        let track = RawTrack {
            stbl: child(mdia, *b"minf")
                .and_then(|minf| child(minf, *b"stbl"))
                .ok_or(damaged("stbl"))?,
            timescale,
            start: edit_start(trak, movie_timescale, timescale),
        };
        if handler == b"vide" && video.is_none() {
            video = video_track(file, &track)?;
        } else if handler == b"soun" && audio.is_none() {
            audio = audio_track(file, &track)?;
        }
    }
    Ok(Movie { video: video.ok_or(ReadMovieError::NoVideo)?, audio })
}

struct RawTrack<'a> {
    stbl: &'a [u8],
    timescale: u32,
    /// The media time that is the movie's time zero.
    start: i64,
}

fn damaged(part: &'static str) -> ReadMovieError {
    ReadMovieError::Damaged { part }
}

/// `mvhd` and `mdhd` agree up to their timescale.
fn timescale(header: Option<&[u8]>) -> Option<u32> {
    let mut fields = Fields(header?);
    let version = fields.version()?;
    fields.by_version(version)?;
    fields.by_version(version)?;
    fields.u32().filter(|ticks| *ticks > 0)
}

/// What the edit list says: a delay (an empty edit) and where the first real edit begins. No list, no shift.
fn edit_start(trak: &[u8], movie_timescale: u32, timescale: u32) -> i64 {
    let parse = || {
        let mut fields = Fields(child(child(trak, *b"edts")?, *b"elst")?);
        let version = fields.version()?;
        let width = if version == 1 { 20 } else { 12 };
        let mut delay = 0_i128;
        for mut entry in fields.entries(width)? {
            let length = entry.by_version(version)?;
            let media_time = if version == 1 {
                i64::from_be_bytes(entry.array()?)
            } else {
                i64::from(entry.i32()?)
            };
            if media_time >= 0 {
                return i64::try_from(i128::from(media_time) - delay).ok();
            }
            delay += i128::from(length) * i128::from(timescale) / i128::from(movie_timescale);
        }
        None
    };
    // A shift of more than a minute is no encoder's delay but a mistake.
    parse().filter(|start| start.unsigned_abs() <= u64::from(timescale) * 60).unwrap_or(0)
}

fn video_track(file: &[u8], track: &RawTrack<'_>) -> Result<Option<VideoTrack>, ReadMovieError> {
    let stsd = child(track.stbl, *b"stsd").ok_or(damaged("stsd"))?;
    let Some(format) = entry::video(stsd)? else { return Ok(None) };
    let places = table::places(track.stbl, file.len())?;
    let durations = table::durations(track.stbl, places.len())?;
    let offsets = table::composition_offsets(track.stbl, places.len())?;
    let keyframes = table::keyframes(track.stbl, places.len())?;
    let mut samples = Vec::with_capacity(places.len());
    let mut dts = 0_i64;
    for (((place, duration), offset), is_keyframe) in
        places.into_iter().zip(durations).zip(offsets).zip(keyframes)
    {
        let pts = dts + i64::from(offset) - track.start;
        samples.push(VideoSample { place, dts, pts, duration, is_keyframe });
        dts += i64::from(duration);
    }
    Ok((!samples.is_empty()).then_some(VideoTrack { timescale: track.timescale, format, samples }))
}

fn audio_track(file: &[u8], track: &RawTrack<'_>) -> Result<Option<AudioTrack>, ReadMovieError> {
    let stsd = child(track.stbl, *b"stsd").ok_or(damaged("stsd"))?;
    let Some(entry) = entry::audio(stsd)? else { return Ok(None) };
    let (unit_samples, units) = match &entry.format {
        AudioFormat::Aac { .. } => {
            let places = table::places(track.stbl, file.len())?;
            let ticks = table::durations(track.stbl, places.len()).unwrap_or_default();
            let Some(first) = ticks.first() else { return Ok(None) };
            let samples =
                u64::from(*first) * u64::from(entry.sample_rate_hz) / u64::from(track.timescale);
            let units: Vec<Vec<u8>> =
                places.into_iter().map(|place| file[place].to_vec()).collect();
            (u32::try_from(samples).map_err(|_| damaged("stts"))?, units)
        }
        AudioFormat::G711 { .. } => {
            let mut bytes = Vec::new();
            for place in table::chunk_places(track.stbl, file.len())? {
                bytes.extend_from_slice(&file[place]);
                if bytes.len() > file.len() {
                    return Err(damaged("stco"));
                }
            }
            let unit_samples = (entry.sample_rate_hz / 50).max(1);
            let unit_bytes =
                usize::try_from(unit_samples).unwrap_or(1) * usize::from(entry.channels);
            (unit_samples, bytes.chunks_exact(unit_bytes).map(<[u8]>::to_vec).collect())
        }
    };
    if units.is_empty() || unit_samples == 0 {
        return Ok(None);
    }
    let start =
        i128::from(track.start) * i128::from(entry.sample_rate_hz) / i128::from(track.timescale);
    Ok(Some(AudioTrack {
        sample_rate_hz: entry.sample_rate_hz,
        channels: entry.channels,
        format: entry.format,
        unit_samples,
        start_samples: i64::try_from(start).unwrap_or(0),
        units,
    }))
}

#[cfg(test)]
mod tests {
    use tarsier_rtp::nal::{NalCodec, NalFormat};

    use super::*;
    use crate::mp4::entry::Law;
    use crate::samples;

    fn nal(video: &VideoTrack) -> &NalFormat {
        let VideoFormat::Nal(format) = &video.format else { panic!("{:?}", video.format) };
        format
    }

    #[test]
    fn the_samples_are_read_as_they_were_made() {
        let main = read(samples::DRIVEWAY_MAIN).unwrap();
        assert_eq!(nal(&main.video).codec, NalCodec::Avc);
        assert_eq!(main.video.samples.len(), 400, "16 s of 25 pictures");
        let keyframes = main.video.samples.iter().filter(|sample| sample.is_keyframe).count();
        assert_eq!(keyframes, 8, "one keyframe each 2 s");
        let audio = main.audio.unwrap();
        assert_eq!((audio.sample_rate_hz, audio.channels, audio.unit_samples), (16_000, 1, 1024));
        assert!(
            audio.units.len() >= 250,
            "sound for all of the loop, got {} units",
            audio.units.len()
        );

        let tiny = read(samples::TINY_HEVC_MULAW).unwrap();
        assert_eq!(nal(&tiny.video).codec, NalCodec::Hevc);
        assert_eq!(nal(&tiny.video).parameter_sets.len(), 3, "VPS, SPS and PPS");
        let audio = tiny.audio.unwrap();
        assert_eq!(audio.format, AudioFormat::G711 { law: Law::Mu });
        assert_eq!((audio.sample_rate_hz, audio.units.len()), (8000, 500), "10 s of 20 ms");

        let b_frames = read(samples::TINY_H264_B).unwrap();
        assert!(b_frames.audio.is_none(), "this sample has no sound");
        assert!(
            b_frames.video.samples.windows(2).any(|pair| pair[1].pts < pair[0].pts),
            "B-frames are shown before what is decoded before them"
        );
        let first_shown = b_frames.video.samples.iter().map(|sample| sample.pts).min();
        assert_eq!(first_shown, Some(0), "the edit list takes the reordering delay away");

        let av1 = read(samples::TINY_AV1_AAC).unwrap();
        let VideoFormat::Av1(format) = &av1.video.format else { panic!("{:?}", av1.video.format) };
        assert_eq!((format.profile(), format.level_idx(), format.tier()), (0, 0, 0));
        assert_eq!(av1.video.samples.len(), 200, "8 s of 25 pictures");
        assert!(av1.audio.is_some());
    }

    #[test]
    fn a_file_cut_short_or_of_another_kind_is_refused() {
        assert_eq!(read(b"").map(|_| ()), Err(ReadMovieError::NoMovie));
        assert_eq!(read(&[0xff; 4096]).map(|_| ()), Err(ReadMovieError::NoMovie));
        let file = samples::TINY_H264_B;
        let moov_cut = &file[..file.len() - 40];
        assert!(read(moov_cut).is_err(), "a moov that is not whole must be refused");
    }

    proptest::proptest! {
        #[test]
        fn no_damage_makes_the_reader_panic(at in 0_usize..20_000, value: u8, length in 1_usize..9) {
            // The tables of this sample lie at its end; damage there is the interesting one.
            let mut file = samples::TINY_H264_B.to_vec();
            let tables = file.len() - file.len().min(20_000);
            let at = tables + at % (file.len() - tables);
            let end = (at + length).min(file.len());
            file[at..end].fill(value);
            if let Ok(movie) = read(&file) {
                for sample in &movie.video.samples {
                    proptest::prop_assert!(sample.place.end <= file.len(), "a sample lies outside of the file");
                }
            }
        }
    }
}
