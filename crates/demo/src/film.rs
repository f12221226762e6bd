//! A film: units cut into packets once, and the loop in which they repeat.
//!
//! The loop is as long as its pictures. It is cut where it fits whole audio units best, and where no picture is
//! missing that is shown before the cut but decoded after it.
//! Sound has its own endless count of units, so that its timestamps never have a hole: which unit of the film
//! sounds is looked up by the place in the loop. When both lengths agree, that is simply one after the other.
//! What does not belong here: time that passes (`playout`).

use tarsier_rtp::nal::{NalCodec, NalFormat};
use tarsier_rtp::{Packets, audio, av1, nal};
use tarsier_segment::av1::is_random_access_point;

use crate::mp4::{
    self, AudioFormat, AudioTrack, Law, ReadMovieError, VideoFormat, VideoSample, VideoTrack,
};
use crate::quirks::ParameterSetsIn;

/// Why a movie cannot be made a film.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeFilmError {
    /// The file cannot be read.
    #[error("read the movie's tables")]
    Read(#[source] ReadMovieError),
    /// Decoding cannot begin at the first picture, or no picture lasts.
    #[error("the movie does not begin with a keyframe, or has no length")]
    NoLoop,
    /// The parameter sets are neither in the file's header nor before its pictures.
    #[error("the movie has no parameter sets")]
    NoParameterSets,
}

/// Payload types: dynamic ones for all that RFC 3551 gives no number.
pub(crate) const VIDEO_PAYLOAD_TYPE: u8 = 96;
const AAC_PAYLOAD_TYPE: u8 = 97;

/// One picture, cut into packets.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) packets: Packets,
    /// When it is sent: ticks since the loop began.
    pub(crate) sent: i64,
    /// When it is shown: ticks since the loop began.
    pub(crate) shown: i64,
    pub(crate) is_keyframe: bool,
}

/// The pictures of the loop.
#[derive(Debug)]
pub(crate) struct Pictures {
    pub(crate) timescale: u32,
    pub(crate) format: VideoFormat,
    /// Length of the loop in ticks.
    pub(crate) length: i64,
    pub(crate) units: Vec<Picture>,
}

/// The sound of the loop.
#[derive(Debug)]
pub(crate) struct Sound {
    pub(crate) sample_rate_hz: u32,
    pub(crate) channels: u8,
    pub(crate) format: AudioFormat,
    pub(crate) unit_samples: u32,
    start_samples: i64,
    pub(crate) units: Vec<Packets>,
}

/// A film that repeats for ever.
#[derive(Debug)]
pub(crate) struct Film {
    pub(crate) pictures: Pictures,
    pub(crate) sound: Option<Sound>,
}

impl Film {
    /// Reads a file's bytes.
    pub(crate) fn new(file: &[u8], sets: ParameterSetsIn) -> Result<Self, MakeFilmError> {
        let movie = mp4::read(file).map_err(MakeFilmError::Read)?;
        let count = loop_pictures(&movie.video, movie.audio.as_ref());
        let pictures = pictures(file, movie.video, count, sets)?;
        Ok(Self { pictures, sound: movie.audio.as_ref().map(sound) })
    }

    /// The unit of sound that is heard where the endless `unit` begins.
    pub(crate) fn sound_unit(&self, sound: &Sound, unit: u64) -> usize {
        // Exactly, in units of 1 / (picture ticks x samples) of a second: rounding would skip or double a unit.
        let (ticks, rate) = (i128::from(self.pictures.timescale), i128::from(sound.sample_rate_hz));
        let at = i128::from(unit) * i128::from(sound.unit_samples) * ticks;
        let in_loop = at.rem_euclid(i128::from(self.pictures.length) * rate);
        let sample = in_loop / ticks + i128::from(sound.start_samples);
        let length = i128::from(sound.unit_samples);
        let index = (sample + length / 2).div_euclid(length);
        usize::try_from(index.max(0)).unwrap_or(0) % sound.units.len()
    }
}

impl Sound {
    /// The number in the SDP and in every packet.
    pub(crate) fn payload_type(&self) -> u8 {
        audio_payload_type(&self.format, self.sample_rate_hz, self.channels)
    }
}

