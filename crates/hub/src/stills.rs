//! Hands: single pictures. The hub finds the bytes of a GOP; a child process decodes them.
//!
//! Two children at a time, and the last pictures are kept: a page of tiles asks for many at once, and again when
//! it is loaded anew.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_index::{Index, Tier};
use tarsier_playback::past::{self, Found};
use tarsier_playback::{OpenSegment, read, seek};
use tarsier_types::{CameraId, StreamKind, Ticks, UtcMs};
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::hub::{Hub, index_failed};
use crate::probing::run_child;
use crate::storage::{Media, Registry};
use crate::words;

const AT_ONCE: usize = 2;
const KEPT: usize = 64;
const KEPT_BYTES: usize = 8 << 20;
const MAX_PICTURE_BYTES: u64 = 32 << 20;
/// The transcoder itself gives up after 10 s.
const PATIENCE: Duration = Duration::from_secs(10);

type Key = (CameraId, StreamKind, UtcMs, Ticks, Option<u32>);

/// The maker of pictures.
pub(crate) struct Stills {
    transcoder: PathBuf,
    at_once: Semaphore,
    kept: Mutex<VecDeque<(Key, Bytes)>>,
}

impl Stills {
    pub(crate) fn new(transcoder: PathBuf) -> Self {
        Self { transcoder, at_once: Semaphore::new(AT_ONCE), kept: Mutex::default() }
    }

    /// A JPEG of the last picture at or before `at` (or the last one) in this piece of fragmented MP4.
    pub(crate) async fn make(
        &self,
        mp4: Bytes,
        at: Option<Ticks>,
        max_width: Option<u32>,
    ) -> Result<Bytes, String> {
        let _turn = self.at_once.acquire().await.map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.transcoder);
        command.arg("still");
        if let Some(width) = max_width {
            command.arg("--max-width").arg(width.to_string());
        }
        if let Some(at) = at {
            command.arg("--at-ticks").arg(at.0.to_string());
        }
        run_child(command, &mp4, MAX_PICTURE_BYTES, PATIENCE).await.map(Bytes::from)
    }

    fn kept(&self, key: &Key) -> Option<Bytes> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| known == key)?;
        let entry = kept.remove(at)?;
        let picture = entry.1.clone();
        kept.push_back(entry);
        Some(picture)
    }

    fn keep(&self, key: Key, picture: Bytes) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((key, picture));
        while kept.len() > KEPT
            || kept.iter().map(|(_, picture)| picture.len()).sum::<usize>() > KEPT_BYTES
        {
            kept.pop_front();
        }
    }
}

/// The bytes of a picture's GOP, and how it is named.
struct Source {
    segment: UtcMs,
    at: Ticks,
    mp4: Bytes,
}

impl Hub {
    /// The picture that was shown then; without a time, the newest one.
    pub(crate) async fn still(
        self: &Arc<Self>,
        camera: &CameraId,
        stream: StreamKind,
        at: Option<UtcMs>,
        max_width: Option<u32>,
    ) -> Result<Bytes, Problem> {
        if at.is_none()
            && let Some((parameters, unit)) =
                self.live.newest_keyframe((camera.clone(), stream)).await
        {
            let origin = tarsier_segment::origin_of(&unit.unit);
            let pictures =
                tarsier_types::ParameterSets { video: parameters.video.clone(), audio: None };
            let init = tarsier_segment::init_segment(&pictures, None);
            let fragment = tarsier_segment::unit_fragment(1, &unit.unit, origin, None, 0);
            let source = Source {
                segment: unit.unit.arrived,
                at: Ticks(-1),
                mp4: Bytes::from([init, fragment].concat()),
            };
            return self.picture(camera, stream, source, None, max_width).await;
        }
        let open = self.open().of(camera, stream).next_back().cloned();
        let begun = open.as_ref().map_or(UtcMs(0), |open| open.start);
        let (root, of) = (self.root_of_open(camera, stream, begun), camera.clone());
        let registry = self.storage.registry();
        let source = self
            .ask_index(move |index| find(index, &registry, &of, stream, at, open.as_ref(), &root))
            .await?;
        let exactly = Some(source.at);
        self.picture(camera, stream, source, exactly, max_width).await
    }

