//! Hands: exports and stills that are saved from the window go to the user's downloads, under a name that is free.
//!
//! What does not belong here: making them.

use std::path::{Path, PathBuf};

use directories::UserDirs;
use tauri::webview::DownloadEvent;
use tauri::{Manager as _, Webview};

use crate::notify::Note;
use crate::toast;
use crate::window::Shown;

/// Says where a download goes, and tells the user when it is there. False would refuse it.
#[expect(clippy::needless_pass_by_value, reason = "the signature that the web view asks for")]
pub(crate) fn place(webview: Webview, event: DownloadEvent<'_>) -> bool {
    match event {
        DownloadEvent::Requested { url, destination } => {
            let wanted = destination
                .file_name()
                .map(PathBuf::from)
                .or_else(|| {
                    url.path_segments().and_then(|mut parts| parts.next_back()).map(PathBuf::from)
                })
                .filter(|name| !name.as_os_str().is_empty())
                .unwrap_or_else(|| PathBuf::from("tarsier"));
            let user = UserDirs::new();
            let Some(folder) =
                user.as_ref().and_then(|user| user.download_dir().or(Some(user.home_dir())))
            else {
                return false;
            };
            *destination = free_name(folder, &wanted, Path::exists);
            true
        }
        DownloadEvent::Finished { path, success, .. } => {
            let words = webview.state::<Shown>().words;
            let title = if success { words.saved } else { words.not_saved };
            let body = path.map(|path| path.display().to_string()).unwrap_or_default();
            toast::show(webview.app_handle(), &Note { title: title.to_owned(), body });
            true
        }
        _ => true,
    }
}

/// `clip.mp4`, else `clip (2).mp4`, and so on.
fn free_name(folder: &Path, wanted: &Path, is_taken: impl Fn(&Path) -> bool) -> PathBuf {
    let stem = wanted.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let extension =
        wanted.extension().map(|text| format!(".{}", text.to_string_lossy())).unwrap_or_default();
    let numbered = (2_u32..).map(|n| folder.join(format!("{stem} ({n}){extension}")));
    std::iter::once(folder.join(wanted))
        .chain(numbered)
        .find(|path| !is_taken(path))
        .expect("a folder does not hold four thousand million files of one name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_export_does_not_overwrite_the_first() {
        let taken = ["/d/clip.mp4", "/d/clip (2).mp4"];
        let name = free_name(Path::new("/d"), Path::new("clip.mp4"), |path| {
            taken.iter().any(|taken| Path::new(taken) == path)
        });
        assert_eq!(name, Path::new("/d/clip (3).mp4"));
    }
}
