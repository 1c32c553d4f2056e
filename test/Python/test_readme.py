# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The examples of the README, word for word."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.S | re.M)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("example", EXAMPLES, ids=[str(i) for i in range(len(EXAMPLES))])
def test_example(example: str, tmp_path: Path) -> None:
    if re.search(r"mxfp4\.(Model|Module|compile)\b", example):
        pytest.importorskip("mxfp4._compiler", reason="built without the compiler")
    if "import jax" in example:
        pytest.importorskip("jax")
        if importlib.util.find_spec("torch_mlir") is None:
            pytest.skip("the package torch-mlir is not installed")
    cache = os.environ.get("MXFP4_TEST_CACHE", str(tmp_path))
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "MXFP4_CACHE_DIR": cache},
    )
    assert result.returncode == 0, result.stderr
    if "import jax" in example:
        largest, module = result.stdout.split("\n", 1)
        assert float(largest) < 1e-3
        assert module.count("mxfp4.matmul") == 1 and "linalg.matmul" not in module
