-- Who counts as exposed in modern metrics, and whether only units count whose window has passed (M-10 to M-15).
ALTER TABLE experiment ADD COLUMN exposure_criteria TEXT CHECK (json_type(exposure_criteria) = 'object');
ALTER TABLE experiment ADD COLUMN only_count_matured_users INTEGER NOT NULL DEFAULT 0
    CHECK (only_count_matured_users IN (0, 1));
