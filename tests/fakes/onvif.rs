//! A camera's ONVIF side, as much as is needed to turn it, and as badly as some are.
//!
//! It answers over HTTP/1.1 and keeps what it was told. Who asks must show it by HTTP Digest, if it wants that at all:
//! WS-Security is tried with a device of other authors. What does not belong here: pictures (`tarsier-demo`).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tarsier_onvif::xml::{Element, escape};
use tarsier_rtp::digest::Answer;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What kind of camera it is.
#[derive(Clone, Debug)]
pub struct OnvifOptions {
    /// The host and port that it gives for its services.
    pub says: String,
    /// Whom it knows; nobody: it asks nobody.
    pub login: Option<(String, String)>,
    /// It turns.
    pub has_ptz: bool,
}

impl Default for OnvifOptions {
    fn default() -> Self {
        // As a device that does not know its own address.
        Self { says: "0.0.0.0:80".into(), login: None, has_ptz: true }
    }
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It answers.
    Well,
    /// It takes requests and never answers.
    Hangs,
}

/// Something that it was told to do: `ContinuousMove 1 0 -0.5`, `Stop`, `GotoPreset 2`.
pub type Told = String;

/// A running one. Dropping it ends it.
#[derive(Debug)]
pub struct OnvifCamera {
    port: u16,
    told: watch::Receiver<Vec<Told>>,
    asked: watch::Receiver<usize>,
    mood: watch::Sender<Mood>,
    task: JoinHandle<()>,
}

struct Camera {
    options: OnvifOptions,
    told: watch::Sender<Vec<Told>>,
    asked: watch::Sender<usize>,
    mood: watch::Receiver<Mood>,
}

impl OnvifCamera {
    /// On a free port.
    pub async fn start(options: OnvifOptions) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen")?;
        let port = listener.local_addr()?.port();
        let (telling, told) = watch::channel(Vec::new());
        let (asking, asked) = watch::channel(0);
        let (mood, moods) = watch::channel(Mood::Well);
        let camera = Arc::new(Camera { options, told: telling, asked: asking, mood: moods });
        let task = tokio::spawn(async move {
            // Connections end with the camera.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(camera.clone().converse(stream));
            }
        });
        Ok(Self { port, told, asked, mood, task })
    }

    /// As a person types it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/onvif/device_service", self.port)
    }

    /// What it was told, in order.
    pub fn told(&self) -> Vec<Told> {
        self.told.borrow().clone()
    }

    /// How many requests came, answered or not.
    pub fn asked(&self) -> usize {
        *self.asked.borrow()
    }

    /// From now on.
    pub fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Waits until what it was told is as wanted.
    pub async fn until_told(
        &self,
        what: &str,
        deadline: Duration,
        mut is_it: impl FnMut(&[Told]) -> bool,
    ) -> anyhow::Result<()> {
        let mut told = self.told.clone();
        let waited = tokio::time::timeout(deadline, told.wait_for(|told| is_it(told))).await;
        waited
            .map(drop)
            .map_err(|_| anyhow!("not within {deadline:?}: {what}; told: {:?}", self.told()))
    }
}

impl Drop for OnvifCamera {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Camera {
    async fn converse(self: Arc<Self>, stream: TcpStream) {
        // Who asks may go away at any time.
        let _ = self.answer_all(BufReader::new(stream)).await;
    }

    async fn answer_all(&self, mut stream: BufReader<TcpStream>) -> std::io::Result<()> {
        loop {
            let (mut length, mut authorization, mut line) = (0, None, String::new());
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            loop {
                line.clear();
                if stream.read_line(&mut line).await? == 0 || line.trim().is_empty() {
                    break;
                }
                let Some((name, value)) = line.split_once(':') else { continue };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.trim().parse().unwrap_or(0),
                    "authorization" => authorization = Some(value.trim().to_owned()),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await?;
            self.asked.send_modify(|asked| *asked += 1);
            let mut mood = self.mood.clone();
            if *mood.borrow() == Mood::Hangs {
                // Until it is well again; what was asked meanwhile is lost.
                let _ = mood.wait_for(|mood| *mood == Mood::Well).await;
                return Ok(());
            }
            let (status, answer) = self.answer(&body, authorization.as_deref());
            let more = if status == 401 {
                "WWW-Authenticate: Basic realm=\"x\"\r\nWWW-Authenticate: Digest realm=\"fake\", nonce=\"n-17\", qop=\"auth\"\r\n"
            } else {
                ""
            };
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/soap+xml\r\n{more}Content-Length: {}\r\n\r\n",
                answer.len()
            );
            stream.get_mut().write_all((head + &answer).as_bytes()).await?;
        }
    }

