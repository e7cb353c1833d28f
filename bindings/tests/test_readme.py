"""The README's notebook examples run as printed."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_python_examples_of_the_readme_run_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = (ROOT / "README.md").read_text().split("```python\n")[1:]
    assert len(blocks) == 3
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block.split("```")[0], "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "Significant: test is the best" in printed
    assert "persons that get through the steps in order" in printed
    assert "step 2: not reached" in printed
