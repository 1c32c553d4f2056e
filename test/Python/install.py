#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Installs the package with pip and runs tests on what it installed.

Builds without isolation, so it needs pip, pybind11 and scikit-build-core here
and no network. Once without the compiler and, where LLVM is at hand, once with
it, which takes as long as the project itself the first time.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent


def install(build: str, *options: str, tests: list[str], has_compiler: bool) -> None:
    with tempfile.TemporaryDirectory() as target:
        pip = [sys.executable, "-m", "pip", "install", "--quiet"]
        pip += ["--disable-pip-version-check", "--no-build-isolation", "--no-deps"]
        pip += ["-C", f"build-dir={build}", *options]
        subprocess.run([*pip, "--target", target, FOLDER.parents[1]], check=True)
        files = sorted(str(path.relative_to(target)) for path in Path(target).rglob("*"))
        print(*files, sep="\n")
        # Nothing of the other targets of the project.
        assert all(file.startswith("mxfp4") for file in files)
        found = [file for file in files if "/_compiler" in file and file.endswith(".so")]
        assert bool(found) == has_compiler

        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        environment = {**os.environ, "PYTHONPATH": target}
        # The libraries of LLVM are found without help.
        environment.pop("LD_LIBRARY_PATH", None)
        paths = [FOLDER / name for name in tests]
        subprocess.run([*pytest, *paths], env=environment, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build-dir", required=True, help="kept for the next time")
    parser.add_argument("--compiler", type=int, required=True, help="1 if LLVM is there")
    arguments = parser.parse_args()
    tests = ["test_package.py", "test_nvfp4.py"]
    install(
        f"{arguments.build_dir}/plain",
        "-C",
        "cmake.define.MXFP4_COMPILER=OFF",
        tests=tests,
        has_compiler=False,
    )
    if arguments.compiler:
        tests += ["test_tokenizer.py", "test_generate.py", "test_module.py"]
        tests += ["test_jax.py"]
        install(f"{arguments.build_dir}/compiler", tests=tests, has_compiler=True)


main()
