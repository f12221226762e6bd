//! Words and hands: what a bucket says of its own content, so that a new machine finds its footage without reading media.
//!
//! ```text
//! tarsier-tier.json                            which tier it is
//! locks.json                                   spans that no rule deletes
//! cameras.json                                 (whatever the hub keeps there: opaque here)
//! manifests/{camera}/{stream}/2026-11-20.json  all segments of a day in the bucket
//! {camera}/{stream}/2026/11/20/20-15-00.000Z.mp4
//! ```
//! A manifest is rewritten after copies and deletions of its day. If it is behind (a crash), the objects themselves are
//! listed too: one that no manifest names is read and scanned.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Cursor;

use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use tarsier_index::{
    FileLook, FileName, Index, IndexError, Integrity, NewSegment, SegmentState, WhichFiles,
};
use tarsier_segment::name;
use tarsier_types::{CameraId, ParameterSets, Part, StreamKind, Ticks, UtcMs, UtcRange};

use crate::bucket::{Bucket, BucketError};
use crate::sidecar;
use crate::words::TierId;

const FOLDER: &str = "manifests";
const VERSION: u32 = 1;
const DAY_MS: i64 = 86_400_000;
/// A minute is the shortest segment; clocks that step make a few more.
const MOST_A_DAY: u32 = 4_000;

/// Why a bucket's content is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The bucket failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// What a restoration found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Segments that the index did not know.
    pub segments: u64,
    /// Segments that it knew on a disk: these have a copy now.
    pub copies: u64,
    /// Locks that it did not know.
    pub locks: u64,
    /// How many objects no manifest named, so that they were read.
    pub read: u64,
    /// Objects that are no segments, or damaged; at most 100 are named.
    pub left_out: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    version: u32,
    camera: CameraId,
    stream: StreamKind,
    /// What tracks hold, each once; segments name them by number.
    parameters: Vec<ParameterSets>,
    segments: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    start_utc_ms: i64,
    duration_ticks: i64,
    size_bytes: u64,
    is_torn: bool,
    hash: Option<String>,
    chain: Option<String>,
    parameters: usize,
    init_bytes: u32,
    units: u32,
    continues: bool,
    /// `[offset, bytes, start_ticks, duration_ticks, 1 if it begins with a keyframe]`
    parts: Vec<(u64, u32, i64, i64, u8)>,
}

/// A day of a stream: what one manifest is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day {
    /// Whose.
    pub camera: CameraId,
    /// Which stream.
    pub stream: StreamKind,
    /// Days since 1970, UTC.
    pub day: i64,
}

impl Day {
    /// The day in which that segment begins.
    pub const fn of(camera: CameraId, stream: StreamKind, start: UtcMs) -> Self {
        Self { camera, stream, day: start.0.div_euclid(DAY_MS) }
    }

    const fn start(&self) -> UtcMs {
        UtcMs(self.day * DAY_MS)
    }

    fn key(&self) -> String {
        // `{camera}/{stream}/2026/11/20/…`
        let path = name::path(&self.camera, self.stream, self.start());
        let date: Vec<&str> = path.split('/').skip(2).take(3).collect();
        format!("{FOLDER}/{}/{}/{}.json", self.camera, self.stream, date.join("-"))
    }
}

/// Writes down what the bucket holds of a day, by the index.
pub async fn keep(
    index: &Index,
    bucket: &Bucket,
    tier: &TierId,
    day: &Day,
) -> Result<(), ManifestError> {
    let manifest = {
        let (index, tier, day) = (index.clone(), tier.clone(), day.clone());
        let read = tokio::task::spawn_blocking(move || manifest(&index, &tier, &day));
        read.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?
    };
    if manifest.segments.is_empty() {
        bucket.delete(&day.key()).await?;
    } else {
        let bytes = serde_json::to_vec(&manifest).expect("plain fields are JSON");
        bucket.write(&day.key(), bytes.into()).await?;
    }
    Ok(())
}

