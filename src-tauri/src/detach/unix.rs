//! Unix: a process group of its own. Neither Ctrl-C in the window's terminal nor the terminal's end reaches it.

use std::process::Command;

/// The program will not be ended with us.
pub(crate) fn detach(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

/// Programs have no console here.
pub(crate) fn hide_console(_command: &mut Command) {}
