//! Hands: the certificate by which the hub shows who it is over TLS: the user's own, or one that the hub makes for itself.
//!
//! ```text
//! DATA/rtsps.crt   the certificate, PEM: programs that want to be sure of the hub are given it
//! DATA/rtsps.key   0600; its key, PKCS #8, PEM
//! ```
//! Nobody vouches for the hub's own: whoever wants to be sure compares its fingerprint. So it is kept for as long as can be,
//! and made anew only before it ends. What does not belong here: who listens with it ([`crate::rtsp`]).

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tarsier_api::system::Certificate;
use tarsier_types::UtcMs;
use x509_cert::der::Decode as _;

use crate::data_dir::replace;

/// A new one shows another fingerprint, and whoever compares it must do so again.
const YEARS: i32 = 10;
const RENEWED_BEFORE_MS: i64 = 60 * 86_400_000;
const PEM_COLUMNS: usize = 64;

/// Where it comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The user's files: looked at again from time to time, as somebody else renews them.
    Given { certificate: PathBuf, key: PathBuf },
    /// The hub's own, made when it is missing.
    Own { certificate: PathBuf, key: PathBuf, names: Vec<String> },
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} holds no certificate and {} no key that belongs to it, as PEM", certificate.display(), key.display())]
    Unusable { certificate: PathBuf, key: PathBuf },
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
}

/// What is read.
#[derive(Debug)]
struct Loaded {
    key: Arc<CertifiedKey>,
    shown: Certificate,
}

/// The present one; whoever connects is shown it.
pub(crate) struct Identity {
    source: Source,
    provider: Arc<CryptoProvider>,
    present: Arc<Present>,
}

#[derive(Debug)]
struct Present(RwLock<Loaded>);

impl ResolvesServerCert for Present {
    fn resolve(&self, _client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

impl Identity {
    /// Reads it, or makes it.
    pub(crate) fn open(source: Source, now: UtcMs) -> Result<Self, CertificateError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let loaded = load(&source, &provider, now)?;
        Ok(Self { source, provider, present: Arc::new(Present(RwLock::new(loaded))) })
    }

    /// How the server speaks TLS, with whatever is the present one at the time.
    pub(crate) fn tls(&self) -> Arc<ServerConfig> {
        let config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.present) as Arc<dyn ResolvesServerCert>);
        Arc::new(config)
    }

    /// As people are told of it.
    pub(crate) fn shown(&self) -> Certificate {
        self.present.0.read().unwrap_or_else(PoisonError::into_inner).shown.clone()
    }

    /// Looks again: whether the files are new, or a new one must be made. Connections go on under the old one.
    pub(crate) fn refresh(&self, now: UtcMs) -> Result<(), CertificateError> {
        let loaded = load(&self.source, &self.provider, now)?;
        *self.present.0.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }
}

fn load(
    source: &Source,
    provider: &CryptoProvider,
    now: UtcMs,
) -> Result<Loaded, CertificateError> {
    match source {
        Source::Given { certificate, key } => read(certificate, key, provider),
        Source::Own { certificate, key, names } => {
            let read = || -> Result<Loaded, CertificateError> {
                let Loaded { key, shown } = read(certificate, key, provider)?;
                Ok(Loaded { key, shown: Certificate { is_own: true, ..shown } })
            };
            match read() {
                Ok(loaded) if loaded.shown.until_utc_ms > now.0 + RENEWED_BEFORE_MS => {
                    return Ok(loaded);
                }
                Ok(_) => tracing::info!("the hub's own certificate ends soon: a new one is made"),
                Err(CertificateError::Read { source, .. })
                    if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the hub's own certificate is made anew"
                    );
                }
            }
            let made = make(names, now)?;
            // The key first: without its certificate both are made anew.
            for (path, label, der) in
                [(key, "PRIVATE KEY", &made.key), (certificate, "CERTIFICATE", &made.certificate)]
            {
                replace(path, pem(label, der).as_bytes())
                    .map_err(|source| CertificateError::Write { path: path.clone(), source })?;
            }
            read()
        }
    }
}

