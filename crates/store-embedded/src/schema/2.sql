-- Records of the earlier system: what they claimed, as JSON, listed latest first (microseconds since 1970, then id).
CREATE TABLE legacy (id TEXT NOT NULL UNIQUE, recorded_at INTEGER NOT NULL, record TEXT NOT NULL) STRICT;
CREATE INDEX legacy_by_time ON legacy (recorded_at, id);

-- How many there are.
ALTER TABLE state ADD COLUMN legacy INTEGER NOT NULL DEFAULT 0;
