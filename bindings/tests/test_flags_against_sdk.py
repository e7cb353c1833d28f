"""Thousands of random flags, evaluated here and by the public PostHog Python SDK without its server: equal values.

The SDK is the one of the time of the reference rules (posthog 3.7). What it leaves to the server, or answers
differently than the rules, does not occur in the generated flags:

- holdouts, super groups, `is_not_set`, static cohorts and properties that are not known: the SDK asks the server;
- flags that split groups, for groups without known properties: the SDK fails;
- a truth value under `regex`, `gt` and their like: its text is Python's (`True`) there, and JSON's (`true`) here;
- properties that are lists, under any operator: their text is Python's there;
- `icontains` and its like with a list of values: the SDK searches for the text of the list;
- `gt` and its like with a list of values: the SDK compares with the text of the list, the rules never match;
- numbers that Python writes otherwise than JSON, such as `1e+16`;
- dates in forms that are ambiguous, and patterns that only Python understands.

Reasons and condition indices exist on the server only, so values and payloads are compared.
"""

import logging
import random
from datetime import datetime, timedelta, timezone
from typing import Any

import abduck
import pytest
from posthog.client import Client

FLAGS = 3_000
IDS_PER_FLAG = 5
SEED = 20241201
NAMES = ["plan", "country", "age", "score", "enabled", "email", "seen"]
TEXTS = [
    "pro",
    "Pro",
    "FREE",
    "nl",
    "de",
    "307",
    "30",
    "4",
    "4.5",
    "true",
    "False",
    "ann@example.com",
    "Ünïcode",
    "",
    "a.c",
]
NUMBERS = [0, 1, 4, 30, 307, -5, 4.5, 0.1, 1e6, 9_007_199_254_740_993]
DATES = ["2024-05-01", "2024-05-01T10:00:00Z", "2024-05-01 12:30:00", "2024-05-01T12:00:00+02:00", "2022-12-31"]
RELATIVE = ["-3d", "2w", "-36h", "-1m", "1y"]
PATTERNS = ["^pro$", "o", "[0-9]+", "a.c", "(", r"@example\.com$", "(?i)PRO", r"\d{2,}", ""]
OPERATORS = [None, "exact", "exact", "is_not", "icontains", "not_icontains", "regex", "not_regex", "is_set"]
OPERATORS += ["gt", "gte", "lt", "lte", "is_date_before", "is_date_after"]
KEYS = ["control", "test", "third"]


def any_property(chance: random.Random) -> Any:
    return chance.choice([chance.choice(TEXTS), chance.choice(NUMBERS), chance.choice([True, False]), None])


def any_condition(chance: random.Random) -> dict[str, Any]:
    """A condition on a property, with an operator that the SDK evaluates by itself."""
    operator = chance.choice(OPERATORS)
    value: Any = chance.choice([*TEXTS, *NUMBERS])
    key = chance.choice(NAMES[:-1])
    if operator in (None, "exact", "is_not"):
        candidates = [*TEXTS, *NUMBERS, True, False]
        value = chance.choice([chance.choice(candidates), chance.sample(candidates, chance.randint(0, 4))])
    elif operator in ("regex", "not_regex"):
        key, value = chance.choice(["plan", "email"]), chance.choice(PATTERNS)
    elif operator in ("gt", "gte", "lt", "lte"):
        key = chance.choice(["age", "score"])
        value = chance.choice([value, chance.choice(NUMBERS)])
    elif operator in ("is_date_before", "is_date_after"):
        key, value = "seen", chance.choice(DATES + RELATIVE)
    condition = {"key": key, "value": value, "type": "person", "operator": operator}
    return {name: part for name, part in condition.items() if part is not None}


def any_group(chance: random.Random) -> dict[str, Any]:
    group: dict[str, Any] = {"properties": [any_condition(chance) for _ in range(chance.choice([0, 0, 1, 1, 2]))]}
    group["rollout_percentage"] = chance.choice([None, 0, 100, chance.randint(0, 100), chance.uniform(0, 100)])
    group["variant"] = chance.choice([None, None, None, "test", "nobody"])
    if chance.random() < 0.2:
        group["properties"].append({"key": "id", "type": "cohort", "value": chance.choice([1, 2, 3])})
    return group


