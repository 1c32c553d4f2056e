#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Errors and times of a product with MXFP4, by how its input is rounded.

    benchmarks/input_error.py [--rows 1 132] [--turns 9]

x [rows, 2880] times the transpose of a weight [5760, 2880], the shape of an expert
of GPT-OSS. Errors are relative L2 errors of the result against f64, from x in f32:
once of normal numbers, once with every 100th column 30 times as large, as in the
residual stream of language models. "q8_0" is what ggml's engines make of x, computed
here with NumPy: integers of 8 bits and a scale in f16 for 32 of them, whose products
are added up in f64. Times are medians of all kernels in turn.
"""

from __future__ import annotations

import argparse
import statistics
import time

import ml_dtypes
import mxfp4
import numpy as np

N, K = 5760, 2880
BLOCK = 32


def make_kernel(element: str, input_format: str, rows: int, weights: dict) -> mxfp4.Executable:
    types = f"tensor<{rows}x{K}x{element}>, tensor<{N}x{K // 2}xi8>, tensor<{N}x{K // BLOCK}xf8E8M0FNU>"
    x, values, scales = types.split(", ")
    out = f"tensor<{rows}x{N}xf32>"
    attribute = f" {{input_format = #mxfp4.input_format<{input_format}>}}" if input_format else ""
    module = mxfp4.Module.parse(f"""
func.func @main(%x: {x}, %values: {values}, %scales: {scales}) -> {out} {{
  %init = tensor.empty() : {out}
  %y = mxfp4.matmul ins(%x, %values, %scales : {types}) outs(%init : {out}){attribute} -> {out}
  return %y : {out}
}}""")
    return mxfp4.compile(module, weights=weights)


def round_q8_0(x: np.ndarray) -> np.ndarray:
    blocks = x.reshape(-1, BLOCK)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / 127
    inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale != 0)
    integers = np.round(blocks * inverse)
    return (integers * scale.astype(np.float16).astype(np.float64)).reshape(x.shape)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 132])
    parser.add_argument("--turns", type=int, default=9)
    arguments = parser.parse_args()

    random = np.random.default_rng(0)
    values, scales = mxfp4.quantize(random.standard_normal((N, K), np.float32), "mxfp4")
    weight = mxfp4.dequantize(values, scales, "mxfp4").astype(np.float64)
    weights = {1: values, 2: scales.view(ml_dtypes.float8_e8m0fnu)}

    print("| rows | input | error, normal | error, large columns | ms |")
    print("| --- | --- | --- | --- | --- |")
    for rows in arguments.rows:
        normal = random.standard_normal((rows, K)).astype(np.float32)
        large = normal.copy()
        large[:, ::100] *= 30
        kernels = {
            "f32": make_kernel("f32", "", rows, weights),
            "bf16": make_kernel("bf16", "", rows, weights),
            "f32 to int16": make_kernel("f32", "int16", rows, weights),
            "bf16 to int16": make_kernel("bf16", "int16", rows, weights),
            "f32 to int8": make_kernel("f32", "int8", rows, weights),
        }

        def error(result: np.ndarray, x: np.ndarray) -> float:
            exact = x.astype(np.float64) @ weight.T
            return float(np.linalg.norm(result - exact) / np.linalg.norm(exact))

        def convert(name: str, x: np.ndarray) -> np.ndarray:
            return x.astype(ml_dtypes.bfloat16) if name.startswith("bf16") else x

        times: dict[str, list[float]] = {name: [] for name in kernels}
        for _ in range(arguments.turns):
            for name, kernel in kernels.items():
                x = convert(name, normal)
                start = time.perf_counter()
                kernel(x)
                times[name].append(time.perf_counter() - start)
        for name, kernel in kernels.items():
            errors = [error(kernel(convert(name, x)), x) for x in (normal, large)]
            print(
                f"| {rows} | {name} | {errors[0]:.1e} | {errors[1]:.1e} | "
                f"{1e3 * statistics.median(times[name]):.2f} |"
            )
        peer = [error(round_q8_0(x.astype(np.float64)) @ weight.T, x) for x in (normal, large)]
        print(f"| {rows} | q8_0 (NumPy) | {peer[0]:.1e} | {peer[1]:.1e} | |")


if __name__ == "__main__":
    main()
