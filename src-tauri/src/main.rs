//! Tarsier's window: finds or starts the hub, shows its pages, lives in the tray, notifies. SPEC section 11.
//!
//! Its death stops nothing: the hub is a process of its own and records on. What does not belong here: anything about
//! cameras or footage; the hub says it over HTTP.

#![cfg_attr(windows, windows_subsystem = "windows")]

mod detach;
mod download;
mod flags;
mod hub_client;
mod hub_file;
mod hub_process;
mod light;
mod notify;
mod page;
mod sse;
mod toast;
mod tray;
mod watch;
mod window;
mod words;

use std::path::Path;
use std::sync::atomic::AtomicU64;

use anyhow::Context as _;
use clap::Parser as _;
use tarsier_types::{Clock as _, SystemClock};
use tauri::{AppHandle, Manager as _, RunEvent};
use tauri_plugin_window_state::StateFlags;
use tokio::sync::{mpsc, watch as watched};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::flags::Flags;
use crate::hub_process::Place;
use crate::notify::Notifier;
use crate::page::Page;
use crate::tray::Tray;
use crate::watch::Watch;
use crate::window::Shown;

/// Clicks that may wait; more than that is somebody hammering on a menu.
const WISHES: usize = 8;
/// Days of the window's own log.
const LOGS_KEPT: usize = 7;

fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let clock = SystemClock::start();
    let data_dir = flags.data_dir()?;
    let _log = log_to(&data_dir);
    let autostart = tauri_plugin_autostart::Builder::new()
        .app_name("Tarsier")
        .args(flags.autostart_args())
        .build();
    // Visibility is not remembered: whether the window comes up is said by --hidden alone.
    let window_state = tauri_plugin_window_state::Builder::new()
        .with_state_flags(StateFlags::all() & !StateFlags::VISIBLE)
        .build();
    let app = tauri::Builder::default()
        // First, so that a second start ends before it does anything.
        .plugin(tauri_plugin_single_instance::init(|app, args, _| {
            if !args.iter().any(|arg| arg == "--hidden") {
                window::show(app);
            }
        }))
        .plugin(tauri_plugin_notification::init())
        .plugin(window_state)
        .plugin(autostart)
        .setup(move |app| Ok(set_up(app.handle(), flags, data_dir, clock)?))
        .build(tauri::generate_context!())
        .context("the window cannot be made")?;
    app.run(|app, event| on_run_event(app, &event));
    Ok(())
}

fn set_up(
    app: &AppHandle,
    flags: Flags,
    data_dir: std::path::PathBuf,
    clock: SystemClock,
) -> anyhow::Result<()> {
    let words = words::for_locale(&sys_locale::get_locale().unwrap_or_default());
    let (page, pages) = watched::channel(Page::Starting);
    let (wish, wishes) = mpsc::channel(WISHES);
    app.manage(Shown { page: pages, wishes: wish, words, changes: AtomicU64::new(0) });
    toast::listen(app);
    let tray = Tray::build(app, words).context("the tray icon cannot be made")?;
    if !flags.hidden {
        window::show(app);
    }
    let watch = Watch {
        app: app.clone(),
        place: Place { data_dir, demo: flags.demo, hub_args: flags.hub_args },
        tray,
        words,
        wishes,
        page,
        notifier: Notifier::new(words),
        clock,
    };
    tracing::info!(since_start = ?clock.mono().since(tarsier_types::Mono::ZERO), "set up");
    tauri::async_runtime::spawn(watch.run());
    Ok(())
}

#[cfg_attr(
    not(target_os = "macos"),
    expect(unused_variables, reason = "only a click in the dock asks for the window")
)]
fn on_run_event(app: &AppHandle, event: &RunEvent) {
    match event {
        // The last window was taken apart: the tray stays. A code means that somebody wanted to quit.
        RunEvent::ExitRequested { code: None, api, .. } => api.prevent_exit(),
        #[cfg(target_os = "macos")]
        RunEvent::Reopen { .. } => window::show(app),
        _ => {}
    }
}

/// To stderr and to `DATA/logs/window.*.log`; without a folder that can be written to, to stderr alone.
fn log_to(data_dir: &Path) -> Option<WorkerGuard> {
    let filter = EnvFilter::try_from_env("TARSIER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("window")
        .filename_suffix("log")
        .max_log_files(LOGS_KEPT)
        .build(data_dir.join("logs"))
        .ok()
        .map(tracing_appender::non_blocking);
    let (to_file, guard) = file.unzip();
    tracing_subscriber::registry()
        .with(filter)
        .with(fmt::layer().with_writer(std::io::stderr))
        .with(to_file.map(|writer| fmt::layer().with_ansi(false).with_writer(writer)))
        .init();
    guard
}
