//! A real hub in a folder of its own, for journeys and benches: started, asked, killed, started again.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How long a hub may take to answer on a busy machine.
const START: Duration = Duration::from_secs(30);

/// How a hub is started.
#[derive(Clone, Debug, Default)]
pub struct HubOptions {
    /// More arguments for `tarsierd serve`.
    pub arguments: Vec<String>,
    /// The port to listen on; 0 picks a free one.
    pub port: u16,
    /// Where its RTSP server listens; a free port if not said.
    pub rtsp_listen: Option<String>,
    /// Where its RTSPS server listens; a free port if not said.
    pub rtsps_listen: Option<String>,
    /// Environment variables of the hub, and so of its recorders.
    pub environment: Vec<(String, String)>,
}

/// A running `tarsierd serve`. Dropping it kills the hub; its recorders end by themselves as orphans.
#[derive(Debug)]
pub struct HubProcess {
    child: Child,
    data_dir: PathBuf,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// `rtsp://127.0.0.1:PORT`; empty if there is no RTSP server.
    pub rtsp_url: String,
    /// `rtsps://127.0.0.1:PORT`; empty if there is no RTSPS server.
    pub rtsps_url: String,
    /// An admin's token, good for a day: clocks are put forward under a hub.
    pub token: String,
    client: reqwest::Client,
}

/// A program of this workspace, built with the same profile as the caller.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("TARSIER_PROGRAMS") {
        return Ok(PathBuf::from(folder).join(name));
    }
    let me = std::env::current_exe().context("where am I")?;
    let folder = me.ancestors().find(|folder| folder.join(name).is_file());
    let folder = folder.with_context(|| {
        format!("{name} is not built: cargo build --workspace --exclude tarsier")
    })?;
    Ok(folder.join(name))
}

impl HubProcess {
    /// Starts a hub on a data folder and waits until it answers.
    pub async fn start(data_dir: &Path, options: &HubOptions) -> anyhow::Result<Self> {
        std::fs::create_dir_all(data_dir).context("make the data folder")?;
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(data_dir.join("stderr.log"))?;
        let mut child = Command::new(program("tarsierd")?)
            .arg("serve")
            .arg("--data-dir")
            .arg(data_dir)
            .args(["--listen", &format!("127.0.0.1:{}", options.port)])
            .args(["--rtsp-listen", options.rtsp_listen.as_deref().unwrap_or("127.0.0.1:0")])
            .args(["--rtsps-listen", options.rtsps_listen.as_deref().unwrap_or("127.0.0.1:0")])
            .args(&options.arguments)
            .envs(options.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("start tarsierd")?;
        let mut lines = BufReader::new(child.stdout.take().context("no standard output")?).lines();
        let line = tokio::time::timeout(START, lines.next_line())
            .await
            .context("the hub is not ready in time")??;
        let Some(line) = line else {
            let status = child.wait().await?;
            let mut said = String::new();
            tokio::fs::File::open(data_dir.join("stderr.log"))
                .await?
                .read_to_string(&mut said)
                .await?;
            bail!("the hub ended with {status}: {said}");
        };
        let ready: Value = serde_json::from_str(&line).context("the ready line")?;
        let url = ready["url"].as_str().context("no url in the ready line")?.to_owned();
        let rtsp_url = ready["rtsp_url"].as_str().unwrap_or_default().to_owned();
        let rtsps_url = ready["rtsps_url"].as_str().unwrap_or_default().to_owned();
        // Read on, so that the hub never writes to a closed pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let token =
            token_with(data_dir, &["--role", "admin", "--ttl", "1d"], &options.environment).await?;
        Ok(Self {
            child,
            data_dir: data_dir.to_owned(),
            url,
            rtsp_url,
            rtsps_url,
            token,
            client: reqwest::Client::new(),
        })
    }

    /// The hub's process id.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default()
    }

    /// Its data folder.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Where it writes footage.
    pub fn footage(&self) -> PathBuf {
        self.data_dir.join("footage")
    }

    /// Everything that it wrote to standard error and to its log files.
    pub fn logs(&self) -> String {
        let mut text =
            std::fs::read_to_string(self.data_dir.join("stderr.log")).unwrap_or_default();
        for file in std::fs::read_dir(self.data_dir.join("logs")).into_iter().flatten().flatten() {
            text.push_str(&std::fs::read_to_string(file.path()).unwrap_or_default());
        }
        text
    }

    /// Waits until its logs hold that: a line is written a moment after what it tells of can be seen.
    pub async fn until_logged(&self, words: &str, deadline: Duration) -> anyhow::Result<()> {
        let search = async {
            let mut pace = tokio::time::interval(Duration::from_millis(50));
            while !self.logs().contains(words) {
                pace.tick().await;
            }
        };
        let found = tokio::time::timeout(deadline, search).await;
        found.map_err(|_| {
            anyhow!("not within {deadline:?} in the log: {words}; it is: {}", self.logs())
        })
    }

