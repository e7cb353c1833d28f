"""Labs and logs that tests share."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import abduck
import polars
import pytest

START = datetime(2025, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[abduck.Lab]:
    """An empty lab."""
    with abduck.init(tmp_path / "lab") as lab:
        yield lab


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample log."""
    return abduck.sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def part(log: Path) -> Path:
    """The first rows of the sample log."""
    path = log.parent.with_name("part") / "part.parquet"
    path.parent.mkdir()
    polars.read_parquet(log).head(20_000).write_parquet(path)
    return path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[abduck.Lab]:
    """A lab of the sample log, which no test changes."""
    with abduck.demo(tmp_path_factory.mktemp("demo")) as lab:
        yield lab


@pytest.fixture
def events() -> polars.DataFrame:
    """A few events of a funnel with two variants, as another system might have logged them."""
    rows = [
        {
            "visitor": f"v{visitor}",
            "action": action,
            "at": START + timedelta(hours=visitor, minutes=step),
            "arm": "test" if visitor % 2 else "control",
            "price": 1.5 * visitor,
        }
        for visitor in range(400)
        for step, action in enumerate(["assigned", "viewed", "bought"])
        if action != "bought" or visitor % (3 if visitor % 2 else 5) == 0
    ]
    return polars.DataFrame(rows)


COLUMNS = {"event": "action", "distinct_id": "visitor", "timestamp": "at", "flags": {"checkout": "arm"}}
FUNNEL = {"insight": "FUNNELS", "events": [{"id": "viewed", "order": 0}, {"id": "bought", "order": 1}]}
EXPERIMENT = {
    "name": "Checkout",
    "feature_flag_key": "checkout",
    "start_date": START,
    "end_date": "2025-03-01",
    "filters": FUNNEL,
}


def everything(lab: abduck.Lab) -> list[object]:
    """All definitions of a lab, and how often they were changed: what a refusal must leave as it was."""
    kinds = (lab.experiments, lab.flags, lab.holdouts, lab.saved_metrics, lab.cohorts)
    definitions = [[each.to_dict() for each in kind] for kind in kinds]
    members = [cohort.members() for cohort in lab.cohorts]
    return [*definitions, members, len(lab.log(1_000_000))]
