//! Words: what people are told about their disks: what happened, what it costs, what to do.

use jiff::tz::TimeZone;
use tarsier_tiers::emergency::{Cleanup, CleanupEnd};
use tarsier_tiers::{Volume, VolumeState};
use tarsier_types::UtcMs;

use crate::words::time;

/// A title and what comes below it.
pub(crate) type Told = (String, String);

/// `12.3 GB`: powers of ten, as disks are sold.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    for (unit, name) in UNITS {
        if bytes >= unit {
            let tenths = bytes / (unit / 10);
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} B")
}

/// An emergency cleanup ended.
pub(crate) fn cleanup(
    cleanup: &Cleanup,
    disk: &str,
    camera: &dyn Fn(&tarsier_types::CameraId) -> String,
    now: UtcMs,
    tz: &TimeZone,
) -> Told {
    let lost: u64 = cleanup.streams.iter().map(|stream| stream.lost_bytes).sum();
    let kept = cleanup.deleted_bytes.saturating_sub(lost);
    let free = bytes(cleanup.free_after_bytes);
    let min = bytes(cleanup.min_free_bytes);
    let foreign = bytes(cleanup.foreign_bytes);
    let (title, state) = match cleanup.end {
        CleanupEnd::Enough => (
            format!(
                "{disk} was nearly full: {} of old footage were deleted",
                bytes(cleanup.deleted_bytes)
            ),
            format!("{free} are free now; the minimum is {min}."),
        ),
        CleanupEnd::NothingLeft => (
            format!("{disk} is nearly full and nothing more can be deleted"),
            format!(
                "{free} are free, the minimum is {min}, and nothing is left that may be deleted: the rest is locked or being \
                 written. Recording goes on as long as bytes fit. Lift locks, free the disk of other data ({foreign} of it), \
                 or add a disk."
            ),
        ),
        CleanupEnd::Fruitless => (
            format!("{disk} is nearly full, and deleting footage does not help"),
            format!(
                "Deleting frees no space: a snapshot may hold the files, or another program fills the disk ({foreign} are \
                 not ours). {free} are free, the minimum is {min}. Nothing more is deleted for ten minutes."
            ),
        ),
        CleanupEnd::Interrupted => (
            format!("{disk}: cleaning was interrupted"),
            "Then the disk went away, or stopped taking writes.".to_owned(),
        ),
    };
    let streams: Vec<String> = cleanup
        .streams
        .iter()
        .map(|stream| {
            format!(
                "{} ({}) from {} to {}, {}",
                camera(&stream.of.camera),
                stream.of.stream,
                time(stream.range.start, now, tz),
                time(stream.range.end, now, tz),
                bytes(stream.bytes)
            )
        })
        .collect();
    let deleted = match cleanup.deleted_bytes {
        0 => String::new(),
        _ => format!("Oldest first: {}. ", streams.join("; ")),
    };
    let copies = match kept {
        0 => String::new(),
        kept => format!("{} of it still plays from its copy. ", bytes(kept)),
    };
    let body = format!("{deleted}{copies}{state}");
    (title, body)
}

/// A tier cannot be used.
pub(crate) fn missing(volume: &Volume, name: &str) -> Told {
    let (what, todo) = match volume.state {
        VolumeState::Absent => (
            "is not there",
            "Check that it is connected and mounted. It is used again as soon as it is back; nothing is written in its place.",
        ),
        VolumeState::Foreign => (
            "was exchanged: another disk, or an empty folder, is in its place",
            "Connect the right one, or set this one up as a new place. Nothing is written to it meanwhile.",
        ),
        VolumeState::ReadOnly => (
            "takes no writes",
            "Check its file system and its rights: systems turn a damaged disk read-only.",
        ),
        VolumeState::Writable => ("is there", ""),
    };
    let holds = match volume.ours_bytes {
        0 => String::new(),
        some => format!("{} of footage are on it. ", bytes(some)),
    };
    (format!("{name} {what}"), format!("{holds}{todo}"))
}

/// Why a disk that is there is not written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// Hardly a byte fits.
    Full,
    /// Recorders cannot write to it.
    Refuses,
}

/// The tier that is written to takes nothing now, and another one is written to.
pub(crate) fn spills(home: &str, to: &str, why: Left) -> Told {
    match why {
        Left::Full => (
            format!("{home} has no room: new footage goes to {to}"),
            "Nothing is lost by that, and recording goes back by itself. Make room: delete what is not footage, or let \
             footage move on earlier."
                .to_owned(),
        ),
        Left::Refuses => (
            format!("{home} refuses recordings: new footage goes to {to}"),
            "The disk is there and has room, but footage cannot be written to it. Check the rights to its folders, its \
             quota and its file system. It is tried again by itself, first after a minute."
                .to_owned(),
        ),
    }
}

/// And it is written to again.
pub(crate) fn home_again(home: &str, why: Left) -> Told {
    let has = match why {
        Left::Full => "has room again",
        Left::Refuses => "is tried again",
    };
    let body = "What was recorded elsewhere meanwhile plays as the rest does.";
    (format!("{home} {has}: new footage goes there"), body.to_owned())
}

/// Where new footage goes while a disk is away; goes on from what [`missing`] says.
pub(crate) fn meanwhile(to: &str) -> String {
    format!(" New footage goes to {to} meanwhile.")
}

/// A tier can be used again.
pub(crate) fn back(name: &str, since: Option<UtcMs>, now: UtcMs, tz: &TimeZone) -> Told {
    let body = match since {
        Some(since) => format!(
            "It was away since {}. What was written elsewhere meanwhile moves on by the rules.",
            time(since, now, tz)
        ),
        None => String::new(),
    };
    (format!("{name} is back"), body)
}

/// Files are gone that no rule deleted.
pub(crate) fn lost(name: &str, files: u64) -> Told {
    let many = if files == 1 { "1 file is".to_owned() } else { format!("{files} files are") };
    (
        format!("{many} missing on {name}"),
        "Tarsier did not delete them. They are no longer in the timeline. If somebody moved them away by mistake, bring \
         them back to the same folder: they are found again."
            .to_owned(),
    )
}

/// So many files are gone that it is not believed.
pub(crate) fn not_believed(name: &str, files: u64) -> Told {
    (
        format!("{files} files are missing on {name}"),
        "That is more than half of what was there, so it is taken for a disk that is not whole. Nothing was forgotten. \
         Check the disk; when it is as it should be, start Tarsier again."
            .to_owned(),
    )
}

/// Files that are not what was recorded.
pub(crate) fn damaged(name: &str, files: usize, first: &str) -> Told {
    let many = if files == 1 { "1 file is".to_owned() } else { format!("{files} files are") };
    (
        format!("{many} damaged on {name}"),
        format!(
            "The first is {first}. They may still play in part. Check this disk's health: others may follow."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_as_disks_are_sold() {
        let said = |n| bytes(n);
        assert_eq!(
            [said(999), said(1_500), said(12_345_678_901), said(2_000_000_000_000)],
            ["999 B", "1.5 kB", "12.3 GB", "2.0 TB"]
        );
    }
}
