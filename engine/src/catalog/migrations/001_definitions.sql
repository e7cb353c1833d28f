-- Times are UTC microseconds; lists and objects are JSON text; truth values are 0 or 1.

-- One row; a setting that is not named has its default.
CREATE TABLE lab_settings (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    settings TEXT NOT NULL CHECK (json_type(settings) = 'object')
) STRICT;

INSERT INTO lab_settings VALUES (1, '{}');

CREATE TABLE feature_flag (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 400),
    name TEXT NOT NULL,
    filters TEXT NOT NULL CHECK (json_type(filters) = 'object'),
    rollout_percentage REAL CHECK (rollout_percentage BETWEEN 0 AND 100),
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
    ensure_experience_continuity INTEGER NOT NULL CHECK (ensure_experience_continuity IN (0, 1)),
    version INTEGER NOT NULL CHECK (version >= 1),
    created_by TEXT,
    created_at INTEGER NOT NULL
) STRICT;

-- A deleted flag keeps its key while an experiment needs it (L-22); only live flags compete for one (V-20).
CREATE UNIQUE INDEX feature_flag_live_key ON feature_flag (key) WHERE deleted = 0;
CREATE INDEX feature_flag_key ON feature_flag (key);

CREATE TABLE holdout (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 400),
    description TEXT CHECK (length(description) <= 400),
    filters TEXT NOT NULL CHECK (json_type(filters) = 'array'),
    created_by TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE cohort (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 400),
    description TEXT,
    is_static INTEGER NOT NULL CHECK (is_static IN (0, 1)),
    filters TEXT NOT NULL CHECK (json_type(filters) = 'object'),
    created_by TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE cohort_member (
    cohort_id INTEGER NOT NULL REFERENCES cohort (id) ON DELETE CASCADE,
    person_id TEXT NOT NULL,
    PRIMARY KEY (cohort_id, person_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE action (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 400),
    description TEXT,
    steps TEXT NOT NULL CHECK (json_type(steps) = 'array'),
    created_by TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE saved_metric (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 400),
    description TEXT CHECK (length(description) <= 400),
    query TEXT NOT NULL CHECK (json_type(query) = 'object'),
    created_by TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- A flag outlives its experiments; holdouts and cohorts do not hold an experiment back (lifecycle rule 1.1).
CREATE TABLE experiment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 400),
    description TEXT CHECK (length(description) <= 400),
    start_date INTEGER,
    end_date INTEGER,
    feature_flag_id INTEGER NOT NULL REFERENCES feature_flag (id) ON DELETE RESTRICT,
    holdout_id INTEGER REFERENCES holdout (id) ON DELETE SET NULL,
    exposure_cohort_id INTEGER REFERENCES cohort (id) ON DELETE SET NULL,
    parameters TEXT CHECK (json_type(parameters) = 'object'),
    filters TEXT NOT NULL CHECK (json_type(filters) = 'object'),
    secondary_metrics TEXT CHECK (json_type(secondary_metrics) = 'array'),
    metrics TEXT CHECK (json_type(metrics) = 'array'),
    metrics_secondary TEXT CHECK (json_type(metrics_secondary) = 'array'),
    stats_config TEXT NOT NULL CHECK (json_type(stats_config) = 'object'),
    type TEXT CHECK (type IN ('web', 'product')),
    variants TEXT CHECK (json_type(variants) = 'object'),
    archived INTEGER NOT NULL CHECK (archived IN (0, 1)),
    created_by TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CHECK (end_date >= start_date)
) STRICT;

CREATE INDEX experiment_feature_flag ON experiment (feature_flag_id);
CREATE INDEX experiment_holdout ON experiment (holdout_id);
CREATE INDEX experiment_exposure_cohort ON experiment (exposure_cohort_id);

CREATE TABLE experiment_saved_metric (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    experiment_id INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    saved_metric_id INTEGER NOT NULL REFERENCES saved_metric (id) ON DELETE CASCADE,
    metadata TEXT NOT NULL CHECK (json_type(metadata) = 'object'),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (experiment_id, saved_metric_id)
) STRICT;

CREATE INDEX experiment_saved_metric_metric ON experiment_saved_metric (saved_metric_id);

CREATE TABLE result_cache (
    key TEXT PRIMARY KEY,
    computed_at INTEGER NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE result_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    experiment_id INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    computed_at INTEGER NOT NULL,
    result TEXT NOT NULL CHECK (json_valid(result))
) STRICT;

CREATE INDEX result_history_experiment ON result_history (experiment_id, computed_at);

-- No foreign keys: the log outlives what it tells of.
CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    who TEXT,
    operation TEXT NOT NULL,
    noun TEXT NOT NULL,
    noun_id INTEGER NOT NULL,
    before TEXT CHECK (json_valid(before)),
    after TEXT CHECK (json_valid(after))
) STRICT;

CREATE INDEX audit_log_noun ON audit_log (noun, noun_id);

CREATE TRIGGER audit_log_is_not_rewritten BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append only'); END;

CREATE TRIGGER audit_log_is_not_shortened BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append only'); END;