fn audio_payload_type(format: &AudioFormat, sample_rate_hz: u32, channels: u8) -> u8 {
    match (format, sample_rate_hz, channels) {
        (AudioFormat::G711 { law: Law::Mu }, 8000, 1) => 0,
        (AudioFormat::G711 { law: Law::A }, 8000, 1) => 8,
        _ => AAC_PAYLOAD_TYPE,
    }
}

/// How many pictures the loop has: all, or up to a second fewer where that fits the sound better.
fn loop_pictures(video: &VideoTrack, audio: Option<&AudioTrack>) -> usize {
    let Some(audio) = audio else { return video.samples.len() };
    let (ticks, rate) = (i128::from(video.timescale), i128::from(audio.sample_rate_hz));
    let unit = i128::from(audio.unit_samples) * ticks;
    let units = i128::try_from(audio.units.len()).unwrap_or(i128::MAX);
    let sound = units * unit - i128::from(audio.start_samples.max(0)) * ticks;
    let mut ends = Vec::with_capacity(video.samples.len());
    let first_shown = video.samples.iter().map(|sample| sample.pts).min().unwrap_or(0);
    let mut last_shown = 0;
    for (index, sample) in video.samples.iter().enumerate() {
        last_shown = last_shown.max(sample.pts - first_shown);
        let end = sample.dts + i64::from(sample.duration);
        let nothing_missing = last_shown < end;
        let sound_lasts = i128::from(end) * rate <= sound + unit;
        if nothing_missing && sound_lasts {
            ends.push((index + 1, end));
        }
    }
    let Some((_, longest)) = ends.last().copied() else { return video.samples.len() };
    let near =
        ends.into_iter().rev().take_while(|(_, end)| longest - end <= i64::from(video.timescale));
    let misfit = |end: i64| {
        let over = (i128::from(end) * rate).rem_euclid(unit);
        over.min(unit - over)
    };
    near.min_by_key(|(_, end)| misfit(*end)).map_or(video.samples.len(), |(count, _)| count)
}

fn pictures(
    file: &[u8],
    video: VideoTrack,
    count: usize,
    sets: ParameterSetsIn,
) -> Result<Pictures, MakeFilmError> {
    let VideoTrack { timescale, mut format, samples } = video;
    let samples = &samples[..count];
    let length = samples.last().map_or(0, |sample| sample.dts + i64::from(sample.duration));
    if length <= 0 || !samples.first().is_some_and(|sample| sample.is_keyframe) {
        return Err(MakeFilmError::NoLoop);
    }
    match &mut format {
        VideoFormat::Nal(format) => {
            // avc3 and hev1 may keep the parameter sets with the pictures; the SDP wants them too.
            if format.parameter_sets.is_empty() {
                format.parameter_sets = in_band_sets(file, format, &samples[0]);
            }
            let is_sps = |nal: &Vec<u8>| nal.len() > 3 && nal::is_sps(format.codec, nal);
            if !format.parameter_sets.iter().any(is_sps) {
                return Err(MakeFilmError::NoParameterSets);
            }
        }
        // Files and RTP alike keep the sequence header with each keyframe.
        VideoFormat::Av1(_) => {
            if !is_random_access_point(&file[samples[0].place.clone()]) {
                return Err(MakeFilmError::NoParameterSets);
            }
        }
    }
    let cut = |sample: &VideoSample| {
        let bytes = &file[sample.place.clone()];
        match &format {
            VideoFormat::Nal(format) => {
                let leads = sample.is_keyframe && sets != ParameterSetsIn::Sdp;
                nal::packetise(format, VIDEO_PAYLOAD_TYPE, bytes, leads)
            }
            VideoFormat::Av1(_) => av1::packetise(VIDEO_PAYLOAD_TYPE, bytes, sample.is_keyframe),
        }
    };
    let units = samples
        .iter()
        .map(|sample| Picture {
            packets: cut(sample),
            sent: sample.dts,
            shown: sample.pts,
            is_keyframe: sample.is_keyframe,
        })
        .collect();
    Ok(Pictures { timescale, format, length, units })
}

