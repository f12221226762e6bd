//! A client that speaks by hand: requests as text, challenges answered by the rules.

use anyhow::{Context as _, ensure};
use serde_json::json;
use tarsier_rtp::digest::Algorithm;
use tarsier_tests::hub::HubProcess;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::PATIENCE;

/// A client that speaks by hand.
pub(crate) struct Client {
    pub(super) socket: TcpStream,
    pub(super) url: String,
    /// What was received and not yet looked at.
    pub(super) received: Vec<u8>,
}

impl Client {
    pub(crate) async fn open(hub: &HubProcess, camera: &str) -> anyhow::Result<Self> {
        Self::connect(&hub.rtsp_url, &format!("{camera}/main")).await
    }

    /// To any of its servers.
    pub(super) async fn connect(server: &str, path: &str) -> anyhow::Result<Self> {
        let address = server.split("://").nth(1).context("no RTSP server")?.parse()?;
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(16 << 10)?;
        let socket = socket.connect(address).await?;
        Ok(Self { socket, url: format!("{server}/{path}"), received: Vec::new() })
    }

    pub(super) async fn say(
        &mut self,
        method: &str,
        rest: &str,
        headers: &str,
    ) -> anyhow::Result<()> {
        let text = format!("{method} {}{rest} RTSP/1.0\r\nCSeq: 1\r\n{headers}\r\n", self.url);
        Ok(self.socket.write_all(text.as_bytes()).await?)
    }

    /// Answers as status, and head and body as text. Only before it plays: it does not tell packets from answers.
    pub(super) async fn ask(
        &mut self,
        method: &str,
        rest: &str,
        headers: &str,
    ) -> anyhow::Result<(u16, String)> {
        self.say(method, rest, headers).await?;
        let text = loop {
            let text = String::from_utf8_lossy(&self.received).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
                if body.len() >= length.map_or(Ok(0), str::parse)? {
                    break text;
                }
            }
            ensure!(self.read().await? > 0, "the server closed: {text}");
        };
        self.received.clear();
        let status = text.split(' ').nth(1).context("no status")?.parse()?;
        Ok((status, text))
    }

    pub(crate) async fn read(&mut self) -> anyhow::Result<usize> {
        let read = self.socket.read_buf(&mut self.received);
        Ok(tokio::time::timeout(PATIENCE, read).await.context("nothing comes")??)
    }

    /// The parameter sets of the stream, as it is described.
    pub(super) async fn described(&mut self, token: &str) -> anyhow::Result<String> {
        let (status, text) = self.ask("DESCRIBE", &format!("?token={token}"), "").await?;
        ensure!(status == 200, "{text}");
        let sets = text.split("sprop-parameter-sets=").nth(1).context("no parameter sets")?;
        Ok(sets.lines().next().unwrap_or_default().to_owned())
    }

    /// Begins to play over this connection.
    pub(crate) async fn play(&mut self, token: &str) -> anyhow::Result<()> {
        self.described(token).await?;
        self.play_on().await
    }

    /// The same once it was described.
    pub(super) async fn play_on(&mut self) -> anyhow::Result<()> {
        let (status, text) = self
            .ask("SETUP", "/track1", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n")
            .await?;
        ensure!(status == 200, "{text}");
        let session = text.lines().find_map(|line| line.strip_prefix("Session: "));
        let session = session.and_then(|it| it.split(';').next()).context("no session")?.to_owned();
        self.say("PLAY", "", &format!("Session: {session}\r\n")).await
    }

    /// Reads all that comes, in a task of its own, until the server closes.
    pub(super) fn watching(mut self) -> JoinHandle<anyhow::Result<()>> {
        tokio::spawn(async move { self.until_closed().await })
    }

    /// Reads until the server closes, however it does.
    pub(crate) async fn until_closed(&mut self) -> anyhow::Result<()> {
        loop {
            self.received.clear();
            let read = self.socket.read_buf(&mut self.received);
            match tokio::time::timeout(PATIENCE, read).await.context("it is not closed")? {
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) => {}
            }
        }
    }
}

