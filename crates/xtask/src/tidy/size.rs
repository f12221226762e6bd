//! Rule: a file over 1000 lines is a table or two files.

use super::Findings;
use super::tree::Tree;

const MAX_LINES: usize = 1000;
const SOURCES: [&str; 10] = ["rs", "ts", "svelte", "js", "mjs", "css", "py", "sh", "sql", "md"];

/// Files that are too long, except what is generated.
pub(crate) fn long_files(tree: &Tree) -> Findings {
    tree.sources
        .iter()
        .filter(|source| {
            SOURCES.contains(&source.extension()) && !source.path.contains("/generated/")
        })
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(source, lines)| format!("{}: {lines} lines", source.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found_and_a_generated_one_is_not() {
        let long = "x\n".repeat(MAX_LINES + 1);
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", &long),
            ("ui/src/hub/generated/Big.ts", &long),
            ("crates/b/src/lib.rs", &long[2..]),
        ]);
        assert_eq!(long_files(&tree), ["crates/a/src/lib.rs: 1001 lines"]);
    }
}
