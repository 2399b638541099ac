-- Invoices: which price rules were looked at before they bill, and every line that was ever billed or tried.

-- A rule in exactly one form, by the hash of its meaning, and its first rehearsal.
CREATE TABLE invoice_rule (
    hash VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    dry_run_at BIGINT NOT NULL,
    by_whom VARCHAR(255) NOT NULL
) /*clustered*/;

-- A line is written down before WHMCS is called. state: intended, created, refused, unknown. number is 0
-- for the line itself, then its corrections. The quantity is used_peta * 10^15 + used_rest over used_over
-- minutes; amount is in units of 10^-places.
CREATE TABLE invoice_line (
    id BIGINT NOT NULL PRIMARY KEY,
    tag VARCHAR(255) NOT NULL UNIQUE,
    backend VARCHAR(64) NOT NULL,
    account VARCHAR(255) NOT NULL,
    meter VARCHAR(16) NOT NULL,
    first_day INTEGER NOT NULL,
    next_day INTEGER NOT NULL,
    number INTEGER NOT NULL,
    service BIGINT NOT NULL,
    client BIGINT NOT NULL,
    rule VARCHAR(255) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    used_peta BIGINT NOT NULL,
    used_rest BIGINT NOT NULL,
    used_over BIGINT NOT NULL,
    included BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    places INTEGER NOT NULL,
    currency VARCHAR(8) NOT NULL,
    description TEXT NOT NULL,
    state VARCHAR(16) NOT NULL,
    attempts INTEGER NOT NULL,
    intended_at BIGINT NOT NULL,
    by_whom VARCHAR(255) NOT NULL,
    billable BIGINT,
    said TEXT,
    ended_at BIGINT,
    UNIQUE (service, meter, first_day, next_day, number)
);
CREATE INDEX invoice_line_service ON invoice_line (service, meter, first_day);
CREATE INDEX invoice_line_state ON invoice_line (state);
INSERT INTO allot (name, next) VALUES ('invoice', 1);
