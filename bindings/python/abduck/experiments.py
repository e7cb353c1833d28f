"""The experiments of a lab: creating, finding and listing them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from abduck._entities import Entities, to_json
from abduck.experiment import Experiment, experiment_of

__all__ = ["Experiment", "Experiments", "experiment_of"]


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
