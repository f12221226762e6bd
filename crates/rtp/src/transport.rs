//! The header `Transport` (RFC 2326 section 12.39).

/// How a track travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// In the RTSP connection; the channels if the client chose them.
    Interleaved(Option<(u8, u8)>),
    /// By datagrams to those ports of the client.
    Datagrams {
        /// Where it takes RTP.
        media: u16,
        /// Where it takes RTCP.
        reports: u16,
    },
}

/// The first of the client's offers that can be had; multicast and recording cannot.
pub fn choose(header: &str) -> Option<Wanted> {
    header.split(',').find_map(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let protocol = parts.next()?.to_ascii_uppercase();
        let parameters: Vec<&str> = parts.collect();
        let value = |name: &str| {
            parameters.iter().filter_map(|parameter| parameter.split_once('=')).find_map(
                |(key, value)| key.trim().eq_ignore_ascii_case(name).then_some(value.trim()),
            )
        };
        let mode = value("mode").map(|mode| mode.trim_matches('"').to_ascii_uppercase());
        if parameters.iter().any(|parameter| parameter.eq_ignore_ascii_case("multicast"))
            || mode.is_some_and(|mode| mode != "PLAY")
        {
            return None;
        }
        match protocol.as_str() {
            "RTP/AVP/TCP" => match value("interleaved") {
                None => Some(Wanted::Interleaved(None)),
                Some(pair) => number_pair(pair).map(|pair| Wanted::Interleaved(Some(pair))),
            },
            "RTP/AVP" | "RTP/AVP/UDP" => {
                let (media, reports) = number_pair::<u16>(value("client_port")?)?;
                (media > 0 && reports > 0).then_some(Wanted::Datagrams { media, reports })
            }
            _ => None,
        }
    })
}

/// `4-5`, or `4`, which means the same.
fn number_pair<T: std::str::FromStr + Copy + TryFrom<u32>>(text: &str) -> Option<(T, T)>
where
    u32: From<T>,
{
    let (first, second) = if let Some((first, second)) = text.split_once('-') {
        (first.parse().ok()?, second.parse().ok()?)
    } else {
        let first: T = text.parse().ok()?;
        (first, T::try_from(u32::from(first) + 1).ok()?)
    };
    Some((first, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_offer_that_can_be_had_is_chosen() {
        let udp = Wanted::Datagrams { media: 5000, reports: 5001 };
        let tcp = Wanted::Interleaved(Some((2, 3)));
        assert_eq!(choose("RTP/AVP;unicast;client_port=5000-5001"), Some(udp));
        assert_eq!(choose("RTP/AVP/UDP;unicast;client_port=5000;mode=\"PLAY\""), Some(udp));
        assert_eq!(choose("RTP/AVP/TCP;unicast;interleaved=2-3"), Some(tcp));
        assert_eq!(choose("RTP/AVP;multicast, RTP/AVP/TCP;interleaved=2-3"), Some(tcp));
        assert_eq!(choose("rtp/avp/tcp"), Some(Wanted::Interleaved(None)));
        for bad in [
            "",
            "RTP/SAVP;client_port=1-2",
            "RTP/AVP;unicast",
            "RTP/AVP/TCP;interleaved=255",
            "RTP/AVP;client_port=a",
            "RTP/AVP;client_port=0-0",
            "RTP/AVP/TCP;mode=record",
        ] {
            assert_eq!(choose(bad), None, "{bad:?} cannot be had");
        }
    }
}
