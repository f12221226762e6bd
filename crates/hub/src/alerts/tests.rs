//! Whole incidents, as scripts.

use std::collections::BTreeMap;
use std::time::Duration;

use tarsier_api::alert::AlertKind;
use tarsier_types::{CameraId, Mono, UtcMs};

use super::alert::Alert;
use super::incident::{
    CameraLook, Heard, Incidents, Input, Moment, News, Output, Place, PlaceLook, Sign,
};

const START: UtcMs = UtcMs(1_795_205_640_000); // 2026-11-20T20:14:00Z

fn at(second: u64) -> Moment {
    let millis = i64::try_from(second * 1000).expect("small");
    Moment { mono: Mono::from_millis(second * 1000), utc: START.plus_millis(millis) }
}

struct World {
    incidents: Incidents,
    /// How each camera is: the letter of the script, and since when.
    cameras: BTreeMap<String, (char, UtcMs)>,
    said: Vec<String>,
    kept: BTreeMap<i64, Alert>,
}

impl World {
    fn new(names: &str) -> Self {
        let cameras = names.split(' ').map(|name| (name.to_owned(), ('+', START))).collect();
        let incidents = Incidents::new(at(0), Vec::new(), 0);
        Self { incidents, cameras, said: Vec::new(), kept: BTreeMap::new() }
    }

    fn looks(&self) -> Vec<CameraLook> {
        let look = |(name, (how, since)): (&String, &(char, UtcMs))| {
            let sign = |letter| {
                let words = |text: &str| format!("{name} {text}");
                match *how {
                    c if c == letter => Sign::Yes {
                        since: *since,
                        title: words("is not well"),
                        body: String::new(),
                        hint: String::new(),
                    },
                    '?' => Sign::Unclear,
                    _ => Sign::No,
                }
            };
            CameraLook {
                id: CameraId::new(name.clone()).expect("a name of the script"),
                name: name.to_uppercase(),
                signs: vec![
                    (AlertKind::CameraOffline, sign('-')),
                    (AlertKind::CameraStopped, sign('!')),
                    (AlertKind::DiskNotWritable, sign('d')),
                ],
                is_fresh: *how == '+',
                is_off: *how == 'o',
            }
        };
        self.cameras.iter().map(look).collect()
    }

    fn step(&mut self, second: u64, input: Input) {
        self.incidents.handle(at(second), input);
        while let Some(output) = self.incidents.poll() {
            match output {
                Output::Keep(alert) => drop(self.kept.insert(alert.id, alert)),
                Output::Tell(news, alert) => {
                    let names: Vec<String> = alert
                        .members
                        .iter()
                        .filter(|member| member.over.is_none() || news == News::Resolved)
                        .map(|member| member.subject.clone())
                        .collect();
                    let what = match news {
                        News::Raised => alert.kind.name(),
                        News::Resolved => "over",
                    };
                    let again = match alert.occurrences {
                        1 => String::new(),
                        n => format!(" x{n}"),
                    };
                    self.said.push(format!(
                        "{second}s #{} {what} [{}]{again}",
                        alert.id,
                        names.join(" ")
                    ));
                }
            }
        }
    }
}

