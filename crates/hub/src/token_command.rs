//! `tarsierd token`: prints a token, or takes one back.
//!
//! A token is made without the hub, by its key; what it says is left where the hub looks for it. One is taken back by the hub, which ends what goes on under it; if none runs,
//! its list is written here.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::StatusCode;
use tarsier_api::problem::Problem;
use tarsier_api::rights::{Right, Role};
use tarsier_types::{CameraId, Clock, StreamKind, SystemClock};

use crate::cli::{RightArg, RoleArg, StreamArg, Token};
use crate::data_dir::{self, DataDir};
use crate::sessions::{MadeFolder, RevokedFile};
use crate::tokens::{Grant, Tokens, is_id};

/// For the request that takes a token back.
const REQUEST: Duration = Duration::from_secs(60);
/// For the hub's answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Does what the command line says.
pub(crate) async fn run(asked: &Token) -> Result<()> {
    let key = data_dir::read_key(&asked.data_dir).context(
        "no hub has run with this --data-dir yet, or this user may not read its secret.key",
    )?;
    let (tokens, clock) = (Tokens::new(&key), SystemClock::start());
    match (&asked.revoke, asked.role) {
        (Some(token), _) => revoke(asked, token, &tokens, clock).await,
        (None, Some(role)) => print(asked, role, &tokens, clock),
        (None, None) => bail!("--role is missing"),
    }
}

fn print(asked: &Token, role: RoleArg, tokens: &Tokens, clock: SystemClock) -> Result<()> {
    for camera in &asked.cameras {
        CameraId::new(camera.as_str()).context("--camera takes the id of a camera")?;
    }
    let grant = Grant {
        subject: &asked.subject,
        role: match role {
            RoleArg::Admin => Role::Admin,
            RoleArg::Viewer => Role::Viewer,
        },
        cameras: some(asked.cameras.clone()),
        streams: some(asked.streams.iter().map(|stream| stream_of(*stream).into()).collect()),
        rights: some(asked.rights.iter().map(|right| right_of(*right)).collect()),
    };
    let (token, claims) = tokens.issue(grant, clock.utc(), asked.ttl);
    if let Err(error) = MadeFolder::new(data_dir::made(&asked.data_dir)).keep(&claims) {
        let told = "programs that prove a password by Digest will not be let in with it";
        writeln!(std::io::stderr(), "this token was not noted, so {told}: {error}")?;
    }
    writeln!(std::io::stdout(), "{token}").context("cannot print the token")
}

/// What is not named is not limited.
fn some<T>(named: Vec<T>) -> Option<Vec<T>> {
    (!named.is_empty()).then_some(named)
}

const fn stream_of(stream: StreamArg) -> StreamKind {
    match stream {
        StreamArg::Main => StreamKind::Main,
        StreamArg::Sub => StreamKind::Sub,
    }
}

const fn right_of(right: RightArg) -> Right {
    match right {
        RightArg::Live => Right::Live,
        RightArg::Playback => Right::Playback,
    }
}

async fn revoke(asked: &Token, token: &str, tokens: &Tokens, clock: SystemClock) -> Result<()> {
    let id = if is_id(token) {
        token.to_owned()
    } else {
        tokens.read(token).context("--revoke takes a token of this hub, or its name")?.jti
    };
    if let Some(url) = data_dir::read_url(&asked.data_dir) {
        let (mine, _) = tokens.issue(Grant::everything("cli"), clock.utc(), REQUEST);
        // Never through a proxy: the hub is on this machine, and the token is for it alone.
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWER).build()?;
        let request = client.delete(format!("{url}/api/v1/tokens/{id}")).bearer_auth(mine);
        match request.send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            // A hub of another data folder has the address by now.
            Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => {}
            Ok(answer) => {
                let status = answer.status();
                let said = answer.bytes().await.context("the hub breaks off")?;
                match serde_json::from_slice::<Problem>(&said) {
                    Ok(problem) => bail!("{} {}", problem.message, problem.hint),
                    Err(_) => bail!("what answers at {url} is no hub: {status}"),
                }
            }
            Err(error) if error.is_connect() => {}
            Err(error) => return Err(error).context("the hub does not answer"),
        }
    }
    // Its lock says that no hub runs, or is about to.
    let data = DataDir::open(&asked.data_dir, clock.utc().0)?;
    let file = RevokedFile::new(data.revoked());
    let mut revoked = file.read(clock.utc()).context("cannot read which tokens are revoked")?;
    revoked.add(&id, clock.utc());
    file.write(&revoked).context("cannot write which tokens are revoked")
}
