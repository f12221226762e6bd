//! Brain: one stream, as long as somebody watches it.
//!
//! Keeps the last GOP, so that a newcomer sees a picture at once (SPEC section 8: within 300 ms of the click), and
//! holds on to the stream for [`LINGER`] after the last viewer, so that a page that is loaded again does not
//! start anew. A *run* is a stretch with one set of parameters and one unbroken timeline; each run begins with
//! [`Item::Init`]. What does not belong here: what a viewer can take ([`crate::viewer`]), tasks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tarsier_types::{AccessUnit, Dts, Mono, ParameterSets, Ticks, Track};

/// How long a stream is still taken from its recorder after the last viewer left.
pub const LINGER: Duration = Duration::from_secs(10);
/// The kept GOP may not grow beyond this ("smart" GOPs last minutes); newcomers then wait for the next keyframe.
const MAX_GOP_BYTES: usize = 48 << 20;
/// A step of the decoding time beyond this is a new run: a camera that restarted, a clock that was set (guess).
const MAX_STEP: Ticks = Ticks(10 * Ticks::PER_SECOND);

/// One access unit on its way to viewers, shared by all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveUnit {
    /// A picture, or a frame of sound.
    pub unit: AccessUnit,
    /// When its last byte reached the recorder, microseconds since 1970: what `prft` carries.
    pub arrived_utc_us: i64,
}

impl LiveUnit {
    /// A picture from which decoding can start. Every frame of sound says so of itself, and begins nothing.
    pub fn is_keyframe(&self) -> bool {
        self.is_picture() && self.unit.is_keyframe
    }

    /// No sound.
    pub fn is_picture(&self) -> bool {
        self.unit.track == Track::Video
    }
}

/// What a viewer is offered. `N` is what people are told; the feed only passes it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<N> {
    /// A run begins; what follows is decodable with these.
    Init(Arc<ParameterSets>),
    /// A picture of the run, or sound that belongs to it.
    Unit(Arc<LiveUnit>),
    /// The recorder left so many access units out; the next one is a keyframe.
    Skipped(u32),
    /// No pictures for now.
    Waiting(N),
    /// Nothing will follow.
    Ended(N),
}

/// What happens to a feed.
#[derive(Debug)]
pub enum FeedInput<N> {
    /// Somebody begins to watch.
    Joined(u64),
    /// Somebody stopped watching.
    Left,
    /// The recorder begins a run.
    Parameters(ParameterSets),
    /// A picture came, or sound.
    Unit(LiveUnit),
    /// The recorder left units out.
    Skipped(u32),
    /// The connection to the camera: why there are no pictures, or that there is nothing to say.
    Notice(Option<N>),
    /// The stream is gone for good.
    Ended(N),
    /// The deadline passed.
    Tick,
}

/// For whom an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Everybody who watches.
    All,
    /// A newcomer.
    One(u64),
}

/// What a feed wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum FeedOutput<N> {
    /// Ask the recorder for the stream.
    Subscribe,
    /// Nobody needs it any more.
    Unsubscribe,
    /// Offer this to viewers.
    Deliver(To, Item<N>),
}

/// The brain.
#[derive(Debug)]
pub struct Feed<N> {
    viewers: u32,
    is_subscribed: bool,
    linger_until: Option<Mono>,
    parameters: Option<Arc<ParameterSets>>,
    /// The run was announced to viewers and goes on.
    is_running: bool,
    /// Of the newest picture.
    last_dts: Option<Dts>,
    gop: Vec<Arc<LiveUnit>>,
    gop_bytes: usize,
    notice: Option<N>,
    /// Why nothing follows, until something does after all.
    ended: Option<N>,
    outputs: VecDeque<FeedOutput<N>>,
}

impl<N: Clone> Default for Feed<N> {
    fn default() -> Self {
        Self {
            viewers: 0,
            is_subscribed: false,
            linger_until: None,
            parameters: None,
            is_running: false,
            last_dts: None,
            gop: Vec::new(),
            gop_bytes: 0,
            notice: None,
            ended: None,
            outputs: VecDeque::new(),
        }
    }
}

impl<N: Clone + PartialEq> Feed<N> {
    /// How many watch.
    pub const fn viewers(&self) -> u32 {
        self.viewers
    }

    /// The newest keyframe that is at hand, with what decodes it: a still costs no disk then.
    pub fn newest_keyframe(&self) -> Option<(Arc<ParameterSets>, Arc<LiveUnit>)> {
        let first = self.gop.first().filter(|unit| unit.is_keyframe())?;
        Some((self.parameters.clone()?, first.clone()))
    }

    /// When [`FeedInput::Tick`] is wanted.
    pub const fn deadline(&self) -> Option<Mono> {
        self.linger_until
    }

