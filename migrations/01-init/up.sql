-- The index: what exists. Losing it loses no footage.
--
-- Each table says where its truth lives:
--   [only here]  cannot be rebuilt from the segment files: back it up, never drop it
--   [files]      rebuilt from the segment files of a tier alone
--   [derived]    kept in step with other tables in the same transaction; can be computed again from them
--
-- Times are UTC, milliseconds since 1970; ranges are [start, end); sizes are bytes. There is no path column:
-- the path of a segment follows from camera, stream and start. Forward only, additive, never edited after release.

pragma application_id = 1414681426; -- 'TRSR': tells this file from other programs' databases

-- [only here] Cameras as configured.
create table cameras (
    id             text    not null primary key   -- short name in URLs and folders; never given twice
                           check (length(id) between 1 and 32 and id not glob '*[^a-z0-9-]*' and id not glob '-*'),
    name           text    not null               -- name on the screen
                           check (length(name) between 1 and 200),
    name_key       text    unique                 -- the name trimmed, in lower case: no two cameras share one; null once deleted
                           check ((name_key is null) = (deleted_utc_ms is not null)),
    created_utc_ms integer not null,              -- when it was added
    deleted_utc_ms integer,                       -- when it was deleted; its footage stays until a rule deletes it
    enabled        integer not null               -- 1: it is connected, 0: switched off
                           check (enabled in (0, 1)),
    config_json    text    not null               -- the rest of its configuration as JSON; holds no credentials
                           check (json_valid(config_json)),
    secret         blob                           -- its credentials, encrypted by the hub; null: none
                           check (secret is null or deleted_utc_ms is null)
) strict;

-- [only here] Settings of the hub.
create table settings (
    key        text not null primary key check (key <> ''), -- dotted name
    value_json text not null check (json_valid(value_json)) -- its value as JSON
) strict, without rowid;

-- [only here] What happened. The id is the Last-Event-ID of the event stream: it rises and is never given twice.
create table events (
    id        integer primary key autoincrement,       -- place in the order of all events
    utc_ms    integer not null,                        -- when it happened
    kind      text    not null check (kind <> ''),     -- what: a name such as camera_offline
    camera_id text,                                    -- about which camera; null: none. May outlive the camera
    body_json text    not null check (json_valid(body_json)) -- its words and figures as JSON
) strict;
create index events_by_camera on events (camera_id, utc_ms);
create index events_by_time on events (utc_ms);

-- [files] Places for segments; a tier's identity is in its own tarsier-tier.json.
create table tiers (
    n    integer primary key,                          -- short number for the rows below
    id   text not null unique check (id <> ''),        -- identity of the volume
    root text not null,                                -- its folder (or bucket URL) when it was last seen
    kind text not null                                 -- what it is for
         check (kind in ('cache', 'archive', 'object_store'))
) strict;

-- [files] Streams that have, or had, footage or gaps. The camera may be unknown here: footage outlives configuration.
create table streams (
    id        integer primary key                      -- upper bits of a segment's id
              check (id between 1 and 524287),
    camera_id text    not null,                        -- first folder of the segment's path
    stream    text    not null                         -- second folder of the segment's path
              check (stream in ('main', 'sub')),
    unique (camera_id, stream)
) strict;

-- [files] What makes the pictures of a segment decodable; a row never changes.
create table parameter_sets (
    id                   integer primary key,          -- what segments refer to
    video_codec          text    not null,             -- as FFmpeg writes it
    video_rfc6381        text    not null,             -- as browsers take it
    width_px             integer not null check (width_px between 0 and 65535),  -- width of the shown picture, pixels
    height_px            integer not null check (height_px between 0 and 65535), -- height of the shown picture, pixels
    nominal_millifps     integer,                      -- pictures in 1000 s as the camera says; null: it does not say
    video_sample_entry   blob    not null,             -- the whole sample entry box, ISO/IEC 14496-15
    audio_codec          text,                         -- as FFmpeg writes it; null (as all below): no sound
    audio_rfc6381        text,                         -- as browsers take it
    audio_sample_rate_hz integer,                      -- samples in a second
    audio_channels       integer check (audio_channels between 0 and 65535), -- number of channels
    audio_sample_entry   blob,                         -- the whole sample entry box
    check ((audio_codec is null) = (audio_rfc6381 is null)
       and (audio_codec is null) = (audio_sample_rate_hz is null)
       and (audio_codec is null) = (audio_channels is null)
       and (audio_codec is null) = (audio_sample_entry is null))
) strict;
create index parameter_sets_by_entry on parameter_sets (video_sample_entry);

