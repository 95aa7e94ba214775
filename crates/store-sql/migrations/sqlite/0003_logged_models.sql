-- Models that runs log, each with an id of its own.
CREATE TABLE logged_models (
    model_id TEXT PRIMARY KEY,
    experiment_id TEXT NOT NULL REFERENCES experiments,
    name TEXT NOT NULL,
    model_type TEXT,
    source_run_id TEXT,
    status TEXT NOT NULL,
    artifact_location TEXT NOT NULL,
    creation_time_ms INTEGER NOT NULL,
    last_update_time_ms INTEGER NOT NULL,
    lifecycle TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX logged_models_newest ON logged_models (experiment_id, creation_time_ms DESC, model_id);
CREATE INDEX logged_models_all_newest ON logged_models (creation_time_ms DESC, model_id);
CREATE INDEX logged_models_named ON logged_models (experiment_id, name, creation_time_ms DESC, model_id);
CREATE INDEX logged_models_of_run ON logged_models (source_run_id, creation_time_ms DESC, model_id);

CREATE TABLE logged_model_params (
    model_id TEXT NOT NULL REFERENCES logged_models,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE logged_model_tags (
    model_id TEXT NOT NULL REFERENCES logged_models,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model_id, key)
) STRICT, WITHOUT ROWID;

-- A NULL value is NaN.
CREATE TABLE logged_model_metrics (
    metric_id INTEGER PRIMARY KEY,
    model_id TEXT NOT NULL REFERENCES logged_models,
    run_id TEXT NOT NULL REFERENCES runs,
    key TEXT NOT NULL,
    value REAL,
    timestamp_ms INTEGER NOT NULL,
    step INTEGER NOT NULL,
    dataset_name TEXT,
    dataset_digest TEXT
) STRICT;
CREATE INDEX logged_model_metrics_of ON logged_model_metrics (model_id, key, step, timestamp_ms, metric_id);

-- The logged models that a run used (input) and made (output), in this store or not.
CREATE TABLE run_models (
    run_id TEXT NOT NULL REFERENCES runs,
    role TEXT NOT NULL,
    model_id TEXT NOT NULL,
    step INTEGER NOT NULL,
    PRIMARY KEY (run_id, role, model_id)
) STRICT, WITHOUT ROWID;

ALTER TABLE model_versions ADD COLUMN model_id TEXT;
