# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mxfp4.quantize, bit for bit, against rules.py and against casts of ml_dtypes."""

from __future__ import annotations

import inputs
import ml_dtypes
import mxfp4
import numpy as np
import pytest
import rules

MX_FORMATS = [name for name in rules.FORMATS if name != "nvfp4"]
ELEMENT_TYPES = {
    "mxfp4": ml_dtypes.float4_e2m1fn,
    "mxfp6_e2m3": ml_dtypes.float6_e2m3fn,
    "mxfp6_e3m2": ml_dtypes.float6_e3m2fn,
    "mxfp8_e4m3": ml_dtypes.float8_e4m3fn,
    "mxfp8_e5m2": ml_dtypes.float8_e5m2,
}


def expect_rules(
    x: np.ndarray,
    format: str,
    scale_rule: str = "floor",
    rounding: str = "nearest_even",
    tensor_scale: rules.TensorScale | None = None,
) -> None:
    """Compares all bits of the blocks of x with those of rules.py."""
    seed = 0x123456789ABCDEF0
    values, scales = mxfp4.quantize(
        x,
        format,
        scale_rule,
        rounding,
        tensor_scale=tensor_scale,
        seed=seed if rounding == "stochastic" else None,
    )
    codes, expected_scales = rules.quantize_codes(
        x, format, scale_rule, rounding, tensor_scale or rules.TensorScale(), seed
    )
    np.testing.assert_array_equal(scales, expected_scales)
    bits = rules.FORMATS[format].element.bits
    np.testing.assert_array_equal(values, rules.pack(codes, bits))


@pytest.mark.parametrize("rounding", rules.ROUNDINGS)
@pytest.mark.parametrize("scale_rule", rules.SCALE_RULES)
@pytest.mark.parametrize("format", MX_FORMATS)
def test_f8_blocks_are_those_of_the_rules(
    format: str, scale_rule: str, rounding: str
) -> None:
    x, special = inputs.mx_input(format)
    assert x.size == 128000
    expect_rules(x, format, scale_rule, rounding)
    expect_rules(special, format, scale_rule, rounding)


@pytest.mark.parametrize("rounding", rules.ROUNDINGS)
@pytest.mark.parametrize("exponent", [0, -110, -140, 120])
@pytest.mark.parametrize("kind", ["", "grid"])
def test_f22_blocks_are_those_of_the_rules(
    kind: str, exponent: int, rounding: str
) -> None:
    x, special = inputs.nvfp4_input(exponent=exponent, kind=kind)
    tensor_scale = rules.tensor_scale_of(np.abs(x).max())
    for scale in (None, tensor_scale):
        expect_rules(x, "nvfp4", "floor", rounding, scale)
        expect_rules(special, "nvfp4", "floor", rounding, scale)


@pytest.mark.parametrize("format", MX_FORMATS)
def test_f7_elements_are_those_of_ml_dtypes(format: str) -> None:
    """Two million numbers under a scale of 1, which the first of each block sets."""
    dtype, element = ELEMENT_TYPES[format], rules.FORMATS[format].element
    rng = np.random.default_rng(3)
    top = np.floor(np.log2(element.largest))
    x = np.ldexp(rng.uniform(1, 2, (1 << 16, 32)), rng.integers(-24, top, (1 << 16, 32)))
    # Every second is a middle of two elements, an element, or next to one.
    finite = element.magnitudes()
    pool = np.concatenate([(finite[1:] + finite[:-1]) / 2, finite]).astype(np.float32)
    x[:, ::2] = rng.choice(pool, x[:, ::2].shape)
    x = x.astype(np.float32)
    x[:, ::4] = np.nextafter(x, rng.choice(np.array([0, 1e9], np.float32), x.shape))[:, ::4]
    x[:, 0] = 2.0**top
    x = np.minimum(x, element.largest) * rng.choice(np.array([-1, 1], np.float32), x.shape)

    values, scales = mxfp4.quantize(x, format)
    assert (scales == 127).all()
    codes = x.astype(dtype).view(np.uint8) & (1 << element.bits) - 1
    np.testing.assert_array_equal(values, rules.pack(codes, element.bits))


@pytest.mark.parametrize("format", MX_FORMATS)
def test_f9_nearest_scales_are_those_of_ml_dtypes(format: str) -> None:
    x, _ = inputs.mx_input(format)
    largest = np.abs(x.reshape(-1, 32)).max(axis=1)
    quotient = largest / np.float32(rules.FORMATS[format].element.largest)
    # Where docs/Format.md says that ml_dtypes differs.
    same = (quotient < 2.0**-127) | (quotient > 1.5 * 2.0**-127)
    same &= quotient > 0
    expected = quotient.astype(ml_dtypes.float8_e8m0fnu).view(np.uint8)
    scales = mxfp4.quantize(x, format, "nearest")[1].reshape(-1)
    assert same.sum() > 3000
    np.testing.assert_array_equal(scales[same], expected[same])


