-- What was concluded from an experiment (M-68).
ALTER TABLE experiment ADD COLUMN conclusion TEXT
    CHECK (conclusion IN ('won', 'lost', 'inconclusive', 'stopped_early', 'invalid'));
ALTER TABLE experiment ADD COLUMN conclusion_comment TEXT CHECK (length(conclusion_comment) <= 400);

-- Whose identifier a person keeps for a flag with experience continuity (F-15): the first one written stays.
CREATE TABLE hash_key_override (
    feature_flag_id INTEGER NOT NULL REFERENCES feature_flag (id) ON DELETE CASCADE,
    distinct_id TEXT NOT NULL,
    hash_key TEXT NOT NULL,
    written_at INTEGER NOT NULL,
    PRIMARY KEY (feature_flag_id, distinct_id)
) STRICT, WITHOUT ROWID;

-- A static cohort's members are distinct ids, or the names other systems gave to persons.
ALTER TABLE cohort_member RENAME COLUMN person_id TO member;
