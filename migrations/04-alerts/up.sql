-- Alerts: what a person should know of, one row for each incident. Times as in 01-init.

-- [only here] Alerts, open and past. The id rises and is never given twice.
create table alerts (
    id                  integer primary key autoincrement,      -- place in the order of all alerts
    kind                text    not null check (kind <> ''),    -- what: a name such as camera_offline
    since_utc_ms        integer not null,                       -- when its cause began
    raised_utc_ms       integer not null,                       -- when it was raised
    changed_utc_ms      integer not null,                       -- when anything of it changed last
    resolved_utc_ms     integer,                                -- when its cause had ended; null: it goes on
    acknowledged_utc_ms integer,                                -- when a person took note of it; null: nobody did
    acknowledged_by     text                                    -- who, as their token says
                        check ((acknowledged_by is null) = (acknowledged_utc_ms is null)),
    occurrences         integer not null check (occurrences >= 1), -- how often its cause came, in this one incident
    members_json        text    not null check (json_valid(members_json)) -- the cameras or places that it is about, with words, as JSON
) strict;
create index alerts_open on alerts (id) where resolved_utc_ms is null;