    async fn picture(
        &self,
        camera: &CameraId,
        stream: StreamKind,
        source: Source,
        at: Option<Ticks>,
        max_width: Option<u32>,
    ) -> Result<Bytes, Problem> {
        let key = (camera.clone(), stream, source.segment, source.at, max_width);
        if let Some(picture) = self.stills.kept(&key) {
            return Ok(picture);
        }
        let picture = self.stills.make(source.mp4, at, max_width).await.map_err(|why| {
            tracing::error!(%camera, %stream, why, "no still");
            words::problem(
                ProblemCode::Internal,
                "This picture could not be decoded.",
                "Try another moment. If none works, look into the log: the transcoder may be missing.",
            )
        })?;
        self.stills.keep(key, picture.clone());
        Ok(picture)
    }
}

fn find(
    index: &Index,
    registry: &Registry,
    camera: &CameraId,
    stream: StreamKind,
    at: Option<UtcMs>,
    open: Option<&OpenSegment>,
    root: &Path,
) -> Result<Source, Problem> {
    let failed = |error| index_failed(&error);
    let (place, tier) = match at {
        Some(at) => match past::find(index, camera, stream, at, open).map_err(failed)? {
            Found::Stored(row, place) => (place, Some(row.tier)),
            Found::Open(place) => (place, None),
            Found::Nothing { .. } => return Err(no_footage()),
        },
        None => newest(index, camera, stream, open)?,
    };
    let below = tarsier_segment::name::path(camera, stream, place.segment);
    let media = match tier {
        Some(tier) => registry.media(&tier, below),
        None => Media::File(root.join(below)),
    };
    let read = media.open().and_then(|mut source| read::gop_from(&mut *source, &place));
    let gop = read.map_err(|error| {
        tracing::warn!(
            ?media,
            error = &error as &dyn std::error::Error,
            "no picture from this file"
        );
        no_footage()
    })?;
    let mp4 = Bytes::from([gop.init, gop.fragments].concat());
    Ok(Source { segment: place.segment, at: gop.at, mp4 })
}

fn newest(
    index: &Index,
    camera: &CameraId,
    stream: StreamKind,
    open: Option<&OpenSegment>,
) -> Result<(seek::Place, Option<Arc<Tier>>), Problem> {
    if let Some(place) =
        open.and_then(|open| seek::in_open(open, open.written().end.plus_millis(-1)))
    {
        return Ok((place, None));
    }
    let row = index
        .segment_at(camera, stream, UtcMs(i64::MAX >> 20))
        .map_err(|error| index_failed(&error))?;
    let row = row.ok_or_else(no_footage)?;
    let place = seek::in_segment(&row, row.range().end.plus_millis(-1)).ok_or_else(no_footage)?;
    Ok((place, Some(row.tier)))
}

pub(crate) fn no_footage() -> Problem {
    words::problem(
        ProblemCode::NoFootage,
        "There is no picture of that moment.",
        "Choose a moment where the timeline shows footage.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pictures_that_were_wanted_last_are_kept() {
        let stills = Stills::new(PathBuf::new());
        let key =
            |n: i64| (CameraId::new("garden").unwrap(), StreamKind::Main, UtcMs(n), Ticks(0), None);
        let most = i64::try_from(KEPT).unwrap();
        for n in 0..most {
            stills.keep(key(n), Bytes::from_static(b"jpeg"));
        }
        assert!(stills.kept(&key(0)).is_some());
        stills.keep(key(most), Bytes::from_static(b"jpeg"));
        assert!(stills.kept(&key(0)).is_some(), "it was wanted again");
        assert!(stills.kept(&key(1)).is_none(), "nobody wanted it for the longest time");
        stills.keep(key(-1), Bytes::from(vec![0; KEPT_BYTES]));
        assert!(stills.kept(&key(0)).is_none(), "memory is bounded by bytes too");
    }
}
