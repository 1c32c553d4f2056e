# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Functions of JAX with block-scaled weights: exported by JAX, converted to linalg
by torch-mlir's passes, raised, compiled, and equal to what JAX computes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

import mxfp4

pytest.importorskip("mxfp4._compiler", reason="built without the compiler")
jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

CONVERT = shutil.which("torch-mlir-opt", path=str(Path(sys.executable).parent))
if CONVERT is None:
    pytest.skip("the package torch-mlir is not installed", allow_module_level=True)

TO_LINALG = (
    "builtin.module(inline,symbol-dce,func.func(stablehlo-aggressive-simplification),"
    "stablehlo-legalize-to-linalg,stablehlo-convert-to-signless,canonicalize,cse)"
)
ROWS, COLUMNS = 96, 2880
TABLE = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6]


def expand(values: Any, scales: Any) -> Any:
    """Nibbles, a table, and powers of two by ldexp."""
    nibbles = jnp.stack([values & 15, values >> 4], axis=-1)
    scale = jnp.ldexp(jnp.float32(1), scales.astype(jnp.int32) - 127)
    weight = jnp.array(TABLE)[nibbles].reshape(ROWS, -1, 32) * scale[..., None]
    return weight.reshape(ROWS, COLUMNS)


def by_table(x: Any, values: Any, scales: Any) -> Any:
    return x @ expand(values, scales).T


def by_bits(x: Any, values: Any, scales: Any) -> Any:
    """The same with the bits of f32, rows first."""
    nibbles = jnp.stack([values & 15, values >> 4], axis=-1).reshape(ROWS, COLUMNS)
    exponent = (nibbles.astype(jnp.uint32) >> 1) & 3
    mantissa = (nibbles & 1).astype(jnp.uint32)
    normal = ((exponent + 126) << 23) | (mantissa << 22)
    magnitude = jnp.where(exponent == 0, mantissa * jnp.float32(0.5),
                          jax.lax.bitcast_convert_type(normal, jnp.float32))
    elements = jnp.where(nibbles & 8, -magnitude, magnitude)
    scale = jax.lax.bitcast_convert_type(scales.astype(jnp.uint32) << 23, jnp.float32)
    return jnp.einsum("tk,nk->tn", x, elements * jnp.repeat(scale, 32, axis=1))


def by_types(x: Any, values: Any, scales: Any) -> Any:
    """The small floats as types of JAX."""
    weight = values.astype(jnp.float32).reshape(ROWS, -1, 32)
    weight = weight * scales.astype(jnp.float32)[..., None]
    return jax.lax.dot_general(x, weight.reshape(ROWS, COLUMNS), (((1,), (1,)), ((), ())))


def with_bias(x: Any, values: Any, scales: Any) -> Any:
    """What follows the product is compiled, too."""
    return jax.nn.silu(by_table(x, values, scales) + jnp.arange(ROWS, dtype=jnp.float32))


def export(function: Callable[..., Any], *arrays: Any) -> mxfp4.Module:
    exported = jax.export.export(jax.jit(function))(*arrays)
    result = subprocess.run(
        [CONVERT, f"--pass-pipeline={TO_LINALG}"],
        input=exported.mlir_module(), capture_output=True, text=True, check=True,
    )
    return mxfp4.Module.parse(result.stdout, f"{function.__name__}.mlir")


@pytest.mark.parametrize("function", [by_table, by_bits, by_types, with_bias])
def test_equal_to_jax(function: Callable[..., Any]) -> None:
    rng = np.random.default_rng(3)
    values, scales = mxfp4.quantize(rng.standard_normal((ROWS, COLUMNS), np.float32))
    x = rng.standard_normal((5, COLUMNS), np.float32)
    if function is by_types:
        nibbles = np.stack([values & 15, values >> 4], -1).reshape(ROWS, COLUMNS)
        values = nibbles.view(jnp.float4_e2m1fn.dtype)
        scales = scales.view(jnp.float8_e8m0fnu.dtype)
    module = export(function, x, values, scales)
    # JAX sums in another order: 2880 products of magnitude 1, of which each sum
    # has an error of 2^-24 of itself.
    expected = np.asarray(jax.jit(function)(x, values, scales))
    tolerance = COLUMNS * 2**-24 * np.abs(expected).max()

    raised = module.clone()
    raised.run_pipeline("mxfp4-raise,mxfp4-fuse")
    assert "mxfp4.matmul" in str(raised), str(raised)
    assert "linalg.matmul" not in str(raised)
    fused = mxfp4.compile(module, weights={1: values, 2: scales})
    np.testing.assert_allclose(fused(x), expected, rtol=0, atol=tolerance)
    # And as it was exported, by plain loops.
    plain = mxfp4.compile(module, fuse=False)
    np.testing.assert_allclose(plain(x, values, scales), expected, rtol=0, atol=tolerance)


