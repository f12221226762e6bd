//! Lets Tauri embed its configuration, icons and pages. What does not belong here: anything of ours.

fn main() {
    tauri_build::build();
}
