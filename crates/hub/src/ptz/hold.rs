//! Brain: what a camera is told when. A turn is held by whoever asks for it again and again; let go, it ends.
//!
//! One command at a time, and of those that wait the newest wins, so a slow camera never works off what nobody wants any
//! more. A page that vanishes has let go, and so has a hub that ends; if it is killed, the camera's own timeout is left.
//! What does not belong here: time, SOAP.

use std::collections::VecDeque;
use std::time::Duration;

use tarsier_onvif::{OnvifError, Velocity};
use tarsier_types::Mono;

/// Without being asked for again, a turn ends after this.
const HOLD: Duration = Duration::from_secs(1);
/// Whoever was answered by a slow camera has so long to ask for more: he could not before.
const GRACE: Duration = Duration::from_millis(500);
/// A turn that goes on is told again after this: well before the camera's timeout, and not so often that it jerks.
const AGAIN: Duration = Duration::from_secs(1);
/// By itself a camera stops after this, if it keeps time.
pub(super) const TIMEOUT: Duration = Duration::from_secs(3);
/// A stop that failed is tried again, for something may be turning.
const STOP_TRIES: u32 = 4;
const STOP_AGAIN: Duration = Duration::from_millis(500);

/// What somebody wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Aim {
    /// Turn like that, for a second.
    Turn(Velocity),
    /// Stand still.
    Stop,
    /// Go to the preset of that token.
    Goto(String),
}

