"""The event log of the benches: the same rows for the same number of events, whatever the machine.

Twenty events a person, forty names, sixty days, three variants. Six persons in ten are exposed, some more than once,
one in two hundred to two variants. About a third of the rows matter to the funnel. No person has two events at one
instant, so that no rule about ties can make a difference.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

FLAG = "exp-checkout"
STEPS = ("$pageview", "add_to_cart", "checkout", "purchase")
VARIANTS = ("control", "test-a", "test-b")
WINDOW_DAYS = 14
DAYS = 60

# `chance(n, salt)` is a number between 0 and 1 that depends on nothing but its arguments.
_ROWS = """
CREATE MACRO chance(n, salt) AS (hash(n, salt) % 1000003) / 1000003.0;
CREATE TABLE person AS
    SELECT i AS person, CAST(floor(3 * chance(i, 'variant')) AS INTEGER) AS variant,
        CAST(floor(40 * 86400 * chance(i, 'first')) AS BIGINT) AS first
    FROM range({persons}) AS r(i);
CREATE TABLE draft AS
    WITH exposed AS (SELECT * FROM person WHERE chance(person, 'exposed') < 0.6),
    exposure AS (
        SELECT person, first + CAST(n * 86400 * 3 * chance(person, 'again') AS BIGINT) AS second,
            '$feature_flag_called' AS event,
            CASE WHEN n = 1 AND chance(person, 'other') < 0.01 THEN (variant + 1) % 3 ELSE variant END AS response
        FROM exposed, range(4) AS r(n) WHERE n = 0 OR chance(person * 4 + n, 'repeat') < 0.35
    ),
    step AS (
        SELECT person, first + 60 * (k + 1) + CAST(86400 * 5 * k * chance(person * 8 + k, 'wait') AS BIGINT) AS second,
            ['$pageview', 'add_to_cart', 'checkout', 'purchase'][k + 1] AS event, NULL AS response
        FROM exposed, range(4) AS r(k)
        WHERE chance(person, 'depth')
            < [0.92, 0.5 + 0.02 * variant, 0.26 + 0.01 * variant, 0.13 + 0.02 * variant][k + 1]
    )
    SELECT * FROM exposure UNION ALL SELECT * FROM step;
INSERT INTO draft
    SELECT CAST(floor({persons} * pow(chance(i, 'who'), 1.5)) AS BIGINT),
        CAST(floor({days} * 86400 * chance(i, 'when')) AS BIGINT),
        CASE WHEN chance(i, 'what') < 0.2 THEN '$pageview' WHEN chance(i, 'what') < 0.24 THEN 'add_to_cart'
            ELSE 'event_' || CAST(floor(36 * pow(chance(i, 'which'), 2)) AS INTEGER) END, NULL
    FROM range({events} - (SELECT count(*) FROM draft)) AS r(i);
COPY (
    SELECT event, 'user-' || person AS distinct_id, person AS person_id,
        make_timestamp(1735689600000000 + least(second, {days} * 86400 - 1) * 1000000
            + row_number() OVER (PARTITION BY person ORDER BY second, event, response)) AS timestamp,
        CASE WHEN response IS NOT NULL THEN '{flag}' END AS flag,
        CASE WHEN response IS NOT NULL THEN ['control', 'test-a', 'test-b'][response + 1] END AS response,
        CASE WHEN event = 'purchase' THEN round(10 + 90 * chance(person, 'price'), 2) END AS amount,
        CASE WHEN response IS NOT NULL
            THEN '{{"$feature_flag":"{flag}","$feature_flag_response":"'
                || ['control', 'test-a', 'test-b'][response + 1] || '"}}'
            WHEN event = 'purchase' THEN '{{"amount":' || round(10 + 90 * chance(person, 'price'), 2) || '}}'
            ELSE '{{"$browser":"Firefox"}}' END AS properties
    FROM draft ORDER BY timestamp, person
) TO '{path}' (FORMAT parquet, COMPRESSION zstd);
"""


def generate(events: int, path: Path) -> None:
    """Writes a log of so many events into a Parquet file, in order of time; at once, or not at all."""
    unfinished = path.with_suffix(".unfinished")
    with duckdb.connect() as connection:
        text = _ROWS.format(
            events=events, persons=max(events // 20, 50), days=DAYS, flag=FLAG, path=str(unfinished).replace("'", "''")
        )
        connection.execute(text)
    unfinished.rename(path)
