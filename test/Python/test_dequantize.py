# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mxfp4.dequantize, bit for bit, against rules.py, numpy and ml_dtypes."""

from __future__ import annotations

import sys

import inputs
import ml_dtypes
import mxfp4
import numpy as np
import pytest
import rules
from test_quantize import ELEMENT_TYPES, MX_FORMATS

ELEMENT_TYPES = {**ELEMENT_TYPES, "nvfp4": ml_dtypes.float4_e2m1fn}
SCALE_TYPES = {
    format: ml_dtypes.float8_e4m3fn if format == "nvfp4" else ml_dtypes.float8_e8m0fnu
    for format in rules.FORMATS
}
RESULT_TYPES = ["float32", "float16", "bfloat16"]


def expect_same_floats(result: np.ndarray, expected: np.ndarray) -> None:
    """All bits, but for the payload of a NaN."""
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    nan = np.isnan(expected.astype(np.float32))
    np.testing.assert_array_equal(np.isnan(result.astype(np.float32)), nan)
    bits = f"u{result.dtype.itemsize}"
    np.testing.assert_array_equal(result.view(bits)[~nan], expected.view(bits)[~nan])


def every_code(format: str) -> tuple[np.ndarray, np.ndarray]:
    """Codes [256, K] and scales: every code under every scale."""
    described = rules.FORMATS[format]
    count = max(1 << described.element.bits, described.block)
    codes = np.arange(count, dtype=np.uint8) & (1 << described.element.bits) - 1
    codes = np.broadcast_to(codes, (256, count))
    scales = np.arange(256, dtype=np.uint8)[:, None]
    return codes, np.repeat(scales, count // described.block, axis=1)


@pytest.mark.parametrize("dtype", RESULT_TYPES)
@pytest.mark.parametrize("format", rules.FORMATS)
def test_f5_every_code_under_every_scale(format: str, dtype: str) -> None:
    codes, scales = every_code(format)
    values = rules.pack(codes, rules.FORMATS[format].element.bits)
    tensor_scales = [None]
    if format == "nvfp4":
        tensor_scales += [rules.TensorScale(np.float32(d)) for d in (0.3, 1e-38, 1e38)]
    for tensor_scale in tensor_scales:
        result = mxfp4.dequantize(
            values, scales, format, dtype, tensor_scale=tensor_scale
        )
        wide = rules.dequantize(
            codes, scales, format, tensor_scale or rules.TensorScale()
        )
        with np.errstate(over="ignore", invalid="ignore"):
            expect_same_floats(result, wide.astype(np.dtype(dtype)))


@pytest.mark.parametrize("format", rules.FORMATS)
def test_f5_products_of_ml_dtypes(format: str) -> None:
    """Two million random bytes, seen as arrays of ml_dtypes."""
    described = rules.FORMATS[format]
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 1 << described.element.bits, (512, 4096)).astype(np.uint8)
    shape = (512, 4096 // described.block)
    scales = rng.integers(0, 256, shape).astype(np.uint8)
    elements = codes.view(ELEMENT_TYPES[format])
    with np.errstate(over="ignore", invalid="ignore"):
        expected = elements.astype(np.float32) * np.repeat(
            scales.view(SCALE_TYPES[format]).astype(np.float32), described.block, axis=1
        )
    values = rules.pack(codes, described.element.bits)
    for values_form in (values, elements):
        for scales_form in (scales, scales.view(SCALE_TYPES[format])):
            result = mxfp4.dequantize(values_form, scales_form, format)
            expect_same_floats(result, expected)


@pytest.mark.parametrize("format", MX_FORMATS)
@pytest.mark.parametrize("scale_rule", ["floor", "even", "rceil"])
def test_f12_decoded_values_come_back(scale_rule: str, format: str) -> None:
    x, _ = inputs.mx_input(format)
    once = mxfp4.dequantize(*mxfp4.quantize(x, format, scale_rule), format)
    # F6: what 2^126 and 2^127 make may be beyond f32.
    finite = np.isfinite(once).all(axis=1)
    once = once[finite]
    again = mxfp4.dequantize(*mxfp4.quantize(once, format, scale_rule), format)
    expect_same_floats(again, once)


@pytest.mark.parametrize("dtype", RESULT_TYPES)
def test_result_types_have_many_names(dtype: str) -> None:
    values, scales = mxfp4.quantize(np.arange(64, dtype=np.float32))
    expected = mxfp4.dequantize(values, scales).astype(np.dtype(dtype))
    for name in (dtype, np.dtype(dtype), np.dtype(dtype).type):
        expect_same_floats(mxfp4.dequantize(values, scales, dtype=name), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_f13_results_are_rounded_to_nearest_even(dtype: str) -> None:
    """Products of nvfp4 have all 24 bits of f32."""
    rng = np.random.default_rng(2)
    values = rng.integers(0, 256, (1000, 512)).astype(np.uint8)
    scales = rng.integers(0, 127, (1000, 64)).astype(np.uint8)
    for tensor_scale in (0.1, 3e-6, 17.3):
        result, wide = (
            mxfp4.dequantize(values, scales, "nvfp4", d, tensor_scale=tensor_scale)
            for d in (dtype, "float32")
        )
        with np.errstate(over="ignore"):
            expect_same_floats(result, wide.astype(np.dtype(dtype)))


def test_without_ml_dtypes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    values, scales = mxfp4.quantize(np.ones(32, np.float32))
    assert mxfp4.dequantize(values, scales, dtype="float16").dtype == np.float16
    with pytest.raises(ImportError, match="ml_dtypes for 'dtype' bfloat16"):
        mxfp4.dequantize(values, scales, dtype="bfloat16")


def test_high_bits_of_unpacked_codes_are_ignored() -> None:
    codes = np.arange(256, dtype=np.uint8)
    scales = np.full(8, 127, np.uint8)
    result = mxfp4.dequantize(codes.view(ml_dtypes.float4_e2m1fn), scales)
    expected = rules.decode_element(rules.E2M1, codes % 16)
    np.testing.assert_array_equal(result, expected)
