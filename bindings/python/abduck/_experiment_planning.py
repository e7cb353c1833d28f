"""Who is exposed to an experiment, how much longer it has to run, and how far its tests can be trusted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from abduck import _moment
from abduck._experiment_base import ExperimentBase
from abduck.assignments import AssignmentAudit
from abduck.cohorts import Cohort, cohort_of
from abduck.exposure_view import ExposureView
from abduck.exposures import Exposures
from abduck.planning import (
    Calibration,
    Influence,
    Prior,
    Remaining,
    calibration_of,
    influence_of,
    prior_of,
    remaining_of,
)

if TYPE_CHECKING:
    # A private name, as the module does not have it when it runs.
    from abduck._experiment_base import _MetricLike


class ExperimentPlanning(ExperimentBase):
    """An experiment that can be asked whom it reaches, and for how long it should run."""

    __slots__ = ()

    def exposure_view(
        self, *, segments: Sequence[str] = (), as_of: datetime | date | str | None = None
    ) -> ExposureView:
        """How many units were exposed per day and variant, by the rules of metrics that can be tried.

        Where the ratio of the variants does not fit the split, it says which days and which parts of the units
        contribute.

        Args:
            segments: Properties of the first exposure to take the units apart by; usual ones if it is left out.
            as_of: The moment the view holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
        """
        return ExposureView(self._lab.exposure_view(self._key, _moment.to_text(as_of), list(segments)))

    def exposures(self, *, as_of: datetime | date | str | None = None) -> Exposures:
        """Who was exposed, by the definition the results use: by first exposure, person and variant.

        Args:
            as_of: The moment the list holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.

        >>> import abduck
        >>> exposures = abduck.demo().experiments.get("smart-search").exposures()
        >>> len(exposures) > 100
        True
        """
        return Exposures(self._lab.exposures(str(self.id), _moment.to_text(as_of)))

    def create_exposure_cohort(self) -> Cohort:
        """Makes a cohort of the people exposed to the experiment.

        Raises:
            NotReadyError: It is a draft.
            NotAllowedError: It has such a cohort.

        >>> import abduck
        >>> cohort = abduck.demo().experiments.get("smart-search").create_exposure_cohort()
        >>> cohort.name, len(cohort.persons()) > 1000
        ('Users exposed to experiment "Smart search"', True)
        """
        return cohort_of(json.loads(self._lab.create_exposure_cohort(str(self.id))), self._lab)

    def requires_flag_implementation(
        self, *, any_flag: bool = False, as_of: datetime | date | str | None = None
    ) -> bool:
        """Whether no event of the primary metric carried the flag in the last seven days.

        Args:
            any_flag: Whether any flag counts, as in the compatible system, not only the experiment's own.
            as_of: The end of the seven days; now if it is left out. Without an offset it is UTC.

        >>> import abduck
        >>> experiment = abduck.demo().experiments.get("smart-search")
        >>> experiment.requires_flag_implementation(as_of=experiment.end_date)
        False
        """
        return self._lab.requires_flag_implementation(str(self.id), any_flag, _moment.to_text(as_of))

    def audit(
        self,
        *,
        as_of: datetime | date | str | None = None,
        examples: int = 10,
        disagreements: str | PathLike[str] | None = None,
    ) -> AssignmentAudit:
        """Recomputes the variant of every id that was seen with the flag, and compares it with what was logged.

        Args:
            as_of: Up to which moment logged assignments count; now if it is left out. Without an offset it is UTC.
            examples: How many of those who disagree are in the answer.
            disagreements: A CSV file to list all who disagree in.

        Raises:
            NotReadyError: It is a draft, or has not begun.
            InvalidError: The flag cannot be evaluated.

        >>> import abduck
        >>> audit = abduck.demo().experiments.get("smart-search").audit()
        >>> [source.source for source in audit.sources]
        ['flag_called', 'event_property']
        """
        path = None if disagreements is None else Path(disagreements)
        return AssignmentAudit(self._lab.audit(str(self.id), _moment.to_text(as_of), examples, path))

    def remaining(
        self,
        metric: _MetricLike = None,
        *,
        lift: float = 0.05,
        power: float = 0.8,
        as_of: datetime | date | str | None = None,
    ) -> Remaining:
        """How many units and days are missing until a metric shows an effect, from its own data so far.

        Args:
            metric: A metric, its definition, or one of `metrics()` by number, id or name; the first modern one if none.
            lift: The relative effect to see.
            power: The probability to see it.
            as_of: The moment it holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft, or there is too little data.
        """
        data, text = self._lab.remaining(self._key, self._metric_json(metric), _moment.to_text(as_of), lift, power)
        return remaining_of(json.loads(data), text)

    def learn_prior(
        self,
        metric: _MetricLike = None,
        *,
        as_of: datetime | date | str | None = None,
    ) -> Prior:
        """What to believe of a metric before the data, learned from the lab's other experiments that are over.

        Args:
            metric: A metric, its definition, or one of `metrics()` by number, id or name; the first modern one if none.
            as_of: The moment it holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            InvalidError: The type of the metric has no prior, or the past teaches too little.
        """
        data, text = self._lab.learn_prior(self._key, self._metric_json(metric), _moment.to_text(as_of))
        return prior_of(json.loads(data), text)

    def influence(
        self,
        metric: _MetricLike = None,
        *,
        top: int = 1,
        as_of: datetime | date | str | None = None,
    ) -> Influence:
        """A metric with all its units, and exactly without the largest: does one unit make the result?

        Args:
            metric: A metric, its definition, or one of `metrics()` by number, id or name; the first modern one if none.
            top: How many of the largest units are left out.
            as_of: The moment it holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
            InvalidError: All units of the metric count the same.
        """
        data, text = self._lab.influence(self._key, self._metric_json(metric), _moment.to_text(as_of), top)
        return influence_of(json.loads(data), text)

    def calibrate(
        self,
        metric: _MetricLike = None,
        *,
        rounds: int = 1000,
        lift: float = 0.05,
        as_of: datetime | date | str | None = None,
    ) -> Calibration:
        """Puts the experiment's units into two variants at random, and counts how often the tests are wrong.

        Args:
            metric: A metric, its definition, or one of `metrics()` by number, id or name; the first modern one if none.
            rounds: How often; the same rounds on every run.
            lift: The relative effect that is planted to see how often it is found.
            as_of: The moment it holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft, or there is too little data.
        """
        data, text = self._lab.calibrate(self._key, self._metric_json(metric), _moment.to_text(as_of), rounds, lift)
        return calibration_of(json.loads(data), text)