    /// The next thing to do; to be drained after each [`Self::handle`].
    pub fn poll(&mut self) -> Option<FeedOutput<N>> {
        self.outputs.pop_front()
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Mono, input: FeedInput<N>) {
        match input {
            FeedInput::Joined(viewer) => self.join(viewer),
            FeedInput::Left => {
                self.viewers = self.viewers.saturating_sub(1);
                if self.viewers == 0 && self.is_subscribed {
                    self.linger_until = Some(now + LINGER);
                }
            }
            FeedInput::Parameters(parameters) => {
                self.parameters = Some(Arc::new(parameters));
                self.ended = None;
                self.end_run();
            }
            FeedInput::Unit(unit) if unit.is_picture() => self.picture(unit),
            FeedInput::Unit(unit) => self.sound(unit),
            FeedInput::Skipped(units) => {
                // The next unit is a keyframe of the same run.
                self.clear_gop();
                self.deliver(To::All, Item::Skipped(units));
            }
            FeedInput::Notice(notice) => self.notice(notice),
            FeedInput::Ended(why) => {
                self.end_run();
                self.parameters = None;
                self.ended = self.is_subscribed.then(|| why.clone());
                self.deliver(To::All, Item::Ended(why));
            }
            FeedInput::Tick => {
                if self.linger_until.is_some_and(|at| at <= now) {
                    self.linger_until = None;
                    self.is_subscribed = false;
                    self.parameters = None;
                    self.ended = None;
                    self.end_run();
                    self.outputs.push_back(FeedOutput::Unsubscribe);
                }
            }
        }
    }

    fn join(&mut self, viewer: u64) {
        self.viewers += 1;
        self.linger_until = None;
        if !self.is_subscribed {
            self.is_subscribed = true;
            self.outputs.push_back(FeedOutput::Subscribe);
        }
        if let Some(why) = self.ended.clone() {
            self.deliver(To::One(viewer), Item::Ended(why));
            return;
        }
        if let Some(notice) = self.notice.clone() {
            self.deliver(To::One(viewer), Item::Waiting(notice));
        }
        if let Some(parameters) = self.parameters.clone().filter(|_| self.is_running) {
            self.deliver(To::One(viewer), Item::Init(parameters));
            for unit in self.gop.clone() {
                self.deliver(To::One(viewer), Item::Unit(unit));
            }
        }
    }

    fn picture(&mut self, unit: LiveUnit) {
        let Some(parameters) = self.parameters.clone() else { return };
        if !self.is_subscribed {
            return;
        }
        let dts = unit.unit.dts;
        if self.last_dts.is_some_and(|last| dts <= last || dts - last > MAX_STEP) {
            self.end_run();
        }
        if !self.is_running && !unit.is_keyframe() {
            return;
        }
        if !self.is_running {
            self.is_running = true;
            self.notice = None;
            self.deliver(To::All, Item::Init(parameters));
        }
        self.last_dts = Some(dts);
        let unit = Arc::new(unit);
        self.keep(&unit);
        self.deliver(To::All, Item::Unit(unit));
    }

    /// Pictures decide what a run is; sound that is far from them is not of it.
    fn sound(&mut self, unit: LiveUnit) {
        let distance = |picture: Dts| Ticks((unit.unit.dts - picture).0.saturating_abs());
        if !self.is_running || self.last_dts.is_none_or(|picture| distance(picture) > MAX_STEP) {
            return;
        }
        let unit = Arc::new(unit);
        self.keep(&unit);
        self.deliver(To::All, Item::Unit(unit));
    }

    fn keep(&mut self, unit: &Arc<LiveUnit>) {
        if unit.is_keyframe() {
            self.clear_gop();
        } else if self.gop.is_empty() {
            return;
        }
        self.gop_bytes += unit.unit.data.len();
        if self.gop_bytes > MAX_GOP_BYTES {
            self.clear_gop();
        } else {
            self.gop.push(unit.clone());
        }
    }

    fn notice(&mut self, notice: Option<N>) {
        if self.notice == notice {
            return;
        }
        if let Some(notice) = notice.clone() {
            // What was last seen is no longer live: a newcomer must not take it for the present.
            self.end_run();
            self.deliver(To::All, Item::Waiting(notice));
        }
        self.notice = notice;
    }

    fn end_run(&mut self) {
        self.is_running = false;
        self.last_dts = None;
        self.clear_gop();
    }

    fn clear_gop(&mut self) {
        self.gop.clear();
        self.gop_bytes = 0;
    }