def test_two_products_are_not_one() -> None:
    """Scales of one for each row are no blocks: nothing is raised, and the result
    is the same."""

    def function(x: Any, values: Any, scales: Any) -> Any:
        nibbles = jnp.stack([values & 15, values >> 4], axis=-1).reshape(ROWS, -1)
        return x @ (jnp.array(TABLE)[nibbles] * scales[:, None]).T

    rng = np.random.default_rng(4)
    values = rng.integers(0, 256, (ROWS, 64), np.uint8)
    scales = rng.standard_normal(ROWS).astype(np.float32)
    x = rng.standard_normal((2, 128)).astype(np.float32)
    module = export(function, x, values, scales)
    raised = module.clone()
    raised.run_pipeline("mxfp4-raise")
    assert "mxfp4." not in str(raised)
    expected = np.asarray(jax.jit(function)(x, values, scales))
    y = mxfp4.compile(module)(x, values, scales)
    np.testing.assert_allclose(y, expected, rtol=0, atol=128 * 2**-24 * np.abs(expected).max())


# One weight, or one for each of four experts.
WEIGHT, EXPERTS = (ROWS, 256), (4, ROWS, 256)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("product", "rows", "shape"),
    [
        ("k,nk->n", (256,), WEIGHT),
        ("nk,k->n", (256,), WEIGHT),
        ("nk,kt->nt", (256, 5), WEIGHT),
        ("nk,tk->nt", (5, 256), WEIGHT),
        ("bsk,nk->bsn", (2, 3, 256), WEIGHT),
        ("bks,nk->bns", (2, 256, 3), WEIGHT),
        ("tk,enk->ten", (5, 256), EXPERTS),
        ("tk,enk->etn", (5, 256), EXPERTS),
        ("etk,enk->etn", (4, 3, 256), EXPERTS),
        ("ek,enk->en", (4, 256), EXPERTS),
        ("tek,enk->ten", (5, 4, 256), EXPERTS),
    ],
)
def test_products(product: str, rows: tuple[int, ...], shape: tuple[int, ...], dtype: str) -> None:
    """Every order of dimensions, and the types of activations: one kernel."""
    is_first = product.startswith("nk")

    def function(x: Any, values: Any, scales: Any) -> Any:
        nibbles = jnp.stack([values & 15, values >> 4], axis=-1)
        powers = jax.lax.bitcast_convert_type(scales.astype(jnp.uint16) << 7, jnp.bfloat16)
        weight = jnp.array(TABLE)[nibbles].reshape(*shape[:-1], -1, 32).astype(x.dtype)
        weight = (weight * powers.astype(x.dtype)[..., None]).reshape(shape)
        return jnp.einsum(product, *([weight, x] if is_first else [x, weight]))

    rng = np.random.default_rng(11)
    values, scales = mxfp4.quantize(rng.standard_normal(shape, np.float32))
    x = rng.standard_normal(rows, np.float32).astype(dtype)
    module = export(function, x, values, scales)
    raised = module.clone()
    raised.run_pipeline("mxfp4-raise,mxfp4-fuse")
    assert "mxfp4.matmul" in str(raised), str(raised)
    assert "mxfp4.dequantize" not in str(raised)
    expected = np.asarray(jax.jit(function)(x, values, scales)).astype(np.float32)
    # Sums in another order; in bf16, where both round once, half a step more.
    tolerance = 256 * 2**-24 + (2**-8 if dtype == "bfloat16" else 0)
    for weights in ({}, {1: values, 2: scales}):
        y = mxfp4.compile(module, weights=weights)(*([x] if weights else [x, values, scales]))
        assert y.dtype == x.dtype
        error = np.abs(y.astype(np.float32) - expected).max()
        assert error <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize(("dtype", "step"), [("bfloat16", 2**-7), ("float16", 2**-10)])
