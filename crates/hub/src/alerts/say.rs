//! Brain: an alert in sentences: what happened, since when, what it costs, what to do (STYLE 34).

use jiff::tz::TimeZone;
use tarsier_api::alert::AlertKind;
use tarsier_types::UtcMs;

use super::alert::Member;
use crate::words;

/// So many are named, the rest is counted.
const NAMED: usize = 6;

/// In words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) hint: String,
}

/// One is told in its own words; several are told together, by name.
pub(crate) fn words(kind: AlertKind, members: &[&Member], now: UtcMs, tz: &TimeZone) -> Said {
    let going_on: Vec<&Member> =
        members.iter().copied().filter(|member| member.over.is_none()).collect();
    let told = if going_on.is_empty() { members } else { &going_on[..] };
    let Some(since) = told.iter().map(|member| member.since).min() else { return Said::default() };
    if let [one] = told {
        let back = if members.len() > 1 && !going_on.is_empty() {
            format!(" It was one of {}; the others are back.", members.len())
        } else {
            String::new()
        };
        let body = format!("{}{back}", one.body).trim_start().to_owned();
        return Said { title: one.title.clone(), body, hint: one.hint.clone() };
    }
    let since = words::time(since, now, tz);
    let (what, cost, hint) = together(kind);
    let title = format!("{} {}: {what} since {since}", told.len(), noun(told));
    let back = match members.len() - told.len() {
        0 => String::new(),
        n => format!(" Of {} in all, {n} went back to normal.", members.len()),
    };
    Said { title, body: format!("{}. {cost}{back}", names(told)), hint: hint.to_owned() }
}

/// The same without a name of a camera, for who may not know it.
pub(crate) fn without_names(
    kind: AlertKind,
    members: &[&Member],
    now: UtcMs,
    tz: &TimeZone,
) -> Said {
    let said = words(kind, members, now, tz);
    if members.len() == 1 {
        return said;
    }
    let (_, cost, hint) = together(kind);
    Said { title: said.title, body: cost.to_owned(), hint: hint.to_owned() }
}

/// "Garden, Gate and 3 more"
pub(crate) fn names(members: &[&Member]) -> String {
    let all: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    match all.len() {
        0 => String::new(),
        1 => all[0].to_owned(),
        n if n <= NAMED => format!("{} and {}", all[..n - 1].join(", "), all[n - 1]),
        n => format!("{} and {} more", all[..NAMED - 1].join(", "), n - NAMED + 1),
    }
}

fn noun(members: &[&Member]) -> &'static str {
    if members.iter().all(|member| member.camera.is_some()) { "cameras" } else { "places" }
}

