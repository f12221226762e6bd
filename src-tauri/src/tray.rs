//! Hands: the icon in the tray and its menu.
//!
//! What does not belong here: what it should show (`light.rs`), what is done about a click (`watch.rs`).

use tauri::image::Image;
use tauri::menu::{CheckMenuItem, Menu, MenuEvent, MenuItem, PredefinedMenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager as _, Wry};
use tauri_plugin_autostart::ManagerExt as _;

use crate::light::{Light, MuteOffer, PauseOffer, TrayView};
use crate::watch::Wish;
use crate::window::{self, Shown};
use crate::words::Words;

const OPEN: &str = "open";
const PAUSE: &str = "pause";
const MUTE: &str = "mute";
const LOGIN: &str = "login";
const QUIT: &str = "quit";
const STOP: &str = "stop";

/// The tray and the parts of it that change.
pub(crate) struct Tray {
    icon: TrayIcon,
    line: MenuItem<Wry>,
    pause: MenuItem<Wry>,
    mute: MenuItem<Wry>,
    stop: MenuItem<Wry>,
    words: &'static Words,
    drawn: Option<TrayView>,
}

impl Tray {
    /// Puts the icon into the tray.
    pub(crate) fn build(app: &AppHandle, words: &'static Words) -> tauri::Result<Self> {
        let line = MenuItem::with_id(app, "line", words.starting, false, None::<&str>)?;
        let open = MenuItem::with_id(app, OPEN, words.open, true, None::<&str>)?;
        let pause = MenuItem::with_id(app, PAUSE, words.pause, false, None::<&str>)?;
        let mute = MenuItem::with_id(app, MUTE, words.mute, false, None::<&str>)?;
        let starts_at_login = app.autolaunch().is_enabled().unwrap_or(false);
        let login = CheckMenuItem::with_id(
            app,
            LOGIN,
            words.start_at_login,
            true,
            starts_at_login,
            None::<&str>,
        )?;
        let quit = MenuItem::with_id(app, QUIT, words.quit_window, true, None::<&str>)?;
        let stop = MenuItem::with_id(app, STOP, words.stop_and_quit, false, None::<&str>)?;
        let menu = Menu::with_items(
            app,
            &[
                &line,
                &PredefinedMenuItem::separator(app)?,
                &open,
                &pause,
                &mute,
                &PredefinedMenuItem::separator(app)?,
                &login,
                &PredefinedMenuItem::separator(app)?,
                &quit,
                &stop,
            ],
        )?;
        let icon = TrayIconBuilder::with_id("tarsier")
            .icon(picture(Light::Stopped))
            .tooltip(words.starting)
            .menu(&menu)
            .show_menu_on_left_click(cfg!(target_os = "macos"))
            .on_menu_event(move |app, event| on_menu(app, &event, &login))
            .on_tray_icon_event(|tray, event| {
                if let TrayIconEvent::Click {
                    button: MouseButton::Left,
                    button_state: MouseButtonState::Up,
                    ..
                } = event
                {
                    window::show(tray.app_handle());
                }
            })
            .build(app)?;
        Ok(Self { icon, line, pause, mute, stop, words, drawn: None })
    }

    /// Draws what changed.
    pub(crate) fn draw(&mut self, view: TrayView) {
        if self.drawn.as_ref() == Some(&view) {
            return;
        }
        match self.put(&view) {
            Ok(()) => self.drawn = Some(view),
            Err(error) => tracing::warn!(%error, "the tray cannot be drawn"),
        }
    }

    fn put(&self, view: &TrayView) -> tauri::Result<()> {
        if self.drawn.as_ref().map(|drawn| drawn.light) != Some(view.light) {
            self.icon.set_icon(Some(picture(view.light)))?;
        }
        self.icon.set_tooltip(Some(&view.line))?;
        self.line.set_text(&view.line)?;
        self.pause.set_text(match view.pause {
            PauseOffer::Resume => self.words.resume,
            PauseOffer::Pause | PauseOffer::Neither => self.words.pause,
        })?;
        self.pause.set_enabled(view.pause != PauseOffer::Neither)?;
        self.stop.set_enabled(view.pause != PauseOffer::Neither)?;
        self.mute.set_text(match view.mute {
            MuteOffer::Unmute => self.words.unmute,
            MuteOffer::Mute | MuteOffer::Neither => self.words.mute,
        })?;
        self.mute.set_enabled(view.mute != MuteOffer::Neither)
    }
}

fn on_menu(app: &AppHandle, event: &MenuEvent, login: &CheckMenuItem<Wry>) {
    let wish = match event.id().as_ref() {
        OPEN => return window::show(app),
        QUIT => return app.exit(0),
        LOGIN => return toggle_login(app, login),
        PAUSE => Wish::PauseOrResume,
        MUTE => Wish::MuteOrUnmute,
        STOP => Wish::StopAndQuit,
        _ => return,
    };
    if app.state::<Shown>().wishes.try_send(wish).is_err() {
        tracing::warn!("the last clicks are not done yet");
    }
}

fn toggle_login(app: &AppHandle, item: &CheckMenuItem<Wry>) {
    let login = app.autolaunch();
    let was_enabled = login.is_enabled().unwrap_or(false);
    let changed = if was_enabled { login.disable() } else { login.enable() };
    if let Err(error) = changed {
        tracing::error!(%error, "starting at login cannot be changed");
    }
    // The tick shows what is true, not what was clicked.
    if let Err(error) = item.set_checked(login.is_enabled().unwrap_or(false)) {
        tracing::warn!(%error, "the tick cannot be drawn");
    }
}

fn picture(light: Light) -> Image<'static> {
    match light {
        Light::Recording => tauri::include_image!("../icons/tray-recording-64.png"),
        Light::Warning => tauri::include_image!("../icons/tray-warning-64.png"),
        Light::Stopped => tauri::include_image!("../icons/tray-stopped-64.png"),
    }
}
