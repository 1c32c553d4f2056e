# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every wrong argument: the type of the error, and a message that names the
argument, what was expected and what was found."""

from __future__ import annotations

import re
from typing import Any, Callable

import ml_dtypes
import mxfp4
import numpy as np
import pytest
from dlpack import Tensor

X = np.ones((4, 64), np.float32)
VALUES, SCALES = mxfp4.quantize(X)
NV_VALUES, NV_SCALES = mxfp4.quantize(X, "nvfp4")


class Raises:
    """Every use of it fails."""

    def __dlpack_device__(self) -> Any:
        raise RuntimeError("no device")

    __dlpack__ = __index__ = __float__ = __dlpack_device__


RELEASED = memoryview(bytearray(32))
RELEASED.release()


class NoCapsule:
    def __dlpack_device__(self) -> Any:
        return 1, 0

    def __dlpack__(self, **options: Any) -> Any:
        return 5


FORMATS = "mxfp4, mxfp6_e2m3, mxfp6_e3m2, mxfp8_e4m3, mxfp8_e5m2, nvfp4"
FLOATS = "float64, float32, float16 or bfloat16"
ARRAY = "to be a numpy array or to have DLPack or the buffer protocol, but got"
QUANTIZE: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"x": None}, TypeError, f"expected 'x' {ARRAY} NoneType"),
    ({"x": [1.0] * 32}, TypeError, f"expected 'x' {ARRAY} list"),
    ({"x": "text"}, TypeError, f"expected 'x' {ARRAY} str"),
    ({"x": 1.5}, TypeError, f"expected 'x' {ARRAY} float"),
    ({"x": X.astype(int)}, TypeError, f"expected 'x' to consist of {FLOATS}, but got int64"),
    ({"x": X > 0}, TypeError, f"'x' to consist of {FLOATS}, but got bool"),
    ({"x": X + 1j}, TypeError, f"'x' to consist of {FLOATS}, but got complex64"),
    ({"x": X.astype(object)}, TypeError, "but got object"),
    ({"x": X.astype(str)}, TypeError, "but got str"),
    ({"x": X.astype(np.longdouble)}, TypeError, f"'x' to consist of {FLOATS}, but got"),
    ({"x": X.view([("a", "f4"), ("b", "f4")])}, TypeError, "but got void64"),
    ({"x": X.astype(ml_dtypes.float8_e4m3fn)}, TypeError, "but got float8_e4m3fn"),
    ({"x": X.astype(">f4")}, TypeError, "but got float32 in the other byte order"),
    ({"x": np.array(["2026-01-01"], "M8[D]")}, TypeError, "but got datetime64"),
    ({"x": b"0" * 32}, TypeError, f"'x' to consist of {FLOATS}, but got uint8"),
    ({"x": memoryview(b"0" * 32).cast("c")}, TypeError, "but got bytes8"),
    ({"x": RELEASED}, TypeError, "but got object"),
    ({"x": np.float32(1)}, ValueError, "expected 'x' to have a dimension to take blocks of"),
    ({"x": np.array(1.0)}, ValueError, "expected 'x' to have a dimension to take blocks of"),
    ({"x": X[:, :33]}, ValueError, "expected dimension 1 of 'x' to be a multiple of 32 (elements in a block of mxfp4), but got 33"),
    ({"x": X[:, :24], "format": "nvfp4"}, ValueError, "dimension 1 of 'x' to be a multiple of 16 (elements in a block of nvfp4), but got 24"),
    ({"axis": 0}, ValueError, "expected dimension 0 of 'x' to be a multiple of 32 (elements in a block of mxfp4), but got 4"),
    ({"axis": 2}, ValueError, "expected 'axis' to be -2 to 1, but got 2"),
    ({"axis": -3}, ValueError, "expected 'axis' to be -2 to 1, but got -3"),
    ({"axis": 10**30}, ValueError, "expected 'axis' to be -2 to 1, but got 1000000000"),
    ({"axis": -(10**30)}, ValueError, "expected 'axis' to be -2 to 1, but got -1000000000"),
    ({"axis": 10**5000}, ValueError, "expected 'axis' to be -2 to 1, but got an int of 16610 bits"),
    ({"axis": 1.0}, TypeError, "expected 'axis' to be an int, but got float"),
    ({"axis": None}, TypeError, "expected 'axis' to be an int, but got NoneType"),
    ({"axis": Raises()}, RuntimeError, "no device"),
    ({"format": "mxfp5"}, ValueError, f"expected 'format' to be one of {FORMATS}, but got 'mxfp5'"),
    ({"format": "MXFP4"}, ValueError, "but got 'MXFP4'"),
    ({"format": "mxfp4\0"}, ValueError, r"but got 'mxfp4\x00'"),
    ({"format": "\ud800"}, ValueError, r"but got '\ud800'"),
    ({"format": "x" * 100000}, ValueError, "but got 'xxxx"),
    ({"format": None}, TypeError, "expected 'format' to be a str, but got NoneType"),
    ({"format": b"mxfp4"}, TypeError, "expected 'format' to be a str, but got bytes"),
    ({"scale_rule": "round"}, ValueError, "expected 'scale_rule' to be one of floor, even, rceil, ceil, nearest, but got 'round'"),
    ({"scale_rule": 0}, TypeError, "expected 'scale_rule' to be a str, but got int"),
    ({"scale_rule": "even", "format": "nvfp4"}, ValueError, "expected no 'scale_rule' for nvfp4, whose scales are not powers of two"),
    ({"rounding": "up"}, ValueError, "expected 'rounding' to be one of nearest_even, nearest_away, nearest_zero, stochastic, but got 'up'"),
    ({"rounding": ["up"]}, TypeError, "expected 'rounding' to be a str, but got list"),
    ({"rounding": "stochastic"}, ValueError, "expected one of 'random' and 'seed' where rounding is stochastic, but got none"),
    ({"rounding": "stochastic", "seed": 1, "random": X.astype("u1")}, ValueError, "expected one of 'random' and 'seed' where rounding is stochastic, but got both"),
    ({"seed": 1}, ValueError, "expected no 'seed' where rounding is not stochastic"),
    ({"random": X.astype("u1")}, ValueError, "expected no 'random' where rounding is not stochastic"),
    ({"rounding": "stochastic", "seed": -1}, ValueError, "expected 'seed' to be 0 to 2^64 - 1, but got -1"),
    ({"rounding": "stochastic", "seed": 2**64}, ValueError, "but got 18446744073709551616"),
    ({"rounding": "stochastic", "seed": 10**5000}, ValueError, "but got an int of 16610 bits"),
    ({"rounding": "stochastic", "seed": 1.0}, TypeError, "expected 'seed' to be an int, but got float"),
    ({"rounding": "stochastic", "seed": "1"}, TypeError, "expected 'seed' to be an int, but got str"),
    ({"rounding": "stochastic", "seed": Raises()}, RuntimeError, "no device"),
    ({"rounding": "stochastic", "random": X}, TypeError, "expected 'random' to consist of uint8, but got float32"),
    ({"rounding": "stochastic", "random": 5}, TypeError, f"expected 'random' {ARRAY} int"),
    ({"rounding": "stochastic", "random": X.astype("u1").T}, ValueError, "expected 'random' to have shape (4, 64), that of 'x', but got (64, 4)"),
    ({"rounding": "stochastic", "random": X.astype("u1").reshape(-1)}, ValueError, "but got (256,)"),
    ({"tensor_scale": 1.0}, ValueError, "expected no 'tensor_scale' for mxfp4, only nvfp4 has one"),
    ({"tensor_scale": 0, "format": "nvfp4"}, ValueError, "expected 'tensor_scale' to be positive and finite as a float32, but got 0.0"),
    ({"tensor_scale": -1.5, "format": "nvfp4"}, ValueError, "but got -1.5"),
    ({"tensor_scale": 1e-60, "format": "nvfp4"}, ValueError, "but got 1e-60"),
    ({"tensor_scale": 1e60, "format": "nvfp4"}, ValueError, "but got 1e+60"),
    ({"tensor_scale": float("nan"), "format": "nvfp4"}, ValueError, "but got nan"),
    ({"tensor_scale": (1, float("inf")), "format": "nvfp4"}, ValueError, "but got inf"),
    ({"tensor_scale": "1", "format": "nvfp4"}, TypeError, "expected 'tensor_scale' to be a number or a TensorScale, but got str"),
    ({"tensor_scale": (1, 2, 3), "format": "nvfp4"}, TypeError, "but got tuple"),
    ({"tensor_scale": (1, None), "format": "nvfp4"}, TypeError, "but got NoneType"),
    ({"tensor_scale": np.ones(3), "format": "nvfp4"}, TypeError, "but got numpy.ndarray"),
    ({"x": Raises()}, RuntimeError, "no device"),
    ({"x": NoCapsule()}, TypeError, "expected 'x' to give a DLPack capsule, but got int"),
    ({"x": Tensor(X, (2, 32, 1), device=2)}, ValueError, "expected 'x' to be in the memory of the CPU, but got a tensor on DLPack device 2"),
    ({"x": Tensor(X, (2, 32, 1), version=2)}, TypeError, "expected 'x' to have DLPack 1, but got version 2"),
    ({"x": Tensor(X, (0, 32, 1))}, TypeError, f"expected 'x' to consist of {FLOATS}, but got DLPack type (0, 32, 1)"),
    ({"x": Tensor(X, (2, 32, 2))}, TypeError, "but got DLPack type (2, 32, 2)"),
]
DEQUANTIZE: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"values": None}, TypeError, f"expected 'values' {ARRAY} NoneType"),
    ({"scales": [127]}, TypeError, f"expected 'scales' {ARRAY} list"),
    ({"values": X}, TypeError, "expected 'values' to consist of uint8 or float4_e2m1fn, but got float32"),
    ({"values": VALUES.view("i1")}, TypeError, "but got int8"),
    ({"scales": SCALES.astype(float)}, TypeError, "expected 'scales' to consist of uint8 or float8_e8m0fnu, but got float64"),
    ({"scales": SCALES.view(ml_dtypes.float8_e4m3fn)}, TypeError, "but got float8_e4m3fn"),
    ({"scales": SCALES.view(ml_dtypes.float8_e8m0fnu), "format": "nvfp4"}, TypeError, "expected 'scales' to consist of uint8 or float8_e4m3fn, but got float8_e8m0fnu"),
    ({"values": VALUES.view(ml_dtypes.float8_e5m2), "format": "mxfp8_e4m3"}, TypeError, "expected 'values' to consist of uint8 or float8_e4m3fn, but got float8_e5m2"),
    ({"values": Tensor(VALUES, (17, 4, 1))}, TypeError, "but got DLPack type (17, 4, 1) without padding"),
    ({"values": np.uint8(3)}, ValueError, "expected 'values' to have a dimension to take blocks of"),
    ({"values": VALUES[:, :17]}, ValueError, "expected the last dimension of 'values' to be a multiple of 16 (bytes in a block of mxfp4), but got 17"),
    ({"values": VALUES, "format": "mxfp6_e2m3"}, ValueError, "multiple of 24 (bytes in a block of mxfp6_e2m3), but got 32"),
    ({"values": VALUES[:, :20], "format": "nvfp4"}, ValueError, "multiple of 8 (bytes in a block of nvfp4), but got 20"),
    ({"values": VALUES[:, :16].view(ml_dtypes.float4_e2m1fn)}, ValueError, "multiple of 32 (elements in a block of mxfp4), but got 16"),
    ({"scales": SCALES[:, :1]}, ValueError, "expected 'scales' to have shape (4, 2), one for each block of 'values', but got (4, 1)"),
    ({"scales": SCALES[:3]}, ValueError, "but got (3, 2)"),
    ({"scales": SCALES[0]}, ValueError, "but got (2,)"),
    ({"scales": SCALES[None]}, ValueError, "but got (1, 4, 2)"),
    ({"scales": np.uint8(127)}, ValueError, "but got ()"),
    ({"format": "nvfp4"}, ValueError, "expected 'scales' to have shape (4, 4)"),
    ({"format": 4}, TypeError, "expected 'format' to be a str, but got int"),
    ({"format": "fp4"}, ValueError, f"expected 'format' to be one of {FORMATS}, but got 'fp4'"),
    ({"dtype": "float64"}, ValueError, "expected 'dtype' to be one of float32, float16, bfloat16, but got 'float64'"),
    ({"dtype": np.int8}, ValueError, "but got 'int8'"),
    ({"dtype": ml_dtypes.float8_e5m2}, ValueError, "but got 'float8_e5m2'"),
    ({"dtype": 3}, TypeError, "expected 'dtype' to be a str or a numpy dtype, but got int"),
    ({"tensor_scale": 2}, ValueError, "expected no 'tensor_scale' for mxfp4, only nvfp4 has one"),
    ({"format": "nvfp4", "tensor_scale": -2}, ValueError, "expected 'tensor_scale' to be positive and finite as a float32, but got -2.0"),
    ({"format": "nvfp4", "tensor_scale": Raises()}, RuntimeError, "no device"),
    ({"format": "nvfp4", "tensor_scale": 10**400}, ValueError, "but got inf"),
]
CAST: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"values": X}, TypeError, "expected 'values' to consist of uint8 or float4_e2m1fn, but got float32"),
    ({"scales": None}, TypeError, f"expected 'scales' {ARRAY} NoneType"),
    ({"scales": SCALES[:, :1]}, ValueError, "expected 'scales' to have shape (4, 2)"),
    ({"values": NV_VALUES, "scales": NV_SCALES}, ValueError, "but got (4, 4)"),
]
CHOOSE: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"x": None}, TypeError, "expected 'x' to be a number, a numpy array, or to have DLPack or the buffer protocol, but got NoneType"),
    ({"x": [1.0]}, TypeError, "but got list"),
    ({"x": "3"}, TypeError, "but got str"),
    ({"x": Raises()}, RuntimeError, "no device"),
    ({"x": np.arange(3)}, TypeError, f"expected 'x' to consist of {FLOATS}, but got int64"),
]


def expect_error(
    function: Callable[..., object],
    arguments: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=re.escape(message)) as raised:
        function(**arguments)
    # One line of a length that can be read.
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("change, error, message", QUANTIZE)
def test_quantize(change: dict[str, Any], error: type[Exception], message: str) -> None:
    expect_error(mxfp4.quantize, {"x": X, **change}, error, message)


@pytest.mark.parametrize("change, error, message", DEQUANTIZE)
def test_dequantize(change: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments = {"values": VALUES, "scales": SCALES, **change}
    expect_error(mxfp4.dequantize, arguments, error, message)


@pytest.mark.parametrize("change, error, message", CAST)
def test_cast(change: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments = {"values": VALUES, "scales": SCALES, **change}
    expect_error(mxfp4.cast_to_nvfp4, arguments, error, message)


@pytest.mark.parametrize("change, error, message", CHOOSE)
def test_choose_tensor_scale(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    expect_error(mxfp4.choose_tensor_scale, change, error, message)


def test_sizes_that_no_memory_has() -> None:
    zero = np.zeros(1, np.uint8)
    values = np.broadcast_to(zero, (1 << 62,))
    with pytest.raises(ValueError, match="to decode to less than 2\\^63 elements"):
        mxfp4.dequantize(values, np.broadcast_to(zero, (1 << 58,)))
    values = np.broadcast_to(zero, (1 << 58,))
    with pytest.raises((ValueError, MemoryError)):
        mxfp4.dequantize(values, np.broadcast_to(zero, (1 << 54,)))
    x = np.broadcast_to(np.zeros(1, np.float32), (1 << 60,))
    with pytest.raises((ValueError, MemoryError)):
        mxfp4.quantize(x)
