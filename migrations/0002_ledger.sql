-- Who used what: lives of accounts, their holdings, and the bytes of each.

-- One life of an account. A name that is given to somebody else begins another life (nth); label is the name
-- for the newest and NAME~nth for the others. together: what sold limits were
-- judged by, where a service has more than this account: "storage=120/2 traffic_out=?/3", bytes of so many
-- accounts, ? where a part of it was unknown. Lives are deleted only where
-- the journal is taken back to before they were seen.
CREATE TABLE life (
    id BIGINT NOT NULL PRIMARY KEY,
    backend VARCHAR(64) NOT NULL,
    name VARCHAR(255) NOT NULL,
    nth INTEGER NOT NULL,
    label VARCHAR(255) NOT NULL,
    first_seen BIGINT NOT NULL,
    predecessor BIGINT,
    missing_since BIGINT,
    last_seen BIGINT,
    ended_at BIGINT,
    identity TEXT,
    suspended INTEGER,
    suspended_for VARCHAR(255),
    policy VARCHAR(16),
    package VARCHAR(255),
    domain VARCHAR(255),
    reseller VARCHAR(255),
    storage_limit BIGINT,
    traffic_limit BIGINT,
    trouble VARCHAR(32),
    trouble_since BIGINT,
    allowed_storage BIGINT,
    allowed_in BIGINT,
    allowed_out BIGINT,
    allowed_total BIGINT,
    together VARCHAR(255),
    mapping VARCHAR(16),
    service BIGINT,
    client BIGINT,
    tenant VARCHAR(255),
    product VARCHAR(255),
    rivals VARCHAR(255),
    changed BIGINT NOT NULL,
    UNIQUE (backend, name, nth)
) /*clustered*/;
CREATE INDEX life_label ON life (backend, label);

-- A stretch of a life's time, cut where a commit found its owner changed; it begins after from_at.
CREATE TABLE holding (
    id BIGINT NOT NULL PRIMARY KEY,
    life BIGINT NOT NULL,
    from_at BIGINT NOT NULL
) /*clustered*/;
CREATE INDEX holding_life ON holding (life);

-- Who pays for the days of a holding from `since` on: a service; before WHMCS has told its services a name on
-- one of its servers (service 0); else nobody (service 0, server 0).
CREATE TABLE holding_part (
    holding BIGINT NOT NULL,
    part INTEGER NOT NULL,
    since INTEGER NOT NULL,
    service BIGINT NOT NULL,
    server BIGINT NOT NULL,
    name VARCHAR(255) NOT NULL,
    PRIMARY KEY (holding, part)
) /*clustered*/;
CREATE INDEX holding_part_service ON holding_part (service);

-- The beliefs about one meter of one life: its last reading, its sum since its name was first seen.
CREATE TABLE belief (
    life BIGINT NOT NULL,
    meter INTEGER NOT NULL,
    at BIGINT,
    level BIGINT,
    level_at BIGINT,
    doubted BIGINT,
    doubted_at BIGINT,
    doubted_accepted INTEGER,
    total BIGINT NOT NULL,
    shown BIGINT NOT NULL,
    implausible_at BIGINT,
    implausible_accepted INTEGER,
    changed BIGINT NOT NULL,
    PRIMARY KEY (life, meter)
) /*clustered*/;

-- The last count believed of each counter. own is the life whose counter it is where the counter has no name of
-- its own, else 0; holder the life that showed it. Neither started nor uptime: the panel tells neither.
CREATE TABLE baseline (
    backend BIGINT NOT NULL,
    meter INTEGER NOT NULL,
    own BIGINT NOT NULL,
    source VARCHAR(255) NOT NULL,
    holder BIGINT NOT NULL,
    started BIGINT,
    uptime BIGINT,
    amount BIGINT NOT NULL,
    at BIGINT NOT NULL,
    doubt_amount BIGINT,
    doubt_at BIGINT,
    absent_at BIGINT,
    PRIMARY KEY (backend, meter, own, source)
) /*clustered*/;

-- The last total believed of each span, and the days and holdings it was put on
-- ("20261120/3:17 20261121/3:4").
CREATE TABLE period_total (
    life BIGINT NOT NULL,
    meter INTEGER NOT NULL,
    source VARCHAR(255) NOT NULL,
    starts BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    total BIGINT NOT NULL,
    at BIGINT NOT NULL,
    placed TEXT NOT NULL,
    taken TEXT NOT NULL,
    doubt_total BIGINT,
    doubt_at BIGINT,
    copied BIGINT,
    copied_at BIGINT,
    PRIMARY KEY (life, meter, source, starts, ends)
) /*clustered*/;

-- Bytes of one meter of one holding on one day. Holding first: a month of one customer is one short walk.
CREATE TABLE day_point (
    holding BIGINT NOT NULL,
    meter INTEGER NOT NULL,
    day INTEGER NOT NULL,
    amount BIGINT NOT NULL,
    estimated BIGINT NOT NULL,
    held_peta BIGINT NOT NULL,
    held_rest BIGINT NOT NULL,
    covered BIGINT NOT NULL,
    PRIMARY KEY (holding, meter, day)
) /*clustered*/;

-- What the days of a part of a holding sum to, month by month: what is billed. Kept for ever, also when the
-- days are not any more.
CREATE TABLE month_sum (
    holding BIGINT NOT NULL,
    part INTEGER NOT NULL,
    month INTEGER NOT NULL,
    meter INTEGER NOT NULL,
    amount BIGINT NOT NULL,
    estimated BIGINT NOT NULL,
    held_peta BIGINT NOT NULL,
    held_rest BIGINT NOT NULL,
    covered BIGINT NOT NULL,
    last_day INTEGER NOT NULL,
    PRIMARY KEY (holding, part, month, meter)
) /*clustered*/;

CREATE INDEX month_sum_month ON month_sum (month);

-- What a panel's charts say of a time nobody watched. Shown to people, never billed.
CREATE TABLE estimate (
    life BIGINT NOT NULL,
    meter INTEGER NOT NULL,
    starts BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    about BIGINT NOT NULL,
    PRIMARY KEY (life, meter, starts)
) /*clustered*/;

-- What a panel itself would bill of an account for a time, as it reckoned last. Shown to people, never billed by us.
CREATE TABLE panel_charge (
    life BIGINT NOT NULL,
    starts BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    reckoned_at BIGINT NOT NULL,
    amount VARCHAR(40) NOT NULL,
    currency VARCHAR(16) NOT NULL,
    PRIMARY KEY (life, starts)
) /*clustered*/;

-- What a panel shows that is no account's, as its last poll of everybody found it. why: orphan, ambiguous, deleted (an
-- account's until then, and still counted by the panel); since then.
CREATE TABLE unclaimed (
    backend BIGINT NOT NULL,
    what VARCHAR(255) NOT NULL,
    why VARCHAR(16) NOT NULL,
    level BIGINT,
    since BIGINT NOT NULL,
    PRIMARY KEY (backend, what)
) /*clustered*/;

-- What a life's stored bytes are made of by the panel's own names (buckets, guests), as it was read last: JSON, the
-- largest first, and how many others hold how much. Shown to people, never billed from: neither the journal nor the
-- chronicle has it.
CREATE TABLE breakdown (
    life BIGINT NOT NULL PRIMARY KEY,
    read_at BIGINT NOT NULL,
    parts TEXT NOT NULL,
    others BIGINT NOT NULL,
    others_bytes BIGINT NOT NULL
) /*clustered*/;