/// Words are `SECOND:WHAT`: a camera's name and `-` (no picture), `!` (stopped), `d` (disk), `?` (connecting), `+`
/// (fine), `o` (switched off), `x` (deleted); `event_name` or `event_name/camera` or `event_name@Place`: an event; `ack1`: alert 1 is
/// acknowledged; `fine@Place`, `full@Place`: how it is seen; `mute60`: quiet for so many seconds; `hold60`: another hold-off; `restart`. Between them, each second
/// is looked at. The answer: what was told, when, about whom.
fn run(cameras: &str, script: &str) -> String {
    let mut world = World::new(cameras);
    let mut now = 0;
    for word in script.split_whitespace() {
        let (second, what) = word.split_once(':').expect("SECOND:WHAT");
        let second: u64 = second.parse().expect("a number");
        while now < second {
            let looks = world.looks();
            world.step(now, Input::Cameras(looks));
            now += 1;
        }
        let number =
            |prefix| what.strip_prefix(prefix).and_then(|text: &str| text.parse::<u64>().ok());
        if let Some(id) = number("ack") {
            let id = i64::try_from(id).expect("small");
            world.step(now, Input::Acknowledge { id, by: "anna".into() });
        } else if let Some(seconds) = number("mute") {
            world.step(now, Input::Mute(Some(at(now + seconds).utc)));
        } else if let Some(seconds) = number("hold") {
            world.step(now, Input::HoldOff(Duration::from_secs(seconds)));
        } else if what == "restart" {
            let rows: Vec<_> = world.kept.values().map(Alert::to_row).collect();
            let last = rows.iter().map(|row| row.id).max().unwrap_or(0);
            let open = rows.into_iter().filter(|row| row.resolved.is_none());
            let open = open.filter_map(Alert::from_row).collect();
            world.incidents = Incidents::new(at(now), open, last);
        } else if let Some((how @ ("fine" | "full"), name)) = what.split_once('@') {
            let place = Place { id: format!("id of {name}"), name: name.to_owned() };
            let look = PlaceLook { place, is_there: true, has_room: how == "fine" };
            world.step(now, Input::Places(vec![look]));
        } else if what.contains('_') {
            let (event, camera) = what.split_once('/').map_or((what, None), |(e, c)| (e, Some(c)));
            let (event, place) = event.split_once('@').map_or((event, None), |(e, p)| (e, Some(p)));
            let heard = Heard {
                event: event.to_owned(),
                camera: camera.map(|name| CameraId::new(name).expect("a camera")),
                place: None,
                at: at(now).utc,
                title: place.map_or("Something".to_owned(), |place| format!("{place}: something")),
                body: "What it costs.".to_owned(),
            };
            world.step(now, Input::Event(heard));
        } else if !what.is_empty() {
            let (name, how) = what.split_at(what.len() - 1);
            if how == "x" {
                world.cameras.remove(name);
            } else {
                let how = how.chars().next().expect("one letter");
                world.cameras.insert(name.to_owned(), (how, at(now).utc));
            }
        }
    }
    world.said.join("; ")
}

#[test]
fn an_outage_is_told_once_and_so_is_its_end() {
    assert_eq!(run("a", "5:a- 100:a+ 200:"), "15s #1 camera_offline [a]; 110s #1 over [a]");
}

#[test]
fn an_alert_is_out_within_30_seconds_of_the_outage() {
    // Found after 11 s: the last picture came at 0.
    let mut world = World::new("a b");
    world.cameras.insert("a".into(), ('-', START));
    for second in 11..40 {
        let looks = world.looks();
        world.step(second, Input::Cameras(looks));
    }
    assert_eq!(world.said, ["21s #1 camera_offline [a]"]);
}

#[test]
fn an_outage_shorter_than_the_hold_off_is_no_alert() {
    assert_eq!(run("a", "5:a- 14:a+ 100:"), "");
    assert_eq!(run("a", "0:hold60 5:a- 64:a+ 100:a- 200:"), "160s #1 camera_offline [a]");
}

#[test]
fn a_switch_that_fails_is_one_alert_that_names_its_cameras() {
    assert_eq!(
        run("a b c d e f g h z", "5:a- 6:b- 8:c- 9:d- 10:e- 12:f- 13:g- 14:h- 100:"),
        "25s #1 camera_offline [a b c d e f g h]",
    );
    assert_eq!(
        run("a b c", "5:a- 6:b- 60:c- 100:a+ 110:b+ 120:c+ 200:"),
        "25s #1 camera_offline [a b]; 130s #1 over [a b c]",
        "one more of them is added without telling again"
    );
}

#[test]
fn a_camera_that_goes_later_is_an_incident_of_its_own() {
    assert_eq!(
        run("a b", "5:a- 200:b- 300:"),
        "25s #1 camera_offline [a]; 220s #2 camera_offline [b]"
    );
}

#[test]
fn an_alert_is_over_when_the_last_of_its_cameras_is_back() {
    assert_eq!(
        run("a b", "5:a- 5:b- 100:a+ 200:b+ 300:"),
        "25s #1 camera_offline [a b]; 210s #1 over [a b]"
    );
}

#[test]
fn attempts_in_between_are_no_end() {
    assert_eq!(run("a", "5:a- 50:a? 53:a- 80:a? 83:a- 100:"), "15s #1 camera_offline [a]");
}

#[test]
fn a_flapping_camera_is_one_incident_that_counts() {
    assert_eq!(
        run("a", "5:a- 50:a+ 55:a- 100:a+ 104:a- 200:a+ 1000:"),
        "15s #1 camera_offline [a]; 500s #1 over [a] x3",
        "and is over only after five minutes of calm"
    );
    assert_eq!(
        run("a", "5:a- 50:a+ 100:a- 200:a+ 260:a- 300:a+ 1000:"),
        "15s #1 camera_offline [a]; 60s #1 over [a]; 110s #1 camera_offline [a] x2; 600s #1 over [a] x3",
        "what comes again soon is the same alert"
    );
}

