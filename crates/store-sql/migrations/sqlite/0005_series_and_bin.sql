-- The least and greatest number of each metric are kept with its latest value, which is written with every batch anyway.
ALTER TABLE latest_metrics ADD COLUMN min_value REAL;
ALTER TABLE latest_metrics ADD COLUMN max_value REAL;
UPDATE latest_metrics SET (min_value, max_value) = (
    SELECT min(m.value), max(m.value) FROM metrics m WHERE m.run_id = latest_metrics.run_id AND m.key = latest_metrics.key
);
CREATE INDEX latest_metrics_min_of ON latest_metrics (experiment_id, key, min_value, run_id);
CREATE INDEX latest_metrics_max_of ON latest_metrics (experiment_id, key, max_value, run_id);

-- When a run went to the bin. Of those that are there already nobody knows; they count from today.
ALTER TABLE runs ADD COLUMN deleted_time_ms INTEGER;
UPDATE runs SET deleted_time_ms = CAST(strftime('%s', 'now') AS INTEGER) * 1000 WHERE lifecycle = 'deleted';
CREATE INDEX runs_deleted ON runs (run_id) WHERE lifecycle = 'deleted';
CREATE INDEX model_versions_of ON model_versions (run_id);
