//! Texts that others wrote, made fit for a log: short, on one line, without the camera's password.
//!
//! retina itself puts no credentials into its errors, but it quotes what the camera sent, and a camera may send back
//! what it was sent.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tarsier_types::{Credentials, Secret};

const MAX_CHARS: usize = 240;
/// Shorter ones are in every text; leaving holes there would tell more than it hides.
const MIN_SECRET: usize = 3;

/// Knows what must not be seen.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    forbidden: Vec<Secret<String>>,
}

impl Redactor {
    pub(crate) fn new(credentials: Option<&Credentials>) -> Self {
        let Some(credentials) = credentials else { return Self::default() };
        let password = credentials.password.expose();
        let basic = STANDARD.encode(format!("{}:{password}", credentials.username));
        let escaped: String = url::form_urlencoded::byte_serialize(password.as_bytes()).collect();
        let mut forbidden = vec![basic, password.clone(), escaped];
        forbidden.retain(|text| text.len() >= MIN_SECRET);
        Self { forbidden: forbidden.into_iter().map(Secret::new).collect() }
    }

    /// The first paragraph of a text, in one line.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut paragraph = text.split("\n\n").next().unwrap_or_default().to_owned();
        for secret in &self.forbidden {
            paragraph = paragraph.replace(secret.expose().as_str(), "***");
        }
        let one_line: String =
            paragraph.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        one_line.chars().take(MAX_CHARS).collect()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_a_password_gets_through() {
        let password = "p@ss wörd";
        let credentials =
            Credentials { username: "admin".into(), password: Secret::new(password.into()) };
        let redactor = Redactor::new(Some(&credentials));
        let basic = STANDARD.encode(format!("admin:{password}"));
        let cleaned = redactor.clean(&format!(
            "you said {password}, Basic {basic}, p%40ss+w%C3%B6rd\n\nmore {password}"
        ));
        assert_eq!(cleaned, "you said ***, Basic ***, ***");
        assert!(!format!("{redactor:?}").contains("ss w"), "Debug must not show it either");
    }

    #[test]
    fn a_text_is_short_and_on_one_line() {
        let cleaned = Redactor::default().clean(&format!("a\nb\u{1b}[31m{}", "x".repeat(1_000)));
        assert!(
            cleaned.chars().count() == MAX_CHARS && !cleaned.contains(char::is_control),
            "{cleaned}"
        );
    }
}
