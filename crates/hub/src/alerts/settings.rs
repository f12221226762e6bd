//! Hands: the settings of alerts: kept in the index, the webhook's address and secret encrypted (an address often is a
//! secret itself).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use tarsier_api::alert::{AlertSettings, AlertSettingsChange, WebhookResult};
use tarsier_api::problem::{Problem, ProblemCode};
use tarsier_index::{Index, IndexError};
use tarsier_types::{Secret, UtcMs};

use super::rules;
use crate::secrets::SecretBox;
use crate::words;

const SETTINGS: &str = "alerts";
/// What is authenticated with the encrypted fields.
const URL: &str = "alerts.webhook_url";
const SECRET: &str = "alerts.webhook_secret";
const MUTED: &str = "alerts_muted_until_utc_ms";
/// What is to be kept when the index is lost.
pub(crate) const KEYS: [&str; 2] = [SETTINGS, MUTED];

const LONGEST_HOLD_OFF_S: u32 = 3600;
const LONGEST_URL: usize = 2000;

/// As in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) hold_off_seconds: u32,
    pub(crate) webhook: Option<Webhook>,
    pub(crate) muted_until: Option<UtcMs>,
}

/// Where alerts are posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Webhook {
    pub(crate) url: Secret<Url>,
    pub(crate) secret: Option<Secret<String>>,
}

impl Settings {
    /// As shown.
    pub(crate) fn to_api(&self, webhook_result: Option<WebhookResult>) -> AlertSettings {
        let webhook = self.webhook.as_ref();
        AlertSettings {
            hold_off_seconds: self.hold_off_seconds,
            webhook_url: webhook.map(|webhook| webhook.url.expose().to_string()),
            has_webhook_secret: webhook.is_some_and(|webhook| webhook.secret.is_some()),
            webhook_result,
        }
    }
}

/// As stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    hold_off_seconds: u32,
    /// Encrypted, base64: the address.
    #[serde(default)]
    webhook_url: Option<String>,
    /// Encrypted, base64: what signs.
    #[serde(default)]
    webhook_secret: Option<String>,
}

/// What is stored. What cannot be read is left out, and the log says so.
pub(crate) fn load(index: &Index, secrets: &SecretBox) -> Result<Settings, IndexError> {
    let stored = index.setting(SETTINGS)?;
    let stored: Option<Stored> = stored.and_then(|json| {
        serde_json::from_str(&json)
            .inspect_err(|error| tracing::error!(%error, "the settings of alerts cannot be read"))
            .ok()
    });
    let muted_until = index.setting(MUTED)?.and_then(|json| json.parse().ok()).map(UtcMs);
    let usual = u32::try_from(rules::HOLD_OFF.as_secs()).unwrap_or(LONGEST_HOLD_OFF_S);
    let Some(stored) = stored else {
        return Ok(Settings { hold_off_seconds: usual, webhook: None, muted_until });
    };
    let open = |field: &str, sealed: Option<String>| {
        let bytes = BASE64_STANDARD.decode(sealed?).ok()?;
        secrets
            .open_text(field, &bytes)
            .inspect_err(
                |error| tracing::error!(%error, "the webhook cannot be read; type it again"),
            )
            .ok()
    };
    let url = open(URL, stored.webhook_url).and_then(|url| Url::parse(url.expose()).ok());
    let webhook = url
        .map(|url| Webhook { url: Secret::new(url), secret: open(SECRET, stored.webhook_secret) });
    Ok(Settings { hold_off_seconds: stored.hold_off_seconds, webhook, muted_until })
}

/// As stored, its secrets encrypted.
pub(crate) fn seal(secrets: &SecretBox, settings: &Settings) -> String {
    let seal = |field, text: &str| BASE64_STANDARD.encode(secrets.seal_text(field, text));
    let webhook = settings.webhook.as_ref();
    let stored = Stored {
        hold_off_seconds: settings.hold_off_seconds,
        webhook_url: webhook.map(|webhook| seal(URL, webhook.url.expose().as_str())),
        webhook_secret: webhook
            .and_then(|webhook| webhook.secret.as_ref())
            .map(|secret| seal(SECRET, secret.expose())),
    };
    serde_json::to_string(&stored).expect("texts are JSON")
}

/// Stores what was sealed, and until when it is quiet.
pub(crate) fn store(
    index: &Index,
    sealed: &str,
    muted_until: Option<UtcMs>,
) -> Result<(), IndexError> {
    index.put_setting(SETTINGS, sealed)?;
    match muted_until {
        Some(until) => index.put_setting(MUTED, &until.0.to_string()),
        None => index.remove_setting(MUTED).map(drop),
    }
}

