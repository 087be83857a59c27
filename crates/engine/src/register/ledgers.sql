-- Ledgers beside the wishes; see law.rs and uses.rs. Written for SQLite; PostgreSQL is given the same text with its own
-- names of types.

-- All that was ever done about instruments.
CREATE TABLE law_entries (
    entry INTEGER PRIMARY KEY,
    content TEXT NOT NULL,          -- JSON
    noted_at TEXT NOT NULL,
    bound BLOB NOT NULL             -- keyed hash of this entry and the one before
);

-- The numbers of persons in the bitmaps of uses: a keyed hash of eight bytes a person, in the order of their numbers.
CREATE TABLE use_people (
    first_number INTEGER PRIMARY KEY,
    people BLOB NOT NULL
);

-- Every publication and release, with the people it held and those it left out.
CREATE TABLE uses (
    use_number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,             -- closed list: publication, release
    reference TEXT NOT NULL,
    recipient TEXT NOT NULL,
    purpose TEXT NOT NULL,
    basis TEXT NOT NULL,
    run INTEGER NOT NULL,           -- of a publication, which counts once it is done; 0 where there is none
    noted_at TEXT NOT NULL,
    held BLOB NOT NULL,             -- bitmaps, sealed
    left_out BLOB NOT NULL
);
