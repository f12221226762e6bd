//! `cargo xtask tidy`: the laws of DESIGN section 4 and of style that no compiler knows, one small rule each.
//!
//! What does not belong here: rules themselves (`tidy/`), and what rustfmt, clippy and eslint check.

mod banned;
mod graph;
mod layers;
mod licences;
mod links;
mod order;
mod size;
mod sql;
mod tree;
mod ui;

use anyhow::{Result, bail};

use crate::say;
use crate::tidy::graph::Graph;
use crate::tidy::tree::Tree;

/// Where and what, as one line.
type Findings = Vec<String>;

/// Applies every rule; lists everything that is wrong, not only the first.
pub(crate) fn tidy() -> Result<()> {
    let tree = Tree::read(&crate::root::root())?;
    let graph = Graph::ask_cargo()?;
    let rules: [(&str, Findings); 13] = [
        ("a crate uses only crates above it in `members`", order::upwards(&graph)),
        ("nothing depends on a program", order::no_program_is_used(&graph)),
        ("who may never reach what", layers::never_reach(&graph)),
        ("brains know no runtime, file, socket or database", layers::brains(&graph)),
        ("licences that we may use", licences::allowed(&graph)),
        ("only crates/index writes SQL", sql::only_in_index(&tree)),
        ("only ui/src/hub speaks to the hub", ui::only_hub_speaks(&tree)),
        ("only ui/src/shell knows Tauri", ui::only_shell_knows_tauri(&tree)),
        ("no dead link", links::dead_links(&tree)),
        ("no dead path", links::dead_paths(&tree)),
        ("no file over 1000 lines", size::long_files(&tree)),
        ("words that no source may hold", banned::words(&tree)),
        ("hosts and paths that belong to one machine", banned::places(&tree)),
    ];
    let mut wrong = 0;
    for (rule, findings) in &rules {
        say::line(&format!("{} {rule}", if findings.is_empty() { "ok  " } else { "FAIL" }));
        for finding in findings {
            say::line(&format!("       {finding}"));
        }
        wrong += findings.len();
    }
    if wrong > 0 {
        bail!("{wrong} things are not tidy");
    }
    Ok(())
}
