#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Installs the package with pip and runs tests on what it installed.

Builds without isolation, so it needs pip, pybind11 and scikit-build-core here
and no network.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent


def main() -> None:
    with tempfile.TemporaryDirectory() as target:
        pip = [sys.executable, "-m", "pip", "install", "--quiet"]
        pip += ["--disable-pip-version-check", "--no-build-isolation", "--no-deps"]
        subprocess.run([*pip, "--target", target, FOLDER.parents[1]], check=True)
        files = sorted(str(path.relative_to(target)) for path in Path(target).rglob("*"))
        print(*files, sep="\n")
        # Nothing of the other targets of the project.
        assert all(file.startswith("mxfp4") for file in files)

        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        tests = [FOLDER / name for name in ("test_package.py", "test_nvfp4.py")]
        environment = {**os.environ, "PYTHONPATH": target}
        subprocess.run([*pytest, *tests], env=environment, check=True)


main()
