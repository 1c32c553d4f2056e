# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the package says about itself: names, types, documentation, README."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import mxfp4
import pytest
from mxfp4 import _mxfp4

ROOT = Path(__file__).parents[2]


def test_version_is_that_of_the_project() -> None:
    text = (ROOT / "CMakeLists.txt").read_text()
    assert f"project(mxfp4 VERSION {mxfp4.__version__} " in text


def test_package_is_typed() -> None:
    assert (Path(mxfp4.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("name", mxfp4.__all__)
def test_public_names_are_documented_and_typed(name: str) -> None:
    value = getattr(mxfp4, name)
    if name == "__version__":
        return
    assert value.__doc__ and "\n" in value.__doc__ or inspect.isclass(value)
    if inspect.isfunction(value):
        signature = inspect.signature(value)
        assert signature.return_annotation is not inspect.Signature.empty
        for parameter in signature.parameters.values():
            assert parameter.annotation is not inspect.Parameter.empty
            assert f"{parameter.name}: " in value.__doc__
        assert "Raises:" in value.__doc__


def test_stub_has_the_names_of_the_module() -> None:
    stub = ast.parse((Path(mxfp4.__file__).parent / "_mxfp4.pyi").read_text())
    in_stub = {
        node.name: [argument.arg for argument in node.args.args]
        for node in stub.body
        if isinstance(node, ast.FunctionDef)
    }
    in_module = {
        name: re.findall(r"(\w+): ", value.__doc__.splitlines()[0])
        for name, value in vars(_mxfp4).items()
        if callable(value)
    }
    assert in_stub == in_module


def test_readme_runs() -> None:
    readme = (ROOT / "README.md").read_text()
    section = readme[readme.index("\n## Python\n") :]
    section = section[: section.index("\n## ", 1)]
    blocks = re.findall(r"```python\n(.*?)```", section, re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
