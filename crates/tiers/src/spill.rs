//! Brain: where new footage is written. Home is the first disk on the footage's way; when home is away, or no byte fits
//! there any more, the next one that takes writes; and back home when home is back.
//!
//! What does not belong here: telling recorders, moving home what was written elsewhere ([`crate::mover`]).

use crate::policy::Policy;
use crate::words::{Step, TierId, Volume};

/// A disk with less than this takes no new file: a few segments of every camera (guess).
const TOO_LITTLE: u64 = 512 << 20;

/// On a small disk it is this part: 1 in 200.
const TOO_LITTLE_PART: u64 = 200;

/// To go back to a disk that was full needs so much more than to stay, or recorders would swing to and fro.
const BACK: u64 = 4;

/// Where footage is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteTo {
    /// Where it should be.
    Home(TierId),
    /// Home takes nothing now.
    Spill {
        /// Where it goes instead.
        to: TierId,
        /// Where it should be.
        home: TierId,
    },
    /// No disk takes anything; recorders go on trying where they are.
    Nowhere,
}

impl WriteTo {
    /// The tier, if there is one.
    pub const fn tier(&self) -> Option<&TierId> {
        match self {
            Self::Home(tier) | Self::Spill { to: tier, .. } => Some(tier),
            Self::Nowhere => None,
        }
    }
}

/// As it was measured, nothing is wrong with that disk: if recorders cannot write to it, it is for a reason unseen.
pub fn looks_well(disk: &Volume) -> bool {
    disk.is_writable() && disk.available_bytes > least(disk)
}

fn least(disk: &Volume) -> u64 {
    TOO_LITTLE.min(disk.total_bytes / TOO_LITTLE_PART)
}

/// Where to write, by what was measured just now. `now` is where recorders write; disks that are `held` are passed over as
/// long as there is another.
pub fn where_to_write(
    volumes: &[Volume],
    policy: &Policy,
    now: Option<&TierId>,
    held: &dyn Fn(&TierId) -> bool,
) -> WriteTo {
    let disks = policy.disks(volumes);
    let takes = |disk: &Volume| {
        let back = if now == Some(&disk.tier) { 1 } else { BACK };
        let needed = least(disk).saturating_mul(back);
        disk.is_writable() && disk.available_bytes > needed && !held(&disk.tier)
    };
    let Some(home) = disks.first() else { return WriteTo::Nowhere };
    if takes(home) {
        return WriteTo::Home(home.tier.clone());
    }
    let next = disks.iter().skip(1).find(|disk| takes(disk));
    // All are full: at home, cleaning makes room first.
    let last = || {
        let mut writable = disks.iter().filter(|disk| disk.is_writable());
        writable.clone().find(|disk| !held(&disk.tier)).or_else(|| writable.next())
    };
    match next.or_else(last) {
        Some(disk) if disk.tier == home.tier => WriteTo::Home(home.tier.clone()),
        Some(disk) => WriteTo::Spill { to: disk.tier.clone(), home: home.tier.clone() },
        None => WriteTo::Nowhere,
    }
}

/// Whether the emergency cleanup of that disk can wait: recording goes elsewhere, so that no byte is needed on it just now,
/// and its footage is moving on, which makes room without a loss.
pub fn cleanup_can_wait<'s>(
    disk: &TierId,
    write_to: &WriteTo,
    steps: impl IntoIterator<Item = &'s Step>,
) -> bool {
    let moves_on = |step: &Step| matches!(step, Step::Move { piece, .. } if piece.tier == *disk);
    write_to.tier().is_some_and(|tier| tier != disk) && steps.into_iter().any(moves_on)
}

#[cfg(test)]
mod tests {
    use tarsier_types::{CameraId, StreamKind, UtcMs, UtcRange};

    use super::*;
    use crate::words::{DiskId, Piece, StreamName, TierKind, VolumeState};