    fn answer(&self, body: &[u8], authorization: Option<&str>) -> (u16, String) {
        let root = Element::read(body).unwrap_or_default();
        let Some(asked) = root.child("Body").and_then(|body| body.children.first()) else {
            return (400, String::new());
        };
        let proves = |(name, password): &(String, String)| {
            let answer = authorization.and_then(Answer::read);
            answer.is_some_and(|it| it.username == *name && it.proves(password, "POST"))
        };
        let is_known = self.options.login.as_ref().is_none_or(proves);
        if !is_known && asked.name != "GetSystemDateAndTime" {
            return (401, "<html>Unauthorized</html>".to_owned());
        }
        let Some(inner) = self.do_it(asked) else {
            let fault = "<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>ter:ActionNotSupported</s:Value></s:Subcode></s:Code><s:Reason><s:Text>Optional Action Not Implemented</s:Text></s:Reason></s:Fault>";
            return (500, envelope(fault));
        };
        let name = &asked.name;
        (200, envelope(&format!("<{name}Response>{inner}</{name}Response>")))
    }

    /// Nothing: it cannot do that.
    fn do_it(&self, asked: &Element) -> Option<String> {
        let says = &self.options.says;
        let tell = |what: String| {
            self.told.send_modify(|told| told.push(what));
            String::new()
        };
        Some(match asked.name.as_str() {
            "GetSystemDateAndTime" => "<SystemDateAndTime/>".to_owned(),
            "GetCapabilities" => {
                let ptz = format!("<PTZ><XAddr>http://{says}/ptz</XAddr></PTZ>");
                let ptz = if self.options.has_ptz { &ptz } else { "" };
                format!("<Capabilities><Media><XAddr>http://{says}/media</XAddr></Media>{ptz}</Capabilities>")
            }
            "GetProfiles" => {
                "<Profiles token=\"p0\"><Name>main</Name><PTZConfiguration token=\"c0\"><NodeToken>n0</NodeToken></PTZConfiguration></Profiles>"
                    .to_owned()
            }
            "GetNode" => {
                "<PTZNode token=\"n0\"><SupportedPTZSpaces><ContinuousPanTiltVelocitySpace/><ContinuousZoomVelocitySpace/></SupportedPTZSpaces></PTZNode>"
                    .to_owned()
            }
            "GetPresets" => [("1", "Front door"), ("2", "Gate & street")]
                .map(|(token, name)| {
                    format!("<Preset token=\"{token}\"><Name>{}</Name></Preset>", escape(name))
                })
                .concat(),
            "ContinuousMove" => {
                let of = |path: [&str; 2], name| {
                    asked.at(&path).and_then(|it| it.attribute(name)).unwrap_or("-").to_owned()
                };
                let pan_tilt = ["Velocity", "PanTilt"];
                let (pan, tilt) = (of(pan_tilt, "x"), of(pan_tilt, "y"));
                tell(format!("ContinuousMove {pan} {tilt} {}", of(["Velocity", "Zoom"], "x")))
            }
            "Stop" => tell("Stop".to_owned()),
            "GotoPreset" => {
                tell(format!("GotoPreset {}", asked.text_at(&["PresetToken"]).unwrap_or_default()))
            }
            _ => return None,
        })
    }
}

fn envelope(inner: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body>{inner}</s:Body></s:Envelope>"
    )
}
