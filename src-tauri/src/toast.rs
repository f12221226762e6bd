//! Hands: shows a note as the system's own notification.
//!
//! What does not belong here: when, and what it says.

use tauri::AppHandle;
use tauri_plugin_notification::NotificationExt as _;

use crate::notify::Note;
use crate::window;

/// A click on any notification opens the window. Must come before the first note, else clicks are lost.
pub(crate) fn listen(app: &AppHandle) {
    let of_window = app.clone();
    if let Err(error) = app.notification().on_action(move |_| window::show(&of_window)) {
        tracing::warn!(%error, "clicks on notifications will not be heard");
    }
}

/// Shows one.
pub(crate) fn show(app: &AppHandle, note: &Note) {
    // The name of the icon that the packages install on Linux; other systems take the program's own.
    let shown =
        app.notification().builder().title(&note.title).body(&note.body).icon("tarsier").show();
    match shown {
        Ok(()) => tracing::info!(title = note.title, "notified"),
        Err(error) => tracing::warn!(%error, title = note.title, "a notification cannot be shown"),
    }
}
