-- Storage tiers: what is kept longer, where copies are, what is to be deleted. Times and sizes as in 01-init.

-- What of a tier its own tarsier-tier.json does not say.
alter table tiers add column name text not null default '';          -- [only here] name on the screen; empty: none given
alter table tiers add column config_json text not null default '{}'  -- [only here] how to reach it as JSON; holds no credentials
    check (json_valid(config_json));
alter table tiers add column secret blob;                            -- [only here] its credentials, encrypted by the hub; null: none

-- The oldest files of a tier, across cameras: what retention and moves ask for.
create index segments_by_age on segments (tier_id, start_utc_ms);

-- [only here] Files that no row speaks of any more and that are not yet gone for certain. A row is made in the transaction
-- that takes the segment away (or says that it lives elsewhere now), and removed when the deletion of the file is on disk.
-- So there is never a segment without its file, nor a file that nothing knows of, whenever the power goes.
create table garbage (
    tier_id    integer not null references tiers (n), -- where the file is
    segment_id integer not null check (segment_id > 0), -- its name: stream_id * 2^44 + start_utc_ms, as in segments
    size_bytes integer not null check (size_bytes >= 0), -- length of the file, bytes
    primary key (tier_id, segment_id)
) strict, without rowid;

-- [files] Copies of segments in object stores, beside the file that segments speaks of.
create table copies (
    segment_id    integer not null references segments (id), -- which segment
    tier_id       integer not null references tiers (n),     -- which object store
    start_utc_ms  integer not null generated always as (segment_id & 17592186044415) virtual, -- start of the segment
    size_bytes    integer not null check (size_bytes >= 0),  -- length of the copy, bytes
    copied_utc_ms integer not null,                          -- when the copy was found whole there
    primary key (segment_id, tier_id)
) strict, without rowid;
create index copies_by_age on copies (tier_id, start_utc_ms);

-- [derived from copies] Running totals.
create table copy_totals (
    stream_id  integer not null references streams (id), -- whose
    tier_id    integer not null references tiers (n),    -- where
    copies     integer not null,                         -- number of copies
    size_bytes integer not null,                         -- their length together, bytes
    primary key (stream_id, tier_id)
) strict, without rowid;
create trigger copies_added after insert on copies begin
    insert into copy_totals values (new.segment_id >> 44, new.tier_id, 1, new.size_bytes)
    on conflict do update set copies = copies + 1, size_bytes = size_bytes + excluded.size_bytes;
end;
create trigger copies_removed after delete on copies begin
    update copy_totals set copies = copies - 1, size_bytes = size_bytes - old.size_bytes
    where stream_id = old.segment_id >> 44 and tier_id = old.tier_id;
end;

-- [only here, and as locks.json in each tier] Spans that no rule deletes.
create table locks (
    id             text    not null primary key check (id <> ''), -- never given twice, not even by another index
    camera_id      text    not null,                    -- whose footage, both streams
    start_utc_ms   integer not null,                    -- from here on
    end_utc_ms     integer not null check (end_utc_ms > start_utc_ms), -- up to here
    note           text    not null,                    -- why, as somebody said it
    created_utc_ms integer not null                     -- since when
) strict;
create index locks_by_camera on locks (camera_id, start_utc_ms);

-- [only here] Spans in which an event was: they may be kept longer, and be the only ones that are copied away.
create table event_spans (
    camera_id    text    not null,                                   -- whose footage, both streams
    start_utc_ms integer not null,                                   -- from here on
    end_utc_ms   integer not null check (end_utc_ms > start_utc_ms), -- up to here
    primary key (camera_id, start_utc_ms, end_utc_ms)
) strict, without rowid;
