//! Brain: the camera's own sound beside pictures that are made anew.
//!
//! Sound passes as it is. It waits until the picture of its time is made, so that who begins to watch in the middle, with the last
//! GOP, gets both from the same moment. What does not belong here: pictures.

use std::collections::VecDeque;

use tarsier_live::LiveUnit;
use tarsier_types::{AudioParameters, Dts, ParameterSets, VideoParameters};

/// Sound of some seconds; a transcoder that is further behind has left pictures out.
const MOST_WAITING: usize = 1000;

/// The brain.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// Of the source's run.
    audio: Option<AudioParameters>,
    /// Of the pictures that are made.
    video: Option<VideoParameters>,
    waiting: VecDeque<LiveUnit>,
    /// The newest picture that was made of this run.
    reached: Option<Dts>,
}

impl Beside {
    /// The source begins a run; what that makes of the rung, if it is something else.
    pub(super) fn begin(&mut self, audio: Option<AudioParameters>) -> Option<ParameterSets> {
        self.waiting.clear();
        self.reached = None;
        let is_other = self.audio != audio;
        self.audio = audio;
        let video = self.video.clone().filter(|_| is_other)?;
        Some(ParameterSets { video, audio: self.audio.clone() })
    }

    /// From now on pictures are made like that.
    pub(super) fn made_as(&mut self, video: VideoParameters) -> ParameterSets {
        self.video = Some(video.clone());
        ParameterSets { video, audio: self.audio.clone() }
    }

    /// Sound of the source; what of it can go out now.
    pub(super) fn sound(&mut self, sound: LiveUnit) -> Option<LiveUnit> {
        if self.reached.is_some_and(|reached| sound.unit.dts <= reached) {
            return Some(sound);
        }
        self.waiting.push_back(sound);
        if self.waiting.len() > MOST_WAITING {
            self.waiting.pop_front();
        }
        None
    }

    /// A picture was made; the sound that goes out behind it.
    pub(super) fn picture(&mut self, made: Dts) -> impl Iterator<Item = LiveUnit> {
        self.reached = Some(made);
        let until = self.waiting.iter().take_while(|sound| sound.unit.dts <= made).count();
        self.waiting.drain(..until)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tarsier_segment::sample_entry;
    use tarsier_types::{AccessUnit, Codec, Pts, Ticks, Track, UtcMs};

    use super::*;

    fn sound(at: i64) -> LiveUnit {
        let unit = AccessUnit {
            track: Track::Audio,
            pts: Pts(at),
            dts: Dts(at),
            duration: Ticks(10),
            is_keyframe: true,
            arrived: UtcMs(0),
            data: Bytes::new(),
        };
        LiveUnit { unit, arrived_utc_us: 0 }
    }

    /// `s10` sound of that time comes, `p10` a picture of that time is made, `b` a run begins. What goes out.
    fn run(script: &str) -> Vec<i64> {
        let (mut beside, mut out) = (Beside::default(), Vec::new());
        for step in script.split(' ') {
            let at = step[1..].parse().unwrap_or(0);
            match &step[..1] {
                "s" => out.extend(beside.sound(sound(at)).map(|sound| sound.unit.dts.0)),
                "p" => out.extend(beside.picture(Dts(at)).map(|sound| sound.unit.dts.0)),
                _ => assert_eq!(beside.begin(None), None),
            }
        }
        out
    }

    #[test]
    fn sound_waits_for_its_picture_and_not_longer() {
        assert!(run("s0 s10 s20").is_empty(), "no picture is made yet");
        assert_eq!(run("s0 s10 s20 p10"), [0, 10]);
        assert_eq!(run("p0 p40 s0 s10 s50 p45 p50"), [0, 10, 50], "late sound goes at once");
        assert_eq!(run("s0 p40 s50 b s5 p10"), [0, 5], "what waited in the run before is gone");
    }

    #[test]
    fn other_sound_is_another_run_of_the_rung() {
        let aac = sample_entry::audio_parameters(sample_entry::mp4a(&[0x14, 0x08], 16_000, 1));
        let video = VideoParameters {
            codec: Codec::H264,
            rfc6381: "avc1.64001f".to_owned(),
            width: 1280,
            height: 720,
            nominal_millifps: None,
            sample_entry: Bytes::new(),
        };
        let mut beside = Beside::default();
        assert_eq!(beside.begin(aac.clone()), None, "nothing is known of the pictures");
        assert_eq!(beside.made_as(video.clone()).audio, aac);
        assert_eq!(beside.begin(aac), None, "the same goes on");
        assert_eq!(beside.begin(None), Some(ParameterSets { video, audio: None }));
    }
}
