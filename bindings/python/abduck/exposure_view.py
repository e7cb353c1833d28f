"""Who came into an experiment, and when."""

from __future__ import annotations

from typing import Any

from abduck import _engine
from abduck._report import Report
from abduck.result import ResultWarning


class ExposureView(Report):
    """The first exposures per day and variant. It cannot be changed, can be pickled, and prints as a report.

    As a frame it has one row per day and variant; units that saw several variants stand under `$multiple`.

    >>> import abduck
    >>> view = abduck.demo().experiments["quick-checkout"].exposure_view()
    >>> view.totals
    {'control': 5319, 'test': 5377, '$multiple': 0}
    >>> view.to_polars()["first_exposures"].sum()
    10696
    """

    __slots__ = ()
    _inner: _engine.ExposureView

    @classmethod
    def from_json(cls, text: str) -> ExposureView:
        """A view from its JSON form.

        Raises:
            InvalidError: The text is not an exposure view.
        """
        return cls(_engine.ExposureView.from_json(text))

    @property
    def totals(self) -> dict[str, int]:
        """The units of each variant, and of `$multiple`."""
        return dict(self._data["totals"])

    @property
    def expected_share(self) -> dict[str, float]:
        """The share of the units that each variant should have by the flag's split, without the `$multiple`."""
        return dict(self._data["expected_share"])

    @property
    def sample_ratio(self) -> dict[str, Any] | None:
        """The units of the variants against the split: expected counts and p-values, for one look and for many.

        None while there are fewer than two variants with units to expect.
        """
        ratio = self._data["sample_ratio"]
        return None if ratio is None else dict(ratio)

    @property
    def mismatch_days(self) -> tuple[dict[str, Any], ...]:
        """Of a mismatch, the days that contribute to it, most first."""
        return tuple(dict(day) for day in self._data["mismatch_days"])

    @property
    def several_variants_share(self) -> float:
        """The share of the units that saw several variants."""
        return float(self._data["several_variants_share"])

    @property
    def flickering_units(self) -> int:
        """Units that came back to a variant they had left: what a flag that forgets does."""
        return int(self._data["flickering_units"])

    @property
    def warnings(self) -> tuple[ResultWarning, ...]:
        """What to be careful about."""
        return tuple(ResultWarning(**warning) for warning in self._data["warnings"])
