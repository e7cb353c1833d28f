"""Metrics of a table with one row per unit, and of sums, against NumPy and Polars."""

import json
import math
import pickle
from pathlib import Path
from typing import Any

import abduck
import polars
import pyarrow
import pytest

UNITS = 600
ARMS = ["control", "test", "blue"]


@pytest.fixture(scope="module")
def frame() -> polars.DataFrame:
    """Units of three variants with numbers that follow no simple rule, and the same on every run."""
    index = range(UNITS)
    before = [(37 * unit % 101) / 10 for unit in index]
    return polars.DataFrame(
        {
            "user": [f"user-{unit}" for unit in index],
            "arm": [ARMS[unit * 7 % 3] for unit in index],
            "before": before,
            "revenue": [value * 1.3 + (unit * 53 % 17) for unit, value in zip(index, before, strict=True)],
            "clicks": [unit * 11 % 4 for unit in index],
            "views": [1 + unit * 13 % 9 for unit in index],
            "bought": [unit * 19 % 5 == 0 for unit in index],
            "country": [["NL", "DE", None][unit // 7 % 3] for unit in index],
        }
    )


def analyzed(source: Any, **more: Any) -> abduck.TableAnalysis:
    metrics = {
        "revenue": "revenue",
        "bought": {"column": "bought", "metric_type": "proportion"},
        "ctr": {"numerator": "clicks", "denominator": "views"},
        "p90": {"column": "revenue", "quantile": 0.9},
    }
    asked = {"variant": "arm", "unit": "user", "metrics": metrics, "covariates": {"revenue": "before"}, **more}
    return abduck.analyze(source, **asked)


def test_sums_are_those_of_polars(frame: polars.DataFrame) -> None:
    analysis = analyzed(frame)
    assert list(analysis.metrics) == ["revenue", "bought", "ctr", "p90"]
    for variant in analysis.metrics["revenue"]["variants"]:
        part = frame.filter(polars.col("arm") == variant["key"])
        revenue, before = part["revenue"], part["before"]
        expected = [part.height, revenue.sum(), (revenue**2).sum(), revenue.var()]
        found = [variant[name] for name in ("number_of_samples", "sum", "sum_squares", "variance")]
        assert found == pytest.approx(expected, rel=1e-12)
        expected = [before.sum(), (before**2).sum(), (before * revenue).sum()]
        names = ("covariate_sum", "covariate_sum_squares", "covariate_sum_product")
        assert [variant["covariate"][name] for name in names] == pytest.approx(expected, rel=1e-12)
    for variant in analysis.metrics["ctr"]["variants"]:
        part = frame.filter(polars.col("arm") == variant["key"])
        expected = [part["views"].sum(), (part["views"] ** 2).sum(), (part["views"] * part["clicks"]).sum()]
        names = ("denominator_sum", "denominator_sum_squares", "numerator_denominator_sum_product")
        assert [variant["denominator"][name] for name in names] == pytest.approx(expected, rel=1e-12)


def test_values_and_lifts_are_those_of_polars(frame: polars.DataFrame) -> None:
    values = {(row.metric, row.variant): row.value for row in analyzed(frame).rows}
    for arm in ARMS:
        part = frame.filter(polars.col("arm") == arm)
        assert values["revenue", arm] == pytest.approx(part["revenue"].mean())
        assert values["bought", arm] == pytest.approx(part["bought"].mean())
        assert values["ctr", arm] == pytest.approx(part["clicks"].sum() / part["views"].sum())
        assert values["p90", arm] == pytest.approx(part["revenue"].quantile(0.9, "linear"))
    lifts = {(row.metric, row.variant): row.rel_effect_size for row in analyzed(frame, baseline="blue").rows}
    ratio = values["revenue", "test"], values["revenue", "blue"]
    assert lifts["revenue", "test"] == pytest.approx(ratio[0] / ratio[1] - 1)
    assert lifts["revenue", "blue"] is None


def test_clamping_is_that_of_polars(frame: polars.DataFrame) -> None:
    clamped = {"column": "revenue", "lower_bound_percentile": 0.1, "upper_bound_percentile": 0.95}
    analysis = abduck.analyze(frame, variant="arm", metrics={"revenue": clamped})
    lower, upper = (frame["revenue"].quantile(level, "linear") for level in (0.1, 0.95))
    for row in analysis.rows:
        part = frame.filter(polars.col("arm") == row.variant)["revenue"].clip(lower, upper)
        assert row.sum == pytest.approx(part.sum())


def test_all_kinds_of_frames_and_files_say_the_same(frame: polars.DataFrame, tmp_path: Path) -> None:
    expected = analyzed(frame, breakdown="country")
    frame.write_parquet(tmp_path / "units.parquet")
    frame.write_csv(tmp_path / "units.csv")
    frame.write_ndjson(tmp_path / "units.ndjson")
    sources = [
        frame.to_arrow(),
        frame.to_pandas(),
        *(tmp_path / f"units.{kind}" for kind in ("parquet", "csv", "ndjson")),
    ]
    categories = frame.with_columns(polars.col("arm").cast(polars.Categorical), polars.col("clicks").cast(polars.Int8))
    for source in [*sources, categories, frame.sample(fraction=1, shuffle=True, seed=3)]:
        assert analyzed(source, breakdown="country") == expected
    frame.head(300).write_parquet(tmp_path / "part-1.parquet")
    frame.tail(300).write_parquet(tmp_path / "part-2.parquet")
    assert analyzed([tmp_path / "part-*.parquet"], breakdown="country") == expected


def test_breakdowns_become_columns(frame: polars.DataFrame) -> None:
    rows = analyzed(frame, breakdown=["country"]).to_polars()
    parts = rows.filter(polars.col("is_breakdown") & (polars.col("metric") == "revenue"))
    expected = frame.group_by("country", "arm").agg(polars.len().alias("n"), polars.col("revenue").mean().alias("mean"))
    joined = parts.join(
        expected, left_on=["breakdown_country", "variant"], right_on=["country", "arm"], nulls_equal=True
    )
    assert joined.height == parts.height == 9
    assert joined["units"].to_list() == joined["n"].to_list()
    assert joined["value"].to_list() == pytest.approx(joined["mean"].to_list())


def test_an_analysis_is_a_value(frame: polars.DataFrame) -> None:
    analysis = analyzed(frame)
    assert pickle.loads(pickle.dumps(analysis)) == analysis
    assert hash(analysis) == hash(abduck.TableAnalysis.from_json(analysis.to_json()))
    assert analysis.baseline == "control"
    assert (analysis.table_rows, analysis.rows_without_variant, analysis.rows_with_unknown_variant) == (UNITS, 0, 0)
    assert "<table>" in analysis._repr_html_()
    assert "| metric" in analysis._repr_markdown_()
    assert "any-time" in repr(analysis)
    assert analysis.to_pandas().shape == analysis.to_arrow().shape == (12, 16)
    assert analysis.to_dict()["format_version"] == 1
    with pytest.raises(AttributeError):
        analysis.other = 1
    with pytest.raises(AttributeError):
        del analysis._data


def test_left_out_rows_are_reported(frame: polars.DataFrame) -> None:
    some = frame.with_columns(polars.when(polars.col("clicks") > 0).then("arm").alias("arm"))
    analysis = analyzed(some, variants=["control", "test"])
    assert analysis.rows_without_variant == some["arm"].null_count()
    assert analysis.rows_with_unknown_variant == some.filter(polars.col("arm") == "blue").height
    assert [warning.code for warning in analysis.warnings] == ["left_out"]


def test_missing_values_need_a_meaning(frame: polars.DataFrame) -> None:
    holes = frame.with_columns(polars.when(polars.col("clicks") > 0).then("revenue").alias("revenue"))
    with pytest.raises(abduck.SchemaError, match=r"column 'revenue' has no value in 150 of 600 rows"):
        abduck.analyze(holes, variant="arm", metrics=["revenue"])
    control = holes.filter(polars.col("arm") == "control")["revenue"]
    dropped = abduck.analyze(holes, variant="arm", metrics=["revenue"], missing="drop").rows[0]
    assert (dropped.units, dropped.value) == (control.count(), pytest.approx(control.mean()))
    zero = abduck.analyze(holes, variant="arm", metrics=["revenue"], missing="zero").rows[0]
    assert (zero.units, zero.value) == (control.len(), pytest.approx(control.fill_null(0).mean()))


def test_what_does_not_fit_is_refused(frame: polars.DataFrame) -> None:
    with pytest.raises(abduck.SchemaError, match="'user-0' has several rows: 1 and 601"):
        analyzed(polars.concat([frame, frame.head(1)]))
    with pytest.raises(abduck.SchemaError, match="row 2 of column 'x' is NaN"):
        abduck.analyze(polars.DataFrame({"v": ["control"] * 2, "x": [1.0, math.nan]}), variant="v", metrics=["x"])
    with pytest.raises(abduck.SchemaError, match="which is no number"):
        abduck.analyze(pyarrow.table({"v": ["control"], "x": [[1]]}), variant="v", metrics=["x"])
    with pytest.raises(abduck.InvalidError, match="there is no variant 'red'"):
        analyzed(frame, baseline="red")
    with pytest.raises(abduck.NotFoundError):
        analyzed("nothing.csv")
    with pytest.raises(TypeError):
        analyzed(3)


def test_sums_say_what_their_rows_say(frame: polars.DataFrame) -> None:
    revenue = polars.col("revenue")
    sums = frame.group_by(variant="arm").agg(
        number_of_samples=polars.len(), sum=revenue.sum(), sum_squares=(revenue**2).sum()
    )
    expected = {row.variant: row.value for row in analyzed(frame).rows if row.metric == "revenue"}
    by_frame = abduck.analyze_aggregates(sums)
    by_key = {row.pop("variant"): row for row in sums.to_dicts()}
    for analysis in (by_frame, abduck.analyze_aggregates({"revenue": by_key}), abduck.analyze_aggregates(by_key)):
        assert {row.variant: row.value for row in analysis.rows} == pytest.approx(expected)
        assert analysis.table_rows is None
    with pytest.raises(abduck.InvalidError, match="negative variance"):
        abduck.analyze_aggregates({"control": {"number_of_samples": 2, "sum": 3, "sum_squares": 4}})
    with pytest.raises(abduck.InvalidError):
        abduck.TableAnalysis.from_json(json.dumps({"format_version": 1}))
