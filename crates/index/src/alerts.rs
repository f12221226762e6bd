//! Alerts: what a person should know of. What an alert says is the hub's business: here its members are JSON.

use rusqlite::{OptionalExtension, Row, params};
use tarsier_types::UtcMs;

use crate::error::IndexError;
use crate::index::Index;

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// Given by who raises it; rises, and is never given twice.
    pub id: i64,
    /// What: a name such as `camera_offline`.
    pub kind: String,
    /// When its cause began.
    pub since: UtcMs,
    /// When it was raised.
    pub raised: UtcMs,
    /// When anything of it changed last.
    pub changed: UtcMs,
    /// When its cause had ended; `None` while it goes on.
    pub resolved: Option<UtcMs>,
    /// When a person took note of it, and who.
    pub acknowledged: Option<(UtcMs, String)>,
    /// How often its cause came in this one incident.
    pub occurrences: u32,
    /// The cameras or places that it is about, as JSON.
    pub members_json: String,
}

impl Index {
    /// Stores an alert, or what became of it.
    pub fn put_alert(&self, alert: &AlertRow) -> Result<(), IndexError> {
        let (acknowledged, by) = match &alert.acknowledged {
            Some((at, by)) => (Some(at.0), Some(by.as_str())),
            None => (None, None),
        };
        self.write("store an alert", |tx| {
            tx.prepare_cached(
                "insert into alerts (id, kind, since_utc_ms, raised_utc_ms, changed_utc_ms, resolved_utc_ms,
                     acknowledged_utc_ms, acknowledged_by, occurrences, members_json)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 on conflict (id) do update set kind = excluded.kind, since_utc_ms = excluded.since_utc_ms,
                     raised_utc_ms = excluded.raised_utc_ms, changed_utc_ms = excluded.changed_utc_ms,
                     resolved_utc_ms = excluded.resolved_utc_ms, acknowledged_utc_ms = excluded.acknowledged_utc_ms,
                     acknowledged_by = excluded.acknowledged_by, occurrences = excluded.occurrences,
                     members_json = excluded.members_json",
            )?
            .execute(params![
                alert.id,
                alert.kind,
                alert.since.0,
                alert.raised.0,
                alert.changed.0,
                alert.resolved.map(|at| at.0),
                acknowledged,
                by,
                alert.occurrences,
                alert.members_json
            ])
            .map(drop)
        })
    }

    /// Every alert whose cause goes on, newest first.
    pub fn open_alerts(&self) -> Result<Vec<AlertRow>, IndexError> {
        self.read("read open alerts", |db| {
            db.prepare_cached(&format!("{SELECT} where resolved_utc_ms is null order by id desc"))?
                .query_map([], alert)?
                .collect()
        })
    }

    /// The newest `limit` alerts with an id below `before` whose cause has ended, newest first.
    pub fn past_alerts(&self, before: i64, limit: u32) -> Result<Vec<AlertRow>, IndexError> {
        self.read("read past alerts", |db| {
            db.prepare_cached(&format!(
                "{SELECT} where resolved_utc_ms is not null and id < ?1 order by id desc limit ?2"
            ))?
            .query_map(params![before, limit], alert)?
            .collect()
        })
    }

    /// The alert of that id.
    pub fn alert(&self, id: i64) -> Result<Option<AlertRow>, IndexError> {
        self.read("read an alert", |db| {
            db.prepare_cached(&format!("{SELECT} where id = ?1"))?.query_row([id], alert).optional()
        })
    }

    /// The highest id ever given to an alert; 0 before the first.
    pub fn last_alert_id(&self) -> Result<i64, IndexError> {
        self.read("read the newest alert", |db| {
            db.query_row(
                "select coalesce((select seq from sqlite_sequence where name = 'alerts'), 0)",
                [],
                |row| row.get(0),
            )
        })
    }

    /// Forgets alerts that were resolved before that time; tells how many.
    pub fn forget_alerts_before(&self, at: UtcMs) -> Result<usize, IndexError> {
        self.write("forget old alerts", |tx| {
            tx.execute("delete from alerts where resolved_utc_ms < ?1", [at.0])
        })
    }
}

const SELECT: &str =
    "select id, kind, since_utc_ms, raised_utc_ms, changed_utc_ms, resolved_utc_ms,
    acknowledged_utc_ms, acknowledged_by, occurrences, members_json from alerts";

fn alert(row: &Row<'_>) -> rusqlite::Result<AlertRow> {
    let acknowledged: Option<i64> = row.get(6)?;
    let by: Option<String> = row.get(7)?;
    Ok(AlertRow {
        id: row.get(0)?,
        kind: row.get(1)?,
        since: UtcMs(row.get(2)?),
        raised: UtcMs(row.get(3)?),
        changed: UtcMs(row.get(4)?),
        resolved: row.get::<_, Option<i64>>(5)?.map(UtcMs),
        acknowledged: acknowledged.map(UtcMs).zip(by),
        occurrences: row.get(8)?,
        members_json: row.get(9)?,
    })
}
