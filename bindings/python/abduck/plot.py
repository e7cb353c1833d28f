"""Plots: pictures that show themselves in a notebook and can be saved."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

from abduck import _engine


@dataclass(frozen=True)
class Plot:
    """A picture as SVG that needs nothing from outside. It cannot be changed, and shows itself in a notebook.

    >>> import abduck
    >>> plot = abduck.demo().experiments["quick-checkout"].plot("exposure")
    >>> plot.kind, plot.svg.startswith("<svg")
    ('exposure', True)
    """

    kind: str
    """What it shows: `forest`, `posterior`, `series`, `daily`, `funnel`, `exposure` or `age`."""
    svg: str
    """The picture."""

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the picture into a file, as a whole or not at all.

        Args:
            path: The file, which should end in `.svg`.

        Raises:
            InvalidError: There is a folder of that name.
            NotFoundError: The folder of the file is missing.
        """
        _engine.write_text(path, self.svg)

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Plot {self.kind}>"
