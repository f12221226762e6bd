//! Brain: whether what a token says covers what is wanted.

use tarsier_api::rights::{Claims, Right};
use tarsier_live::LiveStream;
use tarsier_live::fanout::StreamId;
use tarsier_types::StreamKind;

/// What somebody wants to have for longer than a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A camera's stream.
    Stream(StreamId, Right),
    /// Several of a camera's streams, and now this one, now that.
    Streams(tarsier_types::CameraId, Vec<StreamKind>, Right),
    /// A camera's streams, whichever there are.
    Camera(tarsier_types::CameraId, Right),
    /// What happens: each event is looked at by itself.
    Events,
}

/// The token is good, but not for this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OutOfScope {
    #[error("the token is for other cameras")]
    Camera,
    #[error("the token is for another stream")]
    Stream,
    #[error("the token is for something else")]
    Right,
}

/// Whether the token covers it.
pub(crate) fn covers(claims: &Claims, wanted: &Wanted) -> Result<(), OutOfScope> {
    match wanted {
        Wanted::Stream((camera, stream), right) => {
            covers_camera(claims, camera.as_str(), *right)?;
            covers_stream(claims, *stream)
        }
        Wanted::Streams(camera, streams, right) => {
            covers_camera(claims, camera.as_str(), *right)?;
            streams.iter().try_for_each(|stream| covers_stream(claims, *stream))
        }
        Wanted::Camera(camera, right) => covers_camera(claims, camera.as_str(), *right),
        Wanted::Events => covers_all_else(claims),
    }
}

/// Whether its holder may know of that camera.
pub(crate) fn may_see(claims: &Claims, camera: &str) -> bool {
    claims.cameras.as_ref().is_none_or(|cameras| cameras.iter().any(|allowed| allowed == camera))
}

/// The same for pictures of it.
pub(crate) fn covers_camera(claims: &Claims, camera: &str, right: Right) -> Result<(), OutOfScope> {
    if !may_see(claims, camera) {
        return Err(OutOfScope::Camera);
    }
    match &claims.rights {
        Some(rights) if !rights.contains(&right) => Err(OutOfScope::Right),
        _ => Ok(()),
    }
}

/// The same for one of its streams. A rung may be made of the full picture: it is for who may see that.
pub(crate) fn covers_stream(
    claims: &Claims,
    stream: impl Into<LiveStream>,
) -> Result<(), OutOfScope> {
    let stream = match stream.into() {
        LiveStream::Own(kind) => kind,
        LiveStream::Rung(_) => StreamKind::Main,
    };
    match &claims.streams {
        Some(streams) if !streams.contains(&stream.into()) => Err(OutOfScope::Stream),
        _ => Ok(()),
    }
}

/// Whatever is not pictures: a token for pictures alone is not for it.
pub(crate) fn covers_all_else(claims: &Claims) -> Result<(), OutOfScope> {
    if claims.rights.is_some() { Err(OutOfScope::Right) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use tarsier_api::camera::Stream;
    use tarsier_api::rights::Role;
    use tarsier_live::Rung;
    use tarsier_types::CameraId;

    use super::OutOfScope as No;
    use super::StreamKind::{Main, Sub};
    use super::*;

    fn stream(camera: &str, stream: impl Into<LiveStream>, right: Right) -> Wanted {
        Wanted::Stream((CameraId::new(camera).unwrap(), stream.into()), right)
    }

    fn auto(streams: &[StreamKind]) -> Wanted {
        Wanted::Streams(CameraId::new("garden").unwrap(), streams.to_vec(), Right::Live)
    }

    #[test]
    fn a_token_covers_what_it_names_and_all_of_what_it_does_not_name() {
        let all = Claims {
            jti: String::new(),
            sub: "test".into(),
            role: Role::Viewer,
            cameras: None,
            streams: None,
            rights: None,
            iat: 0,
            exp: 1,
            until: None,
        };
        let garden = Claims { cameras: Some(vec!["garden".into()]), ..all.clone() };
        let sub = Claims { streams: Some(vec![Stream::Sub]), ..garden.clone() };
        let live = Claims { rights: Some(vec![Right::Live]), ..sub.clone() };
        let none = Claims { rights: Some(Vec::new()), ..all.clone() };
        for (claims, wanted, covered) in [
            (&all, stream("gate", Main, Right::Live), Ok(())),
            (&garden, stream("garden", Main, Right::Playback), Ok(())),
            (&garden, stream("gate", Main, Right::Live), Err(No::Camera)),
            (&sub, stream("garden", Sub, Right::Playback), Ok(())),
            (&sub, stream("garden", Main, Right::Live), Err(No::Stream)),
            (&garden, stream("garden", Rung::P360, Right::Live), Ok(())),
            (&sub, stream("garden", Rung::P360, Right::Live), Err(No::Stream)),
            (&live, stream("garden", Sub, Right::Live), Ok(())),
            (&live, stream("garden", Sub, Right::Playback), Err(No::Right)),
            (&live, stream("gate", Sub, Right::Live), Err(No::Camera)),
            (&none, stream("gate", Sub, Right::Live), Err(No::Right)),
            (&garden, auto(&[Main, Sub]), Ok(())),
            (&sub, auto(&[Sub]), Ok(())),
            (&sub, auto(&[Main, Sub]), Err(No::Stream)),
            (&all, Wanted::Events, Ok(())),
            (&sub, Wanted::Events, Ok(())),
            (&live, Wanted::Events, Err(No::Right)),
        ] {
            assert_eq!(covers(claims, &wanted), covered, "{wanted:?} by {claims:?}");
        }
    }
}
