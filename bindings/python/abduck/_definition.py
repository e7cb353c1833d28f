"""What stands in a definition as an object, and goes into it in its outward form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from abduck import _moment
from abduck.errors import InvalidError


class Definition:
    """Something that knows its outward form."""

    def to_dict(self) -> dict[str, Any]:
        """The outward form."""
        raise NotImplementedError


def to_json(definition: Mapping[str, Any] | Definition) -> str:
    """A definition, and whatever stands in it, as JSON text."""
    return json.dumps(definition.to_dict() if isinstance(definition, Definition) else dict(definition), default=_inner)


def invalid(field: str, message: str, hint: str) -> InvalidError:
    """What is refused before the engine can see it, in the engine's way: what, where, and what to do next."""
    return InvalidError(message, code="invalid_input", hints=[hint], field=field)


def _inner(value: object) -> object:
    return value.to_dict() if isinstance(value, Definition) else _moment.to_json(value)
