-- What WHMCS was told of each month, last: to hold a bill against, and to carry over what came later.

-- Values are hundred-thousandths of a unit of so many bytes. `carried` is the part of the value that months
-- before lacked, or had too much.
CREATE TABLE told (
    backend VARCHAR(64) NOT NULL,
    month INTEGER NOT NULL,
    account VARCHAR(255) NOT NULL,
    metric VARCHAR(16) NOT NULL,
    server BIGINT NOT NULL,
    tenant VARCHAR(255) NOT NULL,
    value BIGINT NOT NULL,
    carried BIGINT NOT NULL,
    unit BIGINT NOT NULL,
    told_at BIGINT NOT NULL,
    PRIMARY KEY (backend, month, account, metric, server)
) /*clustered*/;
