-- Services as WHMCS tells them: who pays, what was sold, and what WHMCS was told in return.

-- Every service ever told; listed: it is in the newest list of its server.
CREATE TABLE service (
    id BIGINT NOT NULL PRIMARY KEY,
    server BIGINT NOT NULL,
    listed INTEGER NOT NULL,
    first_listed BIGINT NOT NULL,
    client BIGINT NOT NULL,
    username VARCHAR(255) NOT NULL,
    account VARCHAR(255),
    domain VARCHAR(255),
    product VARCHAR(255),
    package VARCHAR(255),
    status VARCHAR(32) NOT NULL,
    registered INTEGER,
    allowed_storage BIGINT,
    allowed_in BIGINT,
    allowed_out BIGINT,
    allowed_total BIGINT,
    notify_template VARCHAR(255),
    limited_template VARCHAR(255),
    warn_at INTEGER,
    unit VARCHAR(2)
) /*clustered*/;
CREATE INDEX service_server ON service (server);

-- What was sold with each service, and since when: a row for each time that a list had other limits than the one before. The
-- chronicle records it.
CREATE TABLE service_limit (
    service BIGINT NOT NULL,
    since BIGINT NOT NULL,
    allowed_storage BIGINT,
    allowed_in BIGINT,
    allowed_out BIGINT,
    allowed_total BIGINT,
    PRIMARY KEY (service, since)
) /*clustered*/;

-- Product add-ons that run on a server of their own: listed, and billed by no metric.
CREATE TABLE service_addon (
    server BIGINT NOT NULL,
    id BIGINT NOT NULL,
    service BIGINT NOT NULL,
    client BIGINT NOT NULL,
    username VARCHAR(255),
    name VARCHAR(255),
    status VARCHAR(32) NOT NULL,
    registered INTEGER,
    PRIMARY KEY (server, id)
) /*clustered*/;

-- What WHMCS's module says is not right with the list of a server: companions, sizes that cannot be read. For people;
-- neither a journal nor the chronicle has it.
CREATE TABLE service_remark (
    server BIGINT NOT NULL,
    place INTEGER NOT NULL,
    about VARCHAR(16) NOT NULL,
    service BIGINT,
    said TEXT NOT NULL,
    PRIMARY KEY (server, place)
) /*clustered*/;

-- When each list was told (0: not since its row was repaired), and how often it has changed.
CREATE TABLE service_list (
    server BIGINT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    told_at BIGINT NOT NULL DEFAULT 0
) /*clustered*/;

-- A list that is not taken in, because too many services that own accounts have other numbers in it. accepted: what an
-- operator has said of the next one: null nothing, 'other' that they are other services, 'same' the same under other
-- numbers.
CREATE TABLE service_list_held (
    server BIGINT NOT NULL PRIMARY KEY,
    since BIGINT NOT NULL,
    moved BIGINT NOT NULL,
    of_services BIGINT NOT NULL,
    accepted VARCHAR(8),
    by_whom VARCHAR(255),
    reason TEXT
) /*clustered*/;

-- What numbers become of what numbers, while services get others; empty at any other time.
CREATE TABLE service_renumbered (
    was BIGINT NOT NULL PRIMARY KEY,
    is_now BIGINT NOT NULL
) /*clustered*/;

-- What an operator has said of an account whose service cannot be told by its name: of that life of it, and no later one.
CREATE TABLE service_pin (
    backend VARCHAR(64) NOT NULL,
    account VARCHAR(255) NOT NULL,
    service BIGINT NOT NULL,
    life BIGINT NOT NULL,
    by_whom VARCHAR(255) NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (backend, account)
) /*clustered*/;

-- A service that is made in WHMCS for an account nobody paid for, written down before WHMCS is asked: of that life of the
-- account, once. state: ordering, refused, ordered, accepted, named, mapped. mark is the domain that the service is ordered
-- with, by which an order is found again whose answer was lost. The chronicle records it.
CREATE TABLE adoption (
    life BIGINT NOT NULL PRIMARY KEY,
    backend VARCHAR(64) NOT NULL,
    account VARCHAR(255) NOT NULL,
    server BIGINT NOT NULL,
    client BIGINT NOT NULL,
    product BIGINT NOT NULL,
    cycle VARCHAR(16) NOT NULL,
    payment VARCHAR(64) NOT NULL,
    username VARCHAR(255) NOT NULL,
    domain VARCHAR(255),
    mark VARCHAR(255) NOT NULL UNIQUE,
    state VARCHAR(16) NOT NULL,
    begun_at BIGINT NOT NULL,
    by_whom VARCHAR(255) NOT NULL,
    order_id BIGINT,
    service BIGINT,
    said TEXT
) /*clustered*/;
INSERT INTO allot (name, next) VALUES ('adoption', 1);

-- What WHMCS was told last of each metric in each month, by who pays: a service, whether it was told of by its own
-- name or by its companion's, or a name on a server before WHMCS has told its services (service 0). Values are
-- hundred-thousandths of a unit of so many bytes. carried is the part of the value that months before lacked, or
-- had too much.
CREATE TABLE reported (
    service BIGINT NOT NULL,
    server BIGINT NOT NULL,
    name VARCHAR(255) NOT NULL,
    month INTEGER NOT NULL,
    metric VARCHAR(16) NOT NULL,
    asked_by BIGINT NOT NULL,
    tenant VARCHAR(255) NOT NULL,
    value BIGINT NOT NULL,
    carried BIGINT NOT NULL,
    unit BIGINT NOT NULL,
    told_at BIGINT NOT NULL,
    PRIMARY KEY (service, server, name, month, metric)
) /*clustered*/;
CREATE INDEX reported_month ON reported (month);

-- How often each server was told: who finds another number than he remembers has not told last.
CREATE TABLE reported_to (
    server BIGINT NOT NULL PRIMARY KEY,
    times BIGINT NOT NULL,
    told_at BIGINT NOT NULL
) /*clustered*/;
