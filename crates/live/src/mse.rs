//! What a viewer gets, as messages for Media Source Extensions: words, an init segment, one fragment an access unit.
//!
//! Whoever has the connection implements [`MseSink`]. Sound is a second track, for who watches with it and
//! can decode it; each of its fragments holds one unit too, so that no picture waits for it. A fragment is made when it is sent, for each viewer anew, because media time starts at 0 for each: its boxes
//! are some 150 bytes, the picture itself is shared until then.

use std::future::Future;

use bytes::Bytes;
use tarsier_types::ParameterSets;

use crate::fanout::Watch;
use crate::stream::LiveStream;
use crate::viewer::{Next, Tracks};

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MseOut<N> {
    /// The next media message is an init segment.
    Init {
        /// `video/mp4; codecs="avc1.640028,mp4a.40.2"`
        mime: String,
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
        /// Which stream.
        stream: LiveStream,
        /// None would be of more use to this viewer.
        is_best: bool,
    },
    /// An init segment or a fragment.
    Media(Bytes),
    /// So many units were left out.
    Skipped(u32),
    /// So many bytes of nothing: whether they arrive as fast as pictures would.
    Padding(usize),
    /// No pictures for now.
    Waiting(N),
    /// The viewer can decode no such coding; nothing will follow.
    NotPlayable {
        /// `hvc1.1.6.L93.B0`
        rfc6381: String,
    },
    /// Nothing will follow.
    Ended(N),
}

/// The connection is gone, or takes nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the viewer is gone")]
pub struct Gone;

/// Where messages go.
pub trait MseSink<N> {
    /// Sends one; waits as long as the connection is allowed to take.
    fn send(&mut self, message: MseOut<N>) -> impl Future<Output = Result<(), Gone>> + Send;
}

/// Sends until nothing will follow or the viewer is gone.
pub async fn serve<N>(
    watch: &mut Watch<N>,
    codecs: &[String],
    sink: &mut impl MseSink<N>,
) -> Result<(), Gone> {
    let (stream, tracks) = (watch.stream().1, watch.tracks());
    // Of the sound of this run, if there is any for this viewer.
    let mut rate_hz = None;
    loop {
        match watch.next().await {
            Next::Init(parameters) => {
                let sent = sent(&parameters, tracks, codecs);
                let video = &sent.video;
                if !can_play(codecs, &video.rfc6381) {
                    return sink.send(MseOut::NotPlayable { rfc6381: video.rfc6381.clone() }).await;
                }
                let (width, height) = (video.width, video.height);
                rate_hz = sent.audio.as_ref().map(|audio| audio.sample_rate_hz);
                let init = MseOut::Init { mime: sent.mime(), width, height, stream, is_best: true };
                sink.send(init).await?;
                sink.send(MseOut::Media(tarsier_segment::init_segment(&sent, None))).await?;
            }
            Next::Unit { unit, origin, sequence } => {
                let rate_hz = if unit.is_picture() { Some(0) } else { rate_hz };
                let Some(rate_hz) = rate_hz else { continue };
                let (unit, ntp) = (&unit.unit, Some(unit.arrived_utc_us));
                let fragment = tarsier_segment::unit_fragment(sequence, unit, origin, ntp, rate_hz);
                sink.send(MseOut::Media(fragment)).await?;
            }
            Next::Skipped(units) => sink.send(MseOut::Skipped(units)).await?,
            Next::Waiting(why) => sink.send(MseOut::Waiting(why)).await?,
            Next::Ended(why) => return sink.send(MseOut::Ended(why)).await,
        }
    }
}

/// The parameters of what this viewer gets.
pub(crate) fn sent(parameters: &ParameterSets, tracks: Tracks, codecs: &[String]) -> ParameterSets {
    let audio = parameters
        .audio
        .as_ref()
        .filter(|audio| tracks == Tracks::PicturesAndSound && can_play(codecs, &audio.rfc6381));
    ParameterSets { video: parameters.video.clone(), audio: audio.cloned() }
}

