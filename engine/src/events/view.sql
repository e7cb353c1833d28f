SELECT
    event.uuid,
    event_name.name AS event,
    distinct_id.distinct_id,
    distinct_id.person_id,
    event.timestamp,
    event.properties,
    event.group_0, event.group_1, event.group_2, event.group_3, event.group_4
FROM event
JOIN event_name ON event_name.id = event.event_name_id
JOIN distinct_id ON distinct_id.id = event.distinct_id_id
