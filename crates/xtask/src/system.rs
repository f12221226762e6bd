//! The package managers of the systems that people build on, behind one trait; one file each.
//!
//! What does not belong here: which groups a command needs (`setup.rs`).

mod apt;
mod brew;
mod dnf;
mod pacman;
mod winget;

use anyhow::Result;

use crate::setup::Group;

/// One package, and what it is for in a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
}

/// A package manager.
pub(crate) trait System {
    /// Its command.
    fn name(&self) -> &'static str;
    /// What a group needs here.
    fn packages(&self, group: Group) -> &'static [Package];
    /// Those of `packages` that are not there; nothing if this manager cannot be asked.
    fn missing(&self, packages: &[Package]) -> Result<Missing>;
    /// Installs them.
    fn install(&self, packages: &[Package]) -> Result<()>;
}

/// What is known about what is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Exactly these.
    These(Vec<Package>),
    /// Nothing is known: the user is told what is needed and how to get it.
    Ask {
        /// The command that installs everything.
        command: String,
    },
}

/// The package manager of this machine, if it is one that we know.
pub(crate) fn here() -> Option<Box<dyn System>> {
    let known: [(&str, Box<dyn System>); 5] = [
        ("apt-get", Box::new(apt::Apt)),
        ("dnf", Box::new(dnf::Dnf)),
        ("pacman", Box::new(pacman::Pacman)),
        ("brew", Box::new(brew::Brew)),
        ("winget", Box::new(winget::Winget)),
    ];
    known.into_iter().find(|(program, _)| crate::process::exists(program)).map(|(_, system)| system)
}

/// The names, with spaces between them.
fn names(packages: &[Package]) -> String {
    packages.iter().map(|package| package.name).collect::<Vec<_>>().join(" ")
}

const fn package(name: &'static str, why: &'static str) -> Package {
    Package { name, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_can_build_and_says_what_each_package_is_for() {
        let systems: [Box<dyn System>; 5] = [
            Box::new(apt::Apt),
            Box::new(dnf::Dnf),
            Box::new(pacman::Pacman),
            Box::new(brew::Brew),
            Box::new(winget::Winget),
        ];
        for system in systems {
            assert!(
                !system.packages(Group::Build).is_empty(),
                "{} must name what a build needs",
                system.name()
            );
            for group in [Group::Build, Group::Desktop, Group::Test] {
                for package in system.packages(group) {
                    assert!(
                        !package.why.is_empty(),
                        "{}: {} is for nothing",
                        system.name(),
                        package.name
                    );
                }
            }
        }
    }
}
