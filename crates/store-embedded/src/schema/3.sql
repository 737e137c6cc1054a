-- Two more arms (4 llm, 5 held out), what an arm's model has cost, the journal, and when loops were told to end.
INSERT INTO arms (arm, evaluations, best) VALUES (4, 0, NULL), (5, 0, NULL);
ALTER TABLE arms ADD COLUMN spent_microdollars INTEGER NOT NULL DEFAULT 0;
ALTER TABLE state ADD COLUMN stopped_at INTEGER;

-- Append-only: nothing here is ever changed or removed.
CREATE TABLE journal (number INTEGER PRIMARY KEY, entry TEXT NOT NULL) STRICT;