-- [files] Segment files. The id is stream_id * 2^44 + start_utc_ms, so that the table itself lies in the order in which
-- it is read (one stream, ascending time) and needs no second index. 2^44 ms reach to the year 2527.
-- A file that is still being written has no row: its recorder tells about it, and after a crash the file itself does.
create table segments (
    id               integer primary key check (id > 0), -- stream_id * 2^44 + start_utc_ms
    stream_id        integer not null generated always as (id >> 44) virtual -- which stream
                             references streams (id),
    start_utc_ms     integer not null generated always as (id & 17592186044415) virtual, -- its name: when its first picture was taken
    duration_ms      integer not null                  -- length of its pictures, milliseconds
                             check (duration_ms between 0 and 86400000),
    size_bytes       integer not null check (size_bytes >= 0), -- length of the file, bytes
    tier_id          integer not null references tiers (n),    -- where it lives
    parameter_set_id integer not null references parameter_sets (id), -- what its tracks hold
    init_bytes       integer not null check (init_bytes >= 0), -- length of ftyp and moov, bytes
    units            integer not null check (units >= 0),      -- access units in it
    continues        integer not null check (continues in (0, 1)), -- 1: no picture is missing between it and the one before
    state            text    not null check (state in ('closed', 'torn')), -- torn: never closed, whole up to its last part
    hash             blob    check (hash is null or length(hash) = 32),   -- BLAKE3 of the file; null: torn, or found by a rebuild
    chain            blob    check (chain is null or length(chain) = 32), -- BLAKE3 of (chain of the segment before, hash)
    parts            blob    not null                  -- playlist parts: pairs of LEB128 numbers, first (duration in ticks of
                                                       -- 1/90000 s) * 2 + (1: begins with a keyframe), then length in bytes;
                                                       -- the first part lies right behind init, each next one behind it
) strict;

-- [derived from segments] Footage without a break, cut where a new UTC day begins (by the start of its first segment) and
-- where the tier changes: what a timeline reads, at any zoom.
create table spans (
    stream_id    integer not null references streams (id), -- which stream
    start_utc_ms integer not null,                         -- start of its first segment
    end_utc_ms   integer not null check (end_utc_ms >= start_utc_ms), -- end of its last segment
    tier_id      integer not null references tiers (n),    -- where all of it lives
    continues    integer not null check (continues in (0, 1)), -- 1: its first segment goes on where the one before ended
    primary key (stream_id, start_utc_ms)
) strict, without rowid;

-- [derived from segments] Running totals.
create table totals (
    stream_id   integer not null references streams (id), -- whose
    tier_id     integer not null references tiers (n),    -- where
    segments    integer not null,                         -- number of files
    size_bytes  integer not null,                         -- their length together, bytes
    duration_ms integer not null,                         -- their pictures together, milliseconds
    primary key (stream_id, tier_id)
) strict, without rowid;

create trigger segments_added after insert on segments begin
    insert into totals values (new.id >> 44, new.tier_id, 1, new.size_bytes, new.duration_ms)
    on conflict do update set segments = segments + 1,
        size_bytes = size_bytes + excluded.size_bytes, duration_ms = duration_ms + excluded.duration_ms;
end;
create trigger segments_removed after delete on segments begin
    update totals set segments = segments - 1, size_bytes = size_bytes - old.size_bytes,
        duration_ms = duration_ms - old.duration_ms
    where stream_id = old.id >> 44 and tier_id = old.tier_id;
end;
create trigger segments_changed after update on segments begin
    update totals set segments = segments - 1, size_bytes = size_bytes - old.size_bytes,
        duration_ms = duration_ms - old.duration_ms
    where stream_id = old.id >> 44 and tier_id = old.tier_id;
    insert into totals values (new.id >> 44, new.tier_id, 1, new.size_bytes, new.duration_ms)
    on conflict do update set segments = segments + 1,
        size_bytes = size_bytes + excluded.size_bytes, duration_ms = duration_ms + excluded.duration_ms;
end;

-- [only here] Why there is no footage. Rows of one stream never overlap; where footage is found after all, it wins.
create table gaps (
    stream_id    integer not null references streams (id), -- which stream
    start_utc_ms integer not null,                         -- end of the last picture before it
    end_utc_ms   integer not null check (end_utc_ms > start_utc_ms), -- first picture after it
    reason       text    not null                          -- why
                 check (reason in ('camera', 'network', 'credentials', 'disk', 'recorder', 'planned', 'deleted', 'unknown')),
    primary key (stream_id, start_utc_ms)
) strict, without rowid;
