"""Plots and reports: pictures that show themselves, and files that a browser opens."""

from __future__ import annotations

import pickle
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import abduck
import pytest

BUYERS = {
    "kind": "ExperimentMetric",
    "name": "buyers",
    "metric_type": "funnel",
    "series": [{"event": "cart_added"}, {"event": "purchase"}],
}
AS_OF = "2026-04-01"


@pytest.fixture(scope="module")
def experiment() -> Iterator[abduck.Experiment]:
    with abduck.demo() as lab:
        yield lab.experiments["quick-checkout"]


@pytest.mark.parametrize("kind", ["forest", "posterior", "series", "daily", "funnel", "exposure", "age"])
def test_every_kind_is_a_picture(experiment: abduck.Experiment, kind: str) -> None:
    plot = experiment.plot(kind, BUYERS, as_of=AS_OF)
    root = ElementTree.fromstring(plot.svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.attrib["role"] == "img"
    assert (plot._repr_svg_(), plot._repr_html_()) == (plot.svg, plot.svg)
    assert plot == experiment.plot(kind, BUYERS, as_of=AS_OF) == pickle.loads(pickle.dumps(plot))
    with pytest.raises(AttributeError):
        plot.kind = "pie"  # type: ignore[misc]


def test_a_result_draws_itself(experiment: abduck.Experiment, tmp_path: Path) -> None:
    result = experiment.try_metric(BUYERS, as_of=AS_OF)
    assert result.plot() == experiment.plot("forest", BUYERS, as_of=AS_OF)
    result.plot("funnel").save(tmp_path / "funnel.svg")
    assert (tmp_path / "funnel.svg").read_text(encoding="utf-8") == result.plot("funnel").svg
    with pytest.raises(abduck.InvalidError, match="nothing to draw"):
        result.plot("series")
    with pytest.raises(abduck.InvalidError, match="no plot 'pie'"):
        result.plot("pie")


def test_a_report_is_html_or_markdown(experiment: abduck.Experiment, tmp_path: Path) -> None:
    experiment.report(tmp_path / "report.html", as_of=AS_OF)
    assert "<svg" in (tmp_path / "report.html").read_text(encoding="utf-8")
    experiment.report(tmp_path / "report.md", as_of=AS_OF)
    assert (tmp_path / "report.md").read_text(encoding="utf-8").startswith("# Quick checkout")
    with pytest.raises(abduck.InvalidError, match="has no form"):
        experiment.report(tmp_path / "report.pdf")
    with pytest.raises(abduck.NotFoundError):
        experiment.report(tmp_path / "nowhere" / "report.md")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.md"]


def test_a_browser_shows_a_report(experiment: abduck.Experiment, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("there is no browser: install chromium to see reports rendered")
    experiment.report(tmp_path / "report.html", as_of=AS_OF)
    command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'report.pdf'}"]
    page = (tmp_path / "report.html").as_uri()
    subprocess.run([*command, page], check=True, timeout=120, capture_output=True)
    assert (tmp_path / "report.pdf").stat().st_size > 10_000
