//! Rules: words that no source may hold, and names that belong to one machine.
//!
//! Everything that is looked for is built in parts here, so that this file does not hold it.

use super::Findings;
use super::tree::{Source, Tree};

/// In Rust, with the reason.
const IN_RUST: [(&str, &str); 5] = [
    (concat!("#[ign", "ore"), "a test that does not run proves nothing"),
    (concat!("should_", "panic"), "say what is wrong by an error and assert on it"),
    (concat!("thread::", "sleep"), "wait for an event with a deadline"),
    (
        concat!("#[al", "low("),
        "use #[expect(…, reason = …)], which says when it is no longer needed",
    ),
    (
        concat!("#![al", "low("),
        "use #![expect(…, reason = …)], which says when it is no longer needed",
    ),
];

const TO_DO: &str = concat!("TO", "DO");

/// Registries of packages: what is needed is named by package, and the client knows where.
const HOSTS: [&str; 6] = [
    concat!("crates", ".io"),
    concat!("npmjs", ".org"),
    concat!("pypi", ".org"),
    concat!("deb.debian", ".org"),
    concat!("security.debian", ".org"),
    concat!("python", "hosted", ".org"),
];

/// Where one developer keeps the repository.
const HOMES: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/ho", "me/")];

const SOURCES: [&str; 9] = ["rs", "ts", "svelte", "js", "mjs", "css", "py", "sh", "sql"];

/// Words in sources.
pub(crate) fn words(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    for source in tree.sources.iter().filter(|source| SOURCES.contains(&source.extension())) {
        for (number, line) in source.lines() {
            if source.extension() == "rs" {
                for (word, why) in IN_RUST.iter().filter(|(word, _)| line.contains(word)) {
                    findings.push(format!("{}:{number}: {word}: {why}", source.path));
                }
            }
            if unnumbered_to_do(line) {
                findings.push(format!(
                    "{}:{number}: a {TO_DO} without the number of its issue",
                    source.path
                ));
            }
        }
    }
    findings
}

/// Hosts and paths in any file but cargo's own lock, which names its registry by itself.
pub(crate) fn places(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    for source in tree.sources.iter().filter(|source| source.path != "Cargo.lock") {
        for (number, line) in source.lines() {
            for host in HOSTS.iter().filter(|host| line.contains(**host)) {
                findings.push(format!("{}:{number}: the host {host}", source.path));
            }
            for home in HOMES.iter().filter(|home| starts_a_path(line, home)) {
                findings.push(format!("{}:{number}: a path in {home}", source.path));
            }
        }
        findings.truncate(findings.len().min(of_one_file(&findings, source)));
    }
    findings
}

/// At most five findings of one file: a lock file of thousands of lines says the same thing thousands of times.
fn of_one_file(findings: &Findings, source: &Source) -> usize {
    let prefix = format!("{}:", source.path);
    let before = findings.iter().filter(|finding| !finding.starts_with(&prefix)).count();
    before + 5
}

fn unnumbered_to_do(line: &str) -> bool {
    line.match_indices(TO_DO).any(|(at, _)| {
        let is_word = !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let rest = &line[at + TO_DO.len()..];
        is_word
            && !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            && !rest.starts_with("(#")
    })
}

/// The path begins here, not in the middle of another one such as `https://example.org/home/`.
fn starts_a_path(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let rest = &line[at + home.len()..];
        let is_start = before.is_none_or(|c| !c.is_alphanumeric() && !"._-/}".contains(c));
        is_start && rest.starts_with(|c: char| c.is_alphanumeric() || c == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_found_with_its_reason() {
        for (word, why) in IN_RUST {
            let tree = Tree::of(&[("crates/a/src/lib.rs", &format!("    {word}"))]);
            let findings = words(&tree);
            assert_eq!(findings.len(), 1, "{word}: {findings:?}");
            assert!(findings[0].contains(why), "{findings:?}");
        }
    }

    #[test]
    fn things_to_do_have_a_number() {
        assert!(unnumbered_to_do(&format!("// {TO_DO}: later")));
        assert!(!unnumbered_to_do(&format!("// {TO_DO}(#12): later")));
        assert!(!unnumbered_to_do(&format!("const {TO_DO}S: u8 = 1;")), "another word");
    }

    #[test]
    fn hosts_and_homes_are_found() {
        let host = format!("see https://{}/x", HOSTS[0]);
        let home = format!("cd {}me/tarsier", HOMES[3]);
        let tree = Tree::of(&[("a.md", &host), ("b.sh", &home), ("Cargo.lock", &host)]);
        let findings = places(&tree);
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(
            !starts_a_path(&format!("https://example.org{}x", HOMES[3]), HOMES[3]),
            "part of an address"
        );
    }

    #[test]
    fn a_long_lock_file_does_not_drown_the_others() {
        let line = format!("https://{}/x\n", HOSTS[1]);
        let tree = Tree::of(&[("a.json", &line.repeat(100)), ("b.md", &line)]);
        assert_eq!(places(&tree).len(), 6, "five of the first and one of the second");
    }
}
