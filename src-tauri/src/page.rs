//! Brain: which page the window shows, and which pages it may go to.
//!
//! What does not belong here: the window itself.

use tauri::Url;

use crate::hub_process::FindHubError;
use crate::words::{Words, fill};

/// Where the pages that come with the window are.
const LOCAL: &str = if cfg!(any(windows, target_os = "android")) {
    "http://tauri.localhost/"
} else {
    "tauri://localhost/"
};

/// What the window should show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// The hub is being found or started.
    Starting,
    /// The hub's own pages, with a token in the fragment.
    Hub {
        /// Scheme, host and port.
        origin: String,
        /// The whole address.
        url: Url,
    },
    /// There is no hub.
    Failed(Failure),
}

/// What the page about a missing hub says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What happened.
    pub(crate) what: String,
    /// What to do.
    pub(crate) todo: String,
    /// Last words of a program, or the path of one.
    pub(crate) details: String,
    /// Where more is written.
    pub(crate) log: String,
}

/// What becomes of a wish to go somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    /// It may.
    Go,
    /// It may, and the hub should be looked for again.
    GoAndRetry,
    /// It may not: the page holds an admin's token and nothing else comes beside it.
    Stay,
}

impl Page {
    /// The address to load.
    pub(crate) fn url(&self, words: &Words) -> Url {
        match self {
            Self::Hub { url, .. } => url.clone(),
            Self::Starting => local("starting.html", &[("text", words.starting)]),
            Self::Failed(failure) => local(
                "failed.html",
                &[
                    ("title", words.cannot_start),
                    ("what", &failure.what),
                    ("todo", &failure.todo),
                    ("details", &failure.details),
                    ("log_is_at", words.log_is_at),
                    ("log", &failure.log),
                    ("retry", words.retry),
                    ("starting", words.starting),
                ],
            ),
        }
    }

    /// May the window go from this page to `url`?
    pub(crate) fn visit(&self, url: &Url) -> Visit {
        if url.as_str().starts_with(LOCAL) {
            let asks = url.query() == Some("retry");
            return if asks { Visit::GoAndRetry } else { Visit::Go };
        }
        let is_hubs = match self {
            Self::Hub { origin, .. } => url.origin().ascii_serialization() == *origin,
            _ => false,
        };
        if is_hubs || matches!(url.scheme(), "about" | "blob") { Visit::Go } else { Visit::Stay }
    }
}

/// What to say about a hub that cannot be had.
pub(crate) fn failure(error: &FindHubError, log: String, words: &Words) -> Failure {
    let (what, todo, details) = match error {
        FindHubError::ProgramMissing { program } => {
            (words.program_missing, words.program_missing_todo, program.display().to_string())
        }
        FindHubError::CannotRun { program, source } => (
            words.ended_at_once,
            words.ended_at_once_todo,
            format!("{}: {source}", program.display()),
        ),
        FindHubError::Ended { last_words, .. } => {
            (words.ended_at_once, words.ended_at_once_todo, last_words.clone())
        }
        FindHubError::NotWritable { data_dir, last_words } => (
            words.not_writable,
            words.not_writable_todo,
            format!("{}\n{last_words}", data_dir.display()),
        ),
        FindHubError::NoAnswer => (words.no_answer, words.no_answer_todo, String::new()),
        FindHubError::NoToken { why } => (words.no_token, words.no_token_todo, why.clone()),
        FindHubError::NoPort => (words.no_port, words.no_port_todo, String::new()),
    };
    let ports = crate::hub_file::PORTS.map(|port| port.to_string()).join(", ");
    let todo = fill(todo, &[("n", ports)]);
    Failure { what: what.to_owned(), todo, details, log }
}

/// A local page with its texts in the fragment: the pages hold no words of their own.
fn local(file: &str, texts: &[(&str, &str)]) -> Url {
    let mut url =
        Url::parse(LOCAL).and_then(|base| base.join(file)).expect("a constant address is valid");
    let mut packed = url.clone();
    packed.query_pairs_mut().extend_pairs(texts);
    url.set_fragment(packed.query());
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::for_locale;

    fn hub() -> Page {
        Page::Hub {
            origin: "http://127.0.0.1:8787".to_owned(),
            url: Url::parse("http://127.0.0.1:8787/#token=x").unwrap(),
        }
    }

    #[test]
    fn the_window_never_leaves_the_hub() {
        for (to, visit) in [
            ("http://127.0.0.1:8787/timeline", Visit::Go),
            ("http://127.0.0.1:8787/#token=new", Visit::Go),
            ("http://127.0.0.1:9999/", Visit::Stay),
            ("http://127.0.0.1.example/", Visit::Stay),
            ("https://127.0.0.1:8787/", Visit::Stay),
            ("https://example.org/", Visit::Stay),
            ("file:///etc/passwd", Visit::Stay),
            ("data:text/html,x", Visit::Stay),
            ("about:blank", Visit::Go),
        ] {
            assert_eq!(hub().visit(&Url::parse(to).unwrap()), visit, "from the hub's page to {to}");
        }
    }

    #[test]
    fn only_the_retry_button_looks_for_the_hub_again() {
        let failed = Page::Starting;
        let retry = Url::parse(LOCAL).unwrap().join("starting.html?retry").unwrap();
        assert_eq!(failed.visit(&retry), Visit::GoAndRetry);
        assert_eq!(failed.visit(&Page::Starting.url(for_locale("en"))), Visit::Go);
        assert_eq!(
            failed.visit(&Url::parse("http://127.0.0.1:8787/").unwrap()),
            Visit::Stay,
            "no hub, no address"
        );
    }

    #[test]
    fn the_texts_of_a_failure_travel_in_the_fragment() {
        let error =
            FindHubError::Ended { code: Some(3), last_words: "line 1\nkey & value #2".to_owned() };
        let failure = failure(&error, "/data/logs/x.log".to_owned(), for_locale("en"));
        let url = Page::Failed(failure).url(for_locale("en"));
        assert_eq!(url.query(), None, "nothing but the page's own address is asked for");
        let fragment = url.fragment().unwrap_or_default();
        let details = tauri::Url::parse(&format!("http://x/?{fragment}"))
            .unwrap()
            .query_pairs()
            .find(|(name, _)| name == "details")
            .map(|(_, value)| value.into_owned());
        assert_eq!(details.as_deref(), Some("line 1\nkey & value #2"), "last words arrive whole");
    }

    #[test]
    fn taken_ports_are_named() {
        let failure = failure(&FindHubError::NoPort, String::new(), for_locale("en"));
        assert!(
            failure.todo.contains("8787, 18787"),
            "the user can look for who uses them: {}",
            failure.todo
        );
    }
}