/// What was given to a program: a token's name, the token, and what stands for it where tokens are too long.
pub(crate) struct Login {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(super) user: String,
    pub(crate) password: String,
}

impl Login {
    pub(crate) async fn given(hub: &HubProcess, cameras: &[&str]) -> anyhow::Result<Self> {
        let new = json!({
            "subject": "Another program", "role": "viewer", "cameras": cameras, "rights": ["live"], "ttl_seconds": 600,
        });
        let (status, given) = hub.call("POST", "/api/v1/tokens", Some(&new)).await?;
        ensure!(status == 201, "{status} {given}");
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        Ok(Self {
            id: text(&given["id"]).context("no id")?,
            token: text(&given["token"]).context("no token")?,
            user: text(&given["rtsp_login"]["username"]).context("no user name")?,
            password: text(&given["rtsp_login"]["password"]).context("no password")?,
        })
    }

    pub(super) fn url(&self, server: &str, camera: &str, stream: &str) -> anyhow::Result<String> {
        let (scheme, address) = server.split_once("://").context("no server")?;
        Ok(format!("{scheme}://{}:{}@{address}/{camera}/{stream}", self.user, self.password))
    }

    pub(super) fn basic(&self) -> String {
        use base64::Engine as _;
        let text = format!("{}:{}", self.user, self.password);
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        format!("Authorization: Basic {encoded}\r\n")
    }

    /// Begins to watch by Digest, and takes the first bytes.
    pub(crate) async fn play_by_digest(
        &self,
        hub: &HubProcess,
        camera: &str,
    ) -> anyhow::Result<()> {
        let mut client = Client::open(hub, camera).await?;
        let (_, text) = client.ask("DESCRIBE", "", "").await?;
        let asked = Asked::read(&text, Algorithm::Sha256)?;
        let answer = self.answer(&asked, "DESCRIBE", &client.url, 1);
        let (status, text) = client.ask("DESCRIBE", "", &answer).await?;
        ensure!(status == 200, "{text}");
        client.play_on().await?;
        client.read().await.map(drop)
    }

    /// Answers a challenge by the rules of RFC 7616.
    pub(super) fn answer(&self, asked: &Asked, method: &str, url: &str, count: u32) -> String {
        let (realm, nonce) = (&asked.realm, &asked.nonce);
        let hash = |text: String| asked.algorithm.hash(&text);
        let secret = hash(format!("{}:{realm}:{}", self.user, self.password));
        let what = hash(format!("{method}:{url}"));
        let response = hash(format!("{secret}:{nonce}:{count:08x}:0a4f113b:auth:{what}"));
        format!(
            "Authorization: Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{url}\", algorithm={}, \
             qop=auth, nc={count:08x}, cnonce=\"0a4f113b\", response=\"{response}\"\r\n",
            self.user,
            asked.algorithm.name()
        )
    }
}

/// One of the challenges of an answer.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) realm: String,
    pub(super) nonce: String,
    pub(super) algorithm: Algorithm,
    pub(super) is_stale: bool,
}

impl Asked {
    pub(super) fn read(answer: &str, algorithm: Algorithm) -> anyhow::Result<Self> {
        let name = format!("algorithm={}", algorithm.name());
        let offers =
            answer.lines().filter_map(|line| line.strip_prefix("WWW-Authenticate: Digest "));
        let offer = offers.into_iter().find(|offer| offer.split(", ").any(|it| it == name));
        let offer = offer.with_context(|| format!("{name} is not offered: {answer}"))?;
        ensure!(offer.contains("qop=\"auth\""), "{offer}");
        let field = |name: &str| {
            let fields = offer.split(", ").filter_map(|field| field.split_once('='));
            let value = fields.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value);
            value.map(|value| value.trim_matches('"').to_owned())
        };
        Ok(Self {
            realm: field("realm").context("no realm")?,
            nonce: field("nonce").context("no nonce")?,
            algorithm,
            is_stale: field("stale").is_some_and(|stale| stale == "true"),
        })
    }
}