/// What happened, what it costs, what to do, where it happened to several at once.
const fn together(kind: AlertKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        AlertKind::CameraOffline => (
            "no picture",
            "Nothing of them is recorded meanwhile.",
            "They went within seconds of each other: look first at what they share, a switch, its power, the network. We try again by ourselves.",
        ),
        AlertKind::CameraStopped => (
            "stopped",
            "Nothing of them is recorded, and nothing is tried, because cameras lock an account after a few wrong passwords.",
            "Open each of them under Cameras and type its user name and password again.",
        ),
        AlertKind::CameraUnstable => (
            "recorder fails again and again",
            "Each of them was given a pause; footage is lost meanwhile.",
            "They are tried again by themselves. If it stays so, look into the log for what they have in common.",
        ),
        AlertKind::RecorderFatal => (
            "recorder cannot run",
            "Nothing of them is recorded.",
            "Look into the log for why; a change of their settings starts them again.",
        ),
        AlertKind::DiskNotWritable => (
            "recording cannot be written",
            "Nothing of them is kept until the disk takes it. Live pictures go on.",
            "Check that the disk is connected, not full and may be written to.",
        ),
        AlertKind::NothingWritten => (
            "nothing reaches the disk",
            "Pictures come, and none of them is kept, though no error is told.",
            "Check the disk first: one that hangs takes all cameras with it. If it is fine, restart Tarsier and report what is in the log.",
        ),
        AlertKind::DiskLow => (
            "little space",
            "When it is full, the oldest footage is deleted.",
            "Make room, add a disk, or keep footage for fewer days.",
        ),
        AlertKind::CleanupDone => (
            "footage deleted to make room",
            "The oldest went first.",
            "If that is too early, add a disk or keep footage for fewer days.",
        ),
        AlertKind::TierMissing => (
            "not there",
            "Footage on them cannot be seen, and is not lost.",
            "Connect the disks again; everything goes on by itself.",
        ),
        AlertKind::FootageLost => (
            "footage lost",
            "What is missing cannot be brought back.",
            "The events tell which times; check the disk that held it.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use tarsier_types::CameraId;

    use super::*;

    fn member(name: &str, over: Option<UtcMs>) -> Member {
        Member {
            subject: name.to_lowercase(),
            camera: CameraId::new(name.to_lowercase()).ok(),
            name: name.to_owned(),
            since: UtcMs(1_795_205_640_000), // 2026-11-20T20:14:00Z
            over,
            title: format!("{name}: no picture since 20:14"),
            body: "The camera does not answer at 192.0.2.7. Nothing of it is recorded meanwhile."
                .into(),
            hint: "Check its power and network.".into(),
        }
    }

    fn say(members: &[Member]) -> Said {
        let now = UtcMs(1_795_205_700_000);
        let members: Vec<&Member> = members.iter().collect();
        words(AlertKind::CameraOffline, &members, now, &TimeZone::UTC)
    }

    #[test]
    fn several_are_named_and_too_many_counted() {
        let all: Vec<Member> = ["Garden", "Gate", "Yard", "Shed", "Hall", "Roof", "Door", "Pool"]
            .map(|n| member(n, None))
            .into();
        let said = say(&all);
        assert_eq!(said.title, "8 cameras: no picture since 20:14");
        assert!(
            said.body.starts_with(
                "Garden, Gate, Yard, Shed, Hall and 3 more. Nothing of them is recorded"
            ),
            "{}",
            said.body
        );
        assert!(say(&all[..2]).body.starts_with("Garden and Gate. "));
    }

    #[test]
    fn who_is_back_is_not_named_any_more() {
        let back = Some(UtcMs(1_795_205_690_000));
        let said = say(&[member("Garden", None), member("Gate", back), member("Yard", None)]);
        assert_eq!(said.title, "2 cameras: no picture since 20:14");
        assert!(
            said.body.contains("Garden and Yard.")
                && said.body.contains("Of 3 in all, 1 went back")
        );
        let said = say(&[member("Garden", None), member("Gate", back)]);
        assert_eq!(said.title, "Garden: no picture since 20:14");
        assert!(said.body.ends_with("It was one of 2; the others are back."), "{}", said.body);
        let over = say(&[member("Garden", back), member("Gate", back)]);
        assert_eq!(over.title, "2 cameras: no picture since 20:14", "as it was, once it is past");
    }

    #[test]
    fn each_kind_says_what_it_costs_and_what_to_do() {
        for kind in AlertKind::ALL {
            let (what, cost, hint) = together(kind);
            assert!(!what.ends_with('.') && cost.ends_with('.') && hint.ends_with('.'), "{kind:?}");
        }
    }

    #[test]
    fn where_names_may_not_be_told_they_are_not() {
        let all = [member("Garden", None), member("Gate", None)];
        let members: Vec<&Member> = all.iter().collect();
        let said = without_names(
            AlertKind::CameraOffline,
            &members,
            UtcMs(1_795_205_700_000),
            &TimeZone::UTC,
        );
        let text = format!("{}{}{}", said.title, said.body, said.hint);
        assert!(!text.contains("Garden") && !text.contains("Gate"), "{text}");
    }
}