fn manifest(index: &Index, tier: &TierId, day: &Day) -> Result<Manifest, IndexError> {
    let most = usize::try_from(MOST_A_DAY).unwrap_or(usize::MAX);
    let end = day.start().plus_millis(DAY_MS);
    let look = FileLook {
        tier_id: tier.as_str(),
        of: Some((&day.camera, day.stream)),
        which: WhichFiles::All,
        after: Some(FileName {
            start: day.start().plus_millis(-1),
            camera: day.camera.clone(),
            stream: day.stream,
        }),
        most,
    };
    let in_bucket: BTreeSet<UtcMs> =
        index.files(&look, &|_| false)?.iter().map(|file| file.range.start).collect();
    let rows =
        index.segments_in(&day.camera, day.stream, UtcRange::new(day.start(), end), MOST_A_DAY)?;
    let mut parameters: Vec<ParameterSets> = Vec::new();
    let mut segments = Vec::new();
    for row in rows.iter().filter(|row| in_bucket.contains(&row.start)) {
        let known = parameters.iter().position(|known| *known == *row.parameters);
        let number = known.unwrap_or_else(|| {
            parameters.push((*row.parameters).clone());
            parameters.len() - 1
        });
        let hex = |hash: [u8; 32]| blake3::Hash::from_bytes(hash).to_hex().to_string();
        segments.push(Entry {
            start_utc_ms: row.start.0,
            duration_ticks: Ticks::from_millis(row.duration_ms).0,
            size_bytes: row.size_bytes,
            is_torn: row.state == SegmentState::Torn,
            hash: row.integrity.map(|known| hex(known.hash)),
            chain: row.integrity.map(|known| hex(known.chain)),
            parameters: number,
            init_bytes: row.init_bytes,
            units: row.units,
            continues: row.continues,
            parts: row
                .parts
                .iter()
                .map(|part| {
                    let keyframe = u8::from(part.starts_with_keyframe);
                    (part.offset, part.bytes, part.start.0, part.duration.0, keyframe)
                })
                .collect(),
        });
    }
    let (camera, stream) = (day.camera.clone(), day.stream);
    Ok(Manifest { version: VERSION, camera, stream, parameters, segments })
}