#[test]
fn an_incident_began_when_it_first_did() {
    let mut world = World::new("a");
    for second in 0..200 {
        match second {
            5 | 100 => world.cameras.insert("a".into(), ('-', at(second).utc)),
            50 => world.cameras.insert("a".into(), ('+', at(second).utc)),
            _ => None,
        };
        let looks = world.looks();
        world.step(second, Input::Cameras(looks));
    }
    assert_eq!(world.said.len(), 3, "{:?}", world.said);
    let alert = &world.kept[&1];
    assert_eq!((alert.since, alert.members[0].since), (at(5).utc, at(5).utc));
}

#[test]
fn an_outage_of_another_day_is_a_new_incident() {
    assert_eq!(
        run("a", "5:a- 50:a+ 500:a- 600:a+ 700:"),
        "15s #1 camera_offline [a]; 60s #1 over [a]; 510s #2 camera_offline [a]; 610s #2 over [a]"
    );
}

#[test]
fn an_acknowledged_incident_is_not_told_again_until_it_is_over() {
    assert_eq!(
        run("a", "5:a- 20:ack1 50:a+ 100:a- 150:a+ 1000:"),
        "15s #1 camera_offline [a]; 60s #1 over [a]",
        "it came again within the same incident"
    );
    assert_eq!(
        run("a", "5:a- 20:ack1 50:a+ 500:a- 600:"),
        "15s #1 camera_offline [a]; 60s #1 over [a]; 510s #2 camera_offline [a]",
        "a new incident is told again"
    );
}

#[test]
fn nothing_is_told_while_muted_and_what_is_still_open_afterwards() {
    assert_eq!(run("a", "0:mute60 5:a- 30:a+ 200:"), "", "it is over before the end of the quiet");
    assert_eq!(run("a", "0:mute60 5:a- 200:"), "60s #1 camera_offline [a]");
    assert_eq!(run("a", "0:mute60 5:a- 20:ack1 200:"), "", "somebody knows already");
    assert_eq!(
        run("a", "5:a- 20:mute100 50:a+ 300:"),
        "15s #1 camera_offline [a]",
        "the end is not told either"
    );
}

#[test]
fn a_deleted_camera_takes_its_alert_with_it() {
    assert_eq!(run("a b", "5:a- 50:ax 60:"), "25s #1 camera_offline [a]; 50s #1 over [a]");
}

#[test]
fn an_alert_goes_on_over_a_restart_of_the_hub() {
    assert_eq!(
        run("a", "5:a- 50:restart 50:a? 55:a- 100:a+ 200:"),
        "15s #1 camera_offline [a]; 110s #1 over [a]",
        "the same alert, not told again"
    );
    assert_eq!(
        run("a", "5:a- 50:a+ 100:restart 400:a- 420:"),
        "15s #1 camera_offline [a]; 60s #1 over [a]; 410s #2 camera_offline [a]"
    );
}

#[test]
fn one_disk_that_takes_nothing_is_one_alert() {
    assert_eq!(
        run("a b c", "5:ad 6:bd 7:cd 60:a+ 60:b+ 61:c+ 90:"),
        "15s #1 disk_not_writable [a b c]; 71s #1 over [a b c]"
    );
}

#[test]
fn different_things_are_different_alerts() {
    assert_eq!(run("a b", "5:a- 5:b! 60:"), "15s #1 camera_stopped [b]; 25s #2 camera_offline [a]");
}

#[test]
fn an_unstable_recorder_is_over_after_ten_minutes_of_pictures() {
    assert_eq!(
        run("a", "5:camera_unstable/a 5:a? 1800:a+ 2300:a? 2310:a+ 4000:"),
        "5s #1 camera_unstable [a]; 2910s #1 over [a]"
    );
    assert_eq!(
        run("a", "5:recorder_fatal/a 5:a? 100:camera_changed/a 200:"),
        "5s #1 recorder_fatal [a]; 100s #1 over [a]",
        "a change lets it be tried again"
    );
}

#[test]
fn a_recorder_that_was_given_a_pause_is_one_alert_and_not_two() {
    assert_eq!(
        run("a b", "5:camera_unstable/a 5:a- 300:"),
        "15s #1 camera_unstable [a]",
        "that there are no pictures goes without saying"
    );
    assert_eq!(
        run("a", "5:recorder_fatal/a 5:a! 100:camera_changed/a 100:a- 200:"),
        "5s #1 recorder_fatal [a]; 100s #1 over [a]; 110s #2 camera_offline [a]",
        "when it is over, what is left is told"
    );
    assert_eq!(
        run("a", "5:camera_unstable/a 5:a? 1800:a+ 1850:a- 1900:"),
        "5s #1 camera_unstable [a]; 1860s #2 camera_offline [a]",
        "an outage after there were pictures again is its own"
    );
}

