"""What comes out of an experiment: its results, their course, and what is behind them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal, overload

from abduck import _moment
from abduck._experiment_base import ExperimentBase
from abduck.decision import Decision
from abduck.explanation import Explanation, UnitExplanation
from abduck.history import ResultHistory
from abduck.reconciliation import Reconciliation
from abduck.result import ExperimentResult, MetricResult, SecondaryResult
from abduck.series import MetricSeries
from abduck.units import ListedUnits

if TYPE_CHECKING:
    # A private name, as the module does not have it when it runs.
    from abduck._experiment_base import _MetricLike


class ExperimentResults(ExperimentBase):
    """An experiment that can be asked for its results."""

    __slots__ = ()

    @overload
    def results(
        self,
        *,
        metric: None = None,
        refresh: bool = False,
        as_of: datetime | date | str | None = None,
        max_age: timedelta | float | None = None,
    ) -> ExperimentResult: ...

    @overload
    def results(
        self,
        *,
        metric: str | int,
        refresh: bool = False,
        as_of: datetime | date | str | None = None,
        max_age: timedelta | float | None = None,
    ) -> MetricResult: ...

    def results(
        self,
        *,
        metric: str | int | None = None,
        refresh: bool = False,
        as_of: datetime | date | str | None = None,
        max_age: timedelta | float | None = None,
    ) -> ExperimentResult:
        """The result of the primary metric in the legacy form, or of another metric, kept or computed.

        Args:
            metric: The id, the place or the name of one of `metrics()`. One that cannot be judged is no error.
            refresh: Whether to compute it even when a kept result is still true.
            as_of: The moment the result holds for; now if it is left out. Without an offset it is UTC.
            max_age: How old a kept result may be, as a `timedelta` or in seconds; without it, it is kept for as long as
                it is true.

        Raises:
            NotReadyError: It is a draft.
            NotFoundError: There is no such metric.
            InvalidError: The metric is wrong or not supported.

        >>> import abduck
        >>> experiment = abduck.demo().experiments.get("quick-checkout")
        >>> experiment.results(refresh=True).is_cached, experiment.results().is_cached
        (False, True)
        """
        seconds = max_age.total_seconds() if isinstance(max_age, timedelta) else max_age
        moment = _moment.to_text(as_of)
        if metric is None:
            return ExperimentResult(self._lab.results(self._key, refresh, moment, seconds))
        return MetricResult(self._lab.metric_results(self._key, str(metric), refresh, moment, seconds))

    def secondary_results(
        self,
        index: int,
        *,
        refresh: bool = False,
        as_of: datetime | date | str | None = None,
        max_age: timedelta | float | None = None,
    ) -> SecondaryResult:
        """The result of a secondary metric, kept or computed. A metric that cannot be judged is no error.

        Args:
            index: The metric's place among the secondary metrics, from 0.
            refresh: Whether to compute it even when a kept result is still true.
            as_of: The moment the result holds for; now if it is left out. Without an offset it is UTC.
            max_age: How old a kept result may be, as a `timedelta` or in seconds.

        Raises:
            NotReadyError: It is a draft.
            InvalidError: There is no such metric, or it is wrong or not supported.
        """
        seconds = max_age.total_seconds() if isinstance(max_age, timedelta) else max_age
        inner = self._lab.secondary_results(self._key, str(index), refresh, _moment.to_text(as_of), seconds)
        return SecondaryResult(inner)

    def try_metric(
        self,
        metric: _MetricLike,
        *,
        as_of: datetime | date | str | None = None,
    ) -> ExperimentResult:
        """The result of a metric that need not be stored anywhere; it is not kept either.

        Args:
            metric: A metric, its definition, or one of `metrics()` by number, id or name; the first modern one if none.
            as_of: The moment the result holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
            InvalidError: The metric is wrong; `field` says where.
            NotFoundError: The experiment has no such metric.

        >>> import abduck
        >>> experiment = abduck.demo().experiments["quick-checkout"]
        >>> result = experiment.try_metric(abduck.Funnel(["purchase"]))
        >>> [(row.variant, row.units, row.count) for row in result.variants]
        [('control', 5319, 464), ('test', 5377, 608)]
        """
        return ExperimentResult(self._lab.try_metric(self._key, self._metric_json(metric), _moment.to_text(as_of)))

    def metric_series(self, metric: _MetricLike, *, as_of: datetime | date | str | None = None) -> MetricSeries:
        """The course of a metric: day by day, by the day of the first exposure, and by days since then.

        Args:
            metric: A metric, its definition, or one of `metrics()` by number, id or name; the first modern one if none.
            as_of: The moment the series holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
            InvalidError: The metric is wrong; `field` says where.
            NotFoundError: The experiment has no such metric.
        """
        return MetricSeries(self._lab.metric_series(self._key, self._metric_json(metric), _moment.to_text(as_of)))

    def units(
        self,
        metric: _MetricLike,
        *,
        variant: str | None = None,
        step: int | None = None,
        dropped: bool = False,
        left_out: bool = False,
        as_of: datetime | date | str | None = None,
    ) -> ListedUnits:
        """The units behind a metric.

        Args:
            metric: A metric, its definition, or one of `metrics()` by number, id or name; the first modern one if none.
            variant: Only units of this variant.
            step: Of a funnel, only units that reached this step, from 1 after the exposure.
            dropped: Instead, those that reached the step before it and stopped there.
            left_out: Instead, units that were exposed but do not count, with the reason.
            as_of: The moment the list holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
            InvalidError: The metric is wrong, or there is no such variant or step; `field` says where.
            NotFoundError: The experiment has no such metric.

        >>> import abduck
        >>> experiment = abduck.demo().experiments["quick-checkout"]
        >>> funnel = abduck.Funnel(["cart_added", "purchase"])
        >>> reached = [len(experiment.units(funnel, variant="test", step=step)) for step in (1, 2)]
        >>> reached[0] - reached[1] == len(experiment.units(funnel, variant="test", step=2, dropped=True))
        True
        """
        selection = {"variant": variant, "step": step, "dropped": dropped, "left_out": left_out}
        return ListedUnits(
            self._lab.units(self._key, self._metric_json(metric), _moment.to_text(as_of), json.dumps(selection))
        )

    def reconcile(self, metric: _MetricLike, *, as_of: datetime | date | str | None = None) -> Reconciliation:
        """Why a plain query says something else than a metric: rule by rule, from its count to the result.

        Args:
            metric: A metric, its definition, or one of `metrics()` by number, id or name; the first modern one if none.
            as_of: The moment it holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
            InvalidError: The metric is wrong; `field` says where.
            NotFoundError: The experiment has no such metric.
        """
        return Reconciliation(self._lab.reconcile(self._key, self._metric_json(metric), _moment.to_text(as_of)))

    def explain(
        self, *, metric: str | int | None = None, run: bool = False, as_of: datetime | date | str | None = None
    ) -> Explanation:
        """How the result comes about: the plan and its queries; with `run`, also what the queries do.

        `metric` is one of the experiment's metrics: its number, id or name; the primary one unless given.

        >>> import abduck
        >>> explanation = abduck.demo().experiments.get("smart-search").explain()
        >>> [query.purpose for query in explanation.queries]
        ['counts', 'exposures']
        """
        name = None if metric is None else str(metric)
        return Explanation._from_json(*self._lab.explain(self._key, _moment.to_text(as_of), run, name))

    def explain_unit(
        self,
        unit: str,
        metric: _MetricLike = None,
        *,
        as_of: datetime | date | str | None = None,
    ) -> UnitExplanation:
        """What a metric makes of one unit, event by event.

        Args:
            unit: Any distinct id of a person, or the key of a group.
            metric: A metric, its definition, or one of `metrics()` by number, id or name; the first modern one if none.
            as_of: The moment the answer holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotFoundError: The unit has no events in the experiment's time, or there is no such metric.
            InvalidError: The metric is wrong.
        """
        told = self._lab.explain_unit(self._key, self._metric_json(metric), unit, _moment.to_text(as_of))
        return UnitExplanation._from_json(*told)

    def decide(self, *, as_of: datetime | date | str | None = None) -> Decision:
        """Says whether to ship a variant, hold, roll back or keep running, and why.

        Only answers that hold at any look decide: those of the experiment's modern metrics. A metric with
        `"guardrail": {"margin": 0.01}` must not get worse by one percent of the baseline.

        Args:
            as_of: The moment the decision holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
        """
        return Decision(self._lab.decide(self._key, _moment.to_text(as_of)))

    def history(
        self,
        *,
        backfill: Literal["day", "week"] | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> ResultHistory:
        """The course of the results: what each kept result said, and how often the verdict changed.

        Args:
            backfill: First compute the results as of the end of each day or week that are missing; the days are those
                of the lab's time zone.
            progress: Called with the number of moments that were computed, and of those that were missing; what it
                raises stops the backfill, and then none is kept.

        Raises:
            NotReadyError: It is a draft, and `backfill` was asked for.

        >>> import abduck
        >>> experiment = abduck.demo().experiments.get("smart-search")
        >>> len(experiment.history(backfill="week")), len(experiment.history())
        (5, 5)
        """
        if backfill is not None:
            self._lab.backfill_history(str(self.id), backfill, progress)
        return ResultHistory(self._lab.history(str(self.id)))