/// Whether the stream's coding is among those that the client names; the family before the dot decides.
pub fn can_play(codecs: &[String], rfc6381: &str) -> bool {
    let family = |codec: &str| match codec.trim().split('.').next().unwrap_or_default() {
        // In-band or out-of-band parameter sets: who decodes one decodes both, and our sample entries hold them.
        "avc1" | "avc3" => "avc1".to_owned(),
        "hvc1" | "hev1" => "hvc1".to_owned(),
        other => other.to_owned(),
    };
    codecs.iter().any(|codec| family(codec) == family(rfc6381))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tarsier_types::{AudioParameters, CameraId, Codec, StreamKind, SystemClock};

    use super::*;
    use crate::fanout::{Live, LiveInput};
    use crate::viewer::fixtures::{parameters, sound, unit};

    #[derive(Default)]
    struct Kept(Vec<MseOut<&'static str>>);

    impl MseSink<&'static str> for Kept {
        async fn send(&mut self, message: MseOut<&'static str>) -> Result<(), Gone> {
            self.0.push(message);
            Ok(())
        }
    }

    async fn messages(rfc6381: &str, codecs: &[&str]) -> Vec<MseOut<&'static str>> {
        messages_of(parameters(rfc6381), Tracks::Pictures, codecs).await
    }

    /// Two pictures with sound after each, as a viewer gets them.
    async fn messages_of(
        parameters: ParameterSets,
        tracks: Tracks,
        codecs: &[&str],
    ) -> Vec<MseOut<&'static str>> {
        let live = Live::start(Arc::new(SystemClock::start()), |_| {});
        let stream = (CameraId::new("garden").unwrap(), StreamKind::Main);
        let mut watch = live.watch_tracks(stream.clone(), tracks).await;
        live.handle(stream.clone(), LiveInput::Parameters(parameters)).await;
        let units =
            [unit(900_000, true, 500), sound(900_900), unit(903_600, false, 50), sound(904_500)];
        for unit in units {
            live.handle(stream.clone(), LiveInput::Unit(unit)).await;
        }
        live.handle(stream, LiveInput::Ended("deleted")).await;
        let codecs: Vec<String> = codecs.iter().map(|codec| (*codec).to_owned()).collect();
        let mut kept = Kept::default();
        serve(&mut watch, &codecs, &mut kept).await.unwrap();
        kept.0
    }

    fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
        haystack.windows(needle.len()).position(|window| window == needle)
    }

    #[tokio::test]
    async fn an_init_segment_then_one_fragment_a_picture_from_time_0() {
        let sent = messages("avc1.64001f", &["avc1.640028"]).await;
        assert_eq!(shown(&sent), ["avc1.64001f", "ftyp", "1@0", "1@3600", "deleted"]);
    }

    #[tokio::test]
    async fn sound_is_a_second_track_for_who_wants_it_and_can_decode_it() {
        const CODECS: &[&str] = &["avc1.640028", "mp4a.40.2"];
        let both = Tracks::PicturesAndSound;
        let sent = messages_of(with_aac(), both, CODECS).await;
        let media_s = ["1@0", "2@160", "1@3600", "2@800"];
        assert_eq!(shown(&sent)[..2], ["avc1.64001f,mp4a.40.2", "ftyp"]);
        assert_eq!(shown(&sent)[2..6], media_s, "10 ms and 50 ms, at 16 kHz");
        let MseOut::Media(init) = &sent[1] else { panic!("no init segment") };
        assert!(position(init, b"mp4a").is_some(), "the init segment tells of the sound");

        let pictures = ["avc1.64001f", "ftyp", "1@0", "1@3600", "deleted"];
        let quiet = messages_of(with_aac(), Tracks::Pictures, CODECS).await;
        assert_eq!(shown(&quiet), pictures, "nobody pays for what he does not hear");
        let deaf = messages_of(with_aac(), both, &["avc1.640028", "flac"]).await;
        assert_eq!(shown(&deaf), pictures, "sound that he cannot decode costs him no picture");
        let dumb = messages_of(parameters("avc1.64001f"), both, CODECS).await;
        assert_eq!(shown(&dumb), pictures, "a camera without sound has pictures all the same");
    }

    fn with_aac() -> ParameterSets {
        let audio = AudioParameters {
            codec: Codec::Aac,
            rfc6381: "mp4a.40.2".to_owned(),
            sample_rate_hz: 16_000,
            channels: 1,
            sample_entry: tarsier_segment::sample_entry::mp4a(&[0x14, 0x08], 16_000, 1),
        };
        ParameterSets { audio: Some(audio), ..parameters("avc1.64001f") }
    }

    /// What each message is: the codecs, `ftyp`, `track@time` in the track's own clock, or why it ends.
    fn shown(sent: &[MseOut<&'static str>]) -> Vec<String> {
        let shown = sent.iter().map(|message| match message {
            MseOut::Init { mime, .. } => mime.split('"').nth(1).unwrap().to_owned(),
            MseOut::Media(bytes) if position(bytes, b"ftyp") == Some(4) => "ftyp".to_owned(),
            MseOut::Media(bytes) if position(bytes, b"prft") == Some(4) => {
                let time = position(bytes, b"tfdt").expect("every fragment tells its time") + 4;
                assert_eq!(bytes[time], 1, "64 bits: a camera is watched for longer than 13 hours");
                let time = u64::from_be_bytes(bytes[time + 4..time + 12].try_into().unwrap());
                let track = bytes[position(bytes, b"tfhd").unwrap() + 11];
                format!("{track}@{time}")
            }
            MseOut::Ended(why) => (*why).to_owned(),
            other => format!("{other:?}"),
        });
        shown.collect()
    }

    #[tokio::test]
    async fn what_the_client_cannot_decode_is_not_sent() {
        let sent = messages("hvc1.1.6.L93.B0", &["avc1.640028"]).await;
        assert_eq!(sent, [MseOut::NotPlayable { rfc6381: "hvc1.1.6.L93.B0".to_owned() }]);
    }

    #[test]
    fn the_family_decides() {
        let can = |codec: &str, stream: &str| can_play(&[codec.to_owned()], stream);
        assert!(can("avc1.42E01E", "avc1.640028"));
        assert!(can("hev1.1.6.L120.90", "hvc1.1.6.L93.B0"));
        assert!(!can("avc1.640028", "hvc1.1.6.L93.B0"));
        assert!(!can("", "avc1.640028"));
    }
}
