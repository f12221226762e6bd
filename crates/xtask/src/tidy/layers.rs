//! Rules: what some crates may never reach, however long the way (DESIGN section 4).

use super::Findings;
use super::graph::Graph;

const LIBAV: &[&str] = &["tarsier-av", "ffmpeg-next", "ffmpeg-sys-next"];
const DATABASE: &[&str] = &["tarsier-index", "rusqlite"];
const WORLD: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "interprocess",
    "reqwest",
    "hyper",
    "rusqlite",
    "notify",
    "tarsier-av",
    "rand",
];

/// Who, what, and why not.
const NEVER: &[(&str, &[&str], &str)] = &[
    ("tarsier-hub", LIBAV, "C media code runs in child processes alone"),
    ("tarsier", LIBAV, "C media code runs in child processes alone"),
    ("tarsier", DATABASE, "the window speaks HTTP"),
    (
        "tarsier",
        &["tarsier-hub", "tarsier-live", "tarsier-playback", "tarsier-supervise"],
        "the window speaks HTTP",
    ),
    ("tarsier-recorder", LIBAV, "the pure-Rust engine is pure Rust"),
    ("tarsier-recorder", DATABASE, "a recorder reports on the wire and never opens the index"),
    (
        "tarsier-recorder-libav",
        DATABASE,
        "a recorder reports on the wire and never opens the index",
    ),
    ("tarsier-transcoder", DATABASE, "a child never opens the index"),
    (
        "tarsier-live",
        &["tarsier-index", "tarsier-playback"],
        "the present never waits for the past",
    ),
    ("tarsier-playback", &["tarsier-live"], "the past never uses the present"),
];

/// Crates of brains and words.
const BRAINS: &[&str] =
    &["tarsier-types", "tarsier-reconnect", "tarsier-segment", "tarsier-m3u8", "tarsier-wire"];

/// Who reaches what it never may.
pub(crate) fn never_reach(graph: &Graph) -> Findings {
    NEVER.iter().flat_map(|(who, what, why)| reached(graph, who, what, why)).collect()
}

/// Brains that know the world.
pub(crate) fn brains(graph: &Graph) -> Findings {
    BRAINS
        .iter()
        .flat_map(|who| reached(graph, who, WORLD, "time, chance and bytes come in as arguments"))
        .collect()
}

fn reached(graph: &Graph, who: &str, what: &[&str], why: &str) -> Findings {
    if !graph.ours().any(|node| node.name == who) {
        return vec![format!(
            "there is no package {who} any more: the rule about it guards nothing"
        )];
    }
    let ways = graph.reach(who);
    what.iter().filter_map(|name| ways.get(*name)).map(|way| format!("{way}: {why}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_crate_is_found_at_the_end_of_a_long_way() {
        let graph = Graph::of(&[("tarsier-hub", &["x"]), ("x", &["ffmpeg-next"])]);
        assert_eq!(
            reached(&graph, "tarsier-hub", LIBAV, "why"),
            ["tarsier-hub -> x -> ffmpeg-next: why"]
        );
    }

    #[test]
    fn a_rule_about_a_crate_that_was_renamed_is_found() {
        let findings = reached(&Graph::of(&[]), "tarsier-hub", LIBAV, "why");
        assert_eq!(findings.len(), 1, "a law that guards nothing must not pass: {findings:?}");
    }

    #[test]
    fn a_brain_with_a_runtime_is_found() {
        let packages: Vec<(&str, &[&str])> = BRAINS
            .iter()
            .map(|name| (*name, if *name == "tarsier-wire" { &["tokio"][..] } else { &[] }))
            .collect();
        let findings = brains(&Graph::of(&packages));
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].starts_with("tarsier-wire -> tokio"), "{findings:?}");
    }
}