fn in_band_sets(file: &[u8], format: &NalFormat, first: &VideoSample) -> Vec<Vec<u8>> {
    let is_set = |nal: &&[u8]| match format.codec {
        NalCodec::Avc => matches!(nal::kind(format.codec, nal), 7 | 8),
        NalCodec::Hevc => matches!(nal::kind(format.codec, nal), 32..=34),
    };
    nal::split(&file[first.place.clone()], format.length_size)
        .filter(is_set)
        .map(<[u8]>::to_vec)
        .collect()
}

fn sound(track: &AudioTrack) -> Sound {
    let payload_type = audio_payload_type(&track.format, track.sample_rate_hz, track.channels);
    let cut = |unit: &Vec<u8>| match track.format {
        AudioFormat::Aac { .. } => audio::aac(payload_type, unit),
        AudioFormat::G711 { .. } => audio::pcm(payload_type, unit),
    };
    Sound {
        sample_rate_hz: track.sample_rate_hz,
        channels: track.channels,
        format: track.format.clone(),
        unit_samples: track.unit_samples,
        start_samples: track.start_samples,
        units: track.units.iter().map(cut).collect(),
    }
}

#[cfg(test)]
mod tests {
    use tarsier_rtp::Patch;
    use tarsier_rtp::packets::interleaved;

    use super::*;
    use crate::samples;

    #[test]
    fn the_demo_films_loop_without_a_seam() {
        let all = [
            samples::DRIVEWAY_MAIN,
            samples::DRIVEWAY_SUB,
            samples::GARDEN_MAIN,
            samples::GARDEN_SUB,
        ];
        for file in all {
            let film = Film::new(file, ParameterSetsIn::Both).unwrap();
            assert_eq!(film.pictures.units.len(), 400, "all loops are of the same 400 pictures");
            assert_eq!(
                film.pictures.length,
                i64::from(film.pictures.timescale) * 16,
                "which last 16 s"
            );
            let sound = film.sound.as_ref().unwrap();
            let heard: Vec<usize> = (0..500).map(|unit| film.sound_unit(sound, unit)).collect();
            assert_eq!(heard[..250], heard[250..], "250 units of sound are one loop exactly");
            assert!(
                heard[..250].windows(2).all(|two| two[1] == two[0] + 1),
                "and none is skipped or doubled"
            );
        }
    }

    #[test]
    fn an_av1_film_loops_with_its_sequence_header_at_each_keyframe() {
        let film = Film::new(samples::TINY_AV1_AAC, ParameterSetsIn::Both).unwrap();
        assert_eq!(film.pictures.units.len(), 200);
        assert_eq!(film.pictures.length, i64::from(film.pictures.timescale) * 8);
        let patch = Patch { channel: 0, sequence: 0, timestamp: 0, ssrc: 0 };
        for picture in &film.pictures.units {
            let mut out = Vec::new();
            picture.packets.write(patch, &mut out);
            let (_, first) = interleaved(&out).next().unwrap();
            let begins_sequence = first[12] & 0x08 != 0;
            assert_eq!(begins_sequence, picture.is_keyframe, "N");
        }
    }

    #[test]
    fn a_loop_is_cut_where_the_sound_fits() {
        let sample = |index: i64| VideoSample {
            place: 0..0,
            dts: index * 3600,
            pts: index * 3600,
            duration: 3600,
            is_keyframe: index == 0,
        };
        let format = NalFormat { codec: NalCodec::Avc, length_size: 4, parameter_sets: vec![] };
        let format = VideoFormat::Nal(format);
        let video =
            VideoTrack { timescale: 90_000, format, samples: (0..253).map(sample).collect() };
        let audio = |units| AudioTrack {
            sample_rate_hz: 16_000,
            channels: 1,
            format: AudioFormat::Aac { config: vec![0x14, 0x08] },
            unit_samples: 1024,
            start_samples: 0,
            units: vec![vec![0]; units],
        };
        assert_eq!(loop_pictures(&video, None), 253, "without sound nothing is cut");
        assert_eq!(
            loop_pictures(&video, Some(&audio(200))),
            248,
            "8 pictures are 5 units of sound"
        );
        assert_eq!(loop_pictures(&video, Some(&audio(100))), 160, "short sound shortens the loop");
    }
}