@pytest.mark.parametrize("format", rules.FORMATS)
@pytest.mark.parametrize("dtype", ["float64", "float16", ml_dtypes.bfloat16])
def test_other_types_are_converted_exactly(dtype: object, format: str) -> None:
    rng = np.random.default_rng(5)
    narrow = (rng.standard_normal((64, 9600)) * 100).astype(dtype)
    wide = narrow.astype(np.float32)
    for result, expected in zip(
        mxfp4.quantize(narrow, format), mxfp4.quantize(wide, format)
    ):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16])
def test_every_number_of_16_bits(dtype: object) -> None:
    narrow = np.arange(1 << 16, dtype=np.uint16).view(dtype)
    # A NaN or an infinity takes its whole block with it.
    blocks = np.zeros((1 << 16, 32), dtype)
    blocks[:, 7] = narrow
    with np.errstate(invalid="ignore"):
        wide = blocks.astype(np.float32)
    for result, expected in zip(mxfp4.quantize(blocks), rules.quantize(wide, "mxfp4")):
        np.testing.assert_array_equal(result, expected)


def test_float64_is_rounded_to_float32_first() -> None:
    x = np.zeros(32)
    x[:3] = 4, 0.25 + 2**-40, 1e300
    values, scales = mxfp4.quantize(x)
    assert scales[0] == 0xFF  # 1e300 is an infinity
    x[2] = 0
    values, scales = mxfp4.quantize(x)
    assert scales[0] == 127
    assert values[0] == 0x06  # 0.25 is a tie, to 0


@pytest.mark.parametrize("format", rules.FORMATS)
@pytest.mark.parametrize("axis", range(-3, 3))
def test_f16_axis_is_moved_to_the_end(axis: int, format: str) -> None:
    rng = np.random.default_rng(6)
    shape = [5, 7, 3]
    shape[axis] = 96
    x = rng.standard_normal(shape).astype(np.float32)
    random = rng.integers(0, 256, shape).astype(np.uint8)
    moved = np.ascontiguousarray(np.moveaxis(x, axis, -1))
    moved_random = np.ascontiguousarray(np.moveaxis(random, axis, -1))
    kinds = [
        ({}, {}),
        ({"seed": 4}, {"seed": 4}),
        ({"random": random}, {"random": moved_random}),
    ]
    for options, moved_options in kinds:
        if options:
            options["rounding"] = moved_options["rounding"] = "stochastic"
        values, scales = mxfp4.quantize(x, format, axis=axis, **options)
        expected = mxfp4.quantize(moved, format, **moved_options)
        np.testing.assert_array_equal(values, expected[0])
        np.testing.assert_array_equal(scales, expected[1])
        described = rules.FORMATS[format]
        assert values.shape == (*moved.shape[:-1], 96 * described.element.bits // 8)
        assert scales.shape == (*moved.shape[:-1], 96 // described.block)
    restored = np.moveaxis(mxfp4.dequantize(values, scales, format), -1, axis)
    assert restored.shape == x.shape
    assert np.abs(restored - x).mean() < 0.2


@pytest.mark.parametrize("format", rules.FORMATS)
def test_f21_seed_makes_the_bytes_of_random(format: str) -> None:
    x = np.random.default_rng(7).standard_normal((3, 4960)).astype(np.float32)
    for seed in (0, 1, 2**32, 2**64 - 1, np.uint64(2**63), True):
        random = rules.random_bytes(int(seed), x.size).reshape(x.shape)
        by_seed = mxfp4.quantize(x, format, rounding="stochastic", seed=seed)
        by_bytes = mxfp4.quantize(x, format, rounding="stochastic", random=random)
        np.testing.assert_array_equal(by_seed[0], by_bytes[0])
        np.testing.assert_array_equal(by_seed[1], by_bytes[1])


def test_f21_stochastic_rounding_is_right_on_average() -> None:
    x = np.full((4096, 32), 1.3, np.float32)
    x[:, 0] = 4
    values, scales = mxfp4.quantize(x, rounding="stochastic", seed=8)
    mean = mxfp4.dequantize(values, scales)[:, 1:].mean()
    # 127,000 numbers with a deviation of 0.24; bytes round down by up to 1/512.
    assert abs(mean - 1.3) < 0.004


@pytest.mark.parametrize("format", rules.FORMATS)
@pytest.mark.parametrize("shape", [(0,), (0, 32), (4, 0), (2, 0, 64), (32,), (1, 1, 32)])
def test_small_shapes(shape: tuple[int, ...], format: str) -> None:
    described = rules.FORMATS[format]
    values, scales = mxfp4.quantize(np.full(shape, 6, np.float32), format)
    assert values.shape == (*shape[:-1], shape[-1] * described.element.bits // 8)
    assert scales.shape == (*shape[:-1], shape[-1] // described.block)
    result = mxfp4.dequantize(values, scales, format)
    np.testing.assert_array_equal(result, np.full(shape, 6, np.float32))


def test_results_are_new_arrays() -> None:
    x = np.ones((2, 32), np.float32)
    values, scales = mxfp4.quantize(x)
    for result in (values, scales, mxfp4.dequantize(values, scales)):
        assert result.flags.owndata and result.flags.writeable
        assert result.flags.c_contiguous and result.dtype.isnative
    assert values.dtype == scales.dtype == np.uint8
    assert (x == 1).all()
