//! Brain: which events become notifications, when, and which are told together. SPEC section 11: grouped so that they
//! never spam.
//!
//! - What happens within [`GATHER`] of the first thing is told together, one note for each kind.
//! - A camera is named at most once in [`QUIET`]; what happens to it meanwhile is told at the end of it, if it is still
//!   news then.
//! - "Back" is told only of a camera of which it was told that it was gone.
//!
//! What does not belong here: showing a notification, the connection to the hub.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tarsier_api::event::{Event, EventKind};
use tarsier_types::Mono;

use crate::words::{Words, fill};

/// How long the first thing waits for others to be told with it.
const GATHER: Duration = Duration::from_secs(5);
/// How long a camera is not named again.
const QUIET: Duration = Duration::from_secs(60);
/// Lines of a note about several things.
const MAX_LINES: usize = 4;

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    Offline,
    Back,
    Stopped,
    Alarm,
}

const TOPICS: [Topic; 4] = [Topic::Alarm, Topic::Stopped, Topic::Offline, Topic::Back];

impl Topic {
    fn of(kind: EventKind) -> Option<Self> {
        match kind {
            EventKind::CameraOffline => Some(Self::Offline),
            EventKind::CameraOnline => Some(Self::Back),
            EventKind::CameraStopped => Some(Self::Stopped),
            EventKind::DiskNotWritable => Some(Self::Alarm),
            _ => None,
        }
    }

    fn title_of_many(self, words: &Words) -> &'static str {
        match self {
            Self::Offline => words.many_offline,
            Self::Back => words.many_back,
            Self::Stopped => words.many_stopped,
            Self::Alarm => words.many_alarms,
        }
    }
}

/// What happens to the notifier.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// The hub says.
    Heard(Event),
    /// The user wants quiet for so long.
    Mute(Duration),
    /// The user wants to hear again.
    Unmute,
    /// The deadline has come.
    Tick,
}

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// Its bold line.
    pub(crate) title: String,
    /// The rest.
    pub(crate) body: String,
}

#[derive(Debug)]
struct Pending {
    topic: Topic,
    camera: Option<String>,
    note: Note,
    due: Mono,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    topic: Topic,
    at: Mono,
}

/// Decides what is told.
#[derive(Debug)]
pub(crate) struct Notifier {
    words: &'static Words,
    gather_until: Option<Mono>,
    muted_until: Option<Mono>,
    pending: Vec<Pending>,
    told: HashMap<String, Told>,
    notes: VecDeque<Note>,
}

impl Notifier {
    /// One that has told nothing yet.
    pub(crate) fn new(words: &'static Words) -> Self {
        Self {
            words,
            gather_until: None,
            muted_until: None,
            pending: Vec::new(),
            told: HashMap::new(),
            notes: VecDeque::new(),
        }
    }

    /// Takes what happened at `now`.
    pub(crate) fn handle(&mut self, now: Mono, input: Input) {
        if self.muted_until.is_some_and(|until| until <= now) {
            self.muted_until = None;
        }
        match input {
            Input::Heard(event) => self.hear(now, event),
            Input::Mute(span) => self.muted_until = Some(now + span),
            Input::Unmute => self.muted_until = None,
            Input::Tick => {}
        }
        self.tell_what_is_due(now);
    }

    /// The next note to show, until there is none.
    pub(crate) fn poll(&mut self) -> Option<Note> {
        self.notes.pop_front()
    }

    /// When to call again with [`Input::Tick`].
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.pending.iter().map(|pending| pending.due).chain(self.muted_until).min()
    }

    /// The user wanted quiet, and it lasts.
    pub(crate) fn is_muted(&self) -> bool {
        self.muted_until.is_some()
    }

    fn hear(&mut self, now: Mono, event: Event) {
        let Some(topic) = Topic::of(event.kind) else { return };
        let mut due = match self.gather_until {
            Some(until) if until > now => until,
            _ => now + GATHER,
        };
        if let Some(camera) = &event.camera_id {
            let waiting = self.pending.len();
            self.pending.retain(|pending| pending.camera.as_ref() != Some(camera));
            let took_back = self.pending.len() < waiting;
            match self.told.get(camera) {
                Some(told) => {
                    let free_at = told.at + QUIET;
                    if told.topic == topic && (took_back || now < free_at) {
                        return; // what was told last is true again
                    }
                    due = due.max(free_at);
                }
                None if topic == Topic::Back => return, // nobody was told that it was gone
                None => {}
            }
        }
        if self.gather_until.is_none_or(|until| until <= now) {
            self.gather_until = Some(now + GATHER);
        }
        let note = Note { title: event.title, body: event.body };
        self.pending.push(Pending { topic, camera: event.camera_id, note, due });
    }

    fn tell_what_is_due(&mut self, now: Mono) {
        let (due, later): (Vec<Pending>, Vec<Pending>) =
            std::mem::take(&mut self.pending).into_iter().partition(|pending| pending.due <= now);
        self.pending = later;
        for pending in &due {
            if let Some(camera) = &pending.camera {
                self.told.insert(camera.clone(), Told { topic: pending.topic, at: now });
            }
        }
        if self.is_muted() {
            return;
        }
        for topic in TOPICS {
            let notes: Vec<&Note> =
                due.iter().filter(|p| p.topic == topic).map(|p| &p.note).collect();
            self.notes.extend(together(topic, &notes, self.words));
        }
    }
}

