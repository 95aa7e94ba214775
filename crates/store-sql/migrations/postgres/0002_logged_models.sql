-- Models that runs log, each with an id of its own.
CREATE TABLE logged_models (
    model_id TEXT COLLATE "C" PRIMARY KEY,
    experiment_id TEXT COLLATE "C" NOT NULL REFERENCES experiments,
    name TEXT COLLATE "C" NOT NULL,
    model_type TEXT COLLATE "C",
    source_run_id TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    artifact_location TEXT NOT NULL,
    creation_time_ms BIGINT NOT NULL,
    last_update_time_ms BIGINT NOT NULL,
    lifecycle TEXT COLLATE "C" NOT NULL
);
CREATE INDEX logged_models_newest ON logged_models (experiment_id, creation_time_ms DESC, model_id);
CREATE INDEX logged_models_all_newest ON logged_models (creation_time_ms DESC, model_id);
CREATE INDEX logged_models_named ON logged_models (experiment_id, name, creation_time_ms DESC, model_id);
CREATE INDEX logged_models_of_run ON logged_models (source_run_id, creation_time_ms DESC, model_id);

CREATE TABLE logged_model_params (
    model_id TEXT COLLATE "C" NOT NULL REFERENCES logged_models,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (model_id, key)
);

CREATE TABLE logged_model_tags (
    model_id TEXT COLLATE "C" NOT NULL REFERENCES logged_models,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (model_id, key)
);

-- A NULL value is NaN, as in SQLite.
CREATE TABLE logged_model_metrics (
    metric_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id TEXT COLLATE "C" NOT NULL REFERENCES logged_models,
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs,
    key TEXT COLLATE "C" NOT NULL,
    value DOUBLE PRECISION,
    timestamp_ms BIGINT NOT NULL,
    step BIGINT NOT NULL,
    dataset_name TEXT COLLATE "C",
    dataset_digest TEXT COLLATE "C"
);
CREATE INDEX logged_model_metrics_of ON logged_model_metrics (model_id, key, step, timestamp_ms, metric_id);

-- The logged models that a run used (input) and made (output), in this store or not.
CREATE TABLE run_models (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs,
    role TEXT COLLATE "C" NOT NULL,
    model_id TEXT COLLATE "C" NOT NULL,
    step BIGINT NOT NULL,
    PRIMARY KEY (run_id, role, model_id)
);

ALTER TABLE model_versions ADD COLUMN model_id TEXT;