    /// Disks as words: kind, number, free GB of 1000, `!` away, `r` read-only, `x` held. `c1:400 a2:0!`, written to `now`.
    fn check(disks: &str, now: &str, expect: &str) {
        let volumes: Vec<Volume> = disks
            .split(' ')
            .map(|word| {
                let (name, rest) = word.split_once(':').unwrap();
                let state = match rest.chars().last() {
                    Some('!') => VolumeState::Absent,
                    Some('r') => VolumeState::ReadOnly,
                    _ => VolumeState::Writable,
                };
                let free: f64 = rest.trim_end_matches(['!', 'r', 'x']).parse().unwrap();
                let megabytes: u64 = format!("{:.0}", free * 1000.0).parse().unwrap();
                Volume {
                    tier: TierId::new(name).unwrap(),
                    kind: if name.starts_with('c') { TierKind::Cache } else { TierKind::Archive },
                    state,
                    disk: DiskId(name.to_owned()),
                    total_bytes: 1_000_000_000_000,
                    available_bytes: megabytes * 1_000_000,
                    ours_bytes: 0,
                }
            })
            .collect();
        let is_held = |tier: &TierId| {
            disks.split(' ').any(|word| word.starts_with(tier.as_str()) && word.ends_with('x'))
        };
        let at = TierId::new(now).ok();
        let said = match where_to_write(&volumes, &Policy::default(), at.as_ref(), &is_held) {
            WriteTo::Home(tier) => format!("home {tier}"),
            WriteTo::Spill { to, home } => format!("{to} instead of {home}"),
            WriteTo::Nowhere => "nowhere".to_owned(),
        };
        assert_eq!(said, expect, "{disks}, written to {now}");
    }

    #[test]
    fn footage_is_written_at_home_and_elsewhere_while_home_is_away() {
        check("a2:500 c1:400", "c1", "home c1");
        check("a2:500 c1:400!", "c1", "a2 instead of c1");
        check("a2:500 c1:400r", "c1", "a2 instead of c1");
        check("a2:500 c1:400", "a2", "home c1");
        check("c1:400!", "c1", "nowhere");
    }

    #[test]
    fn a_disk_that_refuses_recorders_is_passed_over_while_there_is_another() {
        check("c1:400x a2:500", "c1", "a2 instead of c1");
        check("c1:400 a2:500x", "a2", "home c1");
        check("c1:400x", "c1", "home c1");
        check("c1:400x a2:500x", "c1", "home c1");
        check("c1:400x a2:500!", "c1", "home c1");
        check("c1:400x a2:0.1", "c1", "a2 instead of c1");
    }

    #[test]
    fn nothing_is_deleted_of_a_disk_that_is_left_and_whose_footage_moves_on() {
        let tier = |name: &str| TierId::new(name).unwrap();
        let of = StreamName { camera: CameraId::new("garden").unwrap(), stream: StreamKind::Main };
        let piece = Piece {
            of,
            range: UtcRange::new(UtcMs(0), UtcMs(1)),
            bytes: 1,
            tier: tier("c1"),
            copies: Vec::new(),
            is_event: false,
            is_locked: false,
        };
        let steps = [Step::Move { piece, to: tier("a2") }];
        let spills = WriteTo::Spill { to: tier("a2"), home: tier("c1") };
        assert!(cleanup_can_wait(&tier("c1"), &spills, &steps));
        assert!(!cleanup_can_wait(&tier("c1"), &spills, &[]), "nothing moves: it must be deleted");
        assert!(!cleanup_can_wait(&tier("a2"), &spills, &steps), "the other one is written to");
        let home = WriteTo::Home(tier("c1"));
        assert!(!cleanup_can_wait(&tier("c1"), &home, &steps), "it is written to");
        assert!(!cleanup_can_wait(&tier("c1"), &WriteTo::Nowhere, &steps));
    }

    #[test]
    fn a_full_disk_is_left_and_not_gone_back_to_at_once() {
        check("c1:0.6 a2:500", "c1", "home c1");
        check("c1:0.5 a2:500", "c1", "a2 instead of c1");
        check("c1:0.6 a2:500", "a2", "a2 instead of c1");
        check("c1:3 a2:500", "a2", "home c1");
        check("c1:0.1 a2:0.1", "c1", "home c1");
    }
}
