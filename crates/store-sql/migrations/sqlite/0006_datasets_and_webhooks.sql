CREATE TABLE evaluation_datasets (
    dataset_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    schema TEXT,
    profile TEXT,
    created_by TEXT,
    last_updated_by TEXT,
    creation_time_ms INTEGER NOT NULL,
    last_update_time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluation_dataset_tags (
    dataset_id TEXT NOT NULL REFERENCES evaluation_datasets ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (dataset_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluation_dataset_experiments (
    dataset_id TEXT NOT NULL REFERENCES evaluation_datasets ON DELETE CASCADE,
    experiment_id TEXT NOT NULL REFERENCES experiments ON DELETE CASCADE,
    PRIMARY KEY (dataset_id, experiment_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX evaluation_dataset_experiments_of ON evaluation_dataset_experiments (experiment_id, dataset_id);

-- Inputs, outputs, expectations, tags and source are JSON.
CREATE TABLE evaluation_dataset_records (
    dataset_id TEXT NOT NULL REFERENCES evaluation_datasets ON DELETE CASCADE,
    input_hash TEXT NOT NULL,
    record_id TEXT NOT NULL UNIQUE,
    inputs TEXT NOT NULL,
    outputs TEXT,
    expectations TEXT,
    tags TEXT NOT NULL,
    source TEXT,
    created_by TEXT,
    last_updated_by TEXT,
    creation_time_ms INTEGER NOT NULL,
    last_update_time_ms INTEGER NOT NULL,
    PRIMARY KEY (dataset_id, input_hash)
) STRICT;
CREATE INDEX evaluation_dataset_records_in_order
    ON evaluation_dataset_records (dataset_id, creation_time_ms, record_id);

CREATE TABLE webhooks (
    webhook_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    sealed_secret TEXT,
    is_active INTEGER NOT NULL,
    creation_time_ms INTEGER NOT NULL,
    last_update_time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_events (
    webhook_id TEXT NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    position INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (webhook_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_events_of ON webhook_events (event, webhook_id);

-- What waits to be told, until it is told or given up.
CREATE TABLE webhook_deliveries (
    delivery_id TEXT PRIMARY KEY,
    webhook_id TEXT NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    event TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    creation_time_ms INTEGER NOT NULL,
    next_attempt_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_ms, delivery_id);
CREATE INDEX webhook_deliveries_of ON webhook_deliveries (webhook_id);
