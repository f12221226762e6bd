//! Hands: the built pages: inside the program in a release, else in a folder.
//!
//! What does not belong here: headers and routes ([`crate::http::assets`]).

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};

#[cfg(tarsier_ui)]
static EMBEDDED: include_dir::Dir = include_dir::include_dir!("$CARGO_MANIFEST_DIR/../../ui/dist");

/// Where the pages are.
#[derive(Clone, Debug)]
pub(crate) enum Ui {
    /// In this program.
    #[cfg(tarsier_ui)]
    Embedded,
    /// Here.
    Folder(PathBuf),
    /// Nowhere.
    #[cfg_attr(tarsier_ui, expect(dead_code, reason = "with pages inside, they are never missing"))]
    Missing,
}

impl Ui {
    /// The folder that was named; else those inside the program; else a folder `ui` beside it; in a development
    /// build, the one that `npm run build` writes.
    pub(crate) fn find(named: Option<&Path>) -> Self {
        if let Some(named) = named {
            return Self::Folder(named.to_owned());
        }
        #[cfg(tarsier_ui)]
        {
            Self::Embedded
        }
        #[cfg(not(tarsier_ui))]
        {
            let beside =
                std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join("ui")));
            let source = cfg!(debug_assertions)
                .then(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/dist"));
            let found = [beside, source]
                .into_iter()
                .flatten()
                .find(|folder| folder.join("index.html").is_file());
            found.map_or(Self::Missing, Self::Folder)
        }
    }

    /// The file of that path below the root, if there is one.
    pub(crate) async fn file(&self, path: &str) -> Option<Cow<'static, [u8]>> {
        // Only plain names: nothing leads out of the folder.
        let is_plain =
            Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if !is_plain || path.contains('\\') || path.contains('\0') {
            return None;
        }
        match self {
            #[cfg(tarsier_ui)]
            Self::Embedded => EMBEDDED.get_file(path).map(|file| Cow::Borrowed(file.contents())),
            Self::Folder(folder) => tokio::fs::read(folder.join(path)).await.ok().map(Cow::Owned),
            Self::Missing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_leads_out_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("ui");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("index.html"), "page").unwrap();
        std::fs::write(dir.path().join("secret.key"), "key").unwrap();
        let ui = Ui::Folder(folder);
        assert_eq!(ui.file("index.html").await.as_deref(), Some(&b"page"[..]));
        for path in [
            "../secret.key",
            "/etc/passwd",
            "a/../../secret.key",
            "..\\secret.key",
            "",
            "index.html\0",
        ] {
            assert_eq!(ui.file(path).await, None, "{path:?}");
        }
    }
}