def any_flag(chance: random.Random, number: int) -> dict[str, Any]:
    shares = [chance.choice([0, 10, 33.3, 50, chance.uniform(0, 60)]) for _ in range(chance.randint(0, 3))]
    variants = [{"key": key, "rollout_percentage": share} for key, share in zip(KEYS, shares, strict=False)]
    payloads = {key: {"of": key, "number": number} for key in [*KEYS, "true"] if chance.random() < 0.5}
    filters: dict[str, Any] = {"groups": [any_group(chance) for _ in range(chance.randint(0, 4))], "payloads": payloads}
    filters["multivariate"] = {"variants": variants} if variants or chance.random() < 0.5 else None
    if chance.random() < 0.15:
        filters["aggregation_group_type_index"] = 0
        for group in filters["groups"]:
            group["properties"] = [
                {**each, "type": "group", "group_type_index": 0}
                for each in group["properties"]
                if each["type"] != "cohort"
            ]
    return {"key": f"flag-{number}", "active": True, "filters": filters}


def any_person(chance: random.Random) -> dict[str, Any]:
    """Every property is known, so that the SDK does not ask the server."""
    person = {name: any_property(chance) for name in NAMES}
    person["plan"], person["email"] = chance.choice(TEXTS), chance.choice(TEXTS)
    # Orders compare these as numbers or as texts; see above for truth values.
    person["age"], person["score"] = chance.choice(NUMBERS), chance.choice([*TEXTS, *NUMBERS, None])
    person["seen"] = chance.choice([*DATES, (datetime.now(timezone.utc) - timedelta(days=20, hours=7)).isoformat()])
    return person


COHORTS: dict[str, Any] = {
    "1": {"type": "OR", "values": [{"key": "plan", "value": ["pro"]}, {"key": "age", "value": 30, "operator": "gt"}]},
    "2": {
        "type": "AND",
        "values": [
            {"type": "OR", "values": [{"key": "country", "value": "nl", "negation": True}]},
            {"type": "AND", "values": [{"key": "id", "type": "cohort", "value": 1}]},
        ],
    },
    "3": {"type": "OR", "values": []},
}


def test_values_equal_those_of_the_sdk(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "posthog")
    chance = random.Random(SEED)
    # Without a key and a consumer, and told to evaluate locally, the client never opens a connection.
    client = Client("phc_offline", personal_api_key=None, send=False, disabled=False)
    client.group_type_mapping = {"0": "company"}
    client.cohorts = COHORTS
    seen: dict[Any, int] = {}
    for number in range(FLAGS):
        flag = any_flag(chance, number)
        client.feature_flags, client.feature_flags_by_key = [flag], {flag["key"]: flag}
        for _ in range(IDS_PER_FLAG):
            person, distinct_id = any_person(chance), f"user-{chance.randrange(10**6)}"
            groups = chance.choice([{"company": f"company-{chance.randrange(1000)}"}, {}])
            known = {
                "groups": groups,
                "person_properties": person,
                "group_properties": {"company": any_person(chance)},
            }
            theirs = client.get_feature_flag(
                flag["key"], distinct_id, **known, only_evaluate_locally=True, send_feature_flag_events=False
            )
            assert theirs is not None, f"left to the server: {flag}"
            ours = abduck.evaluate_flag(flag, distinct_id, **known, group_types={0: "company"}, cohorts=COHORTS)
            assert ours is not None
            assert ours.value == theirs, f"{flag} {distinct_id} {known}"
            if ours.match:
                payload = client.get_feature_flag_payload(
                    flag["key"],
                    distinct_id,
                    match_value=theirs,
                    **known,
                    only_evaluate_locally=True,
                    send_feature_flag_events=False,
                )
                assert ours.payload == payload
            seen[ours.value] = seen.get(ours.value, 0) + 1
    assert seen.keys() == {True, False, *KEYS}
    assert min(seen.values()) > FLAGS * IDS_PER_FLAG / 100, seen
