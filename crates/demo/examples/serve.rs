//! Serves demo cameras until Ctrl-C: `cargo run -p tarsier-demo --example serve -- 127.0.0.1:8554 2 [MAIN SUB]`.

use tarsier_demo::{DemoOptions, DemoServer};
use tarsier_types::StreamKind;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "a program for a person at a terminal")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:8554".to_owned()).parse()?;
    let cameras = arguments.next().map_or(Ok(2), |count| count.parse())?;
    let (main, sub) = (arguments.next().map(Into::into), arguments.next().map(Into::into));
    let server =
        DemoServer::start(DemoOptions { listen, cameras, main, sub, ..DemoOptions::default() })
            .await?;
    for camera in 1..=cameras {
        println!(
            "{}  {}",
            server.url(camera, StreamKind::Main),
            server.url(camera, StreamKind::Sub)
        );
    }
    tokio::signal::ctrl_c().await?;
    println!("{:?}", server.stats());
    server.stop().await;
    Ok(())
}