/// What the camera is told.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    Turn(Velocity),
    Stop,
    Goto(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Input {
    /// Of that number, which is answered once.
    Order(u64, Aim),
    /// What became of the command.
    Done(Result<(), OnvifError>),
    /// The deadline has come.
    Tick,
    /// Nobody can order any more.
    LetGo,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Output {
    Send(Command),
    Answer(u64, Result<(), OnvifError>),
}

/// A command, and who waits for it.
#[derive(Debug)]
struct Wanted {
    command: Command,
    order: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Hold {
    /// The newest that was not sent yet.
    wanted: Option<Wanted>,
    under_way: Option<Wanted>,
    /// Until then the turn is held.
    until: Option<Mono>,
    /// Nobody can order any more.
    is_let_go: bool,
    /// As the camera was told last, and when.
    turns: Option<(Velocity, Mono)>,
    /// As far as is known.
    may_turn: bool,
    stops_failed: u32,
    /// Nothing is sent before.
    not_before: Option<Mono>,
    outputs: VecDeque<Output>,
}

impl Hold {
    pub(super) fn handle(&mut self, now: Mono, input: Input) {
        match input {
            Input::Order(number, aim) => self.order(now, number, aim),
            Input::Done(outcome) => self.done(now, outcome),
            Input::Tick => {}
            Input::LetGo => {
                self.is_let_go = true;
                self.until = self.until.map(|_| now);
            }
        }
        if self.until.is_some_and(|until| until <= now) && !self.is_told_to_turn() {
            self.let_go();
        }
        self.send(now);
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        // What is under way is waited for.
        let next = self.not_before.filter(|_| self.wanted.is_some() && self.under_way.is_none());
        self.until.filter(|_| !self.is_told_to_turn()).into_iter().chain(next).min()
    }

    /// A stop would have to wait for that anyway.
    const fn is_told_to_turn(&self) -> bool {
        matches!(self.under_way, Some(Wanted { command: Command::Turn(_), .. }))
    }

    /// Nothing turns or is under way, as far as is known, or nothing more is tried.
    pub(super) const fn is_still(&self) -> bool {
        self.under_way.is_none() && self.wanted.is_none() && self.until.is_none()
    }

    fn order(&mut self, now: Mono, number: u64, aim: Aim) {
        let command = match aim {
            Aim::Turn(to) if to == Velocity::default() => Command::Stop,
            Aim::Turn(to) => Command::Turn(to),
            Aim::Stop => Command::Stop,
            Aim::Goto(token) => Command::Goto(token),
        };
        self.until = matches!(command, Command::Turn(_)).then(|| now + HOLD);
        self.stops_failed = 0;
        self.not_before = None;
        if let Some(Wanted { order: Some(older), .. }) = self.wanted.take() {
            self.outputs.push_back(Output::Answer(older, Ok(())));
        }
        if self.is_done_already(now, &command) {
            self.outputs.push_back(Output::Answer(number, Ok(())));
        } else {
            self.wanted = Some(Wanted { command, order: Some(number) });
        }
    }

    /// It turns like that, and was told so not long ago.
    fn is_done_already(&self, now: Mono, command: &Command) -> bool {
        let Command::Turn(to) = command else { return false };
        match &self.under_way {
            Some(under_way) => under_way.command == *command,
            None => self.turns.is_some_and(|(last, at)| last == *to && now.since(at) < AGAIN),
        }
    }

    fn let_go(&mut self) {
        self.until = None;
        // One that was not sent yet has nothing to end; what the camera was told before has.
        if let Some(Wanted { order: Some(order), .. }) = self.wanted.take() {
            self.outputs.push_back(Output::Answer(order, Ok(())));
        }
        if self.may_turn {
            self.wanted = Some(Wanted { command: Command::Stop, order: None });
        }
    }

    fn send(&mut self, now: Mono) {
        if self.under_way.is_some() || self.not_before.is_some_and(|at| now < at) {
            return;
        }
        let Some(wanted) = self.wanted.take() else { return };
        self.not_before = None;
        self.turns = None;
        if let Command::Turn(to) = wanted.command {
            // Also when it fails: the answer may have been lost, and not the command.
            self.may_turn = true;
            self.turns = Some((to, now));
        }
        self.outputs.push_back(Output::Send(wanted.command.clone()));
        self.under_way = Some(wanted);
    }

    fn done(&mut self, now: Mono, outcome: Result<(), OnvifError>) {
        let Some(Wanted { command, order }) = self.under_way.take() else { return };
        match (&command, outcome.is_ok()) {
            (Command::Turn(_), is_told) => {
                if !is_told {
                    self.turns = None;
                }
                let until = self.until.filter(|_| !self.is_let_go);
                self.until = until.map(|until| until.max(now + GRACE)).or(self.until);
            }
            // What the camera did before may go on.
            (Command::Goto(_), false) if self.may_turn && self.wanted.is_none() => {
                self.wanted = Some(Wanted { command: Command::Stop, order: None });
            }
            (Command::Goto(_), false) => {}
            (Command::Stop | Command::Goto(_), true) => {
                self.may_turn = false;
                self.stops_failed = 0;
            }
            (Command::Stop, false) => {
                self.stops_failed += 1;
                if self.may_turn && self.wanted.is_none() && self.stops_failed < STOP_TRIES {
                    self.wanted = Some(Wanted { command: Command::Stop, order: None });
                    self.not_before = Some(now + STOP_AGAIN);
                }
            }
        }
        if let Some(order) = order {
            self.outputs.push_back(Output::Answer(order, outcome));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `100 >` is an order at 100 ms to turn right, `<` left, `s` stop, `3` a preset; `+` the camera has done it, `-` it has
    /// failed, `.` nothing but time, `x` letting go. Deadlines that come before are met. What is sent is written with its
    /// time, and answers as `=order` or `!order`.
    fn run(script: &str) -> String {
        let mut hold = Hold::default();
        let (mut said, mut orders) = (Vec::new(), 0);
        let words: Vec<&str> = script.split_whitespace().collect();
        for step in words.chunks(2) {
            let [at, what] = step else { panic!("{script}") };
            let at = Mono::from_millis(at.parse().unwrap());
            while let Some(deadline) = hold.deadline().filter(|deadline| *deadline < at) {
                hold.handle(deadline, Input::Tick);
                drain(&mut hold, deadline, &mut said);
            }
            let mut order = |aim| {
                orders += 1;
                Input::Order(orders, aim)
            };
            let turn = |pan| Aim::Turn(Velocity { pan, ..Velocity::default() });
            let input = match *what {
                ">" => order(turn(1.0)),
                "<" => order(turn(-1.0)),
                "0" => order(turn(0.0)),
                "s" => order(Aim::Stop),
                "+" => Input::Done(Ok(())),
                "-" => Input::Done(Err(OnvifError::TookTooLong)),
                "x" => Input::LetGo,
                "." => Input::Tick,
                token => order(Aim::Goto(token.to_owned())),
            };
            hold.handle(at, input);
            drain(&mut hold, at, &mut said);
        }
        said.join(" ")
    }

    fn drain(hold: &mut Hold, now: Mono, said: &mut Vec<String>) {
        while let Some(output) = hold.poll() {
            said.push(match output {
                Output::Answer(order, Ok(())) => format!("={order}"),
                Output::Answer(order, Err(_)) => format!("!{order}"),
                Output::Send(command) => {
                    let what = match command {
                        Command::Turn(to) if to.pan > 0.0 => ">".to_owned(),
                        Command::Turn(_) => "<".to_owned(),
                        Command::Stop => "s".to_owned(),
                        Command::Goto(token) => token,
                    };
                    format!("{what}{}", now.since_zero().as_millis())
                }
            });
        }
    }

    #[test]
    fn a_turn_that_nobody_holds_ends_after_a_second() {
        assert_eq!(run("0 > 50 + 2000 . 2050 + 9000 ."), ">0 =1 s1000");
    }

    #[test]
    fn a_turn_that_is_held_is_told_again_each_second_and_ends_when_it_is_let_go() {
        assert_eq!(
            run("0 > 50 + 400 > 800 > 1200 > 1250 + 1600 > 1700 s 1750 + 9000 ."),
            ">0 =1 =2 =3 >1200 =4 =5 s1700 =6"
        );
    }

    #[test]
    fn of_what_waits_for_a_slow_camera_the_newest_wins() {
        // The left turn waited, and was never sent.
        assert_eq!(run("0 > 100 < 200 s 900 + 1700 + 9000 ."), ">0 =2 =1 s900 =3");
        assert_eq!(run("0 > 100 > 200 > 300 +"), ">0 =2 =3 =1", "the same is on its way");
        assert_eq!(run("0 > 100 s 200 < 300 + 350 +"), ">0 =2 =1 <300 =3");
    }

    #[test]
    fn a_camera_that_answers_after_the_page_has_vanished_is_stopped_then() {
        assert_eq!(run("0 > 5000 + 5600 + 9000 ."), ">0 =1 s5500");
    }

    #[test]
    fn a_slow_camera_that_is_held_is_not_stopped_between_two_words() {
        assert_eq!(
            run("0 > 1200 + 1210 > 2400 + 2410 > 3600 + 9000 ."),
            ">0 =1 >1210 =2 >2410 =3 s4100"
        );
    }

    #[test]
    fn a_stop_that_fails_is_tried_again_and_not_for_ever() {
        assert_eq!(
            run("0 > 50 + 100 s 200 - 701 - 1202 - 1703 - 9000 ."),
            ">0 =1 s100 !2 s700 s1201 s1702"
        );
        assert_eq!(
            run("0 > 50 + 100 s 200 - 300 > 350 +"),
            ">0 =1 s100 !2 >300 =3",
            "but for what is wanted now"
        );
        assert_eq!(run("0 s 50 - 9000 ."), "s0 !1", "nothing turns, as far as is known");
    }

    #[test]
    fn a_turn_that_failed_may_have_begun() {
        assert_eq!(run("0 > 50 - 1500 . 1550 + 9000 ."), ">0 !1 s1000");
        assert_eq!(run("0 > 50 - 100 >"), ">0 !1 >100", "asked for again, it is told again");
    }

    #[test]
    fn presets_and_stops_end_the_holding() {
        assert_eq!(run("0 > 50 + 100 7 150 + 9000 ."), ">0 =1 7100 =2");
        assert_eq!(
            run("0 > 50 + 100 7 150 - 200 + 9000 ."),
            ">0 =1 7100 !2 s150",
            "there is no such preset"
        );
        assert_eq!(run("0 0 50 + 9000 ."), "s0 =1", "turning at no speed is standing still");
    }

    #[test]
    fn who_ends_lets_go_first() {
        assert_eq!(run("0 > 50 + 300 x 350 + 9000 ."), ">0 =1 s300");
        assert_eq!(run("0 > 300 x 350 +"), ">0 =1 s350");
        assert_eq!(run("300 x 9000 ."), "");
    }
}
