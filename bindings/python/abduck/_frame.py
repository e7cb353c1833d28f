"""Rows as frames of other libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    import polars as _polars
    import pyarrow as _pyarrow


def to_arrow(rows: Any) -> _pyarrow.Table:
    """The rows as a table of pyarrow."""
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        raise missing("pyarrow") from error
    return pyarrow.table(rows)


def to_polars(rows: Any) -> _polars.DataFrame:
    """The rows as a frame of Polars."""
    try:
        import polars
    except ModuleNotFoundError as error:
        raise missing("polars") from error
    return polars.DataFrame(rows)


def missing(package: str) -> ModuleNotFoundError:
    """Says what to install."""
    return ModuleNotFoundError(f"this needs {package}: pip install 'abduck[{package}]'", name=package)