fn together(topic: Topic, notes: &[&Note], words: &Words) -> Option<Note> {
    match notes {
        [] => None,
        [one] => Some((*one).clone()),
        many => {
            let title = fill(topic.title_of_many(words), &[("n", many.len().to_string())]);
            let mut lines: Vec<String> =
                many.iter().take(MAX_LINES).map(|note| note.title.clone()).collect();
            if many.len() > MAX_LINES {
                lines.push(fill(words.and_more, &[("n", (many.len() - MAX_LINES).to_string())]));
            }
            Some(Note { title, body: lines.join("\n") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::for_locale;

    fn event(kind: EventKind, camera: &str) -> Event {
        let what = match kind {
            EventKind::CameraOffline => "offline",
            EventKind::CameraOnline => "back",
            EventKind::CameraStopped => "stopped",
            _ => "other",
        };
        Event {
            id: 1,
            utc_ms: 0,
            kind,
            camera_id: Some(camera.to_owned()),
            title: format!("{camera} {what}"),
            body: String::new(),
        }
    }

    /// The script is words of `SECOND:CAMERA` and a sign: `-` offline, `+` online, `!` stopped, `.` something else;
    /// `SECOND:mute` is for an hour. The answer is what was told, with the second in which it was.
    fn run(script: &str) -> String {
        let mut notifier = Notifier::new(for_locale("en"));
        let mut told = Vec::new();
        let mut steps: Vec<(u64, Input)> = script
            .split_whitespace()
            .map(|word| {
                let (second, what) = word.split_once(':').expect("SECOND:WHAT");
                let input = match what.split_at(what.len() - 1) {
                    ("mut", "e") => Input::Mute(Duration::from_secs(3600)),
                    (camera, "-") => Input::Heard(event(EventKind::CameraOffline, camera)),
                    (camera, "+") => Input::Heard(event(EventKind::CameraOnline, camera)),
                    (camera, "!") => Input::Heard(event(EventKind::CameraStopped, camera)),
                    (camera, _) => Input::Heard(event(EventKind::RecorderRestarted, camera)),
                };
                (second.parse().expect("a number"), input)
            })
            .collect();
        steps.reverse();
        loop {
            let next_step = steps.last().map(|(second, _)| Mono::from_millis(second * 1000));
            let now = match (next_step, notifier.deadline()) {
                (Some(step), Some(deadline)) if deadline < step => deadline,
                (Some(step), _) => step,
                (None, Some(deadline)) => deadline,
                (None, None) => break,
            };
            let input = if next_step == Some(now) {
                steps.pop().expect("it was there").1
            } else {
                Input::Tick
            };
            notifier.handle(now, input);
            while let Some(note) = notifier.poll() {
                let seconds = now.since(Mono::ZERO).as_secs();
                let body = note.body.replace('\n', ", ");
                told.push(if body.is_empty() {
                    format!("{seconds}s {}", note.title)
                } else {
                    format!("{seconds}s {} ({body})", note.title)
                });
            }
        }
        told.join("; ")
    }

    #[test]
    fn one_camera_is_told_in_the_hubs_own_words() {
        assert_eq!(run("0:a-"), "5s a offline");
    }

    #[test]
    fn several_cameras_within_five_seconds_are_one_note() {
        assert_eq!(
            run("0:a- 1:b- 4:c-"),
            "5s 3 cameras went offline (a offline, b offline, c offline)"
        );
    }

    #[test]
    fn a_long_list_is_cut() {
        assert_eq!(
            run("0:a- 0:b- 0:c- 0:d- 0:e- 0:f-"),
            "5s 6 cameras went offline (a offline, b offline, c offline, d offline, and 2 more)"
        );
    }

    #[test]
    fn different_things_are_not_mixed_and_the_worse_comes_first() {
        assert_eq!(run("0:a- 1:b!"), "5s b stopped; 5s a offline");
    }

    #[test]
    fn a_camera_that_is_back_before_it_was_told_is_not_told() {
        assert_eq!(run("0:a- 3:a+"), "", "a blip is in the event list, not in the user's face");
    }

    #[test]
    fn a_camera_is_named_once_a_minute() {
        assert_eq!(run("0:a- 10:a+"), "5s a offline; 65s a back");
        assert_eq!(
            run("0:a- 100:a+"),
            "5s a offline; 105s a back",
            "after a quiet minute there is no more waiting"
        );
    }

    #[test]
    fn a_flapping_camera_is_told_only_what_is_still_news() {
        assert_eq!(run("0:a- 10:a+ 20:a- 30:a+ 40:a-"), "5s a offline", "it is as it was told");
        assert_eq!(run("0:a- 10:a+ 20:a- 30:a+"), "5s a offline; 65s a back");
    }

    #[test]
    fn back_is_told_only_of_a_camera_that_was_told_to_be_gone() {
        assert_eq!(run("0:a+"), "", "a camera that starts is no news");
    }

    #[test]
    fn an_offline_camera_is_told_again_after_the_hub_forgot() {
        assert_eq!(
            run("0:a- 300:a-"),
            "5s a offline; 305s a offline",
            "the second time is a new loss of footage"
        );
    }

    #[test]
    fn nothing_is_told_while_muted_nor_afterwards() {
        assert_eq!(run("0:mute 1:a- 4000:b-"), "4005s b offline");
        assert_eq!(run("0:a- 2:mute"), "", "mute holds for what is already waiting, too");
    }

    #[test]
    fn restarts_of_a_recorder_are_not_told() {
        assert_eq!(run("0:a. 1:b."), "", "the hub heals those by itself");
    }
}
