//! Who uses whom, from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::process::{cargo, output};

/// One package of ours or of others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// Its name.
    pub(crate) name: String,
    /// SPDX expression.
    pub(crate) licence: String,
    /// It has a program of its own.
    pub(crate) is_program: bool,
    /// Its folder from the root, if it is ours.
    pub(crate) folder: Option<String>,
    /// Ids of what it links or builds with.
    pub(crate) uses: BTreeSet<String>,
    /// Names of packages of ours that it names in its manifest, for tests too.
    pub(crate) names: BTreeSet<String>,
}

/// All packages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    /// By id.
    pub(crate) nodes: BTreeMap<String, Node>,
    /// Folders of `members`, in the order of the root manifest.
    pub(crate) members: Vec<String>,
}

impl Graph {
    /// Asks cargo. Needs every dependency's manifest, not its build.
    pub(crate) fn ask_cargo() -> Result<Self> {
        let text = output(cargo().args(["metadata", "--format-version", "1"]))?;
        let metadata: Value = serde_json::from_str(&text).context("cargo metadata is no JSON")?;
        let manifest = std::fs::read_to_string(crate::root::root().join("Cargo.toml"))?;
        Ok(Self::parse(&metadata, &manifest))
    }

    fn parse(metadata: &Value, manifest: &str) -> Self {
        let root = format!("{}/", text(metadata, "workspace_root").replace('\\', "/"));
        let mut nodes: BTreeMap<String, Node> = list(metadata, "packages")
            .map(|package| (text(package, "id").to_owned(), node(package, &root)))
            .collect();
        for resolved in
            metadata.get("resolve").map(|resolve| list(resolve, "nodes")).into_iter().flatten()
        {
            let uses = list(resolved, "deps")
                .filter(|dep| is_linked(dep))
                .map(|dep| text(dep, "pkg").to_owned());
            if let Some(node) = nodes.get_mut(text(resolved, "id")) {
                node.uses = uses.collect();
            }
        }
        Self { nodes, members: members(manifest) }
    }

    /// Packages of ours.
    pub(crate) fn ours(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter(|node| node.folder.is_some())
    }

    /// Names of everything that `name` links or builds with, directly or not, each with the way to it.
    pub(crate) fn reach(&self, name: &str) -> BTreeMap<String, String> {
        let mut ways = BTreeMap::new();
        let mut open: Vec<(&Node, String)> = self
            .ours()
            .filter(|node| node.name == name)
            .map(|node| (node, node.name.clone()))
            .collect();
        while let Some((node, way)) = open.pop() {
            for used in node.uses.iter().filter_map(|id| self.nodes.get(id)) {
                if !ways.contains_key(&used.name) {
                    let way = format!("{way} -> {}", used.name);
                    ways.insert(used.name.clone(), way.clone());
                    open.push((used, way));
                }
            }
        }
        ways
    }

    /// A graph for tests: each package of ours with what it uses; others are made up as they are named.
    #[cfg(test)]
    pub(crate) fn of(packages: &[(&str, &[&str])]) -> Self {
        let mut graph = Self::default();
        for (name, uses) in packages {
            let folder = format!("crates/{name}");
            graph.members.push(folder.clone());
            for used in *uses {
                graph
                    .nodes
                    .entry((*used).to_owned())
                    .or_insert_with(|| Node { name: (*used).to_owned(), ..Node::default() });
            }
            let node = graph.nodes.entry((*name).to_owned()).or_default();
            node.name = (*name).to_owned();
            node.folder = Some(folder);
            node.uses = uses.iter().map(|used| (*used).to_owned()).collect();
            node.names = node.uses.clone();
        }
        graph
    }
}

fn node(package: &Value, root: &str) -> Node {
    let is_ours = package.get("source").is_none_or(Value::is_null);
    let manifest = text(package, "manifest_path").replace('\\', "/");
    let folder = manifest.strip_prefix(root).and_then(|path| path.strip_suffix("/Cargo.toml"));
    Node {
        name: text(package, "name").to_owned(),
        licence: text(package, "license").to_owned(),
        is_program: list(package, "targets")
            .any(|target| list(target, "kind").any(|kind| kind.as_str() == Some("bin"))),
        folder: folder.filter(|_| is_ours).map(str::to_owned),
        uses: BTreeSet::new(),
        names: list(package, "dependencies")
            .filter(|dependency| dependency.get("path").is_some_and(Value::is_string))
            .map(|dependency| text(dependency, "name").to_owned())
            .collect(),
    }
}

/// Not only for tests.
fn is_linked(dep: &Value) -> bool {
    list(dep, "dep_kinds").any(|kind| kind.get("kind").and_then(Value::as_str) != Some("dev"))
}

fn members(manifest: &str) -> Vec<String> {
    let list = manifest.split_once("\nmembers = [").map_or("", |(_, rest)| rest);
    let list = list.split_once("\n]").map_or("", |(list, _)| list);
    list.lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split_once('"'))
        .map(|(folder, _)| folder.to_owned())
        .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_read_in_their_order_without_the_comments() {
        let manifest = "[workspace]\nmembers = [\n    \"crates/b\", # \"first\"\n    # \"crates/x\",\n    \"crates/a\",\n]\n";
        assert_eq!(members(manifest), ["crates/b", "crates/a"]);
    }

    #[test]
    fn what_only_tests_use_is_named_but_not_linked() {
        let metadata = json!({
            "workspace_root": "/r",
            "packages": [
                {"id": "a", "name": "a", "manifest_path": "/r/crates/a/Cargo.toml", "source": null, "targets": [{"kind": ["bin"]}],
                 "dependencies": [{"name": "b", "path": "/r/crates/b", "kind": "dev"}]},
                {"id": "b", "name": "b", "manifest_path": "/r/crates/b/Cargo.toml", "source": null, "targets": [{"kind": ["lib"]}],
                 "dependencies": []},
            ],
            "resolve": {"nodes": [{"id": "a", "deps": [{"pkg": "b", "dep_kinds": [{"kind": "dev"}]}]}]},
        });
        let graph = Graph::parse(&metadata, "");
        let a = graph.nodes.get("a").unwrap();
        assert_eq!(a.folder.as_deref(), Some("crates/a"));
        assert!(a.is_program, "it has a bin target");
        assert!(a.names.contains("b"), "the order law holds for tests too");
        assert!(graph.reach("a").is_empty(), "a test's dependency is not shipped");
    }

    #[test]
    fn the_way_to_a_package_is_told() {
        let graph = Graph::of(&[("a", &["b"]), ("b", &["tokio"])]);
        assert_eq!(graph.reach("a").get("tokio").map(String::as_str), Some("a -> b -> tokio"));
    }
}
