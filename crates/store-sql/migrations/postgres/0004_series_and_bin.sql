-- The least and greatest number of each metric are kept with its latest value, which is written with every batch anyway.
ALTER TABLE latest_metrics ADD COLUMN min_value DOUBLE PRECISION;
ALTER TABLE latest_metrics ADD COLUMN max_value DOUBLE PRECISION;
UPDATE latest_metrics l SET min_value = m.least, max_value = m.greatest
FROM (SELECT run_id, key, min(value) AS least, max(value) AS greatest FROM metrics GROUP BY run_id, key) m
WHERE m.run_id = l.run_id AND m.key = l.key;
CREATE INDEX latest_metrics_min_of ON latest_metrics (experiment_id, key, min_value, run_id);
CREATE INDEX latest_metrics_max_of ON latest_metrics (experiment_id, key, max_value, run_id);

-- Arithmetic by IEEE 754, as in SQLite and Rust: PostgreSQL refuses results that are too great or too small for a
-- double. Whatever is no number, and a division by zero, is NULL.
CREATE FUNCTION metria_arithmetic(a DOUBLE PRECISION, operation TEXT, b DOUBLE PRECISION) RETURNS DOUBLE PRECISION
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    IF operation = '+' THEN
        RETURN nullif(a + b, 'NaN');
    ELSIF operation = '-' THEN
        RETURN nullif(a - b, 'NaN');
    ELSIF operation = '*' THEN
        RETURN nullif(a * b, 'NaN');
    ELSIF b = 0 THEN
        RETURN NULL;
    END IF;
    RETURN nullif(a / b, 'NaN');
EXCEPTION WHEN numeric_value_out_of_range THEN
    IF operation = '+' OR operation = '-' THEN
        RETURN CASE WHEN a > 0 THEN 'Infinity' ELSE '-Infinity' END;
    END IF;
    IF (operation = '*' AND abs(a) < 1) OR (operation = '/' AND abs(a) < abs(b)) THEN
        RETURN 0;
    END IF;
    RETURN CASE WHEN (a > 0) = (b > 0) THEN 'Infinity' ELSE '-Infinity' END;
END
$$;

-- When a run went to the bin. Of those that are there already nobody knows; they count from today.
ALTER TABLE runs ADD COLUMN deleted_time_ms BIGINT;
UPDATE runs SET deleted_time_ms = floor(extract(epoch FROM now()) * 1000)::bigint WHERE lifecycle = 'deleted';
CREATE INDEX runs_deleted ON runs (run_id) WHERE lifecycle = 'deleted';
CREATE INDEX model_versions_of ON model_versions (run_id);
