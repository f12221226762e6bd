//! Rules: in the pages, only `hub/` speaks to the hub, and only `shell/` knows Tauri.

use super::Findings;
use super::tree::{Source, Tree};

const SPEAKING: [&str; 4] = ["fetch(", "new WebSocket(", "new EventSource(", "new XMLHttpRequest("];
const TAURI: &str = "@tauri-apps/";

/// Who speaks and may not.
pub(crate) fn only_hub_speaks(tree: &Tree) -> Findings {
    lines_with(tree, "ui/src/hub/", |line| SPEAKING.iter().any(|word| calls(line, word)))
}

/// Who knows Tauri and may not.
pub(crate) fn only_shell_knows_tauri(tree: &Tree) -> Findings {
    lines_with(tree, "ui/src/shell/", |line| line.contains(TAURI))
}

fn lines_with(tree: &Tree, allowed: &str, is_wrong: impl Fn(&str) -> bool) -> Findings {
    let mut findings = Findings::new();
    for source in
        tree.sources.iter().filter(|source| is_page(source) && !source.path.starts_with(allowed))
    {
        for (number, line) in source.lines() {
            if is_wrong(line)
                && !line.trim_start().starts_with("//")
                && !line.trim_start().starts_with('*')
            {
                findings.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    findings
}

fn is_page(source: &Source) -> bool {
    source.path.starts_with("ui/src/") && matches!(source.extension(), "ts" | "js" | "svelte")
}

/// The word itself, not the end of another one: `prefetch(` is no `fetch(`.
fn calls(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !line[..at]
            .chars()
            .next_back()
            .is_some_and(|before| before.is_alphanumeric() || matches!(before, '_' | '$' | '.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_that_speaks_for_itself_is_found() {
        let tree = Tree::of(&[
            (
                "ui/src/views/Live.svelte",
                "await fetch('/x');\nprefetch(a);\ncache.fetch(b);\n// fetch(c)\n",
            ),
            ("ui/src/hub/client.ts", "fetch('/x');"),
        ]);
        assert_eq!(only_hub_speaks(&tree), ["ui/src/views/Live.svelte:1: await fetch('/x');"]);
    }

    #[test]
    fn a_view_that_knows_tauri_is_found() {
        let import = "import { getCurrentWindow } from '@tauri-apps/api/window';";
        let tree =
            Tree::of(&[("ui/src/views/Live.svelte", import), ("ui/src/shell/window.ts", import)]);
        assert_eq!(only_shell_knows_tauri(&tree).len(), 1);
    }
}
