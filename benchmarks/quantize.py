#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How fast mxfp4.quantize and mxfp4.dequantize are, beside a memory copy.

    benchmarks/quantize.py [--megabytes 64] [--format mxfp4]...

Prints GB/s of the wide array (read by quantize, written by dequantize), on one
thread, and the ratio to numpy.copyto of the same array. All kinds of work take
turns, so that a load of the machine slows all of them; each is the best of its
turns.
"""

from __future__ import annotations

import argparse
import time
from typing import Callable

import mxfp4
import numpy as np

FORMATS = ("mxfp4", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp8_e4m3", "mxfp8_e5m2", "nvfp4")


def make_work(formats: list[str], x: np.ndarray) -> dict[str, Callable[[], object]]:
    """What to measure, by name."""
    copy = np.empty_like(x)
    work: dict[str, Callable[[], object]] = {
        "numpy.copyto": lambda: np.copyto(copy, x)
    }
    for name in formats:
        scale = mxfp4.choose_tensor_scale(x) if name == "nvfp4" else None
        values, scales = mxfp4.quantize(x, name, tensor_scale=scale)
        # Bound as defaults, since the lambdas run after the loop.
        work[f"quantize {name}"] = lambda name=name, scale=scale: mxfp4.quantize(
            x, name, tensor_scale=scale
        )
        work[f"dequantize {name}"] = (
            lambda name=name, scale=scale, values=values, scales=scales: mxfp4.dequantize(
                values, scales, name, tensor_scale=scale
            )
        )
    name = formats[0]
    half = x.astype(np.float16)
    work[f"quantize {name}, transposed"] = lambda: mxfp4.quantize(x, name, axis=0)
    work[f"quantize {name}, float16"] = lambda: mxfp4.quantize(half, name)
    if name != "nvfp4":
        work[f"quantize {name}, rceil"] = lambda: mxfp4.quantize(x, name, "rceil")
    work[f"quantize {name}, stochastic"] = lambda: mxfp4.quantize(
        x, name, rounding="stochastic", seed=1
    )
    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=64, help="size of the array")
    parser.add_argument("--format", action="append", choices=FORMATS)
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()

    rng = np.random.default_rng(0)
    x = rng.standard_normal((arguments.megabytes * 2**20 // 4096 // 4, 4096), np.float32)
    work = make_work(arguments.format or list(FORMATS), x)
    best = dict.fromkeys(work, float("inf"))
    for _ in range(arguments.turns):
        for name, function in work.items():
            start = time.perf_counter()
            function()
            best[name] = min(best[name], time.perf_counter() - start)

    print(f"{x.shape[0]} x {x.shape[1]} float32, best of {arguments.turns}")
    copy = best["numpy.copyto"]
    for name, seconds in best.items():
        # Values have 4 bytes here whatever the type of the array is.
        print(f"{name:32} {x.nbytes / seconds / 1e9:7.3f} GB/s {copy / seconds:8.3f}")


if __name__ == "__main__":
    main()
