//! Embeds the built pages in a release, if they are there (`cargo xtask dist` builds them first).

use std::path::Path;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(tarsier_ui)");
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if is_release {
        println!("cargo::rerun-if-changed=../../ui/dist");
    } else {
        println!("cargo::rerun-if-changed=build.rs");
    }
    if is_release && Path::new("../../ui/dist/index.html").is_file() {
        println!("cargo::rustc-cfg=tarsier_ui");
    }
}
