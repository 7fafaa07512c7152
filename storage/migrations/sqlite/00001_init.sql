-- Times are microseconds since 1970 UTC, NULL for none. Amounts are minor units. Text in *_data, refs and the like is JSON.

-- +goose Up
CREATE TABLE merchants (
    id         TEXT    NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE accounts (
    name       TEXT    NOT NULL PRIMARY KEY,
    provider   TEXT    NOT NULL,
    salt       BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    merchant_id  TEXT    NOT NULL,
    scope        TEXT    NOT NULL,
    hash         BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT;

-- The checks hold for everything a provider can say, so that no truth is ever refused. What a provider's word may
-- exceed (what is reserved beside what is done) binds only a row written to reserve: reserves_capture and
-- reserves_refund are what this version of the row set aside, 0 in every other version.
CREATE TABLE payments (
    id               TEXT    NOT NULL PRIMARY KEY,
    merchant_id      TEXT    NOT NULL,
    reference        TEXT    NOT NULL,
    account          TEXT    NOT NULL,
    amount           INTEGER NOT NULL CHECK (amount >= 0),
    currency         TEXT    NOT NULL,
    order_data       TEXT    NOT NULL,
    metadata         TEXT,
    authorized       INTEGER NOT NULL CHECK (authorized >= 0),
    captured         INTEGER NOT NULL CHECK (captured >= 0),
    refunded         INTEGER NOT NULL CHECK (refunded >= 0),
    reversed         INTEGER NOT NULL CHECK (reversed >= 0),
    released         INTEGER NOT NULL CHECK (released >= 0),
    capturable       INTEGER NOT NULL CHECK (capturable >= 0),
    refundable       INTEGER NOT NULL CHECK (refundable >= 0),
    in_doubt         INTEGER NOT NULL CHECK (in_doubt >= 0),
    capture_reserved INTEGER NOT NULL CHECK (capture_reserved >= 0),
    refund_reserved  INTEGER NOT NULL CHECK (refund_reserved >= 0),
    ceiling          INTEGER NOT NULL CHECK (ceiling >= 0),
    foreign_amount   INTEGER NOT NULL CHECK (foreign_amount >= 0),
    surplus          INTEGER NOT NULL CHECK (surplus >= 0),
    reserves_capture INTEGER NOT NULL CHECK (reserves_capture >= 0),
    reserves_refund  INTEGER NOT NULL CHECK (reserves_refund >= 0),
    status           TEXT    NOT NULL,
    canceled         INTEGER NOT NULL,
    cancel_reason    TEXT    NOT NULL,
    waived           INTEGER NOT NULL,
    expired          INTEGER NOT NULL,
    flagged          INTEGER NOT NULL,
    mismatch         INTEGER NOT NULL,
    needs_review     INTEGER NOT NULL,
    acknowledged     TEXT,
    version          INTEGER NOT NULL CHECK (version > 0),
    sequence         INTEGER NOT NULL,
    fact_count       INTEGER NOT NULL,
    recheck_at       INTEGER,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    CONSTRAINT captured_within_authorized CHECK (captured <= authorized AND authorized <= ceiling),
    CONSTRAINT returned_within_captured CHECK (min(refunded + reversed, 9223372036854775807) <= captured + surplus),
    CONSTRAINT capture_within_ceiling CHECK (reserves_capture = 0 OR captured + capture_reserved <= ceiling + foreign_amount),
    CONSTRAINT refund_within_captured CHECK (reserves_refund = 0 OR refunded + reversed + refund_reserved <= captured + surplus + foreign_amount)
) STRICT;
-- What sets up a mandate alone has the mandate's id, man_…, and is in no list of payments.
CREATE UNIQUE INDEX payments_reference ON payments (merchant_id, reference);
CREATE INDEX payments_newest ON payments (merchant_id, created_at, id) WHERE id >= 'pay_';
CREATE INDEX payments_by_status ON payments (merchant_id, status, created_at, id) WHERE id >= 'pay_';
CREATE INDEX payments_for_review ON payments (merchant_id, created_at, id) WHERE needs_review;
CREATE INDEX payments_by_account ON payments (merchant_id, account, created_at, id) WHERE id >= 'pay_';
CREATE INDEX payments_changed ON payments (updated_at, id);
CREATE INDEX payments_open ON payments (id)
    WHERE status IN ('requires_action', 'requires_confirmation', 'processing', 'requires_capture', 'partially_captured');

CREATE TABLE attempts (
    id         TEXT    NOT NULL PRIMARY KEY,
    payment_id TEXT    NOT NULL REFERENCES payments (id),
    number     INTEGER NOT NULL,
    account    TEXT    NOT NULL,
    provider   TEXT    NOT NULL,
    reference  TEXT    NOT NULL,
    method     TEXT    NOT NULL,
    amount     INTEGER NOT NULL CHECK (amount >= 0),
    currency   TEXT    NOT NULL,
    next       TEXT,
    retries    INTEGER NOT NULL,
    refs       TEXT,
    memo       TEXT,
    brought    TEXT,
    named      TEXT,
    review     TEXT,
    display    TEXT    NOT NULL,
    returned   INTEGER NOT NULL,
    owed_at    INTEGER,
    expired    INTEGER NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX attempts_number ON attempts (payment_id, number);

CREATE TABLE operations (
    id                  TEXT    NOT NULL PRIMARY KEY,
    payment_id          TEXT    NOT NULL REFERENCES payments (id),
    attempt_id          TEXT    NOT NULL,
    kind                TEXT    NOT NULL,
    state               TEXT    NOT NULL,
    reference           TEXT    NOT NULL,
    key                 TEXT    NOT NULL,
    ordinal             INTEGER NOT NULL,
    sequence            INTEGER NOT NULL,
    amount              INTEGER NOT NULL CHECK (amount >= 0),
    currency            TEXT    NOT NULL,
    baseline_authorized INTEGER NOT NULL,
    baseline_captured   INTEGER NOT NULL,
    baseline_refunded   INTEGER NOT NULL,
    try                 INTEGER NOT NULL,
    input               TEXT,
    object              TEXT    NOT NULL,
    own_reference       TEXT    NOT NULL,
    works_on            TEXT    NOT NULL,
    final               INTEGER NOT NULL,
    reason              TEXT    NOT NULL,
    metadata            TEXT,
    failure             TEXT,
    has_next            INTEGER NOT NULL,
    deadline            INTEGER,
    repeat_at           INTEGER,
    review              INTEGER NOT NULL,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL
) STRICT;
CREATE INDEX operations_by_payment ON operations (payment_id, created_at, id);
CREATE UNIQUE INDEX operations_key ON operations (attempt_id, key);
CREATE UNIQUE INDEX operations_own_reference ON operations (payment_id, kind, own_reference) WHERE own_reference <> '';
-- One operation at a time that may or may not have reached the provider. The upkeep of a mandate moves no money.
CREATE UNIQUE INDEX operations_unresolved ON operations (attempt_id)
    WHERE state IN ('sent', 'unknown') AND has_next = 0 AND kind NOT IN ('cancel_mandate', 'complete_mandate', 'update_mandate');

CREATE TABLE facts (
    payment_id  TEXT    NOT NULL REFERENCES payments (id),
    number      INTEGER NOT NULL,
    attempt_id  TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    measure     TEXT    NOT NULL,
    strength    TEXT    NOT NULL,
    amount      INTEGER NOT NULL,
    currency    TEXT    NOT NULL,
    object_id   TEXT    NOT NULL,
    belongs_to  TEXT    NOT NULL,
    op_key      TEXT    NOT NULL,
    sequence    INTEGER NOT NULL,
    code        TEXT    NOT NULL,
    failure     TEXT,
    evidence_id TEXT    NOT NULL,
    occurred_at INTEGER,
    stored_at   INTEGER NOT NULL,
    PRIMARY KEY (payment_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE evidence (
    id           TEXT    NOT NULL PRIMARY KEY,
    payment_id   TEXT    NOT NULL REFERENCES payments (id),
    attempt_id   TEXT    NOT NULL,
    operation_id TEXT    NOT NULL,
    feedback_id  TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    title        TEXT    NOT NULL,
    detail       TEXT,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX evidence_by_payment ON evidence (payment_id, created_at, id);

CREATE TABLE refs (
    account     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    value       TEXT NOT NULL,
    merchant_id TEXT NOT NULL,
    payment_id  TEXT NOT NULL REFERENCES payments (id),
    attempt_id  TEXT NOT NULL,
    PRIMARY KEY (account, kind, value)
) STRICT, WITHOUT ROWID;

-- body is what the merchant is sent, letter by letter, with the byte 1 where the payment's client token goes.
CREATE TABLE events (
    id          TEXT    NOT NULL PRIMARY KEY,
    merchant_id TEXT    NOT NULL,
    payment_id  TEXT    REFERENCES payments (id),
    sequence    INTEGER NOT NULL,
    type        TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_sequence ON events (payment_id, sequence);
CREATE INDEX events_newest ON events (merchant_id, created_at, id);
CREATE INDEX events_by_type ON events (merchant_id, type, created_at, id);

CREATE TABLE mandates (
    id                 TEXT    NOT NULL PRIMARY KEY,
    merchant_id        TEXT    NOT NULL,
    account            TEXT    NOT NULL,
    provider           TEXT    NOT NULL,
    kind               TEXT    NOT NULL,
    recurring          TEXT,
    status             TEXT    NOT NULL,
    method             TEXT    NOT NULL,
    display            TEXT    NOT NULL,
    refs               TEXT,
    memo               TEXT,
    payment_id         TEXT    NOT NULL,
    attempt_id         TEXT    NOT NULL,
    reference          TEXT    NOT NULL,
    merchant_reference TEXT NOT NULL,
    metadata           TEXT,
    next               TEXT,
    change             TEXT,
    last_error         TEXT,
    needs_review       INTEGER NOT NULL,
    version            INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL
) STRICT;
CREATE INDEX mandates_newest ON mandates (merchant_id, id);
CREATE INDEX mandates_by_status ON mandates (merchant_id, status, id);

CREATE TABLE feedback (
    id           TEXT    NOT NULL PRIMARY KEY,
    account      TEXT    NOT NULL,
    dedupe_key   TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    raw          BLOB    NOT NULL,
    masked       INTEGER NOT NULL,
    feedback     TEXT,
    state        TEXT    NOT NULL,
    note         TEXT    NOT NULL,
    merchant_id  TEXT    NOT NULL,
    payment_id   TEXT    NOT NULL,
    attempt_id   TEXT    NOT NULL,
    tries        INTEGER NOT NULL,
    received_at  INTEGER NOT NULL,
    applied_at   INTEGER
) STRICT;
CREATE UNIQUE INDEX feedback_dedupe ON feedback (account, dedupe_key);
CREATE INDEX feedback_open ON feedback (state, id) WHERE state <> 'applied';
CREATE INDEX feedback_by_account ON feedback (account, id);
CREATE INDEX feedback_by_merchant ON feedback (merchant_id, id) WHERE merchant_id <> '';
CREATE INDEX feedback_by_payment ON feedback (payment_id, id) WHERE payment_id <> '';

-- Keys are sealed. A merchant has an address once.
CREATE TABLE webhook_endpoints (
    id            TEXT    NOT NULL PRIMARY KEY,
    merchant_id   TEXT    NOT NULL,
    url           TEXT    NOT NULL,
    types         TEXT,
    status        TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    keys          BLOB    NOT NULL,
    description   TEXT    NOT NULL,
    metadata      TEXT,
    failing_since INTEGER,
    version       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_endpoints_newest ON webhook_endpoints (merchant_id, id);
CREATE UNIQUE INDEX webhook_endpoints_url ON webhook_endpoints (merchant_id, url);

-- An endpoint may be gone; what was sent to it stays.
CREATE TABLE deliveries (
    id          TEXT    NOT NULL PRIMARY KEY,
    merchant_id TEXT    NOT NULL,
    endpoint_id TEXT    NOT NULL,
    event_id    TEXT    NOT NULL REFERENCES events (id),
    payment_id  TEXT    NOT NULL,
    type        TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    sent        INTEGER NOT NULL,
    earlier     INTEGER NOT NULL,
    asked       INTEGER NOT NULL,
    failure     TEXT    NOT NULL,
    next_at     INTEGER,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX deliveries_once ON deliveries (endpoint_id, event_id);
CREATE INDEX deliveries_by_event ON deliveries (event_id, id);
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_open ON deliveries (endpoint_id, state, id) WHERE state <> 'succeeded';

CREATE TABLE delivery_tries (
    delivery_id TEXT    NOT NULL REFERENCES deliveries (id),
    number      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    failure     TEXT    NOT NULL,
    answer      TEXT    NOT NULL,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;

-- By what an unmatched item of the inbox can be found when an attempt gets one of these references.
CREATE TABLE parked (
    account     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    value       TEXT NOT NULL,
    feedback_id TEXT NOT NULL REFERENCES feedback (id),
    PRIMARY KEY (account, kind, value, feedback_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX parked_by_feedback ON parked (feedback_id);

CREATE TABLE idempotency (
    merchant_id   TEXT    NOT NULL,
    route         TEXT    NOT NULL,
    key           TEXT    NOT NULL,
    fingerprint   TEXT    NOT NULL,
    payment_id    TEXT    NOT NULL,
    operation_id  TEXT    NOT NULL,
    done          INTEGER NOT NULL,
    lease_until   INTEGER,
    answer_status INTEGER NOT NULL,
    answer_kind   TEXT    NOT NULL,
    snapshot      TEXT,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (merchant_id, route, key)
) STRICT;
CREATE INDEX idempotency_created ON idempotency (created_at);

-- Everything to be done in the background. While leased is set somebody has it until due_at.
CREATE TABLE work (
    kind    TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    due_at  INTEGER NOT NULL,
    tries   INTEGER NOT NULL,
    fence   INTEGER NOT NULL,
    leased  INTEGER NOT NULL,
    failed  INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX work_due ON work (kind, due_at, subject);

CREATE TABLE heartbeat (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    beat_at INTEGER NOT NULL
) STRICT;
INSERT INTO heartbeat (id, beat_at) VALUES (1, 0);

-- +goose StatementBegin
CREATE TRIGGER facts_keep BEFORE UPDATE ON facts BEGIN SELECT RAISE(ABORT, 'facts are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER facts_stay BEFORE DELETE ON facts BEGIN SELECT RAISE(ABORT, 'facts are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER evidence_keep BEFORE UPDATE ON evidence BEGIN SELECT RAISE(ABORT, 'evidence is never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER evidence_stay BEFORE DELETE ON evidence BEGIN SELECT RAISE(ABORT, 'evidence is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER events_keep BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER delivery_tries_keep BEFORE UPDATE ON delivery_tries BEGIN SELECT RAISE(ABORT, 'tries are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER delivery_tries_stay BEFORE DELETE ON delivery_tries BEGIN SELECT RAISE(ABORT, 'tries are never deleted'); END;
-- +goose StatementEnd
