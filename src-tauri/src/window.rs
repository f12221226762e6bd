//! Hands: the one window. Made when it is first wanted, hidden when it is closed, taken apart after a while in the tray.
//!
//! What does not belong here: which page is right (`page.rs`), the tray.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tauri::webview::NewWindowResponse;
use tauri::window::Color;
use tauri::{
    AppHandle, Manager as _, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::download;
use crate::page::{Page, Visit};
use crate::watch::Wish;
use crate::words::Words;

const LABEL: &str = "main";
/// A web view costs 300 to 500 MB (measured with 4 to 16 pictures): not for a window that nobody sees.
const KEEP_HIDDEN: Duration = Duration::from_secs(10 * 60);

/// What the window needs to know, managed by Tauri.
pub(crate) struct Shown {
    /// What it should show.
    pub(crate) page: watch::Receiver<Page>,
    /// To whom its wishes go.
    pub(crate) wishes: mpsc::Sender<Wish>,
    /// The language.
    pub(crate) words: &'static Words,
    /// Rises when the window is shown or hidden, so that an old wish to take it apart is known as old.
    pub(crate) changes: AtomicU64,
}

/// Shows the window, made anew if need be. Returns at once: making one inside an event would deadlock on Windows.
pub(crate) fn show(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        if let Err(error) = show_now(&app) {
            tracing::error!(%error, "the window cannot be shown");
        }
    });
}

/// Loads what should be shown now, if there is a window.
pub(crate) fn turn_to_page(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    let shown = app.state::<Shown>();
    let url = shown.page.borrow().url(shown.words);
    if let Err(error) = window.navigate(url) {
        tracing::error!(%error, "the window cannot be turned to its page");
    }
}

fn show_now(app: &AppHandle) -> tauri::Result<()> {
    let shown = app.state::<Shown>();
    shown.changes.fetch_add(1, Ordering::Relaxed);
    let window = match app.get_webview_window(LABEL) {
        Some(window) => window,
        None => build(app, &shown)?,
    };
    window.show()?;
    window.unminimize()?;
    window.set_focus()
}

fn build(app: &AppHandle, shown: &Shown) -> tauri::Result<WebviewWindow> {
    let page = shown.page.clone();
    let wishes = shown.wishes.clone();
    let url = page.borrow().url(shown.words);
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::External(url))
        .title("Tarsier")
        .inner_size(1280.0, 800.0)
        .min_inner_size(480.0, 360.0)
        .background_color(Color(14, 16, 19, 255)) // the pages' dark ground: no white flash
        .on_navigation(move |url| match page.borrow().visit(url) {
            Visit::Go => true,
            Visit::GoAndRetry => {
                // A full queue has a retry in it already.
                let _ = wishes.try_send(Wish::Retry);
                true
            }
            Visit::Stay => {
                tracing::warn!(host = url.host_str(), "the window does not go there");
                false
            }
        })
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_download(download::place)
        .build()?;
    let of_window = app.clone();
    window.on_window_event(move |event| {
        if let WindowEvent::CloseRequested { api, .. } = event {
            api.prevent_close();
            hide(&of_window);
        }
    });
    Ok(window)
}

fn hide(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    if let Err(error) = window.hide() {
        tracing::error!(%error, "the window cannot be hidden");
    }
    let hidden_at = app.state::<Shown>().changes.fetch_add(1, Ordering::Relaxed) + 1;
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        sleep(KEEP_HIDDEN).await;
        if app.state::<Shown>().changes.load(Ordering::Relaxed) == hidden_at {
            tracing::debug!("nobody wanted the window for a while: taking it apart");
            if let Err(error) = window.destroy() {
                tracing::warn!(%error, "the hidden window cannot be taken apart");
            }
        }
    });
}
