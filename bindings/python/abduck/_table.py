"""What answers with rows have in common when they are shown: as Markdown and HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from abduck._entities import table

_SHOWN = 10


class Rows:
    """An answer of rows only. It cannot be changed."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an answer cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an answer cannot be changed")

    def __len__(self) -> int:
        raise NotImplementedError

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dictionary per row."""
        raise NotImplementedError

    def to_markdown(self) -> str:
        """All rows as a table in Markdown."""
        return markdown(self.to_dicts())

    def to_html(self) -> str:
        """All rows as a table in HTML."""
        return table(self.to_dicts())

    def _repr_html_(self) -> str:
        more = f"<p>{len(self)} rows, of which the first {_SHOWN}</p>" if len(self) > _SHOWN else ""
        return table(self.to_dicts()[:_SHOWN]) + more


def markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows with the same keys as a table in Markdown."""
    if not rows:
        return "*none*\n"
    marks = ["---:" if isinstance(value, (int, float)) else "---" for value in rows[0].values()]
    lines = [list(map(_cell, rows[0])), marks, *([_cell(value) for value in row.values()] for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
