"""An embedded engine for A/B-test analytics.

A *lab* is a directory that holds events, experiments and results. Events go in from files or data frames, experiments
are defined on them, and results come out with a verdict.

>>> import abduck
>>> lab = abduck.demo()
>>> [experiment.key for experiment in lab.experiments]
['smart-search', 'quick-checkout']
>>> result = lab.experiments.get("quick-checkout").results()
>>> [row.variant for row in result.variants]
['control', 'test']
"""

from __future__ import annotations

import getpass
import json
import tempfile
from os import PathLike
from pathlib import Path

from abduck import _engine, stats
from abduck._engine import __version__
from abduck.actions import Action, Actions
from abduck.analysis import TableAnalysis, TableRow, analyze, analyze_aggregates
from abduck.assignments import AssignmentAudit, Disagreement, MatrixCell, SourceAudit
from abduck.audit import AuditEntry, AuditLog
from abduck.cohorts import Cohort, Cohorts
from abduck.conversions import Exclusion, Funnel, Retention, TimeToConvert
from abduck.decision import Decision, Reason
from abduck.documents import ApplyReport, DocumentChange, FieldChange
from abduck.errors import (
    AbduckError,
    BusyError,
    InternalError,
    InvalidError,
    IoError,
    NotAllowedError,
    NotFoundError,
    NotReadyError,
    QueryError,
    SchemaError,
    StorageError,
)
from abduck.evaluation import Evaluation, Evaluations, evaluate_flag, evaluate_flag_frame
from abduck.experiments import Experiment, Experiments
from abduck.explanation import ExplainedEvent, ExplainedStep, Explanation, Query, Stage, UnitExplanation
from abduck.exposure_view import ExposureView
from abduck.exposures import Exposures
from abduck.flags import Flag, Flags
from abduck.history import HistoryPoint, HistoryVariant, ResultHistory
from abduck.holdouts import Holdout, Holdouts
from abduck.lab import AttachReport, FileReport, IngestReport, Lab, Progress, Settings, Status
from abduck.metrics import Metric
from abduck.planning import (
    Calibration,
    Influence,
    LargestUnit,
    MethodCalibration,
    PastNeed,
    PastPlan,
    Prior,
    Remaining,
    RemainingVariant,
    RoundShare,
)
from abduck.plot import Plot
from abduck.profiles import Group, GroupType, Person, TableFileReport, TableReport
from abduck.quantities import Count, Mean, Outliers, Quantile, Ratio
from abduck.reconciliation import ReconcileStep, Reconciliation, VariantSum
from abduck.result import (
    ExperimentResult,
    ExperimentSummary,
    MetricEntry,
    MetricResult,
    MissingData,
    Provenance,
    ResultWarning,
    SecondaryResult,
    VariantRow,
)
from abduck.saved_metrics import ExperimentSavedMetric, SavedMetric, SavedMetrics
from abduck.series import MetricSeries, Novelty, Peeking, SeriesPoint, SeriesVariant
from abduck.sources import Event
from abduck.tables import LabTable, LoadReport, Tables
from abduck.units import ListedUnits

