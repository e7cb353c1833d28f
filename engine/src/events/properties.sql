-- The half of the schema that came with format 2: the properties of persons and groups.

-- The names other systems gave to persons; after a merge one person may have several. Without a person, nothing has said
-- yet which distinct ids are theirs.
CREATE TABLE person (id UINTEGER NOT NULL, external_id VARCHAR NOT NULL, person_id UINTEGER);

-- The types of groups; `group_<index>` of an event is the key of a group of the type with that index.
CREATE TABLE group_type (group_type_index UTINYINT NOT NULL, name VARCHAR NOT NULL);

-- What still counts of all that was said about properties. Per source, owner and key it is the last word ('set' or
-- 'unset'), or the first 'set once' while there is no other: the greatest and the smallest of a set, so that the order in
-- which they came does not matter. Words are ordered by time, uuid and operation.
CREATE TABLE property_change (
    source UINTEGER NOT NULL,       -- 0: the store; n + 1: the attached pattern n
    owner_kind UTINYINT NOT NULL,   -- 0: a distinct id; 1: a person by its name elsewhere; 2: a group
    owner_id UINTEGER NOT NULL,     -- distinct_id.id, person.id or group_profile.id
    key VARCHAR NOT NULL,
    operation UTINYINT NOT NULL,    -- 0: set once; 1: set; 2: unset
    timestamp TIMESTAMP NOT NULL,
    uuid UUID NOT NULL,
    value VARCHAR                   -- JSON; null for unset
);

-- What the changes amount to: one row per person, and one per group that something was said about.
CREATE TABLE person_profile (person_id UINTEGER NOT NULL, properties VARIANT NOT NULL);
CREATE TABLE group_profile (
    id UINTEGER NOT NULL,
    group_type_index UTINYINT NOT NULL,
    group_key VARCHAR NOT NULL,
    properties VARIANT NOT NULL
);
CREATE VIEW persons AS SELECT person_id, properties FROM person_profile;
CREATE VIEW groups AS SELECT group_type_index, group_key, properties FROM group_profile;
