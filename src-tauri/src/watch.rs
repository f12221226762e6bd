//! Hands: the window's one loop. Keeps a hub, hears what it says, does what the tray's clicks wish, draws the tray.
//!
//! Everything is decided elsewhere: how a hub is had in `hub_process.rs`, what the tray shows in `light.rs`, what is
//! notified in `notify.rs`, which page is shown in `page.rs`.

use std::time::Duration;

use tarsier_types::{Clock as _, Mono, SystemClock, UtcMs};
use tauri::{AppHandle, Url};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::hub_client::{AskError, Heard, HubClient};
use crate::hub_process::{Place, find_or_start, start_log};
use crate::light::{Known, view};
use crate::notify::{Input, Notifier};
use crate::page::{Page, failure};
use crate::tray::Tray;
use crate::words::Words;
use crate::{toast, window};

/// How often the hub is asked how it is, beside its events.
const ASK_EVERY: Duration = Duration::from_secs(3);
/// How soon it is asked again when it gave no answer.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// So many questions without an answer, and the hub is looked for anew.
const MAX_UNANSWERED: u32 = 3;
/// How long to wait before a hub that could not be had is tried again without a click.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// What the menu promises.
const MUTE_FOR_MS: i64 = 3_600_000;
/// A hub closes every segment and ends within 5 s (CONTRACT section 2).
const STOP_DEADLINE: Duration = Duration::from_secs(10);
const NOTHING_TO_TELL: Duration = Duration::from_secs(3600);

/// What a click asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Pause recording, or resume it.
    PauseOrResume,
    /// Mute alerts for an hour, everywhere, or let people be told again.
    MuteOrUnmute,
    /// End the hub, then this program.
    StopAndQuit,
    /// Look for the hub again.
    Retry,
}

/// Why the loop with one hub ended.
enum Lost {
    /// It does not answer any more.
    Hub,
    /// Its token ended: a new one is needed.
    Token,
    /// It was told to end.
    Stopped,
}

/// The loop's own things.
pub(crate) struct Watch {
    /// Tauri.
    pub(crate) app: AppHandle,
    /// Where the hub's data is.
    pub(crate) place: Place,
    /// The tray.
    pub(crate) tray: Tray,
    /// The language.
    pub(crate) words: &'static Words,
    /// Clicks.
    pub(crate) wishes: mpsc::Receiver<Wish>,
    /// What the window should show.
    pub(crate) page: watch::Sender<Page>,
    /// What is told.
    pub(crate) notifier: Notifier,
    /// The time.
    pub(crate) clock: SystemClock,
}