__all__ = [
    "AbduckError",
    "Action",
    "Actions",
    "ApplyReport",
    "AssignmentAudit",
    "AttachReport",
    "AuditEntry",
    "AuditLog",
    "BusyError",
    "Calibration",
    "Cohort",
    "Cohorts",
    "Count",
    "Decision",
    "Disagreement",
    "DocumentChange",
    "Evaluation",
    "Evaluations",
    "Event",
    "Exclusion",
    "Experiment",
    "ExperimentResult",
    "ExperimentSavedMetric",
    "ExperimentSummary",
    "Experiments",
    "ExplainedEvent",
    "ExplainedStep",
    "Explanation",
    "ExposureView",
    "Exposures",
    "FieldChange",
    "FileReport",
    "Flag",
    "Flags",
    "Funnel",
    "Group",
    "GroupType",
    "HistoryPoint",
    "HistoryVariant",
    "Holdout",
    "Holdouts",
    "Influence",
    "IngestReport",
    "InternalError",
    "InvalidError",
    "IoError",
    "Lab",
    "LabTable",
    "LargestUnit",
    "ListedUnits",
    "LoadReport",
    "MatrixCell",
    "Mean",
    "MethodCalibration",
    "Metric",
    "MetricEntry",
    "MetricResult",
    "MetricSeries",
    "MissingData",
    "NotAllowedError",
    "NotFoundError",
    "NotReadyError",
    "Novelty",
    "Outliers",
    "PastNeed",
    "PastPlan",
    "Peeking",
    "Person",
    "Plot",
    "Prior",
    "Progress",
    "Provenance",
    "Quantile",
    "Query",
    "QueryError",
    "Ratio",
    "Reason",
    "ReconcileStep",
    "Reconciliation",
    "Remaining",
    "RemainingVariant",
    "ResultHistory",
    "ResultWarning",
    "Retention",
    "RoundShare",
    "SavedMetric",
    "SavedMetrics",
    "SchemaError",
    "SecondaryResult",
    "SeriesPoint",
    "SeriesVariant",
    "Settings",
    "SourceAudit",
    "Stage",
    "Status",
    "StorageError",
    "TableAnalysis",
    "TableFileReport",
    "TableReport",
    "TableRow",
    "Tables",
    "TimeToConvert",
    "UnitExplanation",
    "VariantRow",
    "VariantSum",
    "__version__",
    "analyze",
    "analyze_aggregates",
    "demo",
    "evaluate_flag",
    "evaluate_flag_frame",
    "init",
    "open",
    "sample",
    "stats",
]


def init(path: str | PathLike[str], *, wait: float = 10.0, by: str | None = None) -> Lab:
    """Makes a directory a lab, creating it if need be, and opens it.

    Args:
        path: The directory.
        wait: For how many seconds to wait whenever somebody else holds the lab.
        by: Who makes the changes, for the log; the user's name if it is left out.

    Raises:
        NotAllowedError: It is a lab already.

    >>> import abduck, tempfile
    >>> with abduck.init(tempfile.mkdtemp()) as lab:
    ...     lab.status().events
    0
    """
    return Lab(_engine.Lab.init(Path(path), wait, _who(by)))


def open(path: str | PathLike[str], *, create: bool = False, wait: float = 10.0, by: str | None = None) -> Lab:
    """Opens a lab.

    Args:
        path: The directory of the lab.
        create: Whether to make the directory a lab if it is none.
        wait: For how many seconds to wait whenever somebody else holds the lab.
        by: Who makes the changes, for the log; the user's name if it is left out.

    Raises:
        NotFoundError: The directory is no lab.
        NotAllowedError: A newer version made the lab.

    >>> import abduck, tempfile
    >>> lab = abduck.open(tempfile.mkdtemp(), create=True)
    >>> lab.close()
    """
    try:
        return Lab(_engine.Lab.open(Path(path), wait, _who(by)))
    except NotFoundError:
        if not create:
            raise
        return init(path, wait=wait, by=by)


def sample(directory: str | PathLike[str]) -> Path:
    """Writes a small event log of a shop, `shop.parquet`, and returns its path.

    Beside it, `shop.truth.json` tells what was planted in the log, and defines two experiments on it.

    >>> import abduck, tempfile
    >>> abduck.sample(tempfile.mkdtemp()).name
    'shop.parquet'
    """
    log = Path(directory) / "shop.parquet"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(_engine.sample_log())
    log.with_name("shop.truth.json").write_text(_engine.sample_truth(), encoding="utf-8")
    return log


def demo(directory: str | PathLike[str] | None = None) -> Lab:
    """Makes a lab of the event log that `sample` writes, with two experiments: a funnel and a trend.

    Args:
        directory: Where to make the lab; a new temporary directory if it is left out.

    >>> import abduck
    >>> lab = abduck.demo()
    >>> lab.experiments.get("smart-search").name
    'Smart search'
    """
    lab = init(directory or tempfile.mkdtemp(prefix="abduck-demo-"))
    with tempfile.TemporaryDirectory() as place:
        lab.ingest(sample(place))
    for definition in json.loads(_engine.sample_truth())["experiments"]:
        lab.experiments.create(definition)
    return lab


def _who(by: str | None) -> str | None:
    """Who makes the changes: who is said to, else the user."""
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return None
