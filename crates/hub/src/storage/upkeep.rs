//! Hands: what is done to a tier when it is seen for the first time, when it comes back, and once a day: leftovers of a
//! crash are finished, locks are read and kept beside the footage, files and index are compared.
//!
//! All of it is for threads that may block, and none of it is needed for recording.

use std::ops::ControlFlow;
use std::path::Path;

use tarsier_index::{FileName, Index, IndexError, Reach, ReconcileReport, SegmentRef};
use tarsier_tiers::TierId;
use tarsier_tiers::check::{self, CheckError, Wrong};
use tarsier_tiers::copy::Hands;
use tarsier_tiers::delete;
use tarsier_tiers::mover::{self, Root};
use tarsier_tiers::pace::Pace;
use tarsier_tiers::sidecar;
use tarsier_tiers::wait::Stop;
use tarsier_tiers::watch::Change;
use tarsier_types::{Clock, SystemClock};

use super::registry::{Local, Registry};

/// Reading every byte of a tier takes days at this speed, and nobody notices: 2 MB/s.
const CHECK_BYTES_PER_SECOND: u64 = 2_000_000;
/// No file is written for longer: the longest segment is 15 minutes.
const BEING_WRITTEN_MS: i64 = 1_800_000;
/// Files of one look.
const CHECK_FILES: usize = 16;

/// What is known of files that are being written.
pub(crate) type Open = tarsier_index::OpenSegments;

/// What a crash left behind is finished, and locks that lie beside the footage are known again.
pub(crate) fn settle(index: &Index, local: &Local, clock: &SystemClock) {
    let root = Root { tier: &local.id, path: &local.root };
    match mover::sweep(root) {
        Ok(0) => {}
        Ok(parts) => {
            tracing::info!(tier = %local.id, parts, "unfinished copies of an earlier run are removed");
        }
        Err(error) => tracing::warn!(tier = %local.id, %error, "unfinished copies stay"),
    }
    let go_on = &mut |_| ControlFlow::Continue(());
    match delete::finish(index, &local.id, &local.root, clock.utc(), go_on) {
        Ok((0, _)) => {}
        Ok((files, bytes)) => {
            tracing::info!(tier = %local.id, files, bytes, "deletions of an earlier run are finished");
        }
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(tier = %local.id, error, "deletions of an earlier run wait");
        }
    }
    let read = sidecar::read(&local.root);
    let known = read
        .map_err(|error| error.to_string())
        .and_then(|locks| index.put_locks(&locks).map_err(|error| error.to_string()));
    match known {
        Ok(0) => {}
        Ok(new) => {
            tracing::warn!(tier = %local.id, new, "locks are known again that lay beside the footage");
        }
        Err(error) => {
            tracing::error!(tier = %local.id, error, "locks beside the footage are not known");
        }
    }
}

/// Locks beside the footage of a tier that takes writes.
pub(crate) fn keep_locks(index: &Index, root: &Path) {
    let locks = match index.locks() {
        Ok(locks) => locks,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "locks are not kept beside the footage");
            return;
        }
    };
    if let Err(error) = sidecar::keep(root, &locks) {
        let error: &dyn std::error::Error = &error;
        tracing::error!(root = %root.display(), error, "locks are not kept beside the footage");
    }
}

/// Compares names; second files that a move or a disk that was away left are condemned if the one that counts is whole.
pub(crate) fn compare(
    index: &Index,
    local: &Local,
    registry: &Registry,
    open: &Open,
    clock: &SystemClock,
    stop: &Stop,
) -> Option<ReconcileReport> {
    let mut go_on = |_: &ReconcileReport| match stop.check() {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let reach = Reach::AllBefore(clock.utc().plus_millis(-BEING_WRITTEN_MS));
    let report = index
        .reconcile(local.id.as_str(), &local.root, reach, open, &mut go_on)
        .inspect_err(|error| {
            let error: &dyn std::error::Error = error;
            tracing::warn!(tier = %local.id, error, "files and index are not compared");
        })
        .ok()?;
    if report.added > 0 || report.missing > 0 || !report.doubles.is_empty() {
        let (added, missing, doubles) = (report.added, report.missing, report.doubles.len());
        tracing::info!(tier = %local.id, files = report.files, added, missing, doubles, "files and index are compared");
    }
    let home = |tier: &str| {
        let id = TierId::new(tier).ok()?;
        registry.local(&id).map(|local| local.root.clone())
    };
    let mut pace = Pace::new(None);
    let mut hands = Hands { pace: &mut pace, clock, stop };
    for double in &report.doubles {
        if let Err(error) = check::settle_double(index, double, &local.root, &home, &mut hands) {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(tier = %local.id, error, "second files stay");
            break;
        }
    }
    Some(report)
}

/// Whether a file that appeared or vanished was somebody's doing: ours are known.
pub(crate) fn differs(
    index: &Index,
    tier: &TierId,
    root: &Path,
    change: &Change,
    open: &Open,
) -> Result<bool, IndexError> {
    let Change::File(camera, stream, start) = change else { return Ok(true) };
    if open.contains(&(camera.clone(), *stream, *start)) {
        return Ok(false);
    }
    let path = root.join(tarsier_segment::name::path(camera, *stream, *start));
    let is_there = path.exists();
    let row = index.file(camera, *stream, *start)?;
    if let Some(row) = row {
        return Ok(row.tier.id == tier.as_str() && !is_there);
    }
    let (tier_id, camera) = (tier.to_string(), camera.clone());
    let file = SegmentRef { tier_id, camera, stream: *stream, start: *start };
    Ok(is_there && !index.is_condemned(&file)?)
}

/// What a look at every byte found so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looked {
    pub(crate) next: Option<FileName>,
    /// Files with other bytes than were recorded: how many, and the first one's path.
    pub(crate) damaged: Vec<String>,
}

/// Looks at the bytes of the next few files, slowly.
pub(crate) fn look(
    index: &Index,
    local: &Local,
    after: Option<FileName>,
    clock: &SystemClock,
    stop: &Stop,
) -> Result<Looked, CheckError> {
    let mut pace = Pace::new(None);
    let mut hands = Hands { pace: &mut pace, clock, stop };
    let began = clock.mono();
    let place = (&local.id, local.root.as_path());
    let checked = check::check(index, place, after, CHECK_FILES, &mut hands)?;
    let damaged = checked
        .wrong
        .iter()
        .filter(|(_, wrong)| *wrong != Wrong::Missing)
        .map(|(of, wrong)| {
            let path = tarsier_segment::name::path(&of.camera, of.stream, of.start);
            tracing::error!(tier = %local.id, path, ?wrong, "a file is not what was recorded");
            path
        })
        .collect();
    // Slowly: so long this many bytes may take.
    let due = std::time::Duration::from_micros(checked.bytes * 1_000_000 / CHECK_BYTES_PER_SECOND);
    stop.pause(due.saturating_sub(clock.mono().since(began)))?;
    Ok(Looked { next: checked.next, damaged })
}
