//! Brain: how many recorders may be restarted at once because a rule says so.
//!
//! A rule that suddenly dislikes everybody (a limit typed wrong, a machine that stood still) must not stop all
//! recording. Recorders that died are none of its business: they are always started again.

use std::collections::{BTreeSet, VecDeque};

use tarsier_types::CameraId;

/// Who may, and who waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Governor {
    busy: BTreeSet<CameraId>,
    /// In the order in which they asked.
    waiting: VecDeque<CameraId>,
}

impl Governor {
    /// May that camera's recorder be restarted now? If not, it waits in line and asks again.
    pub(crate) fn ask(&mut self, camera: &CameraId, at_once: u32) -> bool {
        if self.busy.contains(camera) {
            return true;
        }
        if !self.waiting.contains(camera) {
            self.waiting.push_back(camera.clone());
        }
        let free = usize::try_from(at_once).unwrap_or(1).saturating_sub(self.busy.len());
        let place = self.waiting.iter().position(|waiting| waiting == camera);
        let Some(place) = place.filter(|place| *place < free) else { return false };
        self.waiting.remove(place);
        self.busy.insert(camera.clone());
        true
    }

    /// Its successor works, or it does not want to be restarted any more.
    pub(crate) fn done(&mut self, camera: &CameraId) {
        self.busy.remove(camera);
        self.waiting.retain(|waiting| waiting != camera);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small letter asks, a capital one is done. Answers `+` or `-` for each that asks.
    fn run(script: &str) -> String {
        let mut governor = Governor::default();
        let mut said = String::new();
        for letter in script.chars() {
            let camera = CameraId::new(letter.to_ascii_lowercase().to_string()).unwrap();
            if letter.is_ascii_lowercase() {
                said.push(if governor.ask(&camera, 2) { '+' } else { '-' });
            } else {
                governor.done(&camera);
            }
        }
        said
    }

    #[test]
    fn a_rule_that_dislikes_everybody_restarts_two_at_once() {
        assert_eq!(run("abcd"), "++--");
        assert_eq!(run("abcdAcd"), "++--+-");
    }

    #[test]
    fn who_waits_longest_is_next() {
        assert_eq!(run("abcdAdc"), "++---+", "d asked behind c");
        assert_eq!(run("abcdCAd"), "++--+", "c does not want any more");
    }

    #[test]
    fn who_has_leave_keeps_it() {
        assert_eq!(run("aaab"), "++++");
    }
}
