"""An experiment: its definition, and its life from draft to shipped."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from abduck import _engine, _moment
from abduck._entities import to_json
from abduck._experiment_pictures import ExperimentPictures
from abduck._experiment_planning import ExperimentPlanning
from abduck._experiment_results import ExperimentResults
from abduck.audit import AuditLog
from abduck.flags import Flag, flag_of
from abduck.holdouts import Holdout, holdout_of
from abduck.result import MetricEntry
from abduck.saved_metrics import ExperimentSavedMetric

if TYPE_CHECKING:
    # A private name, as the module does not have it when it runs.
    _Conclusion: TypeAlias = Literal["won", "lost", "inconclusive", "stopped_early", "invalid"]


@dataclass(frozen=True)
class Experiment(ExperimentResults, ExperimentPlanning, ExperimentPictures):
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
