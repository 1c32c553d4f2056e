#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A product with a weight in MXFP4 as JAX runs it, and compiled of JAX's export.

    benchmarks/jax_matmul.py [--rows 1 32]

x [rows, 2880] times the transpose of a weight [5760, 2880], the shape of an
expert of GPT-OSS. JAX gets the blocks as arguments and expands them in each call;
ours were packed for the kernel before. Both take turns in one run; times are
medians. Needs the packages jax and torch-mlir.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import mxfp4
import numpy as np

TABLE = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6]
TO_LINALG = (
    "builtin.module(inline,symbol-dce,func.func(stablehlo-aggressive-simplification),"
    "stablehlo-legalize-to-linalg,stablehlo-convert-to-signless,canonicalize,cse)"
)
N, K = 5760, 2880


def project(x: jax.Array, values: jax.Array, scales: jax.Array) -> jax.Array:
    nibbles = jnp.stack([values & 15, values >> 4], axis=-1)
    scale = jnp.ldexp(jnp.float32(1), scales.astype(jnp.int32) - 127)
    weight = jnp.array(TABLE)[nibbles].reshape(N, K // 32, 32) * scale[..., None]
    return x @ weight.reshape(N, K).T


def export(*arrays: np.ndarray) -> str:
    exported = jax.export.export(jax.jit(project))(*arrays)
    return subprocess.run(
        [f"{sys.prefix}/bin/torch-mlir-opt", f"--pass-pipeline={TO_LINALG}"],
        input=exported.mlir_module(), capture_output=True, text=True, check=True,
    ).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--turns", type=int, default=9)
    arguments = parser.parse_args()

    rng = np.random.default_rng(0)
    values, scales = mxfp4.quantize(rng.standard_normal((N, K), np.float32))
    for rows in arguments.rows:
        x = rng.standard_normal((rows, K), np.float32)
        ours = mxfp4.compile(export(x, values, scales), weights={1: values, 2: scales})
        theirs = jax.jit(project)
        on_device = [jnp.asarray(array) for array in (x, values, scales)]
        work = {
            "mxfp4": lambda: ours(x),
            "JAX": lambda: theirs(*on_device).block_until_ready(),
        }
        difference = np.abs(ours(x) - np.asarray(theirs(*on_device))).max()
        times: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(arguments.turns):
            for name, run in work.items():
                start = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - start)
        a, b = (statistics.median(times[name]) * 1e3 for name in work)
        print(f"{rows:4} rows: mxfp4 {a:8.3f} ms, JAX {b:8.3f} ms, {b / a:6.1f} times; "
              f"largest difference {difference:.1e}")


if __name__ == "__main__":
    main()
