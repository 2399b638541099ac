-- Services as WHMCS tells them: whom an account is billed to, and what was sold.

-- The newest list of each WHMCS server, whole. A limit of 0 is unlimited, none says nothing.
CREATE TABLE service (
    server BIGINT NOT NULL,
    id BIGINT NOT NULL,
    client BIGINT NOT NULL,
    username VARCHAR(255) NOT NULL,
    domain VARCHAR(255),
    product VARCHAR(255),
    package VARCHAR(255),
    status VARCHAR(32) NOT NULL,
    allowed_storage BIGINT,
    allowed_in BIGINT,
    allowed_out BIGINT,
    allowed_total BIGINT,
    notify_template VARCHAR(255),
    limited_template VARCHAR(255),
    PRIMARY KEY (server, id)
) /*clustered*/;

-- When each list was told, and how often it has changed.
CREATE TABLE service_list (
    server BIGINT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    told_at BIGINT NOT NULL
) /*clustered*/;

-- What an operator has said of an account whose service cannot be told by its name.
CREATE TABLE service_pin (
    account BIGINT NOT NULL PRIMARY KEY,
    service BIGINT NOT NULL,
    by_whom VARCHAR(255) NOT NULL,
    at BIGINT NOT NULL
) /*clustered*/;

-- The service an account was mapped to when it was last polled. It stays when the service is gone.
ALTER TABLE account ADD COLUMN mapping VARCHAR(16);
ALTER TABLE account ADD COLUMN service BIGINT;
ALTER TABLE account ADD COLUMN client BIGINT;
ALTER TABLE account ADD COLUMN tenant VARCHAR(255);
ALTER TABLE account ADD COLUMN product VARCHAR(255);