impl Watch {
    /// Runs until the program ends.
    pub(crate) async fn run(mut self) {
        loop {
            self.draw(&Known::Starting);
            match find_or_start(&self.place).await {
                Ok(hub) => {
                    self.turn_to(&hub);
                    match self.stay_with(&hub).await {
                        // The page stays: it finds the next hub at the same address by itself.
                        Lost::Hub => tracing::warn!("the hub does not answer any more"),
                        Lost::Token => tracing::info!("the hub wants a new token"),
                        Lost::Stopped => return self.app.exit(0),
                    }
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "there is no hub");
                    let log = start_log(&self.place.data_dir).display().to_string();
                    self.show(Page::Failed(failure(&error, log, self.words)));
                    self.wait_for_retry().await;
                }
            }
        }
    }

    /// Until the hub is lost.
    async fn stay_with(&mut self, hub: &HubClient) -> Lost {
        let mut heard = hub.events();
        let mut ask = interval(ASK_EVERY);
        ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unanswered = 0;
        let mut known = Known::Starting;
        loop {
            let until_deadline = self.until_deadline();
            tokio::select! {
                _ = ask.tick() => {}
                said = heard.recv() => match said {
                    Some(Heard::Event(event)) => self.tell(Input::Heard(*event)),
                    Some(Heard::TokenExpired) | None => return Lost::Token,
                },
                Some(wish) = self.wishes.recv() => match self.grant(wish, hub, &known).await {
                    Some(lost) => return lost,
                    None => ask.reset_immediately(),
                },
                () = sleep(until_deadline) => self.tell(Input::Tick),
            }
            match hub.system().await {
                Ok(system) => {
                    unanswered = 0;
                    known = Known::System(Box::new(system));
                }
                Err(AskError::Unauthorized) => return Lost::Token,
                Err(error) => {
                    unanswered += 1;
                    tracing::warn!(%error, unanswered, "the hub gives no answer");
                    if unanswered == MAX_UNANSWERED {
                        self.draw(&Known::Nothing);
                        return Lost::Hub;
                    }
                    ask.reset_after(ASK_AGAIN_AFTER);
                }
            }
            self.draw(&known);
        }
    }

    async fn grant(&mut self, wish: Wish, hub: &HubClient, known: &Known) -> Option<Lost> {
        let done = match wish {
            Wish::PauseOrResume => match known {
                Known::System(system) => hub.set_paused(!system.is_paused).await,
                Known::Starting | Known::Nothing => Ok(()),
            },
            Wish::MuteOrUnmute => match known {
                Known::System(system) => {
                    // By the hub's own clock.
                    let in_an_hour = UtcMs(system.now_utc_ms).plus_millis(MUTE_FOR_MS);
                    let is_muted = system.alerts_muted_until_utc_ms.is_some();
                    hub.set_muted((!is_muted).then_some(in_an_hour)).await
                }
                Known::Starting | Known::Nothing => Ok(()),
            },
            Wish::StopAndQuit => match hub.stop().await {
                Ok(()) => {
                    self.wait_for_end(hub).await;
                    return Some(Lost::Stopped);
                }
                Err(error) => Err(error),
            },
            Wish::Retry => Ok(()),
        };
        if let Err(error) = done {
            tracing::error!(%error, ?wish, "the hub did not do it");
        }
        None
    }

    async fn wait_for_end(&self, hub: &HubClient) {
        let gone = async {
            while HubClient::is_alive(hub.url()).await {
                sleep(Duration::from_millis(100)).await;
            }
        };
        if timeout(STOP_DEADLINE, gone).await.is_err() {
            tracing::warn!("the hub was told to stop and still answers");
        }
    }

    async fn wait_for_retry(&mut self) {
        self.draw(&Known::Nothing);
        let retry = async {
            while let Some(wish) = self.wishes.recv().await {
                if wish == Wish::Retry {
                    return;
                }
            }
        };
        // By itself, too: a disk that was plugged in again should not need a click.
        let by_itself = timeout(TRY_AGAIN_AFTER, retry).await.is_err();
        tracing::info!(by_itself, "looking for the hub again");
    }

    fn turn_to(&mut self, hub: &HubClient) {
        match Url::parse(&hub.page_url()) {
            Ok(url) => self.show(Page::Hub { origin: url.origin().ascii_serialization(), url }),
            Err(error) => tracing::error!(%error, url = hub.url(), "the hub's address is none"),
        }
        if let Some(cameras) = self.place.demo {
            let hub = hub.clone();
            // For a hub that was found running; one that was started with them has them already.
            tokio::spawn(async move {
                match hub.system().await {
                    Ok(system) if system.demo_cameras < u32::from(cameras) => {
                        if let Err(error) = hub.add_demo(cameras).await {
                            tracing::error!(%error, "the demo cameras cannot be added");
                        }
                    }
                    Ok(_) => {}
                    Err(error) => tracing::error!(%error, "the demo cameras cannot be asked for"),
                }
            });
        }
    }

    /// A page of the same hub stays as it is: only its token is renewed for the next time.
    fn show(&mut self, page: Page) {
        let is_same_hub = matches!(
            (&*self.page.borrow(), &page),
            (Page::Hub { origin: old, .. }, Page::Hub { origin: new, .. }) if old == new
        );
        self.page.send_replace(page);
        if !is_same_hub {
            window::turn_to_page(&self.app);
        }
    }

    fn tell(&mut self, input: Input) {
        self.notifier.handle(self.now(), input);
        while let Some(note) = self.notifier.poll() {
            toast::show(&self.app, &note);
        }
    }

    fn draw(&mut self, known: &Known) {
        self.tray.draw(view(known, self.words));
    }

    fn until_deadline(&self) -> Duration {
        self.notifier.deadline().map_or(NOTHING_TO_TELL, |deadline| deadline.since(self.now()))
    }

    fn now(&self) -> Mono {
        self.clock.mono()
    }
}
