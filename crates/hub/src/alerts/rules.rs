//! Words: the numbers of each kind of alert, and what the names of events mean.
//!
//! Events are known by name, so that one that this version does not know changes nothing.

use std::time::Duration;

use tarsier_api::alert::AlertKind;

/// An outage of a camera that is shorter is no alert. With the 10 s in which an outage is found and [`GATHER`] an
/// alert is out within 22 s (30 s are promised).
pub(crate) const HOLD_OFF: Duration = Duration::from_secs(10);
/// What begins within this time of the first is one incident: a switch, a power supply.
pub(crate) const GATHER: Duration = Duration::from_secs(10);
/// What begins later than that, and within this time of an alert that is out, is added to it without telling again.
pub(crate) const LATECOMERS: Duration = Duration::from_secs(60);
/// So long a cause must be gone before it counts as over.
const SETTLE: Duration = Duration::from_secs(10);
/// The same for one that has come back before.
const SETTLE_FLAPPING: Duration = Duration::from_secs(300);
/// And for a recorder that was given a pause.
const SETTLE_UNSTABLE: Duration = Duration::from_secs(600);
/// What begins again within this time is the same incident.
pub(crate) const SAME_INCIDENT: Duration = Duration::from_secs(300);
/// News that last no time are shown so long unless somebody acknowledges them.
const NEWS_SHOWN: Duration = Duration::from_secs(86_400);
/// The same for footage that is lost for good.
const LOSS_SHOWN: Duration = Duration::from_secs(7 * 86_400);
/// After a start, what is still so about disks is said anew within this time.
pub(crate) const CONFIRM: Duration = Duration::from_secs(120);

/// What follows a place's name in titles.
const AFTER_A_NAME: [&str; 5] = [": ", " is ", " was ", " takes ", " has "];

/// What an event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// This begins.
    Begins(AlertKind),
    /// This is over.
    Ends(AlertKind),
    /// This happened; it lasts no time.
    Happened(AlertKind),
}

/// What an event of that name says.
pub(crate) fn meaning(event: &str) -> &'static [Meaning] {
    use AlertKind::{
        CameraUnstable, CleanupDone, DiskLow, FootageLost, RecorderFatal, TierMissing,
    };
    use Meaning::{Begins, Ends, Happened};
    match event {
        "camera_unstable" => &[Begins(CameraUnstable)],
        "recorder_fatal" => &[Begins(RecorderFatal)],
        // A change lets it be tried again; it ends no pause.
        "camera_changed" => &[Ends(RecorderFatal)],
        "disk_low" => &[Begins(DiskLow)],
        "cleanup_done" => &[Ends(DiskLow), Happened(CleanupDone)],
        "tier_missing" => &[Begins(TierMissing)],
        "tier_back" => &[Ends(TierMissing)],
        "footage_lost" => &[Happened(FootageLost)],
        _ => &[],
    }
}

/// So long it must last before it is an alert.
pub(crate) fn hold_off(kind: AlertKind, of_cameras: Duration) -> Duration {
    if kind == AlertKind::CameraOffline { of_cameras } else { Duration::ZERO }
}

/// So long the first waits for others to be told with it.
pub(crate) const fn gather(kind: AlertKind) -> Duration {
    if is_about_places(kind) { Duration::ZERO } else { GATHER }
}

/// So long it must be gone.
pub(crate) const fn settle(kind: AlertKind, is_flapping: bool) -> Duration {
    match kind {
        AlertKind::CameraUnstable => SETTLE_UNSTABLE,
        _ if is_about_places(kind) => Duration::ZERO,
        _ if is_flapping => SETTLE_FLAPPING,
        _ => SETTLE,
    }
}

/// How long news are shown that last no time; `None` for what lasts.
pub(crate) const fn shown(kind: AlertKind) -> Option<Duration> {
    match kind {
        AlertKind::CleanupDone => Some(NEWS_SHOWN),
        AlertKind::FootageLost => Some(LOSS_SHOWN),
        _ => None,
    }
}

/// About disks and the like, known by events alone.
pub(crate) const fn is_about_places(kind: AlertKind) -> bool {
    matches!(
        kind,
        AlertKind::DiskLow
            | AlertKind::CleanupDone
            | AlertKind::TierMissing
            | AlertKind::FootageLost
    )
}

/// No pictures of a camera.
pub(crate) const fn is_no_picture(kind: AlertKind) -> bool {
    matches!(kind, AlertKind::CameraOffline | AlertKind::CameraStopped)
}

/// Which of the places a title is about, of their names; the longest that fits: one may be called "SSD" and another
/// "SSD 2", and a name may hold whatever people type.
pub(crate) fn place_among<'a>(
    title: &str,
    names: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let is_about = |name: &&str| {
        let is_first = title
            .strip_prefix(*name)
            .is_some_and(|rest| AFTER_A_NAME.iter().any(|after| rest.starts_with(after)));
        let is_last = title.strip_suffix(*name).is_some_and(|rest| rest.ends_with(" on "));
        !name.is_empty() && (is_first || is_last)
    };
    names.filter(is_about).max_by_key(|name| name.len())
}

/// The place that a title names: "Archive is not there", "SSD: cleaning was interrupted", "3 files are missing on NAS";
/// empty if it names none.
pub(crate) fn place(title: &str) -> &str {
    if title.starts_with(|c: char| c.is_ascii_digit())
        && let Some((_, place)) = title.rsplit_once(" on ")
    {
        return place;
    }
    AFTER_A_NAME.iter().filter_map(|end| title.find(end)).min().map_or("", |end| &title[..end])
}

/// Begun by an event, ended by pictures.
pub(crate) const ENDED_BY_PICTURES: [AlertKind; 2] =
    [AlertKind::CameraUnstable, AlertKind::RecorderFatal];

#[cfg(test)]
mod tests {
    use super::{place, place_among};

    #[test]
    fn a_place_is_known_by_its_name_whatever_that_holds() {
        let names = ["SSD", "SSD 2", "What was left: old disk", "4 TB on the shelf", "NAS", ""];
        for (title, expect) in [
            ("SSD is nearly full and nothing more can be deleted", Some("SSD")),
            ("SSD 2 is nearly full, and deleting footage does not help", Some("SSD 2")),
            ("SSD 2: cleaning was interrupted", Some("SSD 2")),
            ("SSD has no room: new footage goes to NAS", Some("SSD")),
            ("What was left: old disk has room again", Some("What was left: old disk")),
            ("4 TB on the shelf is not there", Some("4 TB on the shelf")),
            ("12 files are missing on 4 TB on the shelf", Some("4 TB on the shelf")),
            ("1 file is missing on NAS", Some("NAS")),
            ("SSD 22 is not there", None),
            ("Something", None),
        ] {
            assert_eq!(place_among(title, names.into_iter()), expect, "{title}");
        }
    }

    #[test]
    fn a_title_names_its_place() {
        for (title, expect) in [
            ("Archive is not there", "Archive"),
            ("Archive is back", "Archive"),
            ("NAS was exchanged: another disk, or an empty folder, is in its place", "NAS"),
            ("NAS takes no writes", "NAS"),
            ("SSD is nearly full and nothing more can be deleted", "SSD"),
            ("SSD was nearly full: 3.1 GB of old footage were deleted", "SSD"),
            ("SSD has room again", "SSD"),
            ("SSD: cleaning was interrupted", "SSD"),
            ("1 file is missing on NAS", "NAS"),
            ("Something", ""),
        ] {
            assert_eq!(place(title), expect, "{title}");
        }
    }
}
