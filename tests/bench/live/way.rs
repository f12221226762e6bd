//! One way to watch: its script, its goals, its rows.

use anyhow::{bail, ensure};
use tarsier_tests::hub::HubProcess;

use super::witness::Witness;
use crate::browser::{self, Said};
use crate::cameras::PICTURES;
use crate::table::{Row, Table, percentile};

/// How pictures come to the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Fragments over a WebSocket, in our page.
    MediaSource,
    /// WHEP, in our page.
    WebRtc,
    /// A playlist with parts, played by hls.js.
    LlHls,
}

struct Goals {
    first_picture: &'static str,
    delay: &'static str,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::MediaSource, Self::WebRtc, Self::LlHls];

    const fn name(self) -> &'static str {
        match self {
            Self::MediaSource => "MSE",
            Self::WebRtc => "WebRTC",
            Self::LlHls => "LL-HLS",
        }
    }

    /// As `--way` takes it.
    pub(crate) fn from_word(word: &str) -> anyhow::Result<Self> {
        match word {
            "mse" => Ok(Self::MediaSource),
            "webrtc" => Ok(Self::WebRtc),
            "hls" => Ok(Self::LlHls),
            other => bail!("--way {other}: mse, webrtc or hls"),
        }
    }

    /// As a page is told it; none for the way that our pages do not go.
    pub(crate) const fn in_page(self) -> Option<&'static str> {
        match self {
            Self::MediaSource => Some("mse"),
            Self::WebRtc => Some("webrtc"),
            Self::LlHls => None,
        }
    }

    const fn script(self) -> (&'static str, &'static str) {
        match self {
            Self::MediaSource => ("live.mjs", "mse"),
            Self::WebRtc => ("live.mjs", "webrtc"),
            Self::LlHls => ("hls.mjs", ""),
        }
    }

    const fn goals(self) -> Goals {
        let (first_picture, delay) = match self {
            Self::MediaSource => ("at most 200 ms", "at most 150 ms"),
            Self::WebRtc => ("at most 400 ms", "at most 80 ms"),
            Self::LlHls => ("", "at most 1500 ms"),
        };
        Goals { first_picture, delay }
    }

    /// Watches, and adds what was measured to the table.
    pub(crate) async fn measure(
        self,
        hub: &HubProcess,
        camera: &str,
        seconds: u64,
        table: &mut Table,
    ) -> anyhow::Result<()> {
        let (script, way) = self.script();
        let environment = [
            ("TARSIER_CAMERA", camera.to_owned()),
            ("TARSIER_SECONDS", seconds.to_string()),
            ("TARSIER_PICTURES", PICTURES.to_string()),
            ("TARSIER_WAY", way.to_owned()),
        ];
        let witness = Witness::begin(hub, camera).await?;
        let said = browser::run(script, hub, &environment).await?;
        let arrivals = witness.end().await?;
        let name = self.name();
        let first = said.numbers("first_picture_ms");
        let seen = said.triples("seen");
        let (mut sending, mut arrival, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for (number, shown_unix_us, rtp_time) in seen {
            let age = arrivals.age(number, shown_unix_us);
            sending.push(millis(age.since_sent_us)?);
            let Some(since_arrived_us) = age.since_arrived_us else { continue };
            arrival.push(millis(since_arrived_us)?);
            if let Some(rtp_time) = rtp_time {
                let truly = shown_unix_us - since_arrived_us;
                told.push(millis(rtp_behind_us(rtp_time, truly).abs())?);
            }
        }
        ensure!(
            first.len() >= 10 && arrival.len() >= 50,
            "{name}: too few samples: {} starts, {} pictures read, the arrival of {} known",
            first.len(),
            sending.len(),
            arrival.len()
        );
        table.conditions.push(self.words(&said, first.len(), &sending, &told));
        let goals = self.goals();
        let mut add = |what: &str, values: &[f64], goal: &str| {
            let metric = format!("{name}: {what}");
            table.rows.push(Row::new(&metric, "ms, median", percentile(values, 50), ""));
            table.rows.push(Row::new(&metric, "ms, p95", percentile(values, 95), goal));
        };
        add("first picture", &first, goals.first_picture);
        add("arrival at the recorder to the screen", &arrival, goals.delay);
        table.rows.push(Row::new(
            &format!("{name}: pictures dropped by the browser"),
            "count",
            said.number("dropped"),
            "0",
        ));
        Ok(())
    }

    fn words(self, said: &Said, starts: usize, sending: &[f64], told: &[f64]) -> String {
        let mut words = vec![format!(
            "{}: {}, {starts} starts, {} pictures presented, the number read of {} and not of {}; {} jumps, {} waits for \
             data; from the camera's sending to the screen {:.0} ms median, {:.0} ms p95",
            self.name(),
            said.words("browser"),
            said.number("presented"),
            sending.len(),
            said.number("unread"),
            said.number("jumps"),
            said.number("waits"),
            percentile(sending, 50),
            percentile(sending, 95),
        )];
        if self == Self::LlHls {
            words.push(format!(
                "{} in low latency mode, which wants to be {:.2} s behind",
                said.words("player"),
                said.number("target_s")
            ));
        }
        if !told.is_empty() {
            words.push(format!(
                "the arrival that its RTP time tells is off by {:.0} ms median, {:.0} ms p95",
                percentile(told, 50),
                percentile(told, 95)
            ));
        }
        words.join("; ")
    }
}

fn millis(micros: i64) -> anyhow::Result<f64> {
    Ok(f64::from(i32::try_from(micros)?) / 1000.0)
}

/// From a moment to the one that an RTP time tells: the wall clock in 1/90 000 s, of which 32 bits are sent.
fn rtp_behind_us(rtp_time: i64, unix_us: i64) -> i64 {
    let turn = 1 << 32;
    let ticks = (rtp_time - unix_us * 9 / 100).rem_euclid(turn);
    let ticks = if ticks >= turn / 2 { ticks - turn } else { ticks };
    ticks * 100 / 9
}
