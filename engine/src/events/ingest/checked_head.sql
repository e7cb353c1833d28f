SELECT
    line,
    reason,
    -- What is written aside: the text of a line that could not be read, else the row by its roles, fit to be mended.
    CASE
        WHEN reason IS NULL THEN NULL
        WHEN raw IS NOT NULL THEN to_json(raw)
        ELSE json_merge_patch('{}'::JSON, json_object(
            'event', event, 'distinct_id', distinct_id, 'group_key', group_key,
            'timestamp', CAST(given_timestamp AS VARCHAR), 'uuid', CAST(given_uuid AS VARCHAR), 'person_id', person_id,
            'properties', CASE WHEN is_object THEN merged ELSE to_json(CAST(given_properties AS VARCHAR)) END,
            'group_0', group_0, 'group_1', group_1, 'group_2', group_2, 'group_3', group_3, 'group_4', group_4))
    END::VARCHAR AS raw,
    -- Without an id of its own, an event is its content. A round trip through VARIANT sorts the keys and normalises
    -- numbers, so that no format and no order of writing matters. Version 8: "custom" in RFC 9562.
    CASE WHEN reason IS NULL THEN coalesce(uuid, CAST(regexp_replace(
        md5(concat_ws(chr(31), event, distinct_id, CAST(epoch_us(instant) AS VARCHAR),
            CAST(CAST(CAST(merged AS VARIANT) AS JSON) AS VARCHAR),
            coalesce(group_0, ''), coalesce(group_1, ''), coalesce(group_2, ''), coalesce(group_3, ''), coalesce(group_4, ''))),
        '^(.{12}).(.{3}).(.{15})$', '\18\28\3') AS UUID)) END AS uuid,
    event,
    distinct_id,
    -- The other distinct id of the same person, if the event says so. Ids that stand for "nobody in particular" would
    -- make strangers one person.
    CASE WHEN reason IS NULL AND event IN ('$identify', '$create_alias', '$merge_dangerously') THEN (
        CASE
            WHEN list_contains(nobody, lower(trim(distinct_id))) THEN NULL
            WHEN list_contains(nobody, lower(trim(other))) THEN NULL
            WHEN other = distinct_id THEN NULL
            ELSE other
        END) END AS other_id,
    CASE
        WHEN list_contains(nobody, lower(trim(distinct_id))) OR list_contains(nobody, lower(trim(person_id))) THEN NULL
        ELSE person_id
    END AS person_id,
    instant AS timestamp,
    merged AS properties,
    -- The key of a group in a column goes before the property of the same meaning.
    coalesce(group_0, nullif(said[8] ->> '$', '')) AS group_0,
    coalesce(group_1, nullif(said[9] ->> '$', '')) AS group_1,
    coalesce(group_2, nullif(said[10] ->> '$', '')) AS group_2,
    coalesce(group_3, nullif(said[11] ->> '$', '')) AS group_3,
    coalesce(group_4, nullif(said[12] ->> '$', '')) AS group_4,
    said
FROM (
    SELECT
        *,
        -- What the row says of persons and groups beside itself. A row of a table says only that.
        CASE
            WHEN reason IS NOT NULL THEN NULL
            WHEN noun = 'event' THEN json_extract(merged, ['$."$set"', '$."$set_once"', '$."$unset"', '$."$groups"',
                '$."$group_type"', '$."$group_key"', '$."$group_set"',
                '$."$group_0"', '$."$group_1"', '$."$group_2"', '$."$group_3"', '$."$group_4"'])
            WHEN noun = 'person' THEN [merged, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL]
            ELSE [NULL, NULL, NULL, NULL, to_json(group_type), to_json(group_key), merged, NULL, NULL, NULL, NULL, NULL]
        END AS said
    FROM (
        SELECT
            *,
            ['anonymous', 'guest', 'distinctid', 'distinct_id', 'id', 'not_authenticated', 'email', 'undefined', 'true', 'false',
                'null', 'none', 'nan', '0', '[object object]', '', '00000000-0000-0000-0000-000000000000'] AS nobody,
            CASE event
                WHEN '$identify' THEN merged ->> '$."$anon_distinct_id"'
                WHEN '$create_alias' THEN merged ->> '$.alias'
                WHEN '$merge_dangerously' THEN merged ->> '$.alias'
            END AS other,
            CASE
                WHEN flaw IS NOT NULL THEN flaw
                WHEN event IS NULL AND noun = 'event' THEN 'event is missing'
                WHEN distinct_id IS NULL AND noun = 'event' THEN 'distinct_id is missing'
                WHEN distinct_id IS NULL AND person_id IS NULL AND noun = 'person' THEN 'distinct_id is missing'
                WHEN distinct_id IS NULL AND list_contains(nobody, lower(trim(person_id))) THEN 'person_id stands for nobody in particular'
                WHEN group_key IS NULL AND noun = 'group' THEN 'group_key is missing'
                WHEN given_timestamp IS NULL OR CAST(given_timestamp AS VARCHAR) = '' THEN 'timestamp is missing'
                WHEN instant IS NULL AND regexp_full_match(CAST(given_timestamp AS VARCHAR), '-?\d+(\.\d+)?')
                    THEN 'timestamp is a number out of range, or of a unit that was not given'
                WHEN instant IS NULL THEN 'timestamp cannot be read'
                WHEN NOT instant BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-30' THEN 'timestamp is out of range'
                WHEN uuid IS NULL AND given_uuid IS NOT NULL THEN 'uuid is malformed'
                WHEN is_too_deep THEN 'properties are nested deeper than 100 levels'
                WHEN NOT is_object THEN 'properties are not a JSON object'
            END AS reason
        FROM (
            SELECT
                * EXCLUDE (event),
                CASE WHEN exposed_flag IS NULL THEN event ELSE '$feature_flag_called' END AS event,
                CASE
                    WHEN NOT is_object THEN NULL
                    WHEN exposed_flag IS NOT NULL THEN json_merge_patch(object, coalesce(additions, '{}'::JSON), json_object(
                        '$feature_flag', exposed_flag, '$feature_flag_response', exposed_variant))
                    WHEN additions IS NOT NULL THEN json_merge_patch(object, additions)
                    ELSE object
                END AS merged
            FROM (
                SELECT *, coalesce(json_type(object) = 'OBJECT', false) AS is_object
                FROM (
