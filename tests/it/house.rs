//! The house's own order.

#[test]
fn no_journey_is_forgotten() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/it");
    let main = include_str!("main.rs");
    for entry in std::fs::read_dir(folder).expect("the folder of journeys") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let module = name.trim_end_matches(".rs");
        let is_listed = module == "main" || main.contains(&format!("mod {module};"));
        assert!(is_listed, "{name} is no module of main.rs: its tests never run");
    }
}
