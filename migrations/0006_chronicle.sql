-- The chronicle: what was told, sold, pinned, billed and done, entry by entry, each chained to the one before. It is to
-- these rows what the journals are to days: they can be derived from it, and are held against it.

-- What one transaction changed of the rows that the chronicle tells of. seal: by which key the link was made (0: none).
CREATE TABLE chronicle (
    entry BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    parts INTEGER NOT NULL,
    seal INTEGER NOT NULL,
    hash VARCHAR(64) NOT NULL
) /*clustered*/;

-- Its body, packed as a journal entry's.
CREATE TABLE chronicle_part (
    entry BIGINT NOT NULL,
    part INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (entry, part)
);

-- The one row that every entry is written under: how many there are, and the link of the last.
CREATE TABLE chronicle_head (
    one INTEGER NOT NULL PRIMARY KEY,
    entries BIGINT NOT NULL,
    chain VARCHAR(64) NOT NULL
);
INSERT INTO chronicle_head (one, entries, chain) VALUES (1, 0, '');

-- Entries up to `upto`, folded: what they changed altogether stands for them. chain is the link of the last of them.
CREATE TABLE chronicle_fold (
    upto BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    chain VARCHAR(64) NOT NULL,
    body_hash VARCHAR(64) NOT NULL,
    seal INTEGER NOT NULL,
    hash VARCHAR(64) NOT NULL
) /*clustered*/;

CREATE TABLE chronicle_fold_part (
    upto BIGINT NOT NULL,
    part INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (upto, part)
);

-- The keys that links were made by, one after the other, each known by its mark; an empty mark: without one from then
-- on. No row: never with one.
CREATE TABLE seal (
    number INTEGER NOT NULL PRIMARY KEY,
    mark VARCHAR(64) NOT NULL
);

ALTER TABLE journal ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE journal_fold ADD COLUMN seal INTEGER NOT NULL DEFAULT 0;
