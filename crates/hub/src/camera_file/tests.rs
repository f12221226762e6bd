//! An index is lost, a list is damaged: what comes back.

use std::fs;

use super::*;

struct Kit {
    dir: tempfile::TempDir,
    index: Index,
    file: CameraFile,
}

fn kit() -> Kit {
    let dir = tempfile::tempdir().unwrap();
    let index = new_index(&dir, "tarsier.db");
    let file = CameraFile::new(dir.path().join("cameras.json"));
    assert_eq!(file.restore(&index, UtcMs(0)).unwrap(), Found::NoFile);
    Kit { dir, index, file }
}

fn new_index(dir: &tempfile::TempDir, name: &str) -> Index {
    Index::open(&dir.path().join(name)).unwrap()
}

fn camera(id: &str, created: i64) -> CameraRow {
    CameraRow {
        id: CameraId::new(id).unwrap(),
        name: format!("The {id}"),
        created: UtcMs(created),
        enabled: id != "gate",
        config_json: r#"{"main":{"url":"rtsp://192.0.2.7/1"}}"#.to_owned(),
        has_secret: id == "garden",
    }
}

fn fill(kit: &Kit) {
    kit.index.add_camera(&camera("garden", 5), Some(&[1, 2, 250])).unwrap();
    kit.index.add_camera(&camera("gate", 4), None).unwrap();
    kit.index.put_setting(cameras::PAUSED, "true").unwrap();
    kit.index.put_setting("off_since_utc_ms/gate/main", "1795205640000").unwrap();
    kit.file.keep(&kit.index).unwrap();
}

fn damaged(kit: &Kit) -> Vec<PathBuf> {
    let files = fs::read_dir(kit.dir.path()).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.to_string_lossy().contains(".damaged-")).collect()
}

#[test]
fn a_new_index_gets_every_camera_and_setting_back() {
    let kit = kit();
    fill(&kit);
    let new = new_index(&kit.dir, "new.db");
    let found = kit.file.restore(&new, UtcMs(0)).unwrap();
    assert_eq!(found, Found::Restored { cameras: 2 });
    assert_eq!(new.cameras().unwrap(), kit.index.cameras().unwrap(), "ids, names and all");
    let garden = CameraId::new("garden").unwrap();
    assert_eq!(new.secret(&garden).unwrap(), Some(vec![1, 2, 250]), "with its sealed password");
    for (key, value) in [(cameras::PAUSED, "true"), ("off_since_utc_ms/gate/main", "1795205640000")]
    {
        assert_eq!(new.setting(key).unwrap().as_deref(), Some(value), "{key}");
    }
    assert_eq!(kit.file.restore(&new, UtcMs(0)).unwrap(), Found::KnownIndex, "once");
}

#[test]
fn an_index_that_knows_the_file_wins() {
    let kit = kit();
    fill(&kit);
    kit.index.delete_camera(&CameraId::new("garden").unwrap(), UtcMs(9)).unwrap();
    // Ended here: the file still has the deleted camera.
    assert_eq!(kit.file.restore(&kit.index, UtcMs(0)).unwrap(), Found::KnownIndex);
    kit.file.keep(&kit.index).unwrap();
    let new = new_index(&kit.dir, "new.db");
    assert_eq!(kit.file.restore(&new, UtcMs(0)).unwrap(), Found::Restored { cameras: 1 });
    assert_eq!(new.cameras().unwrap()[0].id.as_str(), "gate", "what was deleted stays so");
}

#[test]
fn an_interrupted_return_is_completed() {
    let kit = kit();
    fill(&kit);
    let new = new_index(&kit.dir, "new.db");
    new.add_camera(&camera("gate", 4), None).unwrap();
    assert_eq!(kit.file.restore(&new, UtcMs(0)).unwrap(), Found::Restored { cameras: 1 });
    assert_eq!(new.cameras().unwrap().len(), 2, "the one that was missing came back");
}

#[test]
fn the_id_of_a_deleted_camera_is_given_to_no_other() {
    let kit = kit();
    fill(&kit);
    let list = fs::read_to_string(&kit.file.path).unwrap();
    let former = r#""former": [{"id":"shed","name":"The gate","deleted_utc_ms":7}]"#;
    fs::write(&kit.file.path, list.replace(r#""former": []"#, former)).unwrap();
    let new = new_index(&kit.dir, "new.db");
    assert_eq!(
        kit.file.restore(&new, UtcMs(0)).unwrap(),
        Found::Restored { cameras: 2 },
        "a name that a deleted camera had is free"
    );
    let refused = new.add_camera(&camera("shed", 9), None).unwrap_err();
    assert!(matches!(refused, PutCameraError::IdTaken { .. }), "{refused}");
    kit.file.keep(&new).unwrap();
    let kept = fs::read_to_string(&kit.file.path).unwrap();
    assert!(kept.contains(r#""shed""#), "known before its footage was found again: {kept}");
}

#[test]
fn a_file_that_cannot_be_read_is_kept_aside() {
    for text in ["", "{\"format\":1,\"cam", "{\"format\":2,\"cameras\":[]}", "[]"] {
        let kit = kit();
        fs::write(&kit.file.path, text).unwrap();
        let new = new_index(&kit.dir, "new.db");
        let found = kit.file.restore(&new, UtcMs(0)).unwrap();
        assert_eq!(found, Found::Damaged { cameras: 0 }, "{text}");
        kit.file.keep(&new).unwrap();
        let aside = damaged(&kit);
        assert_eq!(aside.len(), 1, "{text}");
        assert_eq!(fs::read_to_string(&aside[0]).unwrap(), text, "not a byte of it is lost");
    }
}

#[test]
fn one_bad_camera_does_not_cost_the_others() {
    let kit = kit();
    fill(&kit);
    let list = fs::read_to_string(&kit.file.path).unwrap();
    fs::write(&kit.file.path, list.replace(r#""id": "gate""#, r#""id": "../gate""#)).unwrap();
    let new = new_index(&kit.dir, "new.db");
    assert_eq!(kit.file.restore(&new, UtcMs(0)).unwrap(), Found::Damaged { cameras: 1 });
    assert_eq!(new.cameras().unwrap()[0].id.as_str(), "garden");
    let aside = fs::read_to_string(&damaged(&kit)[0]).unwrap();
    assert!(aside.contains("../gate"), "the bad one may still be mended by hand");
}

#[cfg(unix)]
#[test]
fn the_file_is_for_this_user_only_and_written_only_when_it_changes() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let kit = kit();
    fill(&kit);
    let before = fs::metadata(&kit.file.path).unwrap();
    assert_eq!(before.permissions().mode() & 0o777, 0o600);
    kit.file.keep(&kit.index).unwrap();
    let after = fs::metadata(&kit.file.path).unwrap();
    assert_eq!(before.ino(), after.ino(), "nothing new, no new file");
}
