//! Brain: which encoder is used: the first, best first, that may be tried and works; and the one behind it when it fails at
//! work.
//!
//! What refuses at once costs nothing, and is asked again another time: a card may come. What says nothing, or fails at
//! work, is told of ([`Choice::take_failed`]), so that nobody waits for it again. What does not belong here: trying
//! (`trial`), encoders (`encoder`).

use std::collections::VecDeque;

use crate::encoder::{Encoders, RunsOn};
use crate::trial::Trial;

/// What is chosen among.
pub(crate) trait Chosen {
    /// As FFmpeg names it.
    fn name(&self) -> &'static str;
    fn runs_on(&self) -> RunsOn;
}

/// The brain.
#[derive(Debug)]
pub(crate) struct Choice {
    encoders: Encoders,
    /// By name: those that failed before.
    without: Vec<String>,
    /// The first that may still be tried.
    from: usize,
    failed: VecDeque<&'static str>,
}

impl Choice {
    pub(crate) fn new(encoders: Encoders, without: Vec<String>) -> Self {
        Self { encoders, without, from: 0, failed: VecDeque::new() }
    }

    /// The next one that works, by its place in the list; none that was given before.
    pub(crate) fn next<C: Chosen>(
        &mut self,
        list: &'static [C],
        mut try_out: impl FnMut(&'static C) -> Trial,
    ) -> Option<&'static C> {
        while let Some(candidate) = list.get(self.from) {
            self.from += 1;
            let needs_driver = candidate.runs_on() == RunsOn::Hardware;
            let is_left_out = needs_driver
                && (self.encoders == Encoders::Software
                    || self.without.iter().any(|name| name == candidate.name()));
            if is_left_out {
                continue;
            }
            match try_out(candidate) {
                Trial::Works => return Some(candidate),
                Trial::Refuses => {}
                Trial::Silent => self.failed.push_back(candidate.name()),
            }
        }
        None
    }

    /// The one that was given last has failed at work.
    pub(crate) fn failed(&mut self, candidate: &impl Chosen) {
        self.failed.push_back(candidate.name());
    }

    /// The next one that should not be tried again on this machine.
    pub(crate) fn take_failed(&mut self) -> Option<&'static str> {
        self.failed.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{CANDIDATES, Candidate};

    /// What each encoder does when it is tried (`+` works, `-` refuses, `?` says nothing); what is chosen, what was tried
    /// for it, and what is told as failed.
    fn check(choice: &mut Choice, does: &str) -> (Option<&'static str>, String, String) {
        let mut tried = Vec::new();
        let chosen = choice.next(&CANDIDATES, |candidate: &'static Candidate| {
            tried.push(candidate.name);
            let told = does.split(' ').find_map(|word| word.strip_prefix(candidate.name));
            match told {
                Some("+") => Trial::Works,
                Some("?") => Trial::Silent,
                _ => Trial::Refuses,
            }
        });
        let failed: Vec<&str> = std::iter::from_fn(|| choice.take_failed()).collect();
        (chosen.map(Candidate::name), tried.join(" "), failed.join(" "))
    }

    fn any() -> Choice {
        Choice::new(Encoders::Any, Vec::new())
    }

    #[test]
    fn hardware_comes_before_software_and_each_vendors_own_before_what_stands_for_all() {
        let all = "h264_nvenc h264_qsv h264_vaapi h264_videotoolbox h264_mf libx264 libopenh264";
        assert_eq!(check(&mut any(), ""), (None, all.to_owned(), String::new()));
        let (chosen, ..) = check(&mut any(), "h264_vaapi+ h264_qsv+ libx264+");
        assert_eq!(chosen, Some("h264_qsv"));
        let (chosen, ..) = check(&mut any(), "libopenh264+");
        assert_eq!(chosen, Some("libopenh264"));
    }

    #[test]
    fn who_says_nothing_is_told_of_and_who_refuses_is_not() {
        let (chosen, tried, failed) = check(&mut any(), "h264_nvenc? h264_qsv- h264_vaapi+");
        assert_eq!(chosen, Some("h264_vaapi"));
        assert_eq!(tried, "h264_nvenc h264_qsv h264_vaapi");
        assert_eq!(failed, "h264_nvenc");
    }

    #[test]
    fn who_failed_before_is_not_tried() {
        let mut choice = Choice::new(Encoders::Any, vec!["h264_nvenc".to_owned()]);
        let (chosen, tried, failed) = check(&mut choice, "h264_nvenc? h264_qsv+");
        assert_eq!((chosen, tried.as_str(), failed.as_str()), (Some("h264_qsv"), "h264_qsv", ""));
    }

    #[test]
    fn where_hardware_is_to_be_left_alone_no_driver_is_touched() {
        let mut choice = Choice::new(Encoders::Software, Vec::new());
        let (chosen, tried, _) = check(&mut choice, "h264_nvenc? h264_vaapi+ libx264+");
        assert_eq!((chosen, tried.as_str()), (Some("libx264"), "libx264"));
    }

    #[test]
    fn who_fails_at_work_gives_way_to_the_next_and_never_comes_back() {
        let (mut choice, does) = (any(), "h264_nvenc+ h264_vaapi+ libx264+");
        let mut used = Vec::new();
        while let (Some(name), ..) = check(&mut choice, does) {
            used.push(name);
            let failed = CANDIDATES.iter().find(|candidate| candidate.name == name).unwrap();
            choice.failed(failed);
            assert_eq!(choice.take_failed(), Some(name));
        }
        assert_eq!(used, ["h264_nvenc", "h264_vaapi", "libx264"]);
    }
}
