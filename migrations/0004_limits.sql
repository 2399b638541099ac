-- Limits: what is crossed, which policy is wanted, what is to be told and done, and who did what.

-- Thresholds (percent) that were ever crossed. since is null while one is not crossed.
CREATE TABLE crossing (
    holding BIGINT NOT NULL,
    meter INTEGER NOT NULL,
    threshold INTEGER NOT NULL,
    episode INTEGER NOT NULL,
    since BIGINT,
    month INTEGER,
    reminded INTEGER NOT NULL,
    PRIMARY KEY (holding, meter, threshold)
) /*clustered*/;

-- Which policy we want an account under, by its name: what a restore needs outlives a change of owner. wanted,
-- number and again are the poll's; confirmed, left_alone and memory are the dispatcher's; pinned is the
-- operator's.
CREATE TABLE policy (
    backend VARCHAR(64) NOT NULL,
    account VARCHAR(255) NOT NULL,
    wanted VARCHAR(16) NOT NULL,
    number INTEGER NOT NULL,
    again INTEGER NOT NULL DEFAULT 0,
    confirmed INTEGER,
    confirmed_at BIGINT,
    left_alone TEXT,
    memory TEXT,
    pinned VARCHAR(16),
    pinned_until BIGINT,
    pinned_by VARCHAR(255),
    pinned_at BIGINT,
    acted BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (backend, account)
) /*clustered*/;

-- What is to be told and done, one row a channel. channel "policy" is a switch. waits_for is the switch
-- that has to be done before it is true. entry is the last of the backend's journal when it was promised: whoever goes
-- back to before that withdraws it, and marks its key, so that the same may be promised again.
CREATE TABLE outbox (
    id BIGINT NOT NULL PRIMARY KEY,
    entry_key VARCHAR(450) NOT NULL,
    channel VARCHAR(16) NOT NULL,
    occasion VARCHAR(16) NOT NULL,
    backend VARCHAR(64) NOT NULL,
    account VARCHAR(255) NOT NULL,
    holding BIGINT NOT NULL,
    meter VARCHAR(16),
    threshold INTEGER NOT NULL,
    episode INTEGER NOT NULL,
    reminder INTEGER NOT NULL,
    used BIGINT NOT NULL,
    allowed BIGINT NOT NULL,
    since BIGINT NOT NULL,
    template VARCHAR(255),
    mail_to TEXT,
    product VARCHAR(255),
    why TEXT,
    made_at BIGINT NOT NULL,
    waits_for BIGINT,
    state VARCHAR(16) NOT NULL,
    due_at BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    claimed_until BIGINT,
    tried_at BIGINT,
    said TEXT,
    ended_at BIGINT,
    entry BIGINT NOT NULL,
    UNIQUE (entry_key, channel)
);
CREATE INDEX outbox_lane ON outbox (channel, state, due_at, id);
CREATE INDEX outbox_account ON outbox (backend, account, channel);
INSERT INTO allot (name, next) VALUES ('outbox', 1);

-- What staff were told: a report by its key in the outbox, and of which time it is. daily: the one of its day, which the
-- next is compared with. No number is made of it: it is in no journal and not in the chronicle.
CREATE TABLE staff_report (
    entry_key VARCHAR(64) NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    daily INTEGER NOT NULL
);

-- Its mail and what had been found, packed as a journal entry's body.
CREATE TABLE staff_report_part (
    entry_key VARCHAR(64) NOT NULL,
    part INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (entry_key, part)
);

-- Who or what changed an account, when, from what, to what, why, and what the panel answered.
CREATE TABLE audit (
    id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor VARCHAR(255) NOT NULL,
    backend VARCHAR(64) NOT NULL,
    account VARCHAR(255) NOT NULL,
    action VARCHAR(32) NOT NULL,
    before_it VARCHAR(255),
    after_it VARCHAR(255),
    why TEXT NOT NULL,
    answer TEXT NOT NULL
);
CREATE INDEX audit_account ON audit (backend, account, id);
INSERT INTO allot (name, next) VALUES ('audit', 1);
