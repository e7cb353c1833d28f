"""Experiments: defining, launching, changing and ending them, and asking for their results."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from abduck import _engine, _moment
from abduck._entities import Entities, Entity, to_json
from abduck.assignments import AssignmentAudit
from abduck.audit import AuditLog
from abduck.cohorts import Cohort, cohort_of
from abduck.decision import Decision
from abduck.explanation import Explanation, UnitExplanation
from abduck.exposure_view import ExposureView
from abduck.exposures import Exposures
from abduck.flags import Flag, flag_of
from abduck.history import ResultHistory
from abduck.holdouts import Holdout, holdout_of
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
from abduck.reconciliation import Reconciliation
from abduck.result import ExperimentResult, MetricEntry, MetricResult, SecondaryResult
from abduck.saved_metrics import ExperimentSavedMetric
from abduck.series import MetricSeries
from abduck.units import ListedUnits

if TYPE_CHECKING:
    # A private name, as the module does not have it when it runs.
    _Conclusion: TypeAlias = Literal["won", "lost", "inconclusive", "stopped_early", "invalid"]


@dataclass(frozen=True)
class Experiment(Entity):
    """An experiment as it was when it was read from the lab; methods that change it return it as it is afterwards.

    >>> import abduck
    >>> experiment = abduck.demo().experiments.get("quick-checkout")
    >>> experiment.name, experiment.status, experiment.variants
    ('Quick checkout', 'complete', {'control': 50, 'test': 50})
    """

    id: int
    """The number of the experiment."""
    key: str
    """The key of its flag."""
    name: str
    """The name."""
    description: str | None
    """The description."""
    status: str
    """Where it was in its life when it was read: `draft`, `running`, `complete` or `archived`."""
    start_date: datetime | None
    """When it began, or will begin."""
    end_date: datetime | None
    """When it ended, or will end."""
    is_paused: bool
    """Whether it was running with its flag switched off."""
    conclusion: str | None
    """What was concluded: `won`, `lost`, `inconclusive`, `stopped_early` or `invalid`."""
    conclusion_comment: str | None
    """Why."""
    created_by: str | None
    """Who made it, if known."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it was last changed."""
    _fields: dict[str, Any] = field(repr=False, hash=False)
    _lab: _engine.Lab = field(repr=False, compare=False)

    @property
    def variants(self) -> dict[str, float]:
        """The variants of the flag and their shares in percent."""
        variants = (self._fields["feature_flag"]["filters"].get("multivariate") or {}).get("variants", [])
        return {variant["key"]: variant["rollout_percentage"] for variant in variants}

    @property
    def filters(self) -> dict[str, Any]:
        """The definition of the primary metric."""
        return deepcopy(self._fields["filters"])

    @property
    def flag(self) -> Flag:
        """Its flag, as it was when the experiment was read."""
        return flag_of(self._fields["feature_flag"], self._lab)

    @property
    def holdout(self) -> Holdout | None:
        """Its holdout, as it was when the experiment was read."""
        holdout = self._fields["holdout"]
        return None if holdout is None else holdout_of(holdout, self._lab)

    @property
    def saved_metrics(self) -> tuple[ExperimentSavedMetric, ...]:
        """The saved metrics in use, in the order they were linked."""
        return tuple(ExperimentSavedMetric._of(link) for link in self._fields["saved_metrics"])

    def update(self, **fields: Any) -> Experiment:
        """Changes the experiment. None clears a field that may be empty.

        Args:
            fields: What changes: `name`, `description`, `start_date` (giving one to a draft launches it), `end_date`,
                `holdout_id` and `parameters` (which go on to the flag of a draft), `filters`, `secondary_metrics`,
                `saved_metrics_ids`, `metrics`, `metrics_secondary`, `stats_config`, `archived`, `conclusion` and
                `conclusion_comment`. Mappings and lists are replaced as a whole.

        Raises:
            NotFoundError: It was deleted.
            InvalidError: The change breaks a rule; `field` says where. Nothing has changed then.

        >>> import abduck
        >>> experiment = abduck.demo().experiments["quick-checkout"]
        >>> experiment.update(name="Quicker checkout", description=None).name
        'Quicker checkout'
        """
        return self._after(self._lab.update_experiment(self._key, to_json(None, fields)))

    def launch(self, at: datetime | date | str | None = None) -> Experiment:
        """Launches a draft: it starts, and its flag is switched on.

        Args:
            at: When it starts; now if it is left out. Without an offset it is UTC.

        Raises:
            NotAllowedError: It was launched before, or is archived.

        >>> import abduck
        >>> draft = abduck.demo().experiments.create(name="Bigger buttons", feature_flag_key="bigger-buttons")
        >>> draft.launch("2025-01-31").start_date.isoformat()
        '2025-01-31T00:00:00+00:00'
        """
        return self._after(self._lab.launch(self._key, _moment.to_text(at)))

    def end(
        self,
        at: datetime | date | str | None = None,
        *,
        conclusion: _Conclusion | None = None,
        comment: str | None = None,
    ) -> Experiment:
        """Ends a running experiment; its flag stays as it is.

        Args:
            at: When it ends; now if it is left out. Without an offset it is UTC.
            conclusion: What is concluded: `won`, `lost`, `inconclusive`, `stopped_early` or `invalid`.
            comment: Why.

        Raises:
            NotReadyError: It is a draft.
            NotAllowedError: It has ended.
            InvalidError: The end is before the start, or there is no such conclusion.
        """
        return self._after(self._lab.end(self._key, _moment.to_text(at), conclusion, comment))

    def ship(
        self,
        variant: str,
        *,
        at: datetime | date | str | None = None,
        conclusion: _Conclusion | None = None,
        comment: str | None = None,
    ) -> Experiment:
        """Ships a variant: its flag gives it to everyone, and an experiment that still runs ends.

        Args:
            variant: The variant's key.
            at: When the experiment ends; now if it is left out. Without an offset it is UTC.
            conclusion: What is concluded, as in `end`.
            comment: Why.

        Raises:
            NotReadyError: It is a draft.
            NotAllowedError: Its flag was deleted.
            InvalidError: The flag has no such variant, the end is before the start, or there is no such conclusion.

        >>> import abduck
        >>> shipped = abduck.demo().experiments["quick-checkout"].ship("test", conclusion="won")
        >>> shipped.status, shipped.conclusion, shipped.variants
        ('complete', 'won', {'control': 0, 'test': 100})
        """
        return self._after(self._lab.ship(self._key, variant, _moment.to_text(at), conclusion, comment))

    def pause(self) -> Experiment:
        """Switches the flag of a running experiment off for a while.

        Raises:
            NotReadyError: It is a draft.
            NotAllowedError: It has ended or is paused, or its flag was deleted.

        >>> import abduck
        >>> draft = abduck.demo().experiments.create(name="Bigger buttons", feature_flag_key="bigger-buttons")
        >>> paused = draft.launch().pause()
        >>> paused.status, paused.is_paused, paused.resume().is_paused
        ('running', True, False)
        """
        return self._after(self._lab.pause(self._key))

    def resume(self) -> Experiment:
        """Switches the flag of a paused experiment on again.

        Raises:
            NotReadyError: It is a draft.
            NotAllowedError: It has ended or is not paused, or its flag was deleted.
        """
        return self._after(self._lab.resume(self._key))

    def reset(self) -> Experiment:
        """Makes a launched experiment a draft again: dates and conclusion are cleared, and its flag is switched off.

        Raises:
            NotAllowedError: It is a draft.
        """
        return self._after(self._lab.reset(self._key))

    def archive(self) -> Experiment:
        """Puts the experiment away; nothing else changes."""
        return self._after(self._lab.archive(self._key, True))

    def unarchive(self) -> Experiment:
        """Takes the experiment out again."""
        return self._after(self._lab.archive(self._key, False))

    def duplicate(self, feature_flag_key: str, *, name: str | None = None) -> Experiment:
        """Copies the experiment as a draft with a flag of its own; returns the copy.

        Args:
            feature_flag_key: The key of the copy's flag.
            name: The name of the copy; the present one with `(copy)` behind it if it is left out.

        Raises:
            InvalidError: The key is taken or malformed, or the definition breaks a rule. Nothing has changed then.

        >>> import abduck
        >>> copy = abduck.demo().experiments["quick-checkout"].duplicate("quick-checkout-2")
        >>> copy.name, copy.status
        ('Quick checkout (copy)', 'draft')
        """
        return self._after(self._lab.duplicate(self._key, feature_flag_key, name))

    def delete(self) -> None:
        """Deletes the experiment and its past results for good; its flag is deleted too, so that the key is free.

        Raises:
            NotFoundError: It was deleted already.
        """
        self._lab.delete_experiment(self._key)

    def log(self) -> AuditLog:
        """The changes of the experiment and of its flag, oldest first.

        Raises:
            NotFoundError: It was deleted.
        """
        return AuditLog(self._lab.audit_log_of_experiment(self._key))

    def metrics(self) -> list[MetricEntry]:
        """The metrics, primary ones first, in the order of the definition.

        >>> import abduck
        >>> [(metric.id, metric.role) for metric in abduck.demo().experiments.get("quick-checkout").metrics()]
        [('filters', 'primary')]
        """
        return [MetricEntry(**entry) for entry in json.loads(self._lab.metrics(self._key))]

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
        metric: Mapping[str, Any] | str | int | None,
        *,
        as_of: datetime | date | str | None = None,
    ) -> ExperimentResult:
        """The result of a metric that need not be stored anywhere; it is not kept either.

        Args:
            metric: Its definition, or one of `metrics()` by number, id or name; the first modern one unless given.
            as_of: The moment the result holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
            InvalidError: The metric is wrong; `field` says where.
            NotFoundError: The experiment has no such metric.

        >>> import abduck
        >>> experiment = abduck.demo().experiments["quick-checkout"]
        >>> steps = [{"kind": "EventsNode", "event": "purchase"}]
        >>> result = experiment.try_metric({"metric_type": "funnel", "series": steps})
        >>> [(row.variant, row.units, row.count) for row in result.variants]
        [('control', 5319, 464), ('test', 5377, 608)]
        """
        return ExperimentResult(self._lab.try_metric(self._key, self._metric_json(metric), _moment.to_text(as_of)))

    def metric_series(
        self, metric: Mapping[str, Any] | str | int | None, *, as_of: datetime | date | str | None = None
    ) -> MetricSeries:
        """The course of a metric: day by day, by the day of the first exposure, and by days since then.

        Args:
            metric: Its definition, or one of `metrics()` by number, id or name; the first modern one unless given.
            as_of: The moment the series holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
            InvalidError: The metric is wrong; `field` says where.
            NotFoundError: The experiment has no such metric.
        """
        return MetricSeries(self._lab.metric_series(self._key, self._metric_json(metric), _moment.to_text(as_of)))

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

    def remaining(
        self,
        metric: Mapping[str, Any] | str | int | None = None,
        *,
        lift: float = 0.05,
        power: float = 0.8,
        as_of: datetime | date | str | None = None,
    ) -> Remaining:
        """How many units and days are missing until a metric shows an effect, from its own data so far.

        Args:
            metric: Its definition, or one of `metrics()` by number, id or name; the first modern one unless given.
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
        metric: Mapping[str, Any] | str | int | None = None,
        *,
        as_of: datetime | date | str | None = None,
    ) -> Prior:
        """What to believe of a metric before the data, learned from the lab's other experiments that are over.

        Args:
            metric: Its definition, or one of `metrics()` by number, id or name; the first modern one unless given.
            as_of: The moment it holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            InvalidError: The type of the metric has no prior, or the past teaches too little.
        """
        data, text = self._lab.learn_prior(self._key, self._metric_json(metric), _moment.to_text(as_of))
        return prior_of(json.loads(data), text)

    def influence(
        self,
        metric: Mapping[str, Any] | str | int | None = None,
        *,
        top: int = 1,
        as_of: datetime | date | str | None = None,
    ) -> Influence:
        """A metric with all its units, and exactly without the largest: does one unit make the result?

        Args:
            metric: Its definition, or one of `metrics()` by number, id or name; the first modern one unless given.
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
        metric: Mapping[str, Any] | str | int | None = None,
        *,
        rounds: int = 1000,
        lift: float = 0.05,
        as_of: datetime | date | str | None = None,
    ) -> Calibration:
        """Puts the experiment's units into two variants at random, and counts how often the tests are wrong.

        Args:
            metric: Its definition, or one of `metrics()` by number, id or name; the first modern one unless given.
            rounds: How often; the same rounds on every run.
            lift: The relative effect that is planted to see how often it is found.
            as_of: The moment it holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft, or there is too little data.
        """
        data, text = self._lab.calibrate(self._key, self._metric_json(metric), _moment.to_text(as_of), rounds, lift)
        return calibration_of(json.loads(data), text)

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

    def units(
        self,
        metric: Mapping[str, Any] | str | int | None,
        *,
        variant: str | None = None,
        step: int | None = None,
        dropped: bool = False,
        left_out: bool = False,
        as_of: datetime | date | str | None = None,
    ) -> ListedUnits:
        """The units behind a metric.

        Args:
            metric: Its definition, or one of `metrics()` by number, id or name; the first modern one unless given.
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
        >>> steps = [{"kind": "EventsNode", "event": event} for event in ("cart_added", "purchase")]
        >>> funnel = {"metric_type": "funnel", "series": steps}
        >>> reached = [len(experiment.units(funnel, variant="test", step=step)) for step in (1, 2)]
        >>> reached[0] - reached[1] == len(experiment.units(funnel, variant="test", step=2, dropped=True))
        True
        """
        selection = {"variant": variant, "step": step, "dropped": dropped, "left_out": left_out}
        return ListedUnits(
            self._lab.units(self._key, self._metric_json(metric), _moment.to_text(as_of), json.dumps(selection))
        )

    def reconcile(
        self, metric: Mapping[str, Any] | str | int | None, *, as_of: datetime | date | str | None = None
    ) -> Reconciliation:
        """Why a plain query says something else than a metric: rule by rule, from its count to the result.

        Args:
            metric: Its definition, or one of `metrics()` by number, id or name; the first modern one unless given.
            as_of: The moment it holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
            InvalidError: The metric is wrong; `field` says where.
            NotFoundError: The experiment has no such metric.
        """
        return Reconciliation(self._lab.reconcile(self._key, self._metric_json(metric), _moment.to_text(as_of)))

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
        metric: Mapping[str, Any] | str | int | None = None,
        *,
        as_of: datetime | date | str | None = None,
    ) -> UnitExplanation:
        """What a metric makes of one unit, event by event.

        Args:
            unit: Any distinct id of a person, or the key of a group.
            metric: Its definition, or one of `metrics()` by number, id or name; the first modern one unless given.
            as_of: The moment the answer holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotFoundError: The unit has no events in the experiment's time, or there is no such metric.
            InvalidError: The metric is wrong.
        """
        told = self._lab.explain_unit(self._key, self._metric_json(metric), unit, _moment.to_text(as_of))
        return UnitExplanation._from_json(*told)

    @property
    def _key(self) -> str:
        return str(self.id)

    def _metric_json(self, metric: Mapping[str, Any] | str | int | None) -> str:
        """The definition of a metric: given as it is, or one of the experiment's by number, id or name."""
        if metric is None or isinstance(metric, str | int):
            return self._lab.modern_metric(self._key, None if metric is None else str(metric))
        return to_json(metric, {})

    def _after(self, text: str) -> Experiment:
        return experiment_of(json.loads(text), self._lab)

    def _row(self) -> dict[str, object]:
        return {
            "id": self.id,
            "key": self.key,
            "name": self.name,
            "status": "paused" if self.is_paused and self.status == "running" else self.status,
            "variants": ", ".join(f"{key} {share:g} %" for key, share in self.variants.items()),
            "start": self.start_date,
            "end": self.end_date,
            "conclusion": self.conclusion,
        }


