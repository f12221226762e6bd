//! Brain: what a new camera is called in paths and addresses.

use tarsier_types::CameraId;

/// An id made of the name, for people who look into folders: `front-door`, and with a number if that is taken.
pub(crate) fn id_for(name: &str, is_taken: impl Fn(&CameraId) -> bool) -> CameraId {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'ä' => slug.push_str("ae"),
            'ö' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(26);
    let slug = slug.trim_matches('-');
    let slug = if slug.is_empty() { "camera" } else { slug };
    (1..=u32::MAX)
        .map(|n| if n == 1 { slug.to_owned() } else { format!("{slug}-{n}") })
        .filter_map(|text| CameraId::new(text).ok())
        .find(|id| !is_taken(id))
        .expect("there are more numbers than cameras")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_whose_folder_it_is() {
        let none = |_: &CameraId| false;
        for (name, id) in [
            ("Front door", "front-door"),
            ("  Größe 2!", "groesse-2"),
            ("정원", "camera"),
            ("-", "camera"),
            (
                "a very long name of a camera that nobody wants to type",
                "a-very-long-name-of-a-came",
            ),
        ] {
            assert_eq!(id_for(name, none).as_str(), id, "{name}");
        }
        let taken = |id: &CameraId| matches!(id.as_str(), "garden" | "garden-2");
        assert_eq!(id_for("Garden", taken).as_str(), "garden-3");
    }
}
