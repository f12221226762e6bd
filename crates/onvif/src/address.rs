//! Brain: where a camera is asked.
//!
//! Every camera names the addresses of its services itself, and many name wrong ones: `0.0.0.0`, the address of another
//! network, a name that nobody knows, the port behind a router. So only the path is taken; host and port are those that we
//! have reached it by. That also means that no camera can send us, and an answer to a challenge, to somebody else.

use tarsier_types::CameraUrl;

/// Where every ONVIF device has its device service (ONVIF Core section 5.1.1).
const DEVICE_SERVICE: &str = "/onvif/device_service";
/// Where it is looked for when nobody has said it: HTTP's own; what cameras of Reolink and Hikvision's recorders (8000),
/// TP-Link (2020) and Xiongmai (8899) have; and 8080.
pub const USUAL_PORTS: [u16; 5] = [80, 8080, 8000, 2020, 8899];

/// Host and port of a device, and the path of one of its services.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// `http://host:port`
    origin: String,
    path: String,
}

impl Address {
    /// The device service of a camera whose pictures come from that host.
    pub fn guess(host: &str, port: u16) -> Self {
        Self { origin: format!("http://{host}:{port}"), path: DEVICE_SERVICE.to_owned() }
    }

    /// As a person typed it; without a path, that of every device.
    pub fn typed(url: &CameraUrl) -> Self {
        let origin = format!("{}://{}:{}", url.scheme().name(), url.host(), url.port());
        let path = path_of(url.as_str()).filter(|path| *path != "/");
        Self { origin, path: path.unwrap_or(DEVICE_SERVICE).to_owned() }
    }

    /// Another service of the same device, as the device says where it is.
    pub fn of_service(&self, said: &str) -> Option<Self> {
        let path = path_of(said)?;
        Some(Self { origin: self.origin.clone(), path: path.to_owned() })
    }

    /// The path with what is asked behind it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole of it.
    pub fn url(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }
}

/// What stands behind the host, without a fragment; `/` if nothing does. Nothing if it is no HTTP address, or holds what
/// no path may.
fn path_of(url: &str) -> Option<&str> {
    let (scheme, rest) = url.trim().split_once("://")?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    path.bytes().all(|byte| byte.is_ascii_graphic()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Address {
        Address::typed(&CameraUrl::parse(text).unwrap().0)
    }

    #[test]
    fn a_service_is_asked_where_its_device_was_reached() {
        let device = Address::guess("192.0.2.7", 8080);
        let service = |said| device.of_service(said).map(|address| address.url());
        for said in [
            "http://0.0.0.0:8080/onvif/ptz_service",
            "http://10.0.0.5/onvif/ptz_service",
            "https://evil.example:9/onvif/ptz_service#x",
            " http://[fe80::1%25eth0]:80/onvif/ptz_service ",
        ] {
            assert_eq!(service(said).as_deref(), Some("http://192.0.2.7:8080/onvif/ptz_service"));
        }
        assert_eq!(service("http://x").as_deref(), Some("http://192.0.2.7:8080/"));
        assert_eq!(
            service("http://x/a?b=c@d").as_deref(),
            Some("http://192.0.2.7:8080/a?b=c@d"),
            "an at sign in a path is no password"
        );
        for said in ["", "/onvif/ptz_service", "ftp://x/y", "http://x/a b", "http://x/\r\nHost: y"]
        {
            assert_eq!(service(said), None, "{said:?}");
        }
    }

    #[test]
    fn what_is_typed_may_leave_out_the_path() {
        for text in ["http://192.0.2.7:8000", "http://192.0.2.7:8000/"] {
            assert_eq!(typed(text).url(), "http://192.0.2.7:8000/onvif/device_service");
        }
        let whole = typed("https://u:p@[2001:db8::7]/onvif/services?x");
        assert_eq!(whole.url(), "https://[2001:db8::7]:443/onvif/services?x");
        assert_eq!(whole.path(), "/onvif/services?x");
    }
}