fn read(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<Loaded, CertificateError> {
    let bytes = |path: &Path| {
        fs::read(path).map_err(|source| CertificateError::Read { path: path.to_owned(), source })
    };
    let (chain, secret) = (bytes(certificate)?, bytes(key)?);
    let usable = || {
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(&chain).collect::<Result<_, _>>().ok()?;
        let shown = shown(chain.first()?)?;
        let secret = PrivateKeyDer::from_pem_slice(&secret).ok()?;
        let key = CertifiedKey::from_der(chain, secret, provider).ok()?;
        Some(Loaded { key: Arc::new(key), shown })
    };
    usable().ok_or_else(|| CertificateError::Unusable {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    })
}

fn shown(certificate: &CertificateDer<'_>) -> Option<Certificate> {
    let read = x509_cert::Certificate::from_der(certificate).ok()?;
    let until = read.tbs_certificate().validity().not_after.to_unix_duration();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
    let pairs: Vec<String> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    Some(Certificate {
        fingerprint_sha256: pairs.join(":"),
        until_utc_ms: i64::try_from(until.as_millis()).ok()?,
        is_own: false,
    })
}

struct Made {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

fn make(names: &[String], now: UtcMs) -> Result<Made, CertificateError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Tarsier");
    let today = Timestamp::from_millisecond(now.0).unwrap_or_default().to_zoned(TimeZone::UTC);
    let day = |date: jiff::civil::Date| {
        let part = |number: i8| u8::try_from(number).unwrap_or(1);
        rcgen::date_time_ymd(date.year().into(), part(date.month()), part(date.day()))
    };
    let today = today.date();
    // Clients' clocks may be behind.
    params.not_before = day(today.saturating_sub(1.day()));
    params.not_after = day(today.saturating_add(YEARS.years()));
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?;
    Ok(Made { certificate: certificate.der().to_vec(), key: key.serialize_der() })
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut lines = vec![format!("-----BEGIN {label}-----")];
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(PEM_COLUMNS));
        lines.push(line.to_owned());
        rest = behind;
    }
    lines.push(format!("-----END {label}-----\n"));
    lines.join("\n")
}

/// What the hub's own certificate is good for: this machine, by its names and by the address that others reach.
pub(crate) fn names(host: Option<&str>, address: Option<IpAddr>) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    // A name that is not ASCII cannot stand in a certificate.
    if let Some(host) = host.filter(|host| host.is_ascii() && !host.is_empty()) {
        names.push(host.to_owned());
        if !host.contains('.') {
            names.push(format!("{host}.local"));
        }
    }
    names.extend(address.map(|address| address.to_string()));
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcMs = UtcMs(1_795_205_700_000);
    const YEAR_MS: i64 = 365 * 86_400_000;

    fn own(folder: &Path) -> Source {
        Source::Own {
            certificate: folder.join("rtsps.crt"),
            key: folder.join("rtsps.key"),
            names: names(Some("nas"), Some([192, 0, 2, 7].into())),
        }
    }

    #[test]
    fn the_hubs_own_is_made_once_and_anew_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let first = Identity::open(own(folder.path()), NOW).unwrap();
        let shown = first.shown();
        assert!(shown.is_own && shown.until_utc_ms > NOW.0 + 9 * YEAR_MS, "{shown:?}");
        assert_eq!(shown.fingerprint_sha256.len(), 32 * 3 - 1, "{shown:?}");
        let again = Identity::open(own(folder.path()), NOW.plus_millis(YEAR_MS)).unwrap();
        assert_eq!(again.shown(), shown, "it is kept");
        again.refresh(NOW.plus_millis(5 * YEAR_MS)).unwrap();
        assert_eq!(again.shown(), shown, "still");
        let near = UtcMs(shown.until_utc_ms).plus_millis(-RENEWED_BEFORE_MS);
        again.refresh(near).unwrap();
        let renewed = again.shown();
        assert_ne!(renewed.fingerprint_sha256, shown.fingerprint_sha256);
        assert!(renewed.until_utc_ms > shown.until_utc_ms + 9 * YEAR_MS, "{renewed:?}");
    }

    #[test]
    fn half_of_a_pair_is_made_anew() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = Identity::open(own(folder.path()), NOW).unwrap().shown();
        Identity::open(own(other.path()), NOW).unwrap();
        // A crash between both writes.
        fs::copy(other.path().join("rtsps.key"), folder.path().join("rtsps.key")).unwrap();
        let second = Identity::open(own(folder.path()), NOW).unwrap().shown();
        assert_ne!(second, first);
        fs::write(folder.path().join("rtsps.crt"), "garbage").unwrap();
        let third = Identity::open(own(folder.path()), NOW).unwrap().shown();
        assert_ne!(third, second);
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_for_the_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        Identity::open(own(folder.path()), NOW).unwrap();
        let mode = fs::metadata(folder.path().join("rtsps.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_users_files_are_taken_as_they_are_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("rtsps.crt"), folder.path().join("rtsps.key"));
        let given = Source::Given { certificate: certificate.clone(), key };
        assert!(matches!(Identity::open(given.clone(), NOW), Err(CertificateError::Read { .. })));
        let made = Identity::open(own(folder.path()), NOW).unwrap().shown();
        let identity = Identity::open(given.clone(), NOW).unwrap();
        assert_eq!(identity.shown(), Certificate { is_own: false, ..made.clone() });
        fs::write(&certificate, "garbage").unwrap();
        let refused = identity.refresh(NOW);
        assert!(matches!(refused, Err(CertificateError::Unusable { .. })), "{refused:?}");
        assert_eq!(identity.shown().fingerprint_sha256, made.fingerprint_sha256, "it is kept");
        assert!(Identity::open(given, NOW).is_err());
    }

    #[test]
    fn it_names_this_machine() {
        let names = names(Some("nas"), Some([192, 0, 2, 7].into()));
        assert_eq!(names, ["127.0.0.1", "192.0.2.7", "::1", "localhost", "nas", "nas.local"]);
        assert_eq!(super::names(Some("nas.example"), None).len(), 4);
        assert_eq!(super::names(Some("küche"), None).len(), 3);
    }
}
