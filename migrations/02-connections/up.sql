-- What is kept of each connection to a camera over a restart (SPEC section 4).

-- [only here] One row for each stream that was ever connected. Losing it loses no footage: a recorder then begins as
-- if it were new, which may repeat one alert.
create table connections (
    camera_id    text    not null                  -- whose; short name in URLs and folders
                 check (length(camera_id) between 1 and 32),
    stream       text    not null                  -- which of its streams
                 check (stream in ('main', 'sub')),
    saved_utc_ms integer not null,                 -- when this was true
    epoch        integer not null,                 -- of the address and credentials it was connected with: what belongs to another is not believed
    state_json   text    not null                  -- phase, counters, parameters of protocol and tracks; holds no secret
                 check (json_valid(state_json)),
    primary key (camera_id, stream)
) strict, without rowid;
