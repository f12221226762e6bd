//! The command line (CONTRACT section 2).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::rungs::Encoders;

/// `tarsierd`
#[derive(Debug, Parser)]
#[command(name = "tarsierd", version, about = "Tarsier's hub: records cameras without a window.", long_about = None)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Record, and answer requests until it is told to stop.
    Serve(Serve),
    /// Print a token for the API, or take one back.
    Token(Token),
    /// Serve video files as RTSP cameras.
    DemoCamera(DemoCamera),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Serve {
    /// Folder for index, key, logs and footage; made if it does not exist.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// Address to answer at. Only loopback addresses are taken: there is no TLS yet.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787", value_parser = loopback)]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) rtsp: StreamServers,
    /// Start so many demo cameras inside the hub, and add them unless they are there.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=16))]
    pub(crate) demo: Option<u16>,
    /// Folder of the built pages, instead of those that came with the program.
    #[arg(long, value_name = "DIR", env = "TARSIER_UI")]
    pub(crate) ui: Option<PathBuf>,
    /// Folder of tarsier-recorder and tarsier-transcoder, if they are not beside this program.
    #[arg(long, value_name = "DIR", env = "TARSIER_PROGRAMS")]
    pub(crate) programs: Option<PathBuf>,
    /// What converts pictures for viewers: hardware where it works, or the processor alone.
    #[arg(long, value_enum, default_value_t, env = "TARSIER_ENCODERS")]
    pub(crate) encoders: Encoders,
}

/// Where other programs get live streams.
#[derive(Clone, Debug, Args)]
pub(crate) struct StreamServers {
    /// Address at which other programs on this machine get live streams by RTSP. Only loopback addresses.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8554", value_parser = loopback)]
    pub(crate) rtsp_listen: SocketAddr,
    /// The same for programs on other machines, without TLS: whoever is in the network may read the pictures.
    #[arg(long, value_name = "ADDR", conflicts_with = "rtsp_listen")]
    pub(crate) rtsp_listen_unencrypted: Option<SocketAddr>,
    /// Address for RTSPS, RTSP over TLS; 0.0.0.0:8322 for programs on other machines. (RTSPS's own port, 322, is
    /// root's.)
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8322")]
    pub(crate) rtsps_listen: SocketAddr,
    /// Certificate for RTSPS and those that vouch for it, PEM, instead of one that Tarsier makes for itself.
    #[arg(long, value_name = "FILE", requires = "rtsps_key")]
    pub(crate) rtsps_cert: Option<PathBuf>,
    /// The certificate's key, PEM.
    #[arg(long, value_name = "FILE", requires = "rtsps_cert")]
    pub(crate) rtsps_key: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Token {
    /// The data folder of the hub that shall take the token.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// What its holder may do.
    #[arg(long, value_enum, required_unless_present = "revoke")]
    pub(crate) role: Option<RoleArg>,
    /// Only this camera; may be given more than once.
    #[arg(long = "camera", value_name = "ID")]
    pub(crate) cameras: Vec<String>,
    /// Only this stream of them; may be given more than once.
    #[arg(long = "stream", value_enum, value_name = "STREAM")]
    pub(crate) streams: Vec<StreamArg>,
    /// Only for this, and for nothing else that the role may do; may be given more than once.
    #[arg(long = "right", value_enum, value_name = "RIGHT")]
    pub(crate) rights: Vec<RightArg>,
    /// How long it is good for: 90s, 15m, 1h, 30d.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = span)]
    pub(crate) ttl: Duration,
    /// Whom it is for, as shown in the log.
    #[arg(long, value_name = "NAME", default_value = "cli")]
    pub(crate) subject: String,
    /// Take a token back, with all that was renewed or made of it: the token itself, or its name (the claim jti).
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["role", "cameras", "streams", "rights"])]
    pub(crate) revoke: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    Admin,
    Viewer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StreamArg {
    Main,
    Sub,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RightArg {
    Live,
    Playback,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DemoCamera {
    /// Address to answer at.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8554")]
    pub(crate) listen: SocketAddr,
    /// How many cameras.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) cameras: u16,
    /// File for the main stream instead of the built-in one.
    #[arg(long, value_name = "FILE")]
    pub(crate) main: Option<PathBuf>,
    /// File for the sub stream instead of the built-in one.
    #[arg(long, value_name = "FILE")]
    pub(crate) sub: Option<PathBuf>,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| format!("{text:?} is no address such as 127.0.0.1:8787"))?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(format!(
            "{address} can be reached from the network, and there is no TLS yet: use 127.0.0.1"
        ))
    }
}

fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time such as 90s, 15m, 1h or 30d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    match number.checked_mul(seconds) {
        Some(total @ 1..=315_360_000) => Ok(Duration::from_secs(total)),
        _ => Err(format!("{text:?} is not between 1s and 3650d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("1h", 3600), ("30d", 2_592_000)] {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "1", "h", "-1h", "1y", "0s", "99999d", "1ü"] {
            assert!(span(bad).is_err(), "{bad:?} must be refused, not guessed");
        }
    }

    #[test]
    fn an_address_that_the_network_reaches_is_refused() {
        assert!(loopback("0.0.0.0:8787").is_err(), "there is no TLS yet");
        assert!(loopback("127.0.0.1:0").is_ok());
        assert!(loopback("[::1]:8787").is_ok());
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
