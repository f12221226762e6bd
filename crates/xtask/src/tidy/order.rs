//! Rule: `members` stands in the order of the data's way, and a crate uses only crates above it.

use super::Findings;
use super::graph::Graph;

/// Who uses something that stands below.
pub(crate) fn upwards(graph: &Graph) -> Findings {
    let place =
        |folder: Option<&String>| graph.members.iter().position(|member| Some(member) == folder);
    let mut findings = Findings::new();
    for node in graph.ours() {
        let Some(own) = place(node.folder.as_ref()) else {
            findings.push(format!("{} is not listed in members", node.name));
            continue;
        };
        for used in graph.ours().filter(|used| node.names.contains(&used.name)) {
            if place(used.folder.as_ref()).is_none_or(|theirs| theirs >= own) {
                findings.push(format!(
                    "{} uses {}, which does not stand above it",
                    node.name, used.name
                ));
            }
        }
    }
    findings
}

/// Who uses a package with a program in it.
pub(crate) fn no_program_is_used(graph: &Graph) -> Findings {
    let mut findings = Findings::new();
    for node in graph.ours() {
        for program in
            graph.ours().filter(|used| used.is_program && node.names.contains(&used.name))
        {
            findings.push(format!("{} depends on {}, which is a program", node.name, program.name));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn using_what_stands_below_is_found() {
        let graph = Graph::of(&[("types", &[]), ("index", &["types", "hub"]), ("hub", &["index"])]);
        assert_eq!(upwards(&graph), ["index uses hub, which does not stand above it"]);
        assert!(upwards(&Graph::of(&[("types", &[]), ("index", &["types"])])).is_empty());
    }

    #[test]
    fn a_crate_outside_the_list_is_found() {
        let mut graph = Graph::of(&[("types", &[])]);
        graph.members.clear();
        assert_eq!(upwards(&graph), ["types is not listed in members"]);
    }

    #[test]
    fn using_a_program_is_found() {
        let mut graph = Graph::of(&[("recorder", &[]), ("hub", &["recorder"])]);
        graph.nodes.get_mut("recorder").unwrap().is_program = true;
        assert_eq!(no_program_is_used(&graph), ["hub depends on recorder, which is a program"]);
    }
}
