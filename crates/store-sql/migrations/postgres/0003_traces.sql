-- Tags and metadata carry their trace's experiment, so that one index serves a search for a value within it; of a long
-- value it holds the first characters.
CREATE TABLE traces (
    trace_id TEXT COLLATE "C" PRIMARY KEY,
    experiment_id TEXT COLLATE "C" NOT NULL REFERENCES experiments,
    client_request_id TEXT COLLATE "C",
    request_time_ms BIGINT NOT NULL,
    execution_duration_ms BIGINT,
    state TEXT COLLATE "C" NOT NULL,
    request_preview TEXT COLLATE "C",
    response_preview TEXT COLLATE "C"
);
CREATE INDEX traces_newest ON traces (experiment_id, request_time_ms DESC, trace_id);
CREATE INDEX traces_all_newest ON traces (request_time_ms DESC, trace_id);

CREATE TABLE trace_tags (
    trace_id TEXT COLLATE "C" NOT NULL REFERENCES traces,
    experiment_id TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (trace_id, key)
);
CREATE INDEX trace_tags_of ON trace_tags (experiment_id, key, left(value, 100), trace_id);

CREATE TABLE trace_metadata (
    trace_id TEXT COLLATE "C" NOT NULL REFERENCES traces,
    experiment_id TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (trace_id, key)
);
CREATE INDEX trace_metadata_of ON trace_metadata (experiment_id, key, left(value, 100), trace_id);

CREATE TABLE spans (
    trace_id TEXT COLLATE "C" NOT NULL REFERENCES traces,
    span_id TEXT COLLATE "C" NOT NULL,
    parent_span_id TEXT COLLATE "C",
    name TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    start_time_ns BIGINT NOT NULL,
    end_time_ns BIGINT,
    content TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (trace_id, span_id)
);

CREATE TABLE assessments (
    trace_id TEXT COLLATE "C" NOT NULL REFERENCES traces,
    assessment_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    number DOUBLE PRECISION,
    error TEXT,
    source_type TEXT COLLATE "C" NOT NULL,
    source_id TEXT COLLATE "C" NOT NULL,
    rationale TEXT,
    metadata TEXT NOT NULL,
    span_id TEXT COLLATE "C",
    create_time_ms BIGINT NOT NULL,
    last_update_time_ms BIGINT NOT NULL,
    overrides TEXT COLLATE "C",
    valid BOOLEAN NOT NULL,
    PRIMARY KEY (trace_id, assessment_id)
);

-- What else a trace belongs to: kind `run` with a run id, kind `prompt` with name/version.
CREATE TABLE trace_links (
    trace_id TEXT COLLATE "C" NOT NULL REFERENCES traces,
    kind TEXT COLLATE "C" NOT NULL,
    target TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (trace_id, kind, target)
);
CREATE INDEX trace_links_of ON trace_links (kind, target, trace_id);
