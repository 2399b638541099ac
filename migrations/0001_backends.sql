-- One text for SQLite, PostgreSQL and MySQL/MariaDB: BIGINT, INTEGER, VARCHAR and TEXT only. Days are
-- 20261120, months 202611, times epoch seconds, meters 0 storage, 1 traffic_in, 2 traffic_out,
-- 3 traffic_total. A table marked clustered is stored in the order of its key where the database has a choice.
-- Byte-minutes outgrow 64 bits and are two numbers: peta * 10^15 + rest. A limit of 0 is unlimited, none says
-- nothing.

-- Numbers given out: the next one of each kind.
CREATE TABLE allot (
    name VARCHAR(32) NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
);
INSERT INTO allot (name, next) VALUES ('backend', 1);

-- One row per configured panel: its lease, its version (one more with every commit), its last poll, and the
-- head of its journal. Ids of its lives and holdings are number * 2^32 + their own numbers, which are counted
-- through the backend by next_life and next_holding; the name may change, the number never does. panel are the addresses
-- that it was last polled by, with blanks between. roads
-- are the last eight roads its figures came by (versions of pages, hosts that answered), one a line, the newest last. refusals is how often in a row it refused us; parked_until is when the
-- timetable may ask it again, if it refused us or asked for peace. Days before days_from are not kept any more. acts counts switches that ended: what polls do not write.
-- rewound_at is when its journal was last taken back, rewound_version the version that made: whoever knows an older one
-- reads everything again.
CREATE TABLE backend (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    kind VARCHAR(32) NOT NULL,
    panel TEXT NOT NULL,
    version BIGINT NOT NULL,
    acts BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    holder VARCHAR(64) NOT NULL,
    lease_until BIGINT NOT NULL,
    next_life BIGINT NOT NULL,
    next_holding BIGINT NOT NULL,
    days_from INTEGER NOT NULL,
    last_look BIGINT,
    roads TEXT,
    clock_seen BIGINT,
    clock_accepted BIGINT,
    list_doubt_at BIGINT,
    list_missing BIGINT,
    list_of BIGINT,
    list_accepted INTEGER,
    polled_at BIGINT,
    succeeded_at BIGINT,
    failing_since BIGINT,
    reason VARCHAR(32),
    detail TEXT,
    refusals INTEGER NOT NULL,
    parked_until BIGINT,
    total_bytes BIGINT,
    total_at BIGINT,
    seats_used BIGINT,
    seats_licensed BIGINT,
    entries BIGINT NOT NULL,
    chain VARCHAR(64) NOT NULL,
    rewound_at BIGINT,
    rewound_version BIGINT
);

-- The zone that cuts days and months, in one row: days that are cut cannot be cut again.
CREATE TABLE billing_zone (
    one INTEGER NOT NULL PRIMARY KEY,
    zone VARCHAR(64) NOT NULL
);

-- What happened, in order, each entry chained to the one before by its hash. Never edited. An entry with back_to takes
-- back those between that entry and itself: they stay, and count no more.
CREATE TABLE journal (
    backend VARCHAR(64) NOT NULL,
    entry BIGINT NOT NULL,
    at BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    parts INTEGER NOT NULL,
    back_to BIGINT,
    hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (backend, entry)
) /*clustered*/;

-- The body of a journal entry: JSON, gzip, base64, cut to what every database takes as one text.
CREATE TABLE journal_part (
    backend VARCHAR(64) NOT NULL,
    entry BIGINT NOT NULL,
    part INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (backend, entry, part)
);

-- Entries of the journal up to `upto`, folded: what they summed to month by month (sums), and what was
-- believed after the last of them (book; kept of the newest fold only). Each is chained to the one
-- before by its hash, and to the entry it ends with by that entry's link.
CREATE TABLE journal_fold (
    backend VARCHAR(64) NOT NULL,
    upto BIGINT NOT NULL,
    at BIGINT NOT NULL,
    chain VARCHAR(64) NOT NULL,
    sums_hash VARCHAR(64) NOT NULL,
    book_hash VARCHAR(64) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    PRIMARY KEY (backend, upto)
) /*clustered*/;

CREATE TABLE journal_fold_part (
    backend VARCHAR(64) NOT NULL,
    upto BIGINT NOT NULL,
    what VARCHAR(8) NOT NULL,
    part INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (backend, upto, what, part)
);