def test_plain_products_add_up_in_f32(dtype: str, step: float) -> None:
    """A product without blocks, which is not fused: in the type of its result the
    sum would be off by many steps."""

    def function(x: Any, weight: Any) -> Any:
        return x @ weight

    rng = np.random.default_rng(13)
    x = rng.standard_normal((5, COLUMNS), np.float32).astype(dtype)
    weight = rng.standard_normal((COLUMNS, ROWS), np.float32).astype(dtype)
    y = mxfp4.compile(export(function, x, weight))(x, weight)
    assert y.dtype == x.dtype
    expected = np.asarray(jax.jit(function)(x, weight)).astype(np.float32)
    # Each rounds once, by half a step of at most `step`; sums in another order.
    tolerance = step * np.abs(expected) + COLUMNS * 2**-24 * np.abs(expected).max()
    assert (np.abs(y.astype(np.float32) - expected) <= tolerance).all()


@pytest.mark.parametrize("order", ["scales first", "tensor last", "constant", "after"])
def test_nvfp4(order: str) -> None:
    """The scale of a whole tensor, an argument or a constant."""
    rng = np.random.default_rng(12)
    weight = rng.standard_normal((ROWS, 256), np.float32)
    scale = mxfp4.choose_tensor_scale(weight)
    values, scales = mxfp4.quantize(weight, "nvfp4", tensor_scale=scale)
    decode = np.float32(scale[0])

    def function(x: Any, values: Any, scales: Any, factor: Any) -> Any:
        elements = jnp.array(TABLE)[jnp.stack([values & 15, values >> 4], axis=-1)]
        elements = elements.reshape(ROWS, -1, 16)
        scales = scales.astype(jnp.float32)[..., None]
        if order == "scales first":
            return x @ (elements * (scales * factor)).reshape(ROWS, -1).T
        if order == "tensor last":
            return x @ ((elements * scales) * factor).reshape(ROWS, -1).T
        if order == "constant":
            return x @ (elements * (scales * decode)).reshape(ROWS, -1).T + factor
        return (x @ (elements * scales).reshape(ROWS, -1).T) * factor

    x = rng.standard_normal((3, 256), np.float32)
    arguments = x, values, scales.view(jnp.float8_e4m3fn.dtype), decode
    module = export(function, *arguments)
    raised = module.clone()
    raised.run_pipeline("mxfp4-raise,mxfp4-fuse")
    assert "mxfp4.matmul" in str(raised), str(raised)
    assert ("tensor_scale" in str(raised)) == (order != "after")
    expected = np.asarray(jax.jit(function)(*arguments))
    y = mxfp4.compile(module)(*arguments)
    np.testing.assert_allclose(y, expected, rtol=0, atol=256 * 2**-24 * np.abs(expected).max())