    /// One request with the admin's token: status and body as JSON (`null` if there is none).
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let method: reqwest::Method = method.parse().context("method")?;
        let mut request =
            self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer =
            request.timeout(Duration::from_secs(20)).send().await.context("ask the hub")?;
        let status = answer.status().as_u16();
        let text = answer.text().await.context("read the answer")?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// `GET` of JSON; anything but 200 is an error.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (status, body) = self.call("GET", path, None).await?;
        ensure!(status == 200, "GET {path}: {status} {body}");
        Ok(body)
    }

    /// `GET` of bytes.
    pub async fn get_bytes(&self, path: &str) -> anyhow::Result<(u16, bytes::Bytes)> {
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.token);
        let answer =
            request.timeout(Duration::from_secs(20)).send().await.context("ask the hub")?;
        Ok((answer.status().as_u16(), answer.bytes().await.context("read the answer")?))
    }

    /// Adds a camera; answers its id.
    pub async fn add_camera(&self, camera: &Value) -> anyhow::Result<String> {
        let (status, body) = self.call("POST", "/api/v1/cameras", Some(camera)).await?;
        ensure!(status == 201, "adding a camera: {status} {body}");
        Ok(body["id"].as_str().context("no id")?.to_owned())
    }

    /// Asks for `path` until `found` gives something, or the deadline has passed.
    pub async fn until<T>(
        &self,
        what: &str,
        path: &str,
        deadline: Duration,
        mut found: impl FnMut(&Value) -> Option<T>,
    ) -> anyhow::Result<T> {
        let mut last = Value::Null;
        let poll = async {
            let mut pace = tokio::time::interval(Duration::from_millis(100));
            loop {
                pace.tick().await;
                if let Ok((_, body)) = self.call("GET", path, None).await {
                    if let Some(value) = found(&body) {
                        return value;
                    }
                    last = body;
                }
            }
        };
        match tokio::time::timeout(deadline, poll).await {
            Ok(value) => Ok(value),
            Err(_) => bail!("not within {deadline:?}: {what}; last answer of {path}: {last}"),
        }
    }

    /// Waits until a camera is in that state.
    pub async fn until_state(
        &self,
        camera: &str,
        state: &str,
        deadline: Duration,
    ) -> anyhow::Result<Value> {
        let path = format!("/api/v1/cameras/{camera}/status");
        self.until(&format!("{camera} is {state}"), &path, deadline, |status| {
            (status["state"] == state).then(|| status.clone())
        })
        .await
    }

    /// Asks it to end, and waits: every segment is closed.
    pub async fn stop(mut self) -> anyhow::Result<std::process::ExitStatus> {
        signal(self.pid(), "TERM").await?;
        let ended = tokio::time::timeout(Duration::from_secs(15), self.child.wait()).await;
        Ok(ended.context("the hub does not end when asked")??)
    }

    /// `kill -9` of the hub alone; its recorders go on.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("kill the hub")
    }
}

/// What the hubs of a data folder wrote to standard error.
pub fn stderr_of(data_dir: &Path) -> String {
    std::fs::read_to_string(data_dir.join("stderr.log")).unwrap_or_default()
}

/// What recorders say at their end, added up for one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Recorders that ended.
    pub recorders: u64,
    /// Access units that came.
    pub came: u64,
    /// Access units that were written and synced.
    pub on_disk: u64,
    /// Access units that could not be stored.
    pub lost: u64,
}

impl Account {
    /// Reads `main ended: 250 access units came, 249 are on disk, 1 lost` from a hub's log.
    pub fn read(log: &str, stream: &str) -> Self {
        let mut account = Self::default();
        for line in log.lines() {
            let Some((_, said)) = line.split_once(&format!("{stream} ended: ")) else { continue };
            let numbers: Vec<u64> = said
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|word| word.parse().ok())
                .collect();
            if let [came, on_disk, lost, ..] = numbers[..] {
                account.recorders += 1;
                account.came += came;
                account.on_disk += on_disk;
                account.lost += lost;
            }
        }
        account
    }
}

/// A token by `tarsierd token`.
pub async fn token(data_dir: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    token_with(data_dir, arguments, &[]).await
}

async fn token_with(
    data_dir: &Path,
    arguments: &[&str],
    environment: &[(String, String)],
) -> anyhow::Result<String> {
    let output = Command::new(program("tarsierd")?)
        .envs(environment.iter().cloned())
        .arg("token")
        .arg("--data-dir")
        .arg(data_dir)
        .args(arguments)
        .output()
        .await
        .context("run tarsierd token")?;
    ensure!(output.status.success(), "tarsierd token: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Sends a signal by name.
pub async fn signal(pid: u32, name: &str) -> anyhow::Result<()> {
    let status =
        Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().await?;
    ensure!(status.success(), "kill -{name} {pid}");
    Ok(())
}
