"""The package as a whole: documentation, examples, frozen classes."""

import dataclasses
import doctest
import importlib
import inspect
import pkgutil
import re
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import abduck
import pytest
from abduck import _engine

MODULES = sorted(module.name for module in pkgutil.iter_modules(abduck.__path__) if module.name != "_engine")
BINDINGS = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["", *MODULES])
def test_examples_run(name: str, demo: abduck.Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = (tmp_path / str(number) for number in count())
    # Making the same lab again for each example would take its time.
    monkeypatch.setattr(abduck, "demo", lambda: abduck.open(shutil.copytree(demo.directory, next(copies))))
    module = importlib.import_module(f"abduck.{name}".rstrip("."))
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert results.failed == 0
    if not name.startswith("_"):
        assert results.attempted > 0


def test_the_readme_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (BINDINGS / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    first, metrics = (block for block in blocks if "abduck.demo()" in block)
    done = subprocess.run([sys.executable, "-c", first], capture_output=True, text=True, cwd=tmp_path, check=True)
    subprocess.run([sys.executable, "-c", metrics], cwd=tmp_path, check=True)
    assert done.stdout.count("95 % interval") == 2


def test_everything_public_is_documented() -> None:
    seen = 0
    for name in abduck.__all__:
        thing = getattr(abduck, name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        assert thing.__doc__, name
        for member, value in vars(thing).items():
            if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                assert inspect.getdoc(value), f"{name}.{member}"
                seen += 1
    assert seen >= 40


def test_all_names_exist_in_order() -> None:
    assert sorted(abduck.__all__) == abduck.__all__
    assert abduck.__version__ == _engine.__version__


def test_native_classes_are_frozen() -> None:
    declared = re.findall(
        r"#\[pyclass\(([^)]*)\)\]", "".join(file.read_text() for file in (BINDINGS / "src").glob("*.rs"))
    )
    assert len(declared) == len([each for each in vars(_engine).values() if inspect.isclass(each)]) == 15
    assert all("frozen" in options for options in declared)


def test_python_values_are_frozen(demo: abduck.Lab) -> None:
    values = [getattr(abduck, name) for name in abduck.__all__ if dataclasses.is_dataclass(getattr(abduck, name))]
    assert len(values) >= 20
    assert all(value.__dataclass_params__.frozen for value in values)
    with pytest.raises(AttributeError):
        demo.other = 1


def test_every_native_name_is_used() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in Path(abduck.__path__[0]).glob("*.py"))
    names = [
        name
        for each in vars(_engine).values()
        if inspect.isclass(each)
        for name in vars(each)
        if not name.startswith("__")
    ]
    assert len(names) > 20
    assert [name for name in names if f".{name}" not in text] == []
