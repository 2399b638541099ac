-- One text for SQLite, PostgreSQL and MySQL/MariaDB: BIGINT, INTEGER, VARCHAR and TEXT only. Days are
-- 20261120, months 202611, times epoch seconds. A table marked clustered is stored in the order of
-- its key where the database has a choice. Byte-minutes outgrow 64 bits and are two numbers:
-- peta * 10^15 + rest.

-- One row per configured panel: its lease, its version (one more with every commit) and its last poll.
CREATE TABLE backend (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    kind VARCHAR(32) NOT NULL,
    version BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    holder VARCHAR(64) NOT NULL,
    lease_until BIGINT NOT NULL,
    last_look BIGINT,
    polled_at BIGINT,
    succeeded_at BIGINT,
    failing_since BIGINT,
    reason VARCHAR(32),
    detail TEXT,
    entries BIGINT NOT NULL,
    chain VARCHAR(64) NOT NULL
);

-- Numbers given out: the next account and series id.
CREATE TABLE allot (
    name VARCHAR(32) NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
);
INSERT INTO allot (name, next) VALUES ('account', 1);
INSERT INTO allot (name, next) VALUES ('series', 1);

-- Whom a panel meters. An account that is gone keeps its row and its history.
CREATE TABLE account (
    id BIGINT NOT NULL PRIMARY KEY,
    backend VARCHAR(64) NOT NULL,
    name VARCHAR(255) NOT NULL,
    first_seen BIGINT NOT NULL,
    gone_at BIGINT,
    suspended INTEGER,
    policy VARCHAR(16),
    package VARCHAR(255),
    domain VARCHAR(255),
    storage_limit BIGINT,
    trouble VARCHAR(32),
    trouble_since BIGINT,
    changed BIGINT NOT NULL,
    UNIQUE (backend, name)
) /*clustered*/;

-- One meter of one account: its last reading, its running month, its sum since first sight.
CREATE TABLE series (
    id BIGINT NOT NULL PRIMARY KEY,
    account BIGINT NOT NULL,
    meter VARCHAR(16) NOT NULL,
    at BIGINT,
    level BIGINT,
    level_at BIGINT,
    month INTEGER,
    month_amount BIGINT NOT NULL,
    month_estimated BIGINT NOT NULL,
    month_held_peta BIGINT NOT NULL,
    month_held_rest BIGINT NOT NULL,
    month_covered BIGINT NOT NULL,
    total BIGINT NOT NULL,
    shown BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    UNIQUE (account, meter)
) /*clustered*/;

-- The last count believed of each counter. Neither started nor uptime: the panel tells neither.
CREATE TABLE baseline (
    series BIGINT NOT NULL,
    source VARCHAR(255) NOT NULL,
    started BIGINT,
    uptime BIGINT,
    amount BIGINT NOT NULL,
    at BIGINT NOT NULL,
    doubt_amount BIGINT,
    doubt_at BIGINT,
    PRIMARY KEY (series, source)
) /*clustered*/;

-- The last total believed of each span, and the days it was put on ("20261120:17 20261121:4").
CREATE TABLE period_total (
    series BIGINT NOT NULL,
    source VARCHAR(255) NOT NULL,
    starts BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    total BIGINT NOT NULL,
    at BIGINT NOT NULL,
    placed TEXT NOT NULL,
    PRIMARY KEY (series, source, starts, ends)
) /*clustered*/;

-- Bytes of one series on one day. Series first: a month of one customer is one short walk.
CREATE TABLE day_point (
    series BIGINT NOT NULL,
    day INTEGER NOT NULL,
    amount BIGINT NOT NULL,
    estimated BIGINT NOT NULL,
    held_peta BIGINT NOT NULL,
    held_rest BIGINT NOT NULL,
    covered BIGINT NOT NULL,
    PRIMARY KEY (series, day)
) /*clustered*/;

-- What the days no longer kept summed to, month by month, for ever. last_day is the last one folded in.
CREATE TABLE month_total (
    series BIGINT NOT NULL,
    month INTEGER NOT NULL,
    amount BIGINT NOT NULL,
    estimated BIGINT NOT NULL,
    held_peta BIGINT NOT NULL,
    held_rest BIGINT NOT NULL,
    covered BIGINT NOT NULL,
    last_day INTEGER NOT NULL,
    PRIMARY KEY (series, month)
) /*clustered*/;

-- What happened, in order, each entry chained to the one before by its hash. Never edited.
CREATE TABLE journal (
    backend VARCHAR(64) NOT NULL,
    entry BIGINT NOT NULL,
    at BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    parts INTEGER NOT NULL,
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
