//! Words that the hub leaves on disk for its windows, and the ports that it may be started on.
//!
//! What does not belong here: asking the hub.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The ports tried in this order. Few and fixed: what the pages keep in the browser's storage belongs to one address.
pub(crate) const PORTS: [u16; 4] = [8787, 18787, 28787, 38787];

/// `DATA/run/hub.json`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct HubFile {
    /// Where it answers, without a slash at the end.
    pub(crate) url: String,
    /// Its process.
    pub(crate) pid: u32,
    /// Its version.
    #[serde(default)]
    pub(crate) version: String,
}

impl HubFile {
    /// What a hub left there, dead or alive; nothing if there is no such file or half a one.
    pub(crate) fn read(data_dir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(data_dir.join("run").join("hub.json")).ok()?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut file: Self = serde_json::from_str(text).ok()?;
        file.url.truncate(file.url.trim_end_matches('/').len());
        file.url.starts_with("http://").then_some(file)
    }
}

/// The port to start a hub on: the one used last, else the first of the list that nobody uses now.
pub(crate) fn choose_port(data_dir: &Path) -> Option<u16> {
    let last =
        std::fs::read_to_string(port_file(data_dir)).ok().and_then(|text| text.trim().parse().ok());
    in_order(last).find(|port| is_free(*port))
}

/// Remembers the port for the next start.
pub(crate) fn remember_port(data_dir: &Path, port: u16) -> io::Result<()> {
    let file = port_file(data_dir);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, format!("{port}\n"))
}

fn port_file(data_dir: &Path) -> PathBuf {
    data_dir.join("run").join("window-port")
}

fn in_order(last: Option<u16>) -> impl Iterator<Item = u16> {
    last.into_iter().chain(PORTS.into_iter().filter(move |port| Some(*port) != last))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hubs_file_is_read_without_the_slash() {
        let file =
            HubFile::parse(r#"{"url":"http://127.0.0.1:8787/","pid":7,"version":"0.1.0","new":1}"#);
        assert_eq!(
            file,
            Some(HubFile {
                url: "http://127.0.0.1:8787".to_owned(),
                pid: 7,
                version: "0.1.0".to_owned()
            }),
            "unknown fields of a newer hub must not hide it"
        );
    }

    #[test]
    fn half_a_file_is_no_hub() {
        assert_eq!(HubFile::parse(r#"{"url":"http://127.0.0"#), None);
        assert_eq!(
            HubFile::parse(r#"{"url":"file:///etc/passwd","pid":1}"#),
            None,
            "only HTTP is spoken"
        );
    }

    #[test]
    fn the_port_used_last_is_tried_first_and_once() {
        assert_eq!(in_order(Some(28787)).collect::<Vec<_>>(), [28787, 8787, 18787, 38787]);
        assert_eq!(in_order(None).collect::<Vec<_>>(), PORTS);
        assert_eq!(in_order(Some(9)).count(), 5, "a port from an older list is still preferred");
    }
}
