"""Experiments: defining, launching, ending them, and asking for their results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime
from os import PathLike
from pathlib import Path
from typing import Any

from abduck import _engine, _moment
from abduck.explanation import Explanation
from abduck.exposures import Exposures
from abduck.result import ExperimentResult, SecondaryResult


@dataclass(frozen=True)
class Experiment:
    """An experiment as it was when it was read from the lab; `launch` and `end` return it as it is afterwards.

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

    def to_dict(self) -> dict[str, Any]:
        """All fields in their outward form."""
        return deepcopy(self._fields)

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
        return _experiment(self._lab.launch(str(self.id), _moment.to_text(at)), self._lab)

    def end(self, at: datetime | date | str | None = None) -> Experiment:
        """Ends a running experiment; its flag stays as it is.

        Args:
            at: When it ends; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
            NotAllowedError: It has ended.
        """
        return _experiment(self._lab.end(str(self.id), _moment.to_text(at)), self._lab)

    def results(self, *, refresh: bool = False, as_of: datetime | date | str | None = None) -> ExperimentResult:
        """The result of the primary metric, kept or computed.

        Args:
            refresh: Whether to compute it even when a kept result is still true.
            as_of: The moment the result holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
            InvalidError: The metric is wrong or not supported.

        >>> import abduck
        >>> experiment = abduck.demo().experiments.get("quick-checkout")
        >>> experiment.results(refresh=True).is_cached, experiment.results().is_cached
        (False, True)
        """
        return ExperimentResult(self._lab.results(str(self.id), refresh, _moment.to_text(as_of)))

    def secondary_results(
        self, index: int, *, refresh: bool = False, as_of: datetime | date | str | None = None
    ) -> SecondaryResult:
        """The result of a secondary metric, kept or computed. A metric that cannot be judged is no error.

        Args:
            index: The metric's place among the secondary metrics, from 0.
            refresh: Whether to compute it even when a kept result is still true.
            as_of: The moment the result holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: It is a draft.
            InvalidError: There is no such metric, or it is wrong or not supported.
        """
        inner = self._lab.secondary_results(str(self.id), str(index), refresh, _moment.to_text(as_of))
        return SecondaryResult(inner)

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

    def explain(self, *, run: bool = False, as_of: datetime | date | str | None = None) -> Explanation:
        """How the result comes about: the plan and its queries; with `run`, also what the queries do.

        >>> import abduck
        >>> explanation = abduck.demo().experiments.get("smart-search").explain()
        >>> [query.purpose for query in explanation.queries]
        ['counts', 'exposures']
        """
        return Explanation._from_json(*self._lab.explain(str(self.id), _moment.to_text(as_of), run))


class Experiments:
    """The experiments of a lab, newest first.

    >>> import abduck
    >>> lab = abduck.demo()
    >>> len(lab.experiments.list()) == len(list(lab.experiments))
    True
    >>> lab.experiments["smart-search"].key
    'smart-search'
    """

    __slots__ = ("_lab",)
    _lab: _engine.Lab

    def __init__(self, lab: _engine.Lab) -> None:
        self._lab = lab

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
            return _experiment(self._lab.create_experiment_from_yaml(text), self._lab)
        text = json.dumps({**(definition or {}), **fields}, default=_moment.to_json)
        return _experiment(self._lab.create_experiment(text), self._lab)

    def list(self) -> list[Experiment]:
        """All experiments, newest first."""
        return [_experiment(text, self._lab) for text in self._lab.experiments()]

    def get(self, key: str | int) -> Experiment:
        """The experiment with a number, else with a flag key.

        Raises:
            NotFoundError: There is none.
        """
        return _experiment(self._lab.experiment(str(key)), self._lab)

    def __getitem__(self, key: str | int) -> Experiment:
        return self.get(key)

    def __iter__(self) -> Iterator[Experiment]:
        return iter(self.list())

    def __repr__(self) -> str:
        return f"<abduck.Experiments of {str(self._lab.directory)!r}>"


def _experiment(text: str, lab: _engine.Lab) -> Experiment:
    fields = json.loads(text)
    return Experiment(
        id=fields["id"],
        key=fields["feature_flag_key"],
        name=fields["name"],
        description=fields["description"],
        status=fields["status"],
        start_date=_moment.optional(fields["start_date"]),
        end_date=_moment.optional(fields["end_date"]),
        created_at=_moment.from_text(fields["created_at"]),
        updated_at=_moment.from_text(fields["updated_at"]),
        _fields=fields,
        _lab=lab,
    )
