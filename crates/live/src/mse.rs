//! What a viewer gets, as messages for Media Source Extensions: words, an init segment, one fragment a picture.
//!
//! Whoever has the connection implements [`MseSink`]. Pictures only; sound comes with its own track later.
//! A fragment is made when it is sent, for each viewer anew, because media time starts at 0 for each: its boxes
//! are some 150 bytes, the picture itself is shared until then.

use std::future::Future;

use bytes::Bytes;
use tarsier_types::{ParameterSets, StreamKind};

use crate::fanout::Watch;
use crate::viewer::Next;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MseOut<N> {
    /// The next media message is an init segment.
    Init {
        /// `video/mp4; codecs="avc1.640028"`
        mime: String,
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
        /// Which stream.
        stream: StreamKind,
    },
    /// An init segment or a fragment.
    Media(Bytes),
    /// So many units were left out.
    Skipped(u32),
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
    let stream = watch.stream().1;
    loop {
        match watch.next().await {
            Next::Init(parameters) => {
                let pictures = ParameterSets { video: parameters.video.clone(), audio: None };
                let video = &pictures.video;
                if !can_play(codecs, &video.rfc6381) {
                    return sink.send(MseOut::NotPlayable { rfc6381: video.rfc6381.clone() }).await;
                }
                let (width, height) = (video.width, video.height);
                sink.send(MseOut::Init { mime: pictures.mime(), width, height, stream }).await?;
                sink.send(MseOut::Media(tarsier_segment::init_segment(&pictures, None))).await?;
            }
            Next::Unit { unit, origin, sequence } => {
                let ntp = Some(unit.arrived_utc_us);
                let fragment = tarsier_segment::unit_fragment(sequence, &unit.unit, origin, ntp, 0);
                sink.send(MseOut::Media(fragment)).await?;
            }
            Next::Skipped(units) => sink.send(MseOut::Skipped(units)).await?,
            Next::Waiting(why) => sink.send(MseOut::Waiting(why)).await?,
            Next::Ended(why) => return sink.send(MseOut::Ended(why)).await,
        }
    }
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

    use tarsier_types::{CameraId, SystemClock};

    use super::*;
    use crate::fanout::{Live, LiveInput};
    use crate::viewer::fixtures::{parameters, unit};

    #[derive(Default)]
    struct Kept(Vec<MseOut<&'static str>>);

    impl MseSink<&'static str> for Kept {
        async fn send(&mut self, message: MseOut<&'static str>) -> Result<(), Gone> {
            self.0.push(message);
            Ok(())
        }
    }

    async fn messages(rfc6381: &str, codecs: &[&str]) -> Vec<MseOut<&'static str>> {
        let live = Live::start(Arc::new(SystemClock::start()), |_| {});
        let stream = (CameraId::new("garden").unwrap(), StreamKind::Main);
        let mut watch = live.watch(stream.clone()).await;
        live.handle(stream.clone(), LiveInput::Parameters(parameters(rfc6381))).await;
        live.handle(stream.clone(), LiveInput::Unit(unit(900_000, true, 500))).await;
        live.handle(stream.clone(), LiveInput::Unit(unit(903_600, false, 50))).await;
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
        let kinds: Vec<&str> = sent
            .iter()
            .map(|message| match message {
                MseOut::Init { .. } => "init",
                MseOut::Media(bytes) if position(bytes, b"ftyp") == Some(4) => "ftyp",
                MseOut::Media(bytes) if position(bytes, b"prft") == Some(4) => "prft",
                MseOut::Ended("deleted") => "ended",
                _ => "other",
            })
            .collect();
        assert_eq!(kinds, ["init", "ftyp", "prft", "prft", "ended"]);
        let times: Vec<u64> = sent[2..4]
            .iter()
            .map(|message| {
                let MseOut::Media(bytes) = message else { panic!("no media") };
                let at = position(bytes, b"tfdt").expect("every fragment tells its time") + 4;
                assert_eq!(bytes[at], 1, "64 bits: a camera is watched for longer than 13 hours");
                u64::from_be_bytes(bytes[at + 4..at + 12].try_into().unwrap())
            })
            .collect();
        assert_eq!(times, [0, 3600]);
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
