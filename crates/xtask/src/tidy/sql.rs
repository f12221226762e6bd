//! Rule: only `crates/index` writes SQL.

use super::Findings;
use super::tree::Tree;

/// Built in parts, so that this file does not hold what it looks for.
const STATEMENTS: [&str; 5] = [
    concat!("SEL", "ECT "),
    concat!("INS", "ERT INTO "),
    concat!("INS", "ERT OR "),
    concat!("DEL", "ETE FROM "),
    concat!("CRE", "ATE TABLE "),
];

/// Statements in Rust sources elsewhere; a test may look into a database.
pub(crate) fn only_in_index(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    for source in &tree.sources {
        let may = ["crates/index/", "tests/", "migrations/"]
            .iter()
            .any(|folder| source.path.starts_with(folder));
        if may || source.extension() != "rs" {
            continue;
        }
        for (number, line) in source.lines() {
            if STATEMENTS.iter().any(|statement| line.contains(statement))
                && !line.trim_start().starts_with("//")
            {
                findings.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_outside_the_index_is_found() {
        let statement = format!("    db.execute(\"{}x\");", STATEMENTS[0]);
        let tree =
            Tree::of(&[("crates/hub/src/x.rs", &statement), ("crates/index/src/x.rs", &statement)]);
        let findings = only_in_index(&tree);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].starts_with("crates/hub/src/x.rs:1:"), "{findings:?}");
    }
}
