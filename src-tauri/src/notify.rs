//! Brain: which events become notifications, and which are told together. SPEC section 11: grouped so that they never
//! spam.
//!
//! The hub decides what is an alert: what lasts long enough, what is one incident, who wants quiet. Each of its alerts
//! is told here once when it is raised and once when it is over. All that is left to do: what comes within [`GATHER`]
//! of the first is one note for each kind, so that a connection that was broken, or a quiet time that ends, does not
//! fill the screen.
//!
//! What does not belong here: showing a notification, the connection to the hub.

use std::collections::VecDeque;
use std::time::Duration;

use tarsier_api::event::{Event, EventKind};
use tarsier_types::Mono;

use crate::words::{Words, fill};

/// How long the first thing waits for others to be told with it. An alert is to be out within 30 s, of which the hub
/// takes at most 22 s.
const GATHER: Duration = Duration::from_secs(1);
/// Lines of a note about several things.
const MAX_LINES: usize = 4;

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    /// Something is wrong.
    Alarm,
    /// It is over.
    Over,
}

/// The worse comes first.
const TOPICS: [Topic; 2] = [Topic::Alarm, Topic::Over];

impl Topic {
    fn of(kind: EventKind) -> Option<Self> {
        match kind {
            EventKind::AlertRaised => Some(Self::Alarm),
            EventKind::AlertResolved => Some(Self::Over),
            _ => None,
        }
    }

    fn title_of_many(self, words: &Words) -> &'static str {
        match self {
            Self::Alarm => words.many_alarms,
            Self::Over => words.many_over,
        }
    }
}

/// What happens to the notifier.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// The hub says.
    Heard(Event),
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

/// What waits for others, and until when.
#[derive(Debug)]
struct Gathering {
    until: Mono,
    waiting: Vec<(Topic, Note)>,
}

/// Decides what is told.
#[derive(Debug)]
pub(crate) struct Notifier {
    words: &'static Words,
    gathering: Option<Gathering>,
    notes: VecDeque<Note>,
}

impl Notifier {
    /// One that has told nothing yet.
    pub(crate) fn new(words: &'static Words) -> Self {
        Self { words, gathering: None, notes: VecDeque::new() }
    }

    /// Takes what happened at `now`.
    pub(crate) fn handle(&mut self, now: Mono, input: Input) {
        self.tell_what_is_due(now);
        match input {
            Input::Heard(event) => self.hear(now, event),
            Input::Tick => {}
        }
    }

    /// The next note to show, until there is none.
    pub(crate) fn poll(&mut self) -> Option<Note> {
        self.notes.pop_front()
    }

    /// When to call again with [`Input::Tick`].
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.gathering.as_ref().map(|gathering| gathering.until)
    }

    fn hear(&mut self, now: Mono, event: Event) {
        let Some(topic) = Topic::of(event.kind) else { return };
        let note = Note { title: event.title, body: event.body };
        let first = || Gathering { until: now + GATHER, waiting: Vec::new() };
        self.gathering.get_or_insert_with(first).waiting.push((topic, note));
    }

    fn tell_what_is_due(&mut self, now: Mono) {
        let Some(due) = self.gathering.take_if(|gathering| gathering.until <= now) else { return };
        for topic in TOPICS {
            let notes: Vec<&Note> =
                due.waiting.iter().filter(|(of, _)| *of == topic).map(|(_, note)| note).collect();
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

    fn event(kind: EventKind, title: String) -> Event {
        Event {
            id: 1,
            utc_ms: 0,
            kind,
            camera_id: None,
            title,
            body: String::new(),
            until_utc_ms: None,
        }
    }

    /// The script is words of `MILLISECOND:NAME` and a sign: `-` an alert, `+` it is over; or of an event's name. The
    /// answer is what was told, with the millisecond in which it was.
    fn run(script: &str) -> String {
        let mut notifier = Notifier::new(for_locale("en"));
        let mut told = Vec::new();
        let mut steps: Vec<(u64, Input)> = script
            .split_whitespace()
            .map(|word| {
                let (at, what) = word.split_once(':').expect("MILLISECOND:WHAT");
                let event = match what.split_at(what.len() - 1) {
                    (name, "-") => event(EventKind::AlertRaised, name.to_owned()),
                    (name, "+") => event(EventKind::AlertResolved, format!("Over: {name}")),
                    _ => {
                        let kind = serde_json::from_value(what.into()).expect("an event's name");
                        event(kind, what.to_owned())
                    }
                };
                (at.parse().expect("a number"), Input::Heard(event))
            })
            .collect();
        steps.reverse();
        loop {
            let next_step = steps.last().map(|(at, _)| Mono::from_millis(*at));
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
                let at = now.since(Mono::ZERO).as_millis();
                let body = note.body.replace('\n', ", ");
                told.push(if body.is_empty() {
                    format!("{at} {}", note.title)
                } else {
                    format!("{at} {} ({body})", note.title)
                });
            }
        }
        told.join("; ")
    }

    #[test]
    fn an_alert_and_its_end_are_told_in_the_hubs_own_words() {
        assert_eq!(run("0:a- 60000:a+"), "1000 a; 61000 Over: a");
    }

    #[test]
    fn a_burst_is_one_note() {
        assert_eq!(run("0:a- 200:b- 999:c-"), "1000 3 alerts about recording (a, b, c)");
        assert_eq!(run("0:a+ 0:b+"), "1000 2 alerts are over (Over: a, Over: b)");
    }

    #[test]
    fn what_comes_after_a_burst_waits_for_others_of_its_own() {
        assert_eq!(run("0:a- 1000:b- 2500:c-"), "1000 a; 2000 b; 3500 c");
    }

    #[test]
    fn a_long_list_is_cut() {
        assert_eq!(
            run("0:a- 0:b- 0:c- 0:d- 0:e- 0:f-"),
            "1000 6 alerts about recording (a, b, c, d, and 2 more)"
        );
    }

    #[test]
    fn different_things_are_not_mixed_and_the_worse_comes_first() {
        assert_eq!(run("0:a+ 1:b-"), "1000 b; 1000 Over: a");
    }

    #[test]
    fn a_blip_that_the_hub_makes_no_alert_of_is_not_told() {
        assert_eq!(
            run("0:camera_offline 1:camera_online 2:camera_stopped 3:disk_not_writable 4:disk_low"),
            "",
            "the hub holds them off, and says what a person should know of"
        );
        assert_eq!(run("0:recorder_restarted"), "", "the hub heals those by itself");
    }
}