NARROW = [jnp.float4_e2m1fn, jnp.float8_e4m3fn, jnp.float8_e5m2, jnp.float8_e8m0fnu]


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("wide", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_casts(dtype: Any, wide: Any) -> None:
    """All f16 and bf16 numbers, and the f32 numbers around those that casts round
    at; LLVM knows none of the types."""

    def function(x: Any) -> Any:
        return x.astype(dtype).astype(jnp.float32)

    every = np.arange(65536, dtype=np.uint16)
    if wide is jnp.float32:
        with np.errstate(all="ignore"):
            codes = np.arange(1 << jnp.finfo(dtype).bits, dtype=np.uint8)
            numbers = codes.view(dtype).astype(np.float32)
            numbers = numbers[np.isfinite(numbers)]
            steps = np.subtract.outer(numbers, numbers)[np.abs(numbers).argsort()]
            middle = numbers + np.abs(steps).min(axis=0, where=steps != 0, initial=1e30) / 2
            x = np.concatenate([(every.astype(np.uint32) << 16).view(np.float32), numbers, middle])
            x = np.concatenate([x, *(np.nextafter(x, np.float32(to)) for to in (0, 9e9))])
    else:
        x = every.view(wide)
    y = mxfp4.compile(export(function, x))(x)
    np.testing.assert_array_equal(y, np.asarray(jax.jit(function)(x)))


def test_arithmetic_of_narrow_floats() -> None:
    def function(x: Any) -> Any:
        x = x.astype(jnp.float8_e4m3fn)
        return (x + jnp.asarray(1, x.dtype)) * x

    x = np.random.default_rng(7).standard_normal((16, 80), np.float32)
    y = mxfp4.compile(export(function, x))(x)
    np.testing.assert_array_equal(
        y.view(jnp.float8_e4m3fn).astype(np.float32),
        np.asarray(jax.jit(function)(x)).astype(np.float32),
    )


FOURS = np.random.default_rng(8).integers(0, 16, (64, 96), np.uint8).view(jnp.float4_e2m1fn.dtype)


@pytest.mark.parametrize(
    "function",
    [
        lambda v: v,
        lambda v: v.T,
        lambda v: v[3:9, 5:9],
        lambda v: jnp.concatenate([v, v[:5]]),
        lambda v: v.reshape(32, 192),
        lambda v: jnp.pad(v, ((1, 1), (0, 2))),
        lambda v: jnp.where(v.astype(jnp.float32) > 1, v, jnp.asarray(FOURS)[::-1]),
        lambda v: (v.T[1:4, 1:4].astype(jnp.float32) * 2).astype(jnp.float4_e2m1fn)[:, :2],
    ],
)
def test_moves_of_four_bits(function: Callable[..., Any]) -> None:
    """4-bit numbers that are no blocks: two share a byte at the ends alone."""
    y = mxfp4.compile(export(function, FOURS))(FOURS)
    codes = np.asarray(jax.jit(function)(FOURS)).view(np.uint8)
    np.testing.assert_array_equal(y, codes[..., ::2] | codes[..., 1::2] << 4)


def test_quantization_by_jax() -> None:
    """Elements and scales that JAX chooses are ours: every cast is."""

    def function(x: Any) -> Any:
        blocks = x.reshape(64, -1, 32)
        scales = (jnp.abs(blocks).max(-1, keepdims=True) / 6).astype(jnp.float8_e8m0fnu)
        values = (blocks / scales.astype(jnp.float32)).astype(jnp.float4_e2m1fn)
        return values.reshape(x.shape), scales.reshape(64, -1)

    x = np.random.default_rng(9).standard_normal((64, 2880), np.float32)
    values, scales = mxfp4.compile(export(function, x))(x)
    expected, expected_scales = map(np.asarray, jax.jit(function)(x))
    codes = expected.view(np.uint8)
    np.testing.assert_array_equal(values, codes[..., ::2] | codes[..., 1::2] << 4)
    np.testing.assert_array_equal(scales, expected_scales.view(np.uint8))


def test_weight_in_the_module() -> None:
    """A weight that the function closes over is a constant of the module."""
    rng = np.random.default_rng(10)
    values, scales = mxfp4.quantize(rng.standard_normal((ROWS, COLUMNS), np.float32))
    nibbles = np.stack([values & 15, values >> 4], -1).reshape(ROWS, COLUMNS)
    weight = nibbles.view(jnp.float4_e2m1fn.dtype), scales.view(jnp.float8_e8m0fnu.dtype)

    def function(x: Any) -> Any:
        return by_types(x, jnp.asarray(weight[0]), jnp.asarray(weight[1]))

    x = rng.standard_normal((3, COLUMNS), np.float32)
    module = export(function, x)
    lowered = module.clone()
    lowered.run_pipeline("mxfp4-adopt,mxfp4-fuse,mxfp4-lower-to-vector")
    assert "mxfp4.pack" not in str(lowered)  # Arranged when it is compiled.
    expected = np.asarray(jax.jit(function)(x))
    tolerance = COLUMNS * 2**-24 * np.abs(expected).max()
    for fuse in (True, False):
        y = mxfp4.compile(module, fuse=fuse)(x)
        np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance)
