-- The journal tells what was made of what was said, and is folded when it is old.

-- A lower total told once, not believed before it is told again.
ALTER TABLE period_total ADD COLUMN doubt_total BIGINT;
ALTER TABLE period_total ADD COLUMN doubt_at BIGINT;

-- When an account came back that had been gone: an id may have been given to somebody else.
ALTER TABLE account ADD COLUMN back_at BIGINT;

-- What a panel's charts say of a time nobody watched. Shown to people, never billed.
CREATE TABLE estimate (
    series BIGINT NOT NULL,
    starts BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    about BIGINT NOT NULL,
    PRIMARY KEY (series, starts)
) /*clustered*/;

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
