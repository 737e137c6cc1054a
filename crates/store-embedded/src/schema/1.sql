-- The catalog's first schema. A schema that was released is never edited: what changes is a migration of its own.

-- One row: what is counted up with every change.
CREATE TABLE state (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL,
    -- Experiments submitted so far: the number of the latest.
    submitted INTEGER NOT NULL,
    -- Of these, by an arm of the loop.
    iterations INTEGER NOT NULL,
    paused INTEGER NOT NULL
) STRICT;
INSERT INTO state VALUES (1, 0, 0, 0, 0);

-- Experiments by status (0 queued, 1 in progress, 2 successful, 3 failed, 4 other), changed with each change of one.
CREATE TABLE counts (status INTEGER PRIMARY KEY, experiments INTEGER NOT NULL) STRICT;
INSERT INTO counts VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0);

CREATE TABLE codecs (
    number INTEGER PRIMARY KEY,
    source TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    declaration TEXT,
    decoder TEXT,
    experiments INTEGER NOT NULL
) STRICT;

-- What lists are filtered and sorted by, and their rows ready as JSON; times are microseconds since 1970.
CREATE TABLE experiments (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    status INTEGER NOT NULL,
    codec INTEGER NOT NULL REFERENCES codecs,
    -- 0 person, 1 start, 2 search, 3 random.
    arm INTEGER NOT NULL,
    bd_rate REAL,
    decode_fuel REAL,
    -- Since when it waits: a lost or returned claim keeps its place.
    queued_at INTEGER NOT NULL,
    worker TEXT,
    lease_expires_at INTEGER,
    -- It has ended successfully at least once: counted among its arm's evaluations.
    evaluated INTEGER NOT NULL,
    -- The report that ended the latest claim, so that the same one again is recognised.
    last_end TEXT,
    summary TEXT NOT NULL
) STRICT;

-- Apart from the rows above, so that lists read little.
CREATE TABLE documents (number INTEGER PRIMARY KEY REFERENCES experiments, document TEXT NOT NULL) STRICT;
CREATE TABLE records (number INTEGER PRIMARY KEY REFERENCES experiments, record TEXT NOT NULL) STRICT;

CREATE INDEX waiting ON experiments (queued_at, number) WHERE status = 0;
CREATE INDEX held_by ON experiments (worker) WHERE worker IS NOT NULL;
CREATE INDEX lapsing ON experiments (lease_expires_at) WHERE lease_expires_at IS NOT NULL;

-- One index for every combination of filters, in each order; see list.rs.
CREATE INDEX by_number_status ON experiments (status, number);
CREATE INDEX by_number_codec ON experiments (codec, number);
CREATE INDEX by_number_arm ON experiments (arm, number);
CREATE INDEX by_number_status_codec ON experiments (status, codec, number);
CREATE INDEX by_number_status_arm ON experiments (status, arm, number);
CREATE INDEX by_number_codec_arm ON experiments (codec, arm, number);
CREATE INDEX by_number_status_codec_arm ON experiments (status, codec, arm, number);
CREATE INDEX by_best ON experiments (bd_rate, number) WHERE bd_rate IS NOT NULL;
CREATE INDEX by_best_status ON experiments (status, bd_rate, number) WHERE bd_rate IS NOT NULL;
CREATE INDEX by_best_codec ON experiments (codec, bd_rate, number) WHERE bd_rate IS NOT NULL;
CREATE INDEX by_best_arm ON experiments (arm, bd_rate, number) WHERE bd_rate IS NOT NULL;
CREATE INDEX by_best_status_codec ON experiments (status, codec, bd_rate, number) WHERE bd_rate IS NOT NULL;
CREATE INDEX by_best_status_arm ON experiments (status, arm, bd_rate, number) WHERE bd_rate IS NOT NULL;
CREATE INDEX by_best_codec_arm ON experiments (codec, arm, bd_rate, number) WHERE bd_rate IS NOT NULL;
CREATE INDEX by_best_status_codec_arm ON experiments (status, codec, arm, bd_rate, number) WHERE bd_rate IS NOT NULL;
CREATE INDEX by_cheapest ON experiments (decode_fuel, number) WHERE decode_fuel IS NOT NULL;
CREATE INDEX by_cheapest_status ON experiments (status, decode_fuel, number) WHERE decode_fuel IS NOT NULL;
CREATE INDEX by_cheapest_codec ON experiments (codec, decode_fuel, number) WHERE decode_fuel IS NOT NULL;
CREATE INDEX by_cheapest_arm ON experiments (arm, decode_fuel, number) WHERE decode_fuel IS NOT NULL;
CREATE INDEX by_cheapest_status_codec ON experiments (status, codec, decode_fuel, number) WHERE decode_fuel IS NOT NULL;
CREATE INDEX by_cheapest_status_arm ON experiments (status, arm, decode_fuel, number) WHERE decode_fuel IS NOT NULL;
CREATE INDEX by_cheapest_codec_arm ON experiments (codec, arm, decode_fuel, number) WHERE decode_fuel IS NOT NULL;
CREATE INDEX by_cheapest_status_codec_arm ON experiments (status, codec, arm, decode_fuel, number) WHERE decode_fuel IS NOT NULL;

CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    experiment TEXT NOT NULL,
    used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (used_at);

CREATE TABLE workers (
    name TEXT PRIMARY KEY,
    info TEXT NOT NULL,
    last_seen INTEGER NOT NULL,
    ended INTEGER NOT NULL
) STRICT;
CREATE INDEX workers_seen ON workers (last_seen);

CREATE TABLE clips (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, entry TEXT NOT NULL) STRICT;

-- How many experiments of an arm ended successfully, and the best headline among them.
CREATE TABLE arms (arm INTEGER PRIMARY KEY, evaluations INTEGER NOT NULL, best REAL) STRICT;
INSERT INTO arms VALUES (0, 0, NULL), (1, 0, NULL), (2, 0, NULL), (3, 0, NULL);

CREATE TABLE milestones (number INTEGER PRIMARY KEY, milestone TEXT NOT NULL) STRICT;

-- Previews and archives being made again; states: 0 queued, 1 running, 2 done, 3 failed.
CREATE TABLE rebuilds (
    path TEXT PRIMARY KEY,
    state INTEGER NOT NULL,
    reason TEXT,
    requested_at INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    -- Claims of this request whose lease lapsed.
    lost INTEGER NOT NULL,
    lease_expires_at INTEGER
) STRICT;
CREATE INDEX rebuilds_waiting ON rebuilds (queued_at) WHERE state = 0;
CREATE INDEX rebuilds_lapsing ON rebuilds (lease_expires_at) WHERE state = 1;
