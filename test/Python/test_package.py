# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the package says about itself: names, types, documentation, README."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import mxfp4
import pytest
from mxfp4 import _mxfp4

ROOT = Path(__file__).parents[2]
PACKAGE = Path(mxfp4.__file__).parent
HAS_COMPILER = importlib.util.find_spec("mxfp4._compiler") is not None

needs_compiler = pytest.mark.skipif(not HAS_COMPILER, reason="built without the compiler")


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
    stub = ast.parse((PACKAGE / "_mxfp4.pyi").read_text())
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


@needs_compiler
def test_stub_has_the_classes_of_the_compiler() -> None:
    from mxfp4 import _compiler

    def read_parameters(method: Any) -> list[str]:
        line = (getattr(method, "__doc__", None) or "").splitlines()[:1]
        # Of a property the documentation is that of what it gives.
        is_method = callable(method) or isinstance(method, staticmethod)
        return re.findall(r"(\w+): ", line[0]) if is_method and line else ["self"]

    stub = ast.parse((PACKAGE / "_compiler.pyi").read_text())
    for node in stub.body:
        if not isinstance(node, ast.ClassDef):
            continue
        in_stub = {
            function.name: [argument.arg for argument in function.args.args]
            for function in node.body
            if isinstance(function, ast.FunctionDef)
        }
        in_module = {
            name: read_parameters(getattr(getattr(_compiler, node.name), name))
            for name in vars(getattr(_compiler, node.name))
            if not name.startswith("_")
        }
        assert in_stub == in_module


@needs_compiler
@pytest.mark.parametrize(
    "name", ["Executable", "Function", "Generation", "Model", "Module", "Tokenizer"]
)
def test_classes_are_documented_and_typed(name: str) -> None:
    value = getattr(mxfp4, name)
    assert value.__doc__
    for member_name, member in vars(value).items():
        if member_name.startswith("_"):
            continue
        if isinstance(member, property):
            assert member.__doc__ and "return" in member.fget.__annotations__
            continue
        function = inspect.unwrap(getattr(value, member_name))
        parameters = inspect.signature(function).parameters
        assert "return" in function.__annotations__
        for parameter in parameters.values():
            if parameter.name != "self":
                assert parameter.annotation is not inspect.Parameter.empty
                assert f"{parameter.name}: " in function.__doc__
        returns = function.__annotations__["return"] != "None"
        assert ("Returns:" in function.__doc__) == returns
        assert "Raises:" in function.__doc__



def run_python(code: str, folder: Path) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_import_does_not_load_llvm() -> None:
    run_python(
        "from mxfp4 import *\n"
        "import mxfp4\n"
        "assert {'Model', 'Tokenizer', 'quantize'} <= set(dir(mxfp4))\n"
        "assert 'libLLVM' not in open('/proc/self/maps').read()\n",
        PACKAGE.parent,
    )


def test_names_that_are_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'mxfp4' has no attribute 'Nodel'"):
        mxfp4.Nodel


def test_package_without_the_compiler(tmp_path: Path) -> None:
    shutil.copytree(
        PACKAGE, tmp_path / "mxfp4", ignore=shutil.ignore_patterns("_compiler*.so")
    )
    message = run_python(
        "import mxfp4\n"
        "for name in ('Model', 'Tokenizer', 'Generation'):\n"
        "    try:\n"
        "        getattr(mxfp4, name)\n"
        "    except ImportError as error:\n"
        "        print(error)\n",
        tmp_path,
    )
    assert message.count("\n") == 3
    for words in ("mxfp4.Model needs the compiler", "LLVM 22", "pip install"):
        assert words in message


def test_module_without_llvm_exports_only_its_start() -> None:
    nm = shutil.which("nm")
    if not nm:
        pytest.skip("no nm")
    for file in PACKAGE.glob("_mxfp4.*so"):
        command = [nm, "-D", "-C", "--defined-only", str(file)]
        names = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert f"PyInit_{file.name.split('.')[0]}\n" in names
        # Those of std are g++'s, whatever they are made with.
        ours = [name for name in names.splitlines() if not re.search(r"^\w+ \w std::", name)]
        assert not re.search(r"\b(llvm|mlir|lld|mx|pybind11)::", "\n".join(ours))
