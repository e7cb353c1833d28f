"""What a flag is asked, as the engine reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from abduck import _moment


def flag_json(
    flag: Mapping[str, Any],
    group_types: Mapping[int | str, str] | None,
    cohorts: Mapping[int | str, Any] | None,
    now: datetime | str | None,
) -> str:
    """A flag and what it refers to."""
    by_number = {str(index): name for index, name in (group_types or {}).items()}
    by_id = {str(number): cohort for number, cohort in (cohorts or {}).items()}
    return _json({"flag": dict(flag), "group_types": by_number, "cohorts": by_id, "now": _moment.to_text(now)})


def person_json(
    distinct_id: str,
    person_properties: Mapping[str, Any] | None,
    groups: Mapping[Any, object] | None,
    group_properties: Mapping[Any, Mapping[str, Any]] | None,
    hash_key_override: str | None,
) -> str:
    """Whoever a flag is evaluated for."""
    person = {
        "distinct_id": str(distinct_id),
        "person_properties": dict(person_properties or {}),
        "groups": {str(name): str(key) for name, key in (groups or {}).items()},
        "group_properties": {str(name): dict(properties) for name, properties in (group_properties or {}).items()},
        "hash_key_override": hash_key_override,
    }
    return _json(person)


def check_frame(frame: object) -> None:
    """Refuses what has no rows to hand over."""
    if not hasattr(frame, "__arrow_c_stream__"):
        raise TypeError(f"{type(frame).__name__} has no __arrow_c_stream__: convert it to a frame that speaks Arrow")


def _json(value: object) -> str:
    return json.dumps(value, default=_moment.to_json)
