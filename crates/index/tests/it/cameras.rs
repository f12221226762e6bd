//! Cameras, their credentials, settings.

use tarsier_index::{CameraRow, PutCameraError, SecretChange};
use tarsier_types::{CameraId, UtcMs};

use crate::support::{Fixture, MAIN, MIDNIGHT, garden, segment};

fn camera(id: &str, name: &str) -> CameraRow {
    CameraRow {
        id: CameraId::new(id).unwrap(),
        name: name.into(),
        created: UtcMs(1),
        enabled: true,
        config_json: r#"{"main":"rtsp://192.0.2.7/"}"#.into(),
        has_secret: false,
    }
}

#[test]
fn a_camera_is_kept_as_it_was_given() {
    let it = Fixture::new();
    it.index.add_camera(&camera("garden", " Garden "), Some(b"sealed")).unwrap();
    let stored = it.index.camera(&garden()).unwrap().unwrap();
    assert_eq!(stored, CameraRow { has_secret: true, ..camera("garden", "Garden") });
    assert_eq!(it.index.cameras().unwrap(), [stored]);
    assert_eq!(it.index.secret(&garden()).unwrap().as_deref(), Some(&b"sealed"[..]));
}

#[test]
fn no_two_cameras_share_a_name_in_any_script() {
    let it = Fixture::new();
    it.index.add_camera(&camera("gate", "Cổng Đông"), None).unwrap();
    let error = it.index.add_camera(&camera("gate-2", "CỔNG ĐÔNG "), None).unwrap_err();
    assert!(
        matches!(error, PutCameraError::NameTaken { by, .. } if by.as_str() == "gate"),
        "case does not matter"
    );
    it.index.add_camera(&camera("gate-2", "Gate"), None).unwrap();
    let renamed = camera("gate-2", "cổng đông");
    let error = it.index.update_camera(&renamed, &SecretChange::Keep).unwrap_err();
    assert!(matches!(error, PutCameraError::NameTaken { .. }), "{error:?}");
    it.index
        .update_camera(&camera("gate", "CỔNG Đông"), &SecretChange::Keep)
        .expect("its own name is not taken");
}

#[test]
fn ids_and_names_are_checked() {
    let it = Fixture::new();
    it.index.add_camera(&camera("garden", "Garden"), None).unwrap();
    let error = it.index.add_camera(&camera("garden", "Other"), None).unwrap_err();
    assert!(matches!(error, PutCameraError::IdTaken { .. }), "{error:?}");
    for bad in ["", "  ", &"x".repeat(201)] {
        let error = it.index.add_camera(&camera("other", bad), None).unwrap_err();
        assert!(matches!(error, PutCameraError::BadName), "{bad:?}: {error:?}");
    }
    let error =
        it.index.update_camera(&camera("nobody", "Nobody"), &SecretChange::Keep).unwrap_err();
    assert!(matches!(error, PutCameraError::NotFound { .. }), "{error:?}");
}

#[test]
fn credentials_stay_unless_they_are_changed() {
    let it = Fixture::new();
    it.index.add_camera(&camera("garden", "Garden"), Some(b"one")).unwrap();
    let secret = || it.index.secret(&garden()).unwrap();
    it.index.update_camera(&camera("garden", "Yard"), &SecretChange::Keep).unwrap();
    assert_eq!(secret().as_deref(), Some(&b"one"[..]), "a new name is no new password");
    it.index
        .update_camera(&camera("garden", "Yard"), &SecretChange::Replace(b"two".to_vec()))
        .unwrap();
    assert_eq!(secret().as_deref(), Some(&b"two"[..]));
    assert!(it.index.put_secret(&garden(), &SecretChange::Remove).unwrap());
    assert_eq!(secret(), None);
    let nobody = CameraId::new("nobody").unwrap();
    assert!(!it.index.put_secret(&nobody, &SecretChange::Replace(vec![1])).unwrap());
}

#[test]
fn deleting_a_camera_keeps_its_footage_and_nothing_secret() {
    let it = Fixture::new();
    it.index.add_camera(&camera("garden", "Garden"), Some(b"sealed")).unwrap();
    it.store("ssd", &segment(MIDNIGHT, 180_000));
    assert!(it.index.delete_camera(&garden(), UtcMs(99)).unwrap());
    assert!(!it.index.delete_camera(&garden(), UtcMs(100)).unwrap(), "it was deleted already");
    assert_eq!(it.index.camera(&garden()).unwrap(), None);
    assert_eq!(it.index.secret(&garden()).unwrap(), None, "the credentials go with the camera");
    assert!(
        it.index.first_and_last(&garden(), MAIN).unwrap().is_some(),
        "footage outlives the camera"
    );
    let former = it.index.former_cameras().unwrap();
    assert_eq!((former[0].name.as_str(), former[0].deleted), ("Garden", UtcMs(99)));
    let error = it.index.add_camera(&camera("garden", "New"), None).unwrap_err();
    assert!(
        matches!(error, PutCameraError::IdTaken { .. }),
        "old footage must not become a new camera's: {error:?}"
    );
    it.index.add_camera(&camera("garden-2", "Garden"), None).expect("the name is free again");
}

#[test]
fn settings_are_kept_and_replaced() {
    let it = Fixture::new();
    assert_eq!(it.index.setting("recording.paused").unwrap(), None);
    it.index.put_setting("recording.paused", "true").unwrap();
    it.index.put_setting("recording.paused", "false").unwrap();
    assert_eq!(it.index.setting("recording.paused").unwrap().as_deref(), Some("false"));
    assert!(it.index.put_setting("recording.paused", "{not json").is_err(), "only JSON is stored");
    assert!(it.index.remove_setting("recording.paused").unwrap());
    assert!(!it.index.remove_setting("recording.paused").unwrap());
}
