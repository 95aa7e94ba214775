-- Texts are compared by their bytes (collation "C"), as SQLite does. JSON is kept as the text that came.
CREATE TABLE experiments (
    experiment_id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    artifact_location TEXT NOT NULL,
    lifecycle TEXT COLLATE "C" NOT NULL,
    creation_time_ms BIGINT NOT NULL,
    last_update_time_ms BIGINT NOT NULL
);

CREATE TABLE experiment_tags (
    experiment_id TEXT COLLATE "C" NOT NULL REFERENCES experiments,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (experiment_id, key)
);

CREATE TABLE runs (
    run_id TEXT COLLATE "C" PRIMARY KEY,
    experiment_id TEXT COLLATE "C" NOT NULL REFERENCES experiments,
    run_name TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    start_time_ms BIGINT NOT NULL,
    end_time_ms BIGINT,
    artifact_uri TEXT COLLATE "C" NOT NULL,
    lifecycle TEXT COLLATE "C" NOT NULL
);
CREATE INDEX runs_newest ON runs (experiment_id, start_time_ms DESC, run_id);
CREATE INDEX runs_all_newest ON runs (start_time_ms DESC, run_id);

-- What can be searched for carries its run's experiment, which never changes, so that one index serves a search within
-- an experiment: (experiment, key, value). Of a long text the indexes hold the first characters.
CREATE TABLE params (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs,
    experiment_id TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, key)
);
CREATE INDEX params_of ON params (experiment_id, key, left(value, 100), run_id);

CREATE TABLE run_tags (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs,
    experiment_id TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, key)
);
CREATE INDEX run_tags_of ON run_tags (experiment_id, key, left(value, 100), run_id);

-- A NULL value is NaN, as in SQLite.
CREATE TABLE metrics (
    metric_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs,
    key TEXT COLLATE "C" NOT NULL,
    value DOUBLE PRECISION,
    timestamp_ms BIGINT NOT NULL,
    step BIGINT NOT NULL
);
CREATE INDEX metrics_history ON metrics (run_id, key, step, timestamp_ms, metric_id);

CREATE TABLE latest_metrics (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs,
    experiment_id TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value DOUBLE PRECISION,
    timestamp_ms BIGINT NOT NULL,
    step BIGINT NOT NULL,
    PRIMARY KEY (run_id, key)
);
CREATE INDEX latest_metrics_of ON latest_metrics (experiment_id, key, value, run_id);
CREATE INDEX latest_metrics_value ON latest_metrics (key, value, run_id);

CREATE TABLE run_inputs (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs,
    name TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    source_type TEXT NOT NULL,
    source TEXT NOT NULL,
    schema TEXT,
    profile TEXT,
    context TEXT COLLATE "C",
    PRIMARY KEY (run_id, name, digest)
);

CREATE TABLE models (
    name TEXT COLLATE "C" PRIMARY KEY,
    description TEXT NOT NULL,
    creation_time_ms BIGINT NOT NULL,
    last_update_time_ms BIGINT NOT NULL,
    next_version BIGINT NOT NULL
);

CREATE TABLE model_tags (
    name TEXT COLLATE "C" NOT NULL REFERENCES models ON UPDATE CASCADE ON DELETE CASCADE,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name, key)
);

CREATE TABLE model_versions (
    name TEXT COLLATE "C" NOT NULL REFERENCES models ON UPDATE CASCADE ON DELETE CASCADE,
    version BIGINT NOT NULL,
    description TEXT NOT NULL,
    stage TEXT COLLATE "C" NOT NULL,
    source TEXT NOT NULL,
    run_id TEXT,
    storage_location TEXT NOT NULL,
    user_id TEXT NOT NULL,
    creation_time_ms BIGINT NOT NULL,
    last_update_time_ms BIGINT NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE model_version_tags (
    name TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name, version, key),
    FOREIGN KEY (name, version) REFERENCES model_versions ON UPDATE CASCADE ON DELETE CASCADE
);

CREATE TABLE model_aliases (
    name TEXT COLLATE "C" NOT NULL,
    alias TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (name, alias),
    FOREIGN KEY (name, version) REFERENCES model_versions ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX model_aliases_of ON model_aliases (name, version);

CREATE TABLE stage_transitions (
    transition_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL REFERENCES models ON UPDATE CASCADE ON DELETE CASCADE,
    version BIGINT NOT NULL,
    from_stage TEXT NOT NULL,
    to_stage TEXT NOT NULL,
    user_id TEXT NOT NULL,
    description TEXT NOT NULL,
    time_ms BIGINT NOT NULL
);
CREATE INDEX stage_transitions_of ON stage_transitions (name, transition_id);

CREATE TABLE gate_decisions (
    decision_id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL REFERENCES models ON UPDATE CASCADE ON DELETE CASCADE,
    version BIGINT NOT NULL,
    compared_with BIGINT,
    passed BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    checks TEXT NOT NULL,
    time_ms BIGINT NOT NULL
);
CREATE INDEX gate_decisions_of ON gate_decisions (name, time_ms);
