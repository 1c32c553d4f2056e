# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The tensor scale of NVFP4 (F22) and the cast from MXFP4 (F23)."""

from __future__ import annotations

import ml_dtypes
import mxfp4
import numpy as np
import pytest
import rules

LARGEST = [0.0, 1.0, 31.7, -5.0, 1e-45, 5e-39, 1e-38, 3.4e38, 2688.0, np.inf, np.nan]


@pytest.mark.parametrize("largest", LARGEST)
def test_f22_tensor_scale(largest: float) -> None:
    expected = rules.tensor_scale_of(largest)
    assert mxfp4.choose_tensor_scale(largest) == expected
    x = np.zeros((3, 5000), np.float32)
    assert mxfp4.choose_tensor_scale(x) == (1, 1)
    x[2, 17] = largest
    x[0, 0] = -0.0
    assert mxfp4.choose_tensor_scale(x) == expected
    assert mxfp4.choose_tensor_scale(x.T) == expected
    assert mxfp4.choose_tensor_scale(x[2, 17]) == expected


def test_f22_tensor_scale_of_other_types() -> None:
    assert mxfp4.choose_tensor_scale(np.array([1, -3], np.float16)).encode == 896
    bf16 = np.array(-7, ml_dtypes.bfloat16)
    assert mxfp4.choose_tensor_scale(bf16).encode == 384
    assert mxfp4.choose_tensor_scale(bf16[()]).encode == 384
    assert mxfp4.choose_tensor_scale(7).encode == 384
    assert mxfp4.choose_tensor_scale(np.zeros((0, 3))) == (1, 1)


def test_f22_a_number_is_decode() -> None:
    x = np.random.default_rng(0).standard_normal((64, 256)).astype(np.float32)
    for decode in (0.25, 1 / 3, 1e-40, 1e38):
        decode = np.float32(decode)
        with np.errstate(over="ignore"):
            encode = np.minimum(np.float32(1) / decode, rules.FLOAT_MAX)
        pair = mxfp4.TensorScale(float(decode), float(encode))
        expected = rules.quantize(x, "nvfp4", tensor_scale=rules.TensorScale(decode, encode))
        for scale in (pair, tuple(pair), float(decode), decode, np.array(decode)):
            values, scales = mxfp4.quantize(x, "nvfp4", tensor_scale=scale)
            np.testing.assert_array_equal(values, expected[0])
            np.testing.assert_array_equal(scales, expected[1])
        results = [
            mxfp4.dequantize(values, scales, "nvfp4", tensor_scale=scale)
            for scale in (pair, float(decode))
        ]
        np.testing.assert_array_equal(results[0], results[1])


def test_f22_tensor_scale_makes_small_tensors_precise() -> None:
    x = np.random.default_rng(0).standard_normal((64, 256)).astype(np.float32) * 1e-4
    scale = mxfp4.choose_tensor_scale(x)
    values, scales = mxfp4.quantize(x, "nvfp4", tensor_scale=scale)
    result = mxfp4.dequantize(values, scales, "nvfp4", tensor_scale=scale)
    assert np.linalg.norm(result - x) < 0.11 * np.linalg.norm(x)
    # Without it, all scales are 0.
    assert not mxfp4.dequantize(*mxfp4.quantize(x, "nvfp4"), "nvfp4").any()


@pytest.mark.parametrize("low", [0, 1, 100, 230, 237])
def test_f23_cast_keeps_all_values(low: int) -> None:
    rng = np.random.default_rng(low)
    values = rng.integers(0, 256, (50, 1024)).astype(np.uint8)
    scales = rng.integers(low, low + 18, (50, 64)).astype(np.uint8)
    scales[3, 5] = 0xFF
    # A block of zeros may have any scale.
    values[7, 16:32] = np.array([0x00, 0x08, 0x80, 0x88], np.uint8).repeat(4)
    scales[7, 1] = 254
    nv_scales, tensor_scale = mxfp4.cast_to_nvfp4(values, scales)
    assert nv_scales.shape == (50, 128) and nv_scales.dtype == np.uint8
    assert isinstance(tensor_scale, mxfp4.TensorScale)
    assert np.frexp(tensor_scale.decode)[0] == 0.5
    result = mxfp4.dequantize(values, nv_scales, "nvfp4", tensor_scale=tensor_scale)
    expected = mxfp4.dequantize(values, scales)
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))

    codes = rules.unpack(values, 4).view(ml_dtypes.float4_e2m1fn)
    strided = np.asfortranarray(scales).view(ml_dtypes.float8_e8m0fnu)
    again, again_scale = mxfp4.cast_to_nvfp4(codes, strided)
    np.testing.assert_array_equal(again, nv_scales)
    assert again_scale == tensor_scale


def test_f23_cast_of_nothing() -> None:
    nv_scales, tensor_scale = mxfp4.cast_to_nvfp4(
        np.zeros((3, 0), np.uint8), np.zeros((3, 0), np.uint8)
    )
    assert nv_scales.shape == (3, 0) and tensor_scale == (1, 1)


def test_f23_scales_too_far_apart() -> None:
    values = np.full(32, 0x11, np.uint8)
    with pytest.raises(ValueError, match=r"within a factor of 2\^17.*2\^-27 to 2\^-9"):
        mxfp4.cast_to_nvfp4(values, np.array([100, 118], np.uint8))
    mxfp4.cast_to_nvfp4(values, np.array([100, 117], np.uint8))