    fn deliver(&mut self, to: To, item: Item<N>) {
        if self.viewers > 0 {
            self.outputs.push_back(FeedOutput::Deliver(to, item));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::viewer::fixtures::{parameters, sound, unit};

    /// `+` joins, `-` leaves, `P` parameters, `K`/`f` a picture (40 ms after the one before), `a` sound of the newest
    /// picture's time, `A` sound a minute away from it, `<` the timeline
    /// begins anew, `!` offline, `.` pictures may come again, `s` units were left out, `E` the end, `1`..`9`
    /// seconds pass. Answer: `S`ubscribe, `U`nsubscribe, and in brackets what is delivered.
    fn run(script: &str) -> String {
        let mut feed = Feed::<&str>::default();
        let (mut now, mut dts, mut viewer, mut shown) = (Mono::ZERO, 0_i64, 0_u64, String::new());
        for step in script.chars() {
            let input = match step {
                '+' => {
                    viewer += 1;
                    FeedInput::Joined(viewer)
                }
                '-' => FeedInput::Left,
                'P' => FeedInput::Parameters(parameters("avc1.64001f")),
                'K' | 'f' => {
                    dts += 3600;
                    FeedInput::Unit(unit(dts, step == 'K', 100))
                }
                'a' => FeedInput::Unit(sound(dts)),
                'A' => FeedInput::Unit(sound(dts + 60 * Ticks::PER_SECOND)),
                '<' => {
                    dts = -3600;
                    continue;
                }
                '!' => FeedInput::Notice(Some("offline")),
                '.' => FeedInput::Notice(None),
                's' => FeedInput::Skipped(7),
                'E' => FeedInput::Ended("deleted"),
                '1'..='9' => {
                    now = now + Duration::from_secs(u64::from(step) - u64::from('0'));
                    if feed.deadline().is_none_or(|at| at > now) {
                        continue;
                    }
                    FeedInput::Tick
                }
                other => panic!("{other} is no step"),
            };
            feed.handle(now, input);
            while let Some(output) = feed.poll() {
                match output {
                    FeedOutput::Subscribe => shown.push('S'),
                    FeedOutput::Unsubscribe => shown.push('U'),
                    FeedOutput::Deliver(to, item) => {
                        if let To::One(viewer) = to {
                            write!(shown, "{viewer}:").unwrap();
                        }
                        match item {
                            Item::Init(_) => shown.push('I'),
                            Item::Unit(unit) => shown.push(match unit.unit.track {
                                Track::Audio => 'a',
                                Track::Video if unit.unit.is_keyframe => 'K',
                                Track::Video => 'f',
                            }),
                            Item::Skipped(units) => write!(shown, "s{units}").unwrap(),
                            Item::Waiting(why) => write!(shown, "w({why})").unwrap(),
                            Item::Ended(why) => write!(shown, "e({why})").unwrap(),
                        }
                    }
                }
            }
        }
        shown
    }

    #[test]
    fn a_newcomer_gets_the_last_gop_at_once() {
        assert_eq!(run("+PKffKf"), "SIKffKf");
        assert_eq!(
            run("+PKffKf+f"),
            "SIKffKf2:I2:K2:ff",
            "the second viewer starts with the last keyframe"
        );
    }

    #[test]
    fn a_run_begins_with_a_keyframe() {
        assert_eq!(run("+PffKf"), "SIKf", "pictures before the first keyframe are not decodable");
    }

    #[test]
    fn sound_goes_with_the_pictures_and_begins_nothing() {
        assert_eq!(run("+PaKafa"), "SIKafa", "before the first picture there is nothing to hear");
        assert_eq!(run("+PKafKa+fa"), "SIKafKa2:I2:K2:afa", "a newcomer hears what he sees");
        assert_eq!(run("+PKafAf"), "SIKaff", "sound of another time is not of this run");
    }

    #[test]
    fn the_stream_is_kept_for_a_while_after_the_last_viewer() {
        assert_eq!(
            run("+PKf-9+f"),
            "SIKf2:I2:K2:ff",
            "a page that is loaded again goes on at once"
        );
        assert_eq!(
            run("+PKf-91+"),
            "SIKfUS",
            "after 10 s the recorder is told, and asked again for the next viewer"
        );
        assert_eq!(run("+P+K-99K"), "SIKK", "one of two viewers left: nothing changes");
    }

    #[test]
    fn a_restarted_recorder_begins_a_new_run() {
        assert_eq!(run("+PKfP<Kf"), "SIKfIKf");
        assert_eq!(
            run("+PKf<fKf"),
            "SIKfIKf",
            "a timeline that begins anew without a word is a new run as well"
        );
    }

    #[test]
    fn what_is_no_longer_live_is_shown_to_nobody() {
        assert_eq!(run("+PKf!+"), "SIKfw(offline)2:w(offline)");
        assert_eq!(
            run("+PKf!!.Kf"),
            "SIKfw(offline)IKf",
            "said once; a new run when pictures come again"
        );
    }

    #[test]
    fn units_that_the_recorder_left_out_are_told() {
        assert_eq!(run("+PKfsKf"), "SIKfs7Kf");
    }

    #[test]
    fn a_deleted_camera_ends_every_viewer() {
        assert_eq!(run("+PKE"), "SIKe(deleted)");
        assert_eq!(run("+PKE+"), "SIKe(deleted)2:e(deleted)", "who comes later is told as well");
        assert_eq!(run("+PKE-91+"), "SIKe(deleted)US", "and who comes much later asks anew");
        assert_eq!(run("E+"), "S", "what ended while nobody watched may be there again");
    }
}