/// Makes the index know what the bucket holds: segments, copies of what it knows on disks, locks.
pub async fn restore(
    index: &Index,
    bucket: &Bucket,
    tier: &TierId,
    now: UtcMs,
) -> Result<Restored, ManifestError> {
    bucket.check(tier).await?;
    let mut restored = Restored::default();
    match bucket.read(sidecar::LOCKS_FILE).await {
        Ok(bytes) => {
            let locks = sidecar::from_bytes(&bytes).unwrap_or_else(|error| {
                tracing::error!(%error, "the bucket's list of locks is damaged and left out");
                Vec::new()
            });
            let new = index.put_locks(&locks)?;
            restored.locks = u64::try_from(new).unwrap_or(u64::MAX);
        }
        Err(BucketError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let mut known = manifests(bucket).await?;
    let mut found: BTreeMap<Day, Vec<NewSegment>> = BTreeMap::new();
    let mut objects = bucket.list("");
    while let Some(object) = objects.try_next().await? {
        let Ok((camera, stream, start)) = name::parse(&object.key) else { continue };
        let day = Day::of(camera, stream, start);
        let named = known
            .get_mut(&day)
            .and_then(|segments| segments.remove(&start))
            .filter(|segment| segment.size_bytes == object.size_bytes);
        let segment = if named.is_some() {
            named
        } else {
            restored.read += 1;
            read(bucket, &object.key, start).await?
        };
        match segment {
            Some(segment) => found.entry(day).or_default().push(segment),
            None if restored.left_out.len() < 100 => restored.left_out.push(object.key),
            None => {}
        }
    }
    for (day, segments) in found {
        let (index, tier) = (index.clone(), tier.clone());
        let stored = tokio::task::spawn_blocking(move || {
            index.restore_segments(tier.as_str(), &day.camera, day.stream, &segments, now)
        });
        let (new, copies) =
            stored.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        restored.segments += new;
        restored.copies += copies;
    }
    Ok(restored)
}

type ByDay = HashMap<Day, HashMap<UtcMs, NewSegment>>;

async fn manifests(bucket: &Bucket) -> Result<ByDay, ManifestError> {
    let mut known = ByDay::new();
    let mut listed = bucket.list(FOLDER);
    while let Some(object) = listed.try_next().await? {
        let bytes = bucket.read(&object.key).await?;
        match serde_json::from_slice::<Manifest>(&bytes) {
            Ok(manifest) if manifest.version == VERSION => note(&manifest, &mut known),
            // Its objects are read instead.
            Ok(newer) => {
                tracing::warn!(key = object.key, version = newer.version, "of a newer version");
            }
            Err(error) => tracing::warn!(key = object.key, %error, "a manifest is damaged"),
        }
    }
    Ok(known)
}

fn note(manifest: &Manifest, known: &mut ByDay) {
    for segment in manifest.segments.iter().filter_map(|entry| new(entry, manifest)) {
        let day = Day::of(manifest.camera.clone(), manifest.stream, segment.start);
        known.entry(day).or_default().insert(segment.start, segment);
    }
}

/// What a row says, if it can be true: one that the index refuses would cost the others, too. Of one that cannot, the
/// object itself is asked.
fn new(entry: &Entry, manifest: &Manifest) -> Option<NewSegment> {
    let day = Ticks::from_millis(DAY_MS).0;
    let is_span = |ticks: i64| (0..=day).contains(&ticks);
    let is_within = |offset: u64, bytes: u32| {
        offset.checked_add(u64::from(bytes)).is_some_and(|end| end <= entry.size_bytes)
    };
    let can_be = is_span(entry.duration_ticks)
        && i64::try_from(entry.size_bytes).is_ok()
        && entry.parts.iter().all(|(offset, bytes, start, duration, _)| {
            is_within(*offset, *bytes) && is_span(*start) && is_span(*duration)
        });
    if !can_be {
        return None;
    }
    let hash = |text: &Option<String>| {
        text.as_ref()
            .and_then(|text| blake3::Hash::from_hex(text).ok())
            .map(|hash| *hash.as_bytes())
    };
    Some(NewSegment {
        start: UtcMs(entry.start_utc_ms),
        duration: Ticks(entry.duration_ticks),
        size_bytes: entry.size_bytes,
        state: if entry.is_torn { SegmentState::Torn } else { SegmentState::Closed },
        integrity: hash(&entry.hash)
            .zip(hash(&entry.chain))
            .map(|(hash, chain)| Integrity { hash, chain }),
        parameters: manifest.parameters.get(entry.parameters)?.clone(),
        init_bytes: entry.init_bytes,
        fragments: entry
            .parts
            .iter()
            .map(|(offset, bytes, start, duration, keyframe)| Part {
                offset: *offset,
                bytes: *bytes,
                start: Ticks(*start),
                duration: Ticks(*duration),
                starts_with_keyframe: *keyframe == 1,
            })
            .collect(),
        units: entry.units,
        continues: entry.continues,
    })
}

/// A segment that no manifest names: read whole and looked through.
async fn read(bucket: &Bucket, key: &str, start: UtcMs) -> Result<Option<NewSegment>, BucketError> {
    let bytes = bucket.read(key).await?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok(NewSegment::read(start, size, &mut Cursor::new(&bytes)).ok())
}

#[cfg(test)]
mod tests {
    use tarsier_index::{Tier, TierKind};
    use tarsier_segment::sample_entry;
    use tarsier_types::VideoParameters;

    use super::*;

    /// 2026-11-20T20:15:00Z
    const START: UtcMs = UtcMs(1_795_205_700_000);

    fn entry() -> Entry {
        Entry {
            start_utc_ms: START.0,
            duration_ticks: 900_000,
            size_bytes: 4000,
            is_torn: false,
            hash: Some("ab".repeat(32)),
            chain: Some("cd".repeat(32)),
            parameters: 0,
            init_bytes: 1000,
            units: 250,
            continues: true,
            parts: vec![(1000, 2000, 0, 450_000, 1), (3000, 1000, 450_000, 450_000, 1)],
        }
    }

    fn of(segments: Vec<Entry>) -> Manifest {
        let sps = [0x67, 66, 0, 31, 0xac];
        let video = VideoParameters {
            codec: tarsier_types::Codec::H264,
            rfc6381: "avc1.42001f".to_owned(),
            width: 64,
            height: 64,
            nominal_millifps: Some(25_000),
            sample_entry: sample_entry::avc1(&sps, &[0x68, 0xee, 1], 64, 64),
        };
        let parameters = vec![ParameterSets { video, audio: None }];
        let camera = CameraId::new("garden").unwrap();
        Manifest { version: VERSION, camera, stream: StreamKind::Main, parameters, segments }
    }

    fn index() -> (tempfile::TempDir, Index) {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(&folder.path().join("tarsier.db")).unwrap();
        let tier =
            Tier { id: "bucket".into(), root: "s3://footage".into(), kind: TierKind::ObjectStore };
        index.put_tier(&tier).unwrap();
        (folder, index)
    }

    /// As a restoration does it with objects that are all there; how many segments are new.
    fn restored(index: &Index, bytes: &[u8]) -> u64 {
        let Ok(manifest) = serde_json::from_slice::<Manifest>(bytes) else { return 0 };
        let mut known = ByDay::new();
        note(&manifest, &mut known);
        known.into_iter().fold(0, |new, (day, segments)| {
            let segments: Vec<NewSegment> = segments.into_values().collect();
            let stored =
                index.restore_segments("bucket", &day.camera, day.stream, &segments, START);
            new + stored.expect("the index takes it").0
        })
    }

    fn bytes(manifest: &Manifest) -> Vec<u8> {
        serde_json::to_vec(manifest).unwrap()
    }

    #[test]
    fn a_row_that_cannot_be_true_costs_the_other_segments_of_the_bucket_nothing() {
        let wrong = |change: fn(&mut Entry)| {
            let mut entry = Entry { start_utc_ms: START.0 + 10_000, ..entry() };
            change(&mut entry);
            entry
        };
        let day = Ticks::from_millis(DAY_MS).0;
        for (what, wrong) in [
            ("longer than a day", wrong(|entry| entry.duration_ticks = i64::MAX)),
            ("of less than no length", wrong(|entry| entry.duration_ticks = -900_000)),
            ("larger than any disk", wrong(|entry| entry.size_bytes = u64::MAX)),
            ("a part beyond the end", wrong(|entry| entry.parts[1].0 = 3001)),
            ("a part without an end", wrong(|entry| entry.parts[1].0 = u64::MAX)),
            ("a part of another year", wrong(|entry| entry.parts[1].2 = i64::MAX)),
            ("a part that lasts for ever", wrong(|entry| entry.parts[0].3 = i64::MAX)),
            ("a part from before", wrong(|entry| entry.parts[0].2 = i64::MIN)),
        ] {
            let (_folder, index) = index();
            assert_eq!(restored(&index, &bytes(&of(vec![entry(), wrong]))), 1, "{what}");
        }
        let (_folder, index) = index();
        let longest = wrong(|entry| entry.start_utc_ms += 1);
        let longest = Entry { duration_ticks: day, ..longest };
        assert_eq!(restored(&index, &bytes(&of(vec![entry(), longest]))), 2, "a day may be whole");
    }

    #[test]
    fn whatever_a_manifest_says_the_index_takes_what_is_left_of_it() {
        let (_folder, index) = index();
        let mut torn = Entry { is_torn: true, hash: None, ..entry() };
        torn.start_utc_ms += 10_000;
        let seeds = [bytes(&of(vec![entry()])), bytes(&of(vec![torn, entry()]))];
        let restore = |bytes: &[u8]| {
            restored(&index, bytes);
        };
        tarsier_fuzz::fuzz(restore, &seeds);
    }

    #[test]
    fn whatever_a_list_of_locks_says_the_index_takes_what_is_left_of_it() {
        let (_folder, index) = index();
        let lock = tarsier_index::Lock {
            id: "l1".into(),
            camera: CameraId::new("garden").unwrap(),
            range: UtcRange::new(START, START.plus_millis(60_000)),
            note: "the parcel".into(),
            created: START,
        };
        let nameless = tarsier_index::Lock { id: String::new(), ..lock.clone() };
        let seeds =
            [sidecar::to_bytes(std::slice::from_ref(&lock)), sidecar::to_bytes(&[nameless, lock])];
        let take = |bytes: &[u8]| {
            let Ok(locks) = sidecar::from_bytes(bytes) else { return };
            index.put_locks(&locks).expect("the index takes it");
        };
        tarsier_fuzz::fuzz(take, &seeds);
        assert_eq!(index.locks().unwrap().iter().filter(|lock| lock.id == "l1").count(), 1);
    }
}
