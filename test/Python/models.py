# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The model that is shipped, for tests; they are skipped where the package has
no compiler."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mxfp4._compiler", exc_type=ImportError)

import mxfp4

FOLDER = Path(__file__).parents[2] / "models" / "tiny-shakespeare"
PROMPT = "ROMEO:\n"

# What is compiled for one test is there for all, in processes of tests too, and
# gone afterwards.
if "MXFP4_TEST_CACHE" not in os.environ:
    _CACHE = tempfile.TemporaryDirectory()
    os.environ["MXFP4_TEST_CACHE"] = _CACHE.name
os.environ["MXFP4_CACHE_DIR"] = os.environ["MXFP4_TEST_CACHE"]


@functools.lru_cache(maxsize=None)
def load(**options: Any) -> mxfp4.Model:
    """A model that tests share."""
    return mxfp4.Model.load(FOLDER, threads=2, **options)


def slow() -> tuple[mxfp4.Model, list[int]]:
    """The exact path in small chunks, and tokens that take it long."""
    model = mxfp4.Model.load(FOLDER, reference=True, prefill_tokens=4)
    return model, list(range(model.context))


def read_reference() -> tuple[list[int], np.ndarray]:
    """Tokens, and their logits [tokens, vocab_size] of another implementation."""
    data = (FOLDER / "reference.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])

    def read(name: str, dtype: str) -> np.ndarray:
        begin, end = header[name]["data_offsets"]
        array = np.frombuffer(data[8 + size + begin : 8 + size + end], dtype)
        return array.reshape(header[name]["shape"])

    logits = read("logits", "<f4")
    logits = logits.reshape(-1, logits.shape[-1])
    return read("input_ids", "<i4").reshape(-1).tolist(), logits


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a new process."""
    paths = [str(Path(mxfp4.__file__).parents[1]), str(Path(__file__).parent)]
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
