"""The README's notebook example runs as printed."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_python_example_of_the_readme_runs_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = (ROOT / "README.md").read_text().split("```python\n")[1:]
    assert len(blocks) == 1
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks[0].split("```")[0], "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "Significant: test is the best" in printed
    assert "persons that get through the steps in order" in printed
