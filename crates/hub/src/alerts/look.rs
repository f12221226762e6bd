//! Brain: what is wrong with a camera that a person should know of, told from what is known of it now.
//!
//! What does not belong here: for how long it must last, what is told together ([`super::incident`]).

use jiff::tz::TimeZone;
use tarsier_api::alert::AlertKind;
use tarsier_api::camera::CameraState;
use tarsier_api::problem::Problem;
use tarsier_types::{CameraId, UtcMs};

use super::incident::{CameraLook, Sign};
use crate::words;

/// What is known of a camera now.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) id: CameraId,
    pub(crate) name: String,
    pub(crate) state: CameraState,
    /// Something of it is to be written.
    pub(crate) is_recorded: bool,
    /// Since when there are no pictures of the main stream, or none is written.
    pub(crate) out_since: Option<UtcMs>,
    /// The disk refuses what comes, since then.
    pub(crate) refused_since: Option<UtcMs>,
    /// What is wrong, in words.
    pub(crate) problem: Option<Problem>,
    /// So long nothing reached the disk although pictures came, if that is too long.
    pub(crate) overdue_ms: Option<u64>,
}

/// Each kind of alert that is known by looking, and whether it is so.
pub(crate) fn look(facts: &Facts, now: UtcMs, tz: &TimeZone) -> CameraLook {
    use CameraState::{Connecting, Disabled, Live, Offline, Recording, Stopped};
    let name = &facts.name;
    let has_pictures = matches!(facts.state, Recording | Live);
    let (problem, hint) = facts.problem.as_ref().map_or_else(Default::default, |problem| {
        let title = words::no_picture_title(name, facts.out_since.unwrap_or(now), now, tz);
        let why = problem.message.strip_prefix(&title).unwrap_or(&problem.message);
        (why.trim_start_matches(". ").to_owned(), problem.hint.clone())
    });
    let cost = if facts.is_recorded { " Nothing of it is recorded meanwhile." } else { "" };
    let no_picture = |is_so: bool| match facts.state {
        _ if is_so && facts.refused_since.is_none() => {
            let since = facts.out_since.unwrap_or(now);
            Sign::Yes {
                since,
                title: words::no_picture_title(name, since, now, tz),
                body: format!("{problem}{cost}").trim_start().to_owned(),
                hint: hint.clone(),
            }
        }
        // Another attempt; what was, is.
        Connecting => Sign::Unclear,
        Recording | Live | Offline | Stopped | Disabled => Sign::No,
    };
    let disk = match facts.refused_since {
        Some(since) if facts.state != Disabled => Sign::Yes {
            since,
            title: format!(
                "{name}: the recording cannot be written since {}",
                words::time(since, now, tz)
            ),
            body: "Nothing of this camera is kept until the disk takes it. Live pictures go on."
                .to_owned(),
            hint: "Check that the disk is connected, not full and may be written to.".to_owned(),
        },
        _ if matches!(facts.state, Connecting | Offline) => Sign::Unclear,
        _ => Sign::No,
    };
    let unwritten = match facts.overdue_ms {
        Some(ms) => {
            let since = now.plus_millis(-i64::try_from(ms).unwrap_or(0));
            Sign::Yes {
                since,
                title: format!("{name}: nothing reaches the disk since {}", words::time(since, now, tz)),
                body: "Pictures come and should be recorded, and none of them is kept, though no error is told."
                    .to_owned(),
                hint: "Check the disk: one that hangs says nothing. If it is fine, restart Tarsier and report what is in the log."
                    .to_owned(),
            }
        }
        None if facts.state == Connecting => Sign::Unclear,
        None => Sign::No,
    };
    CameraLook {
        id: facts.id.clone(),
        name: name.clone(),
        signs: vec![
            (AlertKind::CameraOffline, no_picture(facts.state == Offline)),
            (AlertKind::CameraStopped, no_picture(facts.state == Stopped)),
            (AlertKind::DiskNotWritable, disk),
            (AlertKind::NothingWritten, unwritten),
        ],
        is_fresh: has_pictures,
        is_off: facts.state == Disabled,
    }
}

#[cfg(test)]
mod tests {
    use tarsier_api::problem::ProblemCode;

    use super::*;

    const NOW: UtcMs = UtcMs(1_795_205_700_000); // 2026-11-20T20:15:00Z

    fn facts(state: CameraState) -> Facts {
        Facts {
            id: CameraId::new("garden").unwrap(),
            name: "Garden".into(),
            state,
            is_recorded: true,
            out_since: None,
            refused_since: None,
            problem: None,
            overdue_ms: None,
        }
    }

    /// The kinds that are so, with a question mark where it is unclear.
    fn signs(facts: &Facts) -> String {
        let signs = look(facts, NOW, &TimeZone::UTC).signs;
        let said = signs.iter().filter_map(|(kind, sign)| match sign {
            Sign::Yes { .. } => Some(kind.name().to_owned()),
            Sign::Unclear => Some(format!("{}?", kind.name())),
            Sign::No => None,
        });
        said.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_camera_that_records_has_nothing_wrong() {
        assert_eq!(signs(&facts(CameraState::Recording)), "");
        assert_eq!(signs(&facts(CameraState::Disabled)), "");
    }

    #[test]
    fn another_attempt_is_neither_an_outage_nor_its_end() {
        assert_eq!(
            signs(&facts(CameraState::Connecting)),
            "camera_offline? camera_stopped? disk_not_writable? nothing_written?"
        );
    }

    #[test]
    fn a_camera_without_pictures_says_why_what_it_costs_and_what_to_do() {
        let since = NOW.plus_millis(-60_000);
        let problem = words::problem(
            ProblemCode::HostUnreachable,
            "Garden: no picture since 20:14. The camera does not answer at 192.0.2.7.",
            "Check its power and network. We try again every 30 s.",
        );
        let facts =
            Facts { out_since: Some(since), problem: Some(problem), ..facts(CameraState::Offline) };
        let look = look(&facts, NOW, &TimeZone::UTC);
        let offline = look.signs.into_iter().find(|(kind, _)| *kind == AlertKind::CameraOffline);
        let expect = Sign::Yes {
            since,
            title: "Garden: no picture since 20:14".into(),
            body: "The camera does not answer at 192.0.2.7. Nothing of it is recorded meanwhile."
                .into(),
            hint: "Check its power and network. We try again every 30 s.".into(),
        };
        assert_eq!(offline, Some((AlertKind::CameraOffline, expect)));
    }

    #[test]
    fn a_disk_that_refuses_is_the_alert_and_not_the_camera_whose_recorder_gave_up() {
        let refused =
            Facts { refused_since: Some(NOW), out_since: Some(NOW), ..facts(CameraState::Offline) };
        assert_eq!(signs(&refused), "disk_not_writable");
        let live = Facts { refused_since: Some(NOW), ..facts(CameraState::Live) };
        assert_eq!(signs(&live), "disk_not_writable");
    }

    #[test]
    fn pictures_that_reach_no_disk_are_an_alert() {
        let silent = Facts { overdue_ms: Some(16_000), ..facts(CameraState::Recording) };
        assert_eq!(signs(&silent), "nothing_written");
    }
}
