//! Rule: every crate that we use may be used under a licence from this list (see THIRD-PARTY.md).

use super::Findings;
use super::graph::Graph;

/// Permissive, and MPL-2.0, whose duties end at its own files (Tauri and directories bring five such crates).
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",             // notify
    "CDLA-Permissive-2.0", // Mozilla's list of certificate authorities
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "WTFPL",
    "Zlib",
];

/// Crates without such a licence.
pub(crate) fn allowed(graph: &Graph) -> Findings {
    let mut findings: Findings = graph
        .nodes
        .values()
        .filter(|node| node.folder.is_none() && !may_use(&node.licence))
        .map(|node| format!("{}: licence {:?}", node.name, node.licence))
        .collect();
    findings.dedup();
    findings
}

/// An SPDX expression can be fulfilled: one side of OR, both of AND; an exception (WITH) only gives.
fn may_use(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words: Vec<&str> = spaced.split_whitespace().collect();
    words.reverse(); // taken from the end
    let fulfilled = any(&mut words);
    fulfilled == Some(true) && words.is_empty()
}

fn any(words: &mut Vec<&str>) -> Option<bool> {
    let mut fulfilled = all(words)?;
    while words.last() == Some(&"OR") {
        words.pop();
        fulfilled |= all(words)?;
    }
    Some(fulfilled)
}

fn all(words: &mut Vec<&str>) -> Option<bool> {
    let mut fulfilled = one(words)?;
    while words.last() == Some(&"AND") {
        words.pop();
        fulfilled &= one(words)?;
    }
    Some(fulfilled)
}

fn one(words: &mut Vec<&str>) -> Option<bool> {
    let word = words.pop()?;
    if word == "(" {
        let fulfilled = any(words)?;
        return (words.pop()? == ")").then_some(fulfilled);
    }
    if words.last() == Some(&"WITH") {
        words.pop();
        words.pop()?;
    }
    Some(ALLOWED.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_understood() {
        for (expression, may) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("(MIT OR GPL-3.0) AND ISC", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0 WITH LLVM-exception OR MIT", true),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("(MIT OR Apache-2.0) AND Proprietary", false),
            ("LGPL-2.1", false),
            ("", false),
            ("MIT MIT", false),
            ("(MIT", false),
        ] {
            assert_eq!(may_use(expression), may, "{expression:?}");
        }
    }
}
