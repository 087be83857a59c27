-- The register of caredata. Append-only: the present is derived from what was ever said.
-- A missing text or date is '', so that the same statement is the same row however often it comes.
-- Written for SQLite; PostgreSQL is given the same text with its own names of types (see place.rs).

-- The circumstances in which wishes were said, once for each that one load brings.
CREATE TABLE sayings (
    saying INTEGER PRIMARY KEY,
    noted_at TEXT NOT NULL,         -- when this register learnt of it
    by_whom TEXT NOT NULL,          -- closed list: who spoke
    through TEXT NOT NULL,          -- closed list: the door
    channel TEXT NOT NULL,          -- the door in the sender's own words
    recorded_by TEXT NOT NULL,
    reference TEXT NOT NULL,        -- of a power or order under which somebody acts for the person
    language TEXT NOT NULL,         -- tag of the language in which the person wants to hear from us
    formats TEXT NOT NULL           -- closed list, joined by ';'
);

-- Sorted by person, so that a person's wishes lie together and a load in that order writes each page once.
CREATE TABLE objections (
    person BLOB NOT NULL,           -- keyed hash of the NHS Number
    source_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    effective TEXT NOT NULL,        -- a day
    recorded_at TEXT NOT NULL,      -- a day, or a day and time
    number_sealed BLOB NOT NULL,    -- the NHS Number under the register's key
    saying INTEGER NOT NULL REFERENCES sayings,
    PRIMARY KEY (person, source_id, kind, effective, recorded_at)
) WITHOUT ROWID;

-- Wishes noted one by one, which have no name of a sender's: what is newer than was read is found at once.
CREATE INDEX objections_noted ON objections (saying) WHERE source_id = '';

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

-- What the national file answered, until it expires; answers are no events.
CREATE TABLE opt_out_questions (
    question INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL,
    rows INTEGER NOT NULL,
    asked_at TEXT NOT NULL
);
CREATE TABLE opt_out_answers (
    person BLOB PRIMARY KEY,        -- keyed hash of the NHS Number
    objects INTEGER NOT NULL,       -- 1 where it was missing from what came back
    expires TEXT NOT NULL           -- the last day on which the answer may be used
) WITHOUT ROWID;

-- That answers came back: by its number a reader tells that there are newer ones.
CREATE TABLE opt_out_returns (
    answer INTEGER PRIMARY KEY,
    noted_at TEXT NOT NULL
);

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
    SELECT objections.person, objections.number_sealed, objections.kind, objections.effective, objections.recorded_at,
        sayings.channel, sayings.recorded_by, objections.source_id, sayings.noted_at, sayings.by_whom, sayings.through,
        sayings.reference, sayings.language, sayings.formats, CAST(NULL AS BIGINT) AS contribution, 0 AS set_aside
    FROM objections
    JOIN sayings ON sayings.saying = objections.saying
    UNION ALL
    SELECT journal_wishes.person, journal_wishes.number_sealed, journal_wishes.kind, journal_wishes.effective,
        journal_wishes.recorded_at, 'journal', contributions.provider,
        contributions.source || '/' || contributions.provider || '/' || contributions.period, publications.noted_at,
        'not-stated', 'journal', '', '', '', journal_wishes.contribution,
        CASE WHEN journal_wishes.contribution IN (SELECT contribution FROM replaced)
            OR EXISTS (SELECT 1 FROM publication_ends AS ended WHERE ended.run = contributions.run AND ended.outcome = 'abandoned')
            THEN 1 ELSE 0 END
    FROM journal_wishes
    JOIN contributions ON contributions.contribution = journal_wishes.contribution
    JOIN publications ON publications.run = contributions.run;
