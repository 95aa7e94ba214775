-- Tags and metadata carry their trace's experiment, so that one index serves a search for a value within it; of a long
-- value it holds the first characters.
CREATE TABLE traces (
    trace_id TEXT PRIMARY KEY,
    experiment_id TEXT NOT NULL REFERENCES experiments,
    client_request_id TEXT,
    request_time_ms INTEGER NOT NULL,
    execution_duration_ms INTEGER,
    state TEXT NOT NULL,
    request_preview TEXT,
    response_preview TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX traces_newest ON traces (experiment_id, request_time_ms DESC, trace_id);
CREATE INDEX traces_all_newest ON traces (request_time_ms DESC, trace_id);

CREATE TABLE trace_tags (
    trace_id TEXT NOT NULL REFERENCES traces,
    experiment_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (trace_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX trace_tags_of ON trace_tags (experiment_id, key, substr(value, 1, 100), trace_id);

CREATE TABLE trace_metadata (
    trace_id TEXT NOT NULL REFERENCES traces,
    experiment_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (trace_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX trace_metadata_of ON trace_metadata (experiment_id, key, substr(value, 1, 100), trace_id);

CREATE TABLE spans (
    trace_id TEXT NOT NULL REFERENCES traces,
    span_id TEXT NOT NULL,
    parent_span_id TEXT,
    name TEXT NOT NULL,
    type TEXT,
    status TEXT NOT NULL,
    start_time_ns INTEGER NOT NULL,
    end_time_ns INTEGER,
    content TEXT NOT NULL,
    PRIMARY KEY (trace_id, span_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE assessments (
    trace_id TEXT NOT NULL REFERENCES traces,
    assessment_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    number REAL,
    error TEXT,
    source_type TEXT NOT NULL,
    source_id TEXT NOT NULL,
    rationale TEXT,
    metadata TEXT NOT NULL,
    span_id TEXT,
    create_time_ms INTEGER NOT NULL,
    last_update_time_ms INTEGER NOT NULL,
    overrides TEXT,
    valid INTEGER NOT NULL,
    PRIMARY KEY (trace_id, assessment_id)
) STRICT, WITHOUT ROWID;

-- What else a trace belongs to: kind `run` with a run id, kind `prompt` with name/version.
CREATE TABLE trace_links (
    trace_id TEXT NOT NULL REFERENCES traces,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (trace_id, kind, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX trace_links_of ON trace_links (kind, target, trace_id);
