CREATE TABLE experiments (
    experiment_id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    artifact_location TEXT NOT NULL,
    lifecycle TEXT NOT NULL,
    creation_time_ms INTEGER NOT NULL,
    last_update_time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE experiment_tags (
    experiment_id TEXT NOT NULL REFERENCES experiments,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (experiment_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    experiment_id TEXT NOT NULL REFERENCES experiments,
    run_name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    status TEXT NOT NULL,
    start_time_ms INTEGER NOT NULL,
    end_time_ms INTEGER,
    artifact_uri TEXT NOT NULL,
    lifecycle TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_newest ON runs (experiment_id, start_time_ms DESC, run_id);
CREATE INDEX runs_all_newest ON runs (start_time_ms DESC, run_id);

CREATE TABLE params (
    run_id TEXT NOT NULL REFERENCES runs,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_tags (
    run_id TEXT NOT NULL REFERENCES runs,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

-- SQLite keeps NaN as NULL: a NULL value is NaN.
CREATE TABLE metrics (
    metric_id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs,
    key TEXT NOT NULL,
    value REAL,
    timestamp_ms INTEGER NOT NULL,
    step INTEGER NOT NULL
) STRICT;
CREATE INDEX metrics_history ON metrics (run_id, key, step, timestamp_ms, metric_id);

CREATE TABLE latest_metrics (
    run_id TEXT NOT NULL REFERENCES runs,
    key TEXT NOT NULL,
    value REAL,
    timestamp_ms INTEGER NOT NULL,
    step INTEGER NOT NULL,
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX latest_metrics_value ON latest_metrics (key, value, run_id);

CREATE TABLE run_inputs (
    run_id TEXT NOT NULL REFERENCES runs,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    source_type TEXT NOT NULL,
    source TEXT NOT NULL,
    schema TEXT,
    profile TEXT,
    context TEXT,
    PRIMARY KEY (run_id, name, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE models (
    name TEXT PRIMARY KEY,
    description TEXT NOT NULL,
    creation_time_ms INTEGER NOT NULL,
    last_update_time_ms INTEGER NOT NULL,
    next_version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE model_tags (
    name TEXT NOT NULL REFERENCES models ON UPDATE CASCADE ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_versions (
    name TEXT NOT NULL REFERENCES models ON UPDATE CASCADE ON DELETE CASCADE,
    version INTEGER NOT NULL,
    description TEXT NOT NULL,
    stage TEXT NOT NULL,
    source TEXT NOT NULL,
    run_id TEXT,
    storage_location TEXT NOT NULL,
    user_id TEXT NOT NULL,
    creation_time_ms INTEGER NOT NULL,
    last_update_time_ms INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_version_tags (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name, version, key),
    FOREIGN KEY (name, version) REFERENCES model_versions ON UPDATE CASCADE ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE model_aliases (
    name TEXT NOT NULL,
    alias TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (name, alias),
    FOREIGN KEY (name, version) REFERENCES model_versions ON UPDATE CASCADE ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE stage_transitions (
    transition_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL REFERENCES models ON UPDATE CASCADE ON DELETE CASCADE,
    version INTEGER NOT NULL,
    from_stage TEXT NOT NULL,
    to_stage TEXT NOT NULL,
    user_id TEXT NOT NULL,
    description TEXT NOT NULL,
    time_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX stage_transitions_of ON stage_transitions (name, transition_id);

CREATE TABLE gate_decisions (
    decision_id TEXT PRIMARY KEY,
    name TEXT NOT NULL REFERENCES models ON UPDATE CASCADE ON DELETE CASCADE,
    version INTEGER NOT NULL,
    compared_with INTEGER,
    passed INTEGER NOT NULL,
    reason TEXT NOT NULL,
    checks TEXT NOT NULL,
    time_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX gate_decisions_of ON gate_decisions (name, time_ms);
