-- The register of caredata. Append-only: the present is derived from what was ever said.
-- A missing text or date is '', so that the same statement is the same row however often it comes.

CREATE TABLE objections (
    event INTEGER PRIMARY KEY,
    person BLOB NOT NULL,           -- keyed hash of the NHS Number
    number_sealed BLOB NOT NULL,    -- the NHS Number under the register's key
    kind TEXT NOT NULL,
    effective TEXT NOT NULL,        -- a day
    recorded_at TEXT NOT NULL,      -- a day, or a day and time
    channel TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    source_id TEXT NOT NULL,
    noted_at TEXT NOT NULL,         -- when this register learnt of it
    UNIQUE (person, source_id, kind, effective, recorded_at)
);

CREATE TABLE loads (
    load INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL,
    rows INTEGER NOT NULL,
    noted_at TEXT NOT NULL
);

CREATE TABLE attestations (
    attestation INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    reason TEXT NOT NULL,
    noted_at TEXT NOT NULL
);

CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    period TEXT NOT NULL,
    noted_at TEXT NOT NULL
);

CREATE TABLE publications (
    run INTEGER PRIMARY KEY REFERENCES runs,
    json TEXT NOT NULL,
    noted_at TEXT NOT NULL
);

CREATE TABLE publication_ends (
    run INTEGER PRIMARY KEY REFERENCES publications,
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'abandoned')),
    noted_at TEXT NOT NULL
);

CREATE TABLE contributions (
    contribution INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES publications,
    source TEXT NOT NULL,
    provider TEXT NOT NULL,
    period TEXT NOT NULL
);

CREATE TABLE replacements (
    replaced INTEGER NOT NULL REFERENCES contributions,
    contribution INTEGER NOT NULL REFERENCES contributions,
    PRIMARY KEY (replaced, contribution)
);

-- Wishes that came in the journals of a contribution; they count as long as it is not replaced.
CREATE TABLE journal_wishes (
    event INTEGER PRIMARY KEY,
    contribution INTEGER NOT NULL REFERENCES contributions,
    person BLOB NOT NULL,
    number_sealed BLOB NOT NULL,
    kind TEXT NOT NULL,
    effective TEXT NOT NULL,
    recorded_at TEXT NOT NULL
);
CREATE INDEX journal_wishes_by_person ON journal_wishes (person);

CREATE VIEW replaced AS
    SELECT DISTINCT replacements.replaced AS contribution
    FROM replacements
    JOIN contributions ON contributions.contribution = replacements.contribution
    JOIN publication_ends ON publication_ends.run = contributions.run AND publication_ends.outcome = 'done';

CREATE VIEW current_contributions AS
    SELECT contributions.*
    FROM contributions
    JOIN publication_ends ON publication_ends.run = contributions.run AND publication_ends.outcome = 'done'
    WHERE contributions.contribution NOT IN (SELECT contribution FROM replaced);

-- All that counts or may count: a publication that is prepared and not yet done has its wishes counted with the others.
CREATE VIEW wishes AS
    SELECT person, number_sealed, kind, effective, recorded_at, channel, recorded_by, source_id, noted_at,
        NULL AS contribution, 0 AS set_aside
    FROM objections
    UNION ALL
    SELECT person, number_sealed, kind, effective, recorded_at, 'journal', provider,
        source || '/' || provider || '/' || period, publications.noted_at, journal_wishes.contribution,
        journal_wishes.contribution IN (SELECT contribution FROM replaced)
            OR EXISTS (SELECT 1 FROM publication_ends AS ended WHERE ended.run = contributions.run AND ended.outcome = 'abandoned')
    FROM journal_wishes
    JOIN contributions ON contributions.contribution = journal_wishes.contribution
    JOIN publications ON publications.run = contributions.run;
