-- What can be searched for carries its run's experiment, which never changes, so that one index serves a search within
-- an experiment: (experiment, key, value).
CREATE TABLE new_latest_metrics (
    run_id TEXT NOT NULL REFERENCES runs,
    experiment_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value REAL,
    timestamp_ms INTEGER NOT NULL,
    step INTEGER NOT NULL,
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;
INSERT INTO new_latest_metrics (run_id, experiment_id, key, value, timestamp_ms, step)
SELECT v.run_id, r.experiment_id, v.key, v.value, v.timestamp_ms, v.step
FROM latest_metrics v JOIN runs r ON r.run_id = v.run_id;
DROP TABLE latest_metrics;
ALTER TABLE new_latest_metrics RENAME TO latest_metrics;
CREATE INDEX latest_metrics_value ON latest_metrics (key, value, run_id);
CREATE INDEX latest_metrics_of ON latest_metrics (experiment_id, key, value, run_id);

CREATE TABLE new_params (
    run_id TEXT NOT NULL REFERENCES runs,
    experiment_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;
INSERT INTO new_params (run_id, experiment_id, key, value)
SELECT v.run_id, r.experiment_id, v.key, v.value FROM params v JOIN runs r ON r.run_id = v.run_id;
DROP TABLE params;
ALTER TABLE new_params RENAME TO params;
CREATE INDEX params_of ON params (experiment_id, key, value, run_id);

CREATE TABLE new_run_tags (
    run_id TEXT NOT NULL REFERENCES runs,
    experiment_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;
INSERT INTO new_run_tags (run_id, experiment_id, key, value)
SELECT v.run_id, r.experiment_id, v.key, v.value FROM run_tags v JOIN runs r ON r.run_id = v.run_id;
DROP TABLE run_tags;
ALTER TABLE new_run_tags RENAME TO run_tags;
CREATE INDEX run_tags_of ON run_tags (experiment_id, key, value, run_id);