#[test]
fn places_are_apart_and_their_return_ends_their_own_alert() {
    assert_eq!(
        run(
            "a",
            "5:tier_missing@Archive 9:tier_missing@NAS 20:tier_back@Archive 30:tier_back@NAS 40:"
        ),
        "5s #1 tier_missing [Archive]; 9s #2 tier_missing [NAS]; 20s #1 over [Archive]; 30s #2 over [NAS]"
    );
}

#[test]
fn what_nobody_confirms_after_a_restart_is_over() {
    assert_eq!(
        run("a", "5:tier_missing@NAS 10:restart 300:"),
        "5s #1 tier_missing [NAS]; 130s #1 over [NAS]"
    );
    assert_eq!(
        run("a", "5:tier_missing@NAS 10:restart 12:tier_missing@NAS 300:"),
        "5s #1 tier_missing [NAS]"
    );
}

#[test]
fn a_cleanup_ends_the_lack_of_space_and_is_news_for_a_day() {
    assert_eq!(
        run("a", "5:disk_low@Disk 9:cleanup_done@Disk 20:cleanup_done@Disk 30:ack2 40:"),
        "5s #1 disk_low [Disk]; 9s #1 over [Disk]; 9s #2 cleanup_done [Disk]; 30s #2 over [Disk] x2",
        "acknowledged news are over"
    );
    assert!(run("a", "5:footage_lost@Disk 86500:").ends_with("footage_lost [Disk]"));
    assert!(run("a", "5:cleanup_done@Disk 86500:").ends_with("over [Disk]"));
}

#[test]
fn an_event_that_this_version_does_not_know_changes_nothing() {
    assert_eq!(run("a", "5:volcano_erupted/a 5:camera_online/a 60:"), "");
}

#[test]
fn a_clock_that_is_put_right_makes_no_alert() {
    let mut world = World::new("a");
    world.cameras.insert("a".into(), ('-', at(5).utc));
    let step = |world: &mut World, mono: u64, utc: u64| {
        let now = Moment { mono: at(mono).mono, utc: at(utc).utc };
        let looks = world.looks();
        world.incidents.handle(now, Input::Cameras(looks));
    };
    step(&mut world, 5, 5);
    world.cameras.insert("a".into(), ('+', at(5).utc));
    step(&mut world, 6, 3606);
    assert_eq!(world.incidents.poll(), None, "one second passed, whatever the clock says");
}

#[test]
fn an_alert_about_a_disk_that_was_back_before_the_hub_began_is_over_as_soon_as_it_is_seen() {
    assert_eq!(
        run("a", "5:tier_missing@NAS 100:restart 103:fine@NAS 300:"),
        "5s #1 tier_missing [NAS]; 103s #1 over [NAS]",
        "nobody says that it is back"
    );
    assert_eq!(
        run("a", "5:disk_low@SSD 100:restart 103:full@SSD 105:fine@SSD 300:"),
        "5s #1 disk_low [SSD]; 105s #1 over [SSD]"
    );
    assert_eq!(
        run("a", "5:tier_missing@NAS 100:restart 102:tier_missing@NAS 103:fine@NAS 300:"),
        "5s #1 tier_missing [NAS]",
        "what is said anew is not ended by a look of before"
    );
}

#[test]
fn a_disk_that_was_given_another_name_is_the_same_disk() {
    let mut world = World::new("a");
    let mut say = |second, event: &str, name: &str| {
        let place = Some(Place { id: "t1".to_owned(), name: name.to_owned() });
        let (event, title) = (event.to_owned(), String::new());
        let heard =
            Heard { event, camera: None, place, at: at(second).utc, title, body: String::new() };
        world.step(second, Input::Event(heard));
    };
    say(5, "tier_missing", "Archive");
    say(9, "tier_back", "Old archive");
    assert_eq!(world.said, ["5s #1 tier_missing [t1]", "9s #1 over [t1]"]);
}

#[test]
fn a_pause_is_not_over_because_the_camera_was_renamed_and_is_when_it_is_switched_off() {
    assert_eq!(
        run("a", "5:camera_unstable/a 5:a? 100:camera_changed/a 200:ao 300:"),
        "5s #1 camera_unstable [a]; 200s #1 over [a]"
    );
}
