-- The event store. One row in `meta`. In the same transaction as any change of the data `data_version` rises, and
-- `data_digest` becomes a hash of itself and of what changed: stores with equal digests went through equal changes.
CREATE TABLE meta (
    format_version UINTEGER NOT NULL,
    data_version UBIGINT NOT NULL,
    data_digest VARCHAR NOT NULL
);
INSERT INTO meta VALUES (2, 0, '');

-- The dictionaries: an event carries two small integers, its name and its distinct id.
CREATE TABLE event_name (id UINTEGER NOT NULL, name VARCHAR NOT NULL);

-- A person is a set of distinct ids, named by the smallest `distinct_id.id` among them. Merging persons changes
-- `person_id` here and nowhere else, so that past events follow.
CREATE TABLE distinct_id (id UINTEGER NOT NULL, distinct_id VARCHAR NOT NULL, person_id UINTEGER NOT NULL);

-- `timestamp` is UTC. `properties` is a JSON object. `group_<index>` is the key of the group of that type.
CREATE TABLE event (
    uuid UUID NOT NULL,
    event_name_id UINTEGER NOT NULL,
    distinct_id_id UINTEGER NOT NULL,
    timestamp TIMESTAMP NOT NULL,
    properties VARIANT NOT NULL,
    group_0 VARCHAR,
    group_1 VARCHAR,
    group_2 VARCHAR,
    group_3 VARCHAR,
    group_4 VARCHAR
);

-- Parquet files that stay where they are. `files` is the fingerprint of what was scanned, as JSON; the counts are of
-- that scan.
CREATE TABLE attached (
    id UINTEGER NOT NULL,
    pattern VARCHAR NOT NULL,
    mapping VARCHAR NOT NULL,
    files VARCHAR NOT NULL,
    event_count UBIGINT NOT NULL,
    first_event TIMESTAMP,
    last_event TIMESTAMP
);