/// The settings with what is present in `change`.
pub(crate) fn change(
    settings: &Settings,
    change: AlertSettingsChange,
) -> Result<Settings, Problem> {
    let mut new = settings.clone();
    if let Some(seconds) = change.hold_off_seconds {
        if seconds > LONGEST_HOLD_OFF_S {
            return Err(words::problem(
                ProblemCode::BadRequest,
                format!("A hold-off cannot be {seconds} s long."),
                "Choose hold_off_seconds from 0 to 3600; 10 is right for nearly everybody.",
            ));
        }
        new.hold_off_seconds = seconds;
    }
    if let Some(text) = change.webhook_url {
        new.webhook = match text.trim() {
            "" => None,
            text => {
                let secret = new.webhook.take().and_then(|webhook| webhook.secret);
                Some(Webhook { url: Secret::new(address(text)?), secret })
            }
        };
    }
    if let Some(secret) = change.webhook_secret {
        let webhook = new.webhook.as_mut().ok_or_else(|| {
            words::problem(
                ProblemCode::BadRequest,
                "There is a secret for a webhook, and no webhook.",
                "Give webhook_url as well: the address that alerts are to be posted to.",
            )
        })?;
        webhook.secret = Some(secret).filter(|secret| !secret.expose().is_empty());
    }
    Ok(new)
}

fn address(text: &str) -> Result<Url, Problem> {
    let refused = |message: &str| {
        Err(words::problem(
            ProblemCode::BadRequest,
            message,
            "Type it whole, such as https://example.org/hooks/cameras.",
        ))
    };
    match Url::parse(text) {
        _ if text.len() > LONGEST_URL => refused("The webhook's address is too long."),
        // Left out without a word they would make another address of it.
        _ if text.chars().any(|c| c.is_control() || c.is_whitespace()) => {
            refused("The webhook's address has a space, a line break or something invisible in it.")
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => Err(words::problem(
            ProblemCode::BadRequest,
            "The webhook's address has a user name or a password in it, which would be shown with it.",
            "Leave them out, and give webhook_secret instead: it signs each post, and is never shown.",
        )),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            refused("A webhook's address begins with http:// or https://.")
        }
        Ok(url) if url.host_str().is_some_and(|host| !host.is_empty()) => Ok(url),
        _ => refused("The webhook's address cannot be understood."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> (tempfile::TempDir, Index, SecretBox) {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(&dir.path().join("tarsier.db")).unwrap();
        (dir, index, SecretBox::new(&[7; 32]))
    }

    fn wish(json: &str) -> AlertSettingsChange {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn settings_are_kept_and_the_webhook_is_unreadable_at_rest() {
        let (_dir, index, secrets) = start();
        let usual = load(&index, &secrets).unwrap();
        assert_eq!((usual.hold_off_seconds, &usual.webhook), (10, &None));
        let json = r#"{"hold_off_seconds":60,"webhook_url":"https://example.org/canary-1","webhook_secret":"canary-2"}"#;
        let mut new = change(&usual, wish(json)).unwrap();
        new.muted_until = Some(UtcMs(5));
        store(&index, &seal(&secrets, &new), new.muted_until).unwrap();
        assert_eq!(load(&index, &secrets).unwrap(), new);
        let at_rest = index.setting(SETTINGS).unwrap().unwrap();
        assert!(!at_rest.contains("canary") && !at_rest.contains("example"), "{at_rest}");
        assert!(!format!("{new:?}").contains("canary"), "a debug print is no leak");
        let shown = serde_json::to_string(&new.to_api(None)).unwrap();
        assert!(shown.contains("canary-1") && !shown.contains("canary-2"), "{shown}");
        let moved = change(&new, wish(r#"{"webhook_url":"http://127.0.0.1:9/x"}"#)).unwrap();
        assert_eq!(
            moved.webhook.unwrap().secret,
            new.webhook.clone().unwrap().secret,
            "another address, the same secret"
        );
        assert_eq!(change(&new, wish(r#"{"webhook_url":""}"#)).unwrap().webhook, None);
        let unsigned = change(&new, wish(r#"{"webhook_secret":""}"#)).unwrap();
        assert_eq!(unsigned.webhook.unwrap().secret, None);
    }

    #[test]
    fn what_cannot_work_is_refused_with_words() {
        let (_dir, index, secrets) = start();
        let usual = load(&index, &secrets).unwrap();
        for json in [
            r#"{"hold_off_seconds":3601}"#,
            r#"{"webhook_url":"ftp://example.org/"}"#,
            r#"{"webhook_url":"example.org/hook"}"#,
            r#"{"webhook_url":"http://"}"#,
            r#"{"webhook_url":"file:///etc/passwd"}"#,
            r#"{"webhook_url":"https://anna:canary@example.org/hook"}"#,
            r#"{"webhook_url":"https://canary@example.org/hook"}"#,
            r#"{"webhook_url":"https://exam\nple.org/hook"}"#,
            r#"{"webhook_url":"https://example.org/ho\tok"}"#,
            r#"{"webhook_url":"https://example.org/a hook"}"#,
            r#"{"webhook_secret":"x"}"#,
        ] {
            let problem = change(&usual, wish(json)).unwrap_err();
            assert_eq!(problem.code, ProblemCode::BadRequest, "{json}");
            assert!(problem.hint.ends_with('.'), "{json}: {problem:?}");
            assert!(!format!("{problem:?}").contains("canary"), "{problem:?}");
        }
    }
}
