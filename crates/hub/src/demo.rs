//! Hands: the demo cameras inside the hub, and that they stay the same cameras over restarts.
//!
//! They answer at a port that is remembered, so that their URLs do not change; where somebody else has that port
//! now, they move and the cameras are pointed at the new one.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tarsier_api::camera::{NewCamera, StreamAddress};
use tarsier_api::problem::Problem;
use tarsier_demo::{DemoOptions, DemoServer, StartDemoError};
use tarsier_types::StreamKind;

use crate::config::{Address, CameraEntry};
use crate::hub::{Hub, index_failed};
use crate::words;

pub(crate) const PORT: &str = "demo_port";
/// As many as can be asked for; what nobody looks at costs nothing.
pub(crate) const MOST: u16 = 16;

/// What they are called, each after what a house has; from the ninth on with a number.
const NAMES: [&str; 8] =
    ["driveway", "garden", "front door", "garage", "back yard", "terrace", "hallway", "shed"];

/// The server, once it is wanted.
#[derive(Default)]
pub(crate) struct Demo {
    server: Option<DemoServer>,
}

impl Demo {
    pub(crate) async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }
}

fn name(number: u16) -> String {
    let index = usize::from(number - 1);
    let round = index / NAMES.len();
    let place = NAMES[index % NAMES.len()];
    if round == 0 { format!("Demo {place}") } else { format!("Demo {place} {}", round + 1) }
}

impl Hub {
    /// How many demo cameras there are.
    pub(crate) fn demo_cameras(&self) -> usize {
        self.all_cameras().iter().filter(|camera| camera.config.demo.is_some()).count()
    }

    /// Serves the demo cameras of an earlier run again.
    pub(crate) async fn resume_demo(&self) -> Result<(), Problem> {
        let known = self.all_cameras();
        let known: Vec<_> = known.iter().filter(|camera| camera.config.demo.is_some()).collect();
        if known.is_empty() {
            return Ok(());
        }
        let mut demo = self.demo.lock().await;
        let server = self.serve_demo(&mut demo).await?;
        for camera in known {
            let Some(number) = camera.config.demo else { continue };
            let (main, sub) = addresses(server, number)?;
            let mut config = camera.config.clone();
            (config.main, config.sub) = (main, Some(sub));
            if config != camera.config {
                self.repoint(camera, config).await?;
            }
        }
        Ok(())
    }

    /// Demo cameras 1 to `count`, those that are not there are added.
    pub(crate) async fn add_demo(&self, count: u16) -> Result<Vec<Arc<CameraEntry>>, Problem> {
        let mut demo = self.demo.lock().await;
        let server = self.serve_demo(&mut demo).await?;
        let mut cameras = Vec::new();
        for number in 1..=count {
            let known =
                self.all_cameras().into_iter().find(|camera| camera.config.demo == Some(number));
            let camera = if let Some(known) = known {
                known
            } else {
                let address = |stream| StreamAddress {
                    url: server.url(number, stream),
                    transport: tarsier_api::camera::RtpTransport::Tcp,
                };
                let new = NewCamera {
                    name: name(number),
                    main: address(StreamKind::Main),
                    sub: Some(address(StreamKind::Sub)),
                    username: None,
                    password: None,
                    recording: tarsier_api::camera::Recording::default(),
                    engine: tarsier_api::camera::EngineChoice::Auto,
                    reconnect: None,
                    onvif_url: None,
                };
                self.add_camera(new, Some(number)).await?
            };
            cameras.push(camera);
        }
        Ok(cameras)
    }

    async fn serve_demo<'a>(&self, demo: &'a mut Demo) -> Result<&'a DemoServer, Problem> {
        if demo.server.is_none() {
            let last = self
                .ask_index(|index| index.setting(PORT))
                .await
                .map_err(|error| index_failed(&error))?;
            let port = last.and_then(|text| text.parse::<u16>().ok()).unwrap_or(0);
            let server = match start(port).await {
                Err(error) if port != 0 => {
                    tracing::info!(port, %error, "the demo cameras move to another port");
                    start(0).await
                }
                started => started,
            };
            let server = server.map_err(|error| {
                tracing::error!(error = &error as &dyn std::error::Error, "no demo cameras");
                words::internal()
            })?;
            let port = server.addr().port().to_string();
            self.ask_index(move |index| index.put_setting(PORT, &port))
                .await
                .map_err(|error| index_failed(&error))?;
            self.keep_cameras().await;
            demo.server = Some(server);
        }
        Ok(demo.server.as_ref().expect("it was just started"))
    }
}

async fn start(port: u16) -> Result<DemoServer, StartDemoError> {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    DemoServer::start(DemoOptions { listen, cameras: MOST, ..DemoOptions::default() }).await
}

fn addresses(server: &DemoServer, number: u16) -> Result<(Address, Address), Problem> {
    let address = |stream| {
        let transport = tarsier_api::camera::RtpTransport::Tcp;
        Address::read(&StreamAddress { url: server.url(number, stream), transport })
            .map(|(address, _)| address)
    };
    Ok((address(StreamKind::Main)?, address(StreamKind::Sub)?))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_demo_cameras_share_a_name() {
        let names: HashSet<String> = (1..=MOST).map(name).collect();
        assert_eq!(names.len(), usize::from(MOST));
        assert_eq!((name(1).as_str(), name(10).as_str()), ("Demo driveway", "Demo garden 2"));
    }
}
