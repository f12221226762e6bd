-- A reason more for a gap: the clock. SQLite cannot change a check, so the table is made anew. Times as in 01-init.

-- [only here] Why there is no footage. Rows of one stream never overlap; where footage is found after all, it wins.
create table gaps_new (
    stream_id    integer not null references streams (id), -- which stream
    start_utc_ms integer not null,                         -- end of the last picture before it
    end_utc_ms   integer not null check (end_utc_ms > start_utc_ms), -- first picture after it
    reason       text    not null                          -- why; clock: it went ahead of the time that passed
                 check (reason in ('camera', 'network', 'credentials', 'disk', 'recorder', 'planned', 'deleted', 'unknown', 'clock')),
    primary key (stream_id, start_utc_ms)
) strict, without rowid;
insert into gaps_new (stream_id, start_utc_ms, end_utc_ms, reason) select stream_id, start_utc_ms, end_utc_ms, reason from gaps;
drop table gaps;
alter table gaps_new rename to gaps;
