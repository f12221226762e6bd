//! Settings of the hub: JSON by name.

use rusqlite::OptionalExtension;

use crate::error::IndexError;
use crate::index::Index;

impl Index {
    /// The value under that name, as JSON.
    pub fn setting(&self, key: &str) -> Result<Option<String>, IndexError> {
        self.read("read a setting", |db| {
            db.prepare_cached("select value_json from settings where key = ?1")?
                .query_row([key], |row| row.get(0))
                .optional()
        })
    }

    /// Stores a value, which must be JSON, under that name.
    pub fn put_setting(&self, key: &str, value_json: &str) -> Result<(), IndexError> {
        self.write("store a setting", |tx| {
            tx.execute(
                "insert into settings (key, value_json) values (?1, ?2)
                 on conflict (key) do update set value_json = excluded.value_json",
                [key, value_json],
            )
            .map(drop)
        })
    }

    /// Forgets a setting; `false` if there was none.
    pub fn remove_setting(&self, key: &str) -> Result<bool, IndexError> {
        self.write("remove a setting", |tx| {
            Ok(tx.execute("delete from settings where key = ?1", [key])? > 0)
        })
    }
}