class Experiments(Entities[Experiment]):
    """The experiments of a lab, newest first. They are found by their numbers or the keys of their flags.

    >>> import abduck
    >>> lab = abduck.demo()
    >>> len(lab.experiments.list()) == len(list(lab.experiments))
    True
    >>> lab.experiments["smart-search"].key
    'smart-search'
    """

    __slots__ = ()

    def create(self, definition: Mapping[str, Any] | str | PathLike[str] | None = None, /, **fields: Any) -> Experiment:
        """Creates an experiment and its flag.

        Args:
            definition: The definition as a mapping, or the path of a YAML or JSON file.
            fields: Fields of the definition; they go before those of a mapping.

        Raises:
            InvalidError: The definition breaks a rule; `field` says where. Nothing has changed then.

        >>> import abduck, tempfile
        >>> lab = abduck.init(tempfile.mkdtemp())
        >>> lab.experiments.create(name="Bigger buttons", feature_flag_key="bigger-buttons").status
        'draft'
        """
        if isinstance(definition, (str, PathLike)):
            if fields:
                raise TypeError("give a file or fields, not both")
            text = Path(definition).read_text(encoding="utf-8")
            return self._entity(json.loads(self._lab.create_experiment_from_yaml(text)))
        return self._entity(json.loads(self._lab.create_experiment(to_json(definition, fields))))

    def create_web(self, definition: Mapping[str, Any] | None = None, /, **fields: Any) -> Experiment:
        """Creates a web experiment: a draft whose variants come with the changes they make to a page.

        The key of its flag is made from its name.

        Args:
            definition: The definition as a mapping.
            fields: Fields of the definition; they go before those of the mapping: `name`, `variants` such as
                `{"control": {"rollout_percentage": 50}, "test": {"rollout_percentage": 50, "transforms": [...]}}`, and
                perhaps `description`.

        Raises:
            InvalidError: The definition breaks a rule; `field` says where. Nothing has changed then.

        >>> import abduck, tempfile
        >>> lab = abduck.init(tempfile.mkdtemp())
        >>> bigger = {"rollout_percentage": 50, "transforms": [{"selector": "#buy", "text": "Buy now"}]}
        >>> variants = {"control": {"rollout_percentage": 50}, "bigger": bigger}
        >>> lab.experiments.create_web(name="Buy button", variants=variants).key
        'buy-button-web-experiment-feature'
        """
        return self._entity(json.loads(self._lab.create_web_experiment(to_json(definition, fields))))

    def web(self) -> list[Experiment]:
        """The web experiments that a page asks for: not archived, without an end date; newest first."""
        return [self._entity(fields) for fields in json.loads(self._lab.web_experiments())]

    def _entity(self, fields: dict[str, Any]) -> Experiment:
        return experiment_of(fields, self._lab)

    def _one(self, key: str) -> str:
        return self._lab.experiment(key)

    def _all(self) -> str:
        return self._lab.experiments()


def experiment_of(fields: dict[str, Any], lab: _engine.Lab) -> Experiment:
    """The experiment with these fields."""
    # Not a field of the outward form, where the state of the flag says it.
    is_paused = fields.pop("is_paused")
    return Experiment(
        id=fields["id"],
        key=fields["feature_flag_key"],
        name=fields["name"],
        description=fields["description"],
        status=fields["status"],
        start_date=_moment.optional(fields["start_date"]),
        end_date=_moment.optional(fields["end_date"]),
        is_paused=is_paused,
        conclusion=fields["conclusion"],
        conclusion_comment=fields["conclusion_comment"],
        created_by=fields["created_by"],
        created_at=_moment.from_text(fields["created_at"]),
        updated_at=_moment.from_text(fields["updated_at"]),
        _fields=fields,
        _lab=lab,
    )
