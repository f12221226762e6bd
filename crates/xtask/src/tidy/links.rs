//! Rules: links and paths in every `.md` and in module headers lead somewhere.

use super::Findings;
use super::tree::{Source, Tree};

/// What a path of ours begins with.
const ROOTS: [&str; 8] =
    ["crates/", "src-tauri/", "ui/", "tests/", "migrations/", "icons/", "adr/", ".ci/"];
/// Made by a build, so not in the tree.
const MADE: [&str; 3] = ["ui/dist", "ui/node_modules", "src-tauri/gen"];

/// `[text](target)` in Markdown whose target is not there.
pub(crate) fn dead_links(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    for source in tree.sources.iter().filter(|source| source.extension() == "md") {
        for (number, line) in prose(source) {
            for target in link_targets(line) {
                let is_elsewhere = target.contains("://")
                    || target.starts_with("mailto:")
                    || target.starts_with('#');
                let file = target.split_once('#').map_or(target, |(file, _)| file);
                if !is_elsewhere && !tree.paths.contains(&resolve(&source.path, file)) {
                    findings.push(format!("{}:{number}: {target}", source.path));
                }
            }
        }
    }
    findings
}

/// `` `crates/…/x.rs` `` in Markdown or in a module header that is not there.
pub(crate) fn dead_paths(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    for source in &tree.sources {
        let is_rust = source.extension() == "rs";
        if !is_rust && source.extension() != "md" {
            continue;
        }
        for (number, line) in prose(source) {
            if is_rust && !line.trim_start().starts_with("//!") {
                continue;
            }
            for path in line.split('`').skip(1).step_by(2).filter(|quoted| is_path(quoted)) {
                let path_here = format!("{}{}", crate_folder(&source.path), path);
                if ![path, &path_here]
                    .iter()
                    .any(|path| tree.paths.contains(path.trim_end_matches('/')))
                {
                    findings.push(format!("{}:{number}: {path}", source.path));
                }
            }
        }
    }
    findings
}

/// A module header may name what belongs to its own crate: `tests/x.rs`.
fn crate_folder(path: &str) -> &str {
    path.split_once("/src/").map_or("", |(folder, _)| &path[..=folder.len()])
}

/// Lines outside of fenced blocks.
fn prose(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let mut is_fenced = false;
    source.lines().filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        !is_fenced && !is_fence
    })
}

fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(|(at, mark)| {
        let rest = &line[at + mark.len()..];
        let target = rest.split_once(')')?.0;
        target.split_whitespace().next() // a title may follow
    })
}

fn is_path(quoted: &str) -> bool {
    let is_plain = quoted.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    is_plain
        && ROOTS.iter().any(|root| quoted.starts_with(root))
        && !quoted.contains("..")
        && !MADE.iter().any(|made| quoted.starts_with(made))
}

/// `target` as seen from the file `from`.
fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_are_found() {
        let text = "[a](adr/0001.md) [b](adr/0002.md#why) [c](https://example.org) [d](#here)\n```\n[e](no.md)\n```\n";
        let tree =
            Tree::of(&[("README.md", text), ("adr/0001.md", "[up](../README.md) [gone](0009.md)")]);
        assert_eq!(dead_links(&tree), ["README.md:1: adr/0002.md#why", "adr/0001.md:1: 0009.md"]);
    }

    #[test]
    fn dead_paths_are_found_in_documents_and_module_headers() {
        let tree = Tree::of(&[
            (
                "ARCHITECTURE.md",
                "`crates/a/src/lib.rs` `crates/gone/` `crates/<name>` `ui/dist/` `cargo xtask`",
            ),
            (
                "crates/a/src/lib.rs",
                "//! see `crates/a` and `tests/it/gone.rs`\nlet path = \"`crates/x`\";\n",
            ),
        ]);
        assert_eq!(
            dead_paths(&tree),
            ["ARCHITECTURE.md:1: crates/gone/", "crates/a/src/lib.rs:1: tests/it/gone.rs"]
        );
    }
}
