"""What an experiment looks like: plots, and the report."""

from __future__ import annotations

from datetime import date, datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from abduck import _engine, _moment
from abduck._experiment_base import ExperimentBase
from abduck.plot import Plot

if TYPE_CHECKING:
    # A private name, as the module does not have it when it runs.
    from abduck._experiment_base import _MetricLike


class ExperimentPictures(ExperimentBase):
    """An experiment that can be looked at."""

    __slots__ = ()

    def plot(
        self,
        kind: str = "forest",
        metric: _MetricLike = None,
        *,
        as_of: datetime | date | str | None = None,
    ) -> Plot:
        """A picture of the experiment.

        Args:
            kind: `forest`, effects with their intervals; `posterior`, what is believed about the differences; `series`,
                the lift as of each day; `daily`, the values by day of the first exposure; `funnel`, the steps;
                `exposure`, who came in; `age`, the lift by days since the exposure.
            metric: Its definition, or one of `metrics()` by number, id or name; the leading one unless given.
            as_of: The moment the picture holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
            InvalidError: The metric has nothing of that kind to draw.

        >>> import abduck
        >>> metric = {"metric_type": "funnel", "series": [{"event": "purchase"}]}
        >>> abduck.demo().experiments["quick-checkout"].plot("series", metric)
        <Plot series>
        """
        is_given = metric is not None and not isinstance(metric, str | int)
        listed = None if metric is None or is_given else str(metric)
        given = self._metric_json(metric) if is_given else None
        return Plot(kind, self._lab.plot(self._key, kind, given, listed, _moment.to_text(as_of)))

    def report(self, path: str | PathLike[str], *, as_of: datetime | date | str | None = None) -> None:
        """Writes all that there is to say about the experiment into one file, as a whole or not at all.

        Args:
            path: The file: `.html` for one page with plots that needs nothing from outside, `.md` for Markdown.
            as_of: The moment the report holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
            InvalidError: The end of the file's name says neither, or there is a folder of that name.
            NotFoundError: The folder of the file is missing.

        >>> import abduck, pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "report.html"
        >>> abduck.demo().experiments["quick-checkout"].report(file)
        >>> "<svg" in file.read_text(encoding="utf-8")
        True
        """
        end = Path(path).suffix.lower()
        form = {".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown"}.get(end, end)
        _engine.write_text(path, self._lab.report(self._key, form, _moment.to_text(as_of)))
