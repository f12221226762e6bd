//! Windows: no console shared with us, and a process group of its own, so that Ctrl-C and the end of our console do not
//! reach it.

use std::os::windows::process::CommandExt as _;
use std::process::Command;

// Process creation flags of winbase.h.
const DETACHED_PROCESS: u32 = 0x0000_0008;
const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
const CREATE_NO_WINDOW: u32 = 0x0800_0000;

/// The program will not be ended with us.
pub(crate) fn detach(command: &mut Command) {
    command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
}

/// No console window flashes up.
pub(crate) fn hide_console(command: &mut Command) {
    command.creation_flags(CREATE_NO_WINDOW);
}
