# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantization and dequantization of arrays.

Arrays are numpy arrays, or anything that has DLPack (in the memory of the CPU)
or the buffer protocol. None is copied whole: an array of another type or order
in memory than the functions work on is converted a few thousand elements at a
time. The functions work without the GIL, so several threads may call them at
once; an array must not be written to while it is read. Errors of an exporter of
DLPack or of a buffer come as it raises them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, Union

from . import _mxfp4

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from typing_extensions import Buffer, TypeAlias

    Bytes: TypeAlias = npt.NDArray[np.uint8]

    class SupportsDLPack(Protocol):
        def __dlpack__(self) -> Any: ...
        def __dlpack_device__(self) -> tuple[Any, Any]: ...

    Array: TypeAlias = Union[npt.NDArray[Any], SupportsDLPack, Buffer]

Format = Literal[
    "mxfp4", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp8_e4m3", "mxfp8_e5m2", "nvfp4"
]
ScaleRule = Literal["floor", "even", "rceil", "ceil", "nearest"]
Rounding = Literal["nearest_even", "nearest_away", "nearest_zero", "stochastic"]


class TensorScale(NamedTuple):
    """The scale of a whole tensor of NVFP4 (F22)."""

    #: Multiplies what is decoded.
    decode: float
    #: What the tensor is multiplied by before its blocks get their scales, about
    #: 1 / decode.
    encode: float


def quantize(
    x: Array,
    format: Format = "mxfp4",
    scale_rule: ScaleRule = "floor",
    rounding: Rounding = "nearest_even",
    axis: int = -1,
    *,
    tensor_scale: TensorScale | float | None = None,
    random: Array | None = None,
    seed: int | None = None,
) -> tuple[Bytes, Bytes]:
    """Make blocks of consecutive elements of one dimension (F8 to F11, F22).

    A block has 32 elements (16 in nvfp4) of 4 bits (mxfp6: 6, mxfp8: 8) and one
    scale.

    Args:
        x: Array [..., K] of float32, bfloat16, float16 or float64, K a multiple
            of the block; float64 is rounded to float32 first. A block with a
            NaN or an infinity becomes NaN.
        format: The format.
        scale_rule: How a scale follows from the largest magnitude of its block
            (F9). nvfp4 has one rule, and takes the default only.
        rounding: How numbers between two elements are rounded (F7, F21).
        axis: The dimension that blocks are taken of. It becomes the last one of
            the results: `quantize(x, axis=a)` is
            `quantize(numpy.moveaxis(x, a, -1))`, without the copy.
        tensor_scale: For nvfp4, see `choose_tensor_scale`; the default is 1. A
            number d stands for `TensorScale(d, 1 / d)`.
        random: For stochastic rounding: array of uint8 of the shape of x.
        seed: For stochastic rounding without `random`: 0 to 2^64 - 1. The bytes
            are those of Philox4x32-10, by the place of an element in
            `numpy.moveaxis(x, axis, -1)`.

    Returns:
        values: uint8 [..., K * bits / 8], elements packed from the low bits of
            the first byte on (F2).
        scales: uint8 [..., K / 32], the bytes of E8M0 numbers (F4); for nvfp4
            [..., K / 16], those of E4M3 numbers.

    Raises:
        TypeError: An argument has the wrong type, or an array the wrong dtype.
        ValueError: An argument has the wrong value or shape.
    """
    return _mxfp4.quantize(
        x, format, scale_rule, rounding, axis, tensor_scale, random, seed
    )


def choose_tensor_scale(x: Array | float) -> TensorScale:
    """The scale of a tensor of NVFP4 that makes use of all E4M3 scales (F22).

    With it, the block of the largest magnitude gets the largest scale. Without
    it, blocks of magnitudes below about 0.1 have coarse scales, or none.

    Args:
        x: The tensor: array of any shape, types as in `quantize`; or its
            largest magnitude as a number.

    Returns:
        The scale. It is 1 where the largest magnitude is 0 or not finite.

    Raises:
        TypeError: x has the wrong type or dtype.
    """
    return TensorScale(*_mxfp4.choose_tensor_scale(x))


def dequantize(
    values: Array,
    scales: Array,
    format: Format = "mxfp4",
    dtype: npt.DTypeLike = "float32",
    *,
    tensor_scale: TensorScale | float | None = None,
) -> npt.NDArray[Any]:
    """Expand blocks to a wider float (F5, F6, F22).

    Args:
        values: uint8 [..., K * bits / 8] as from `quantize`; or the elements one
            by one as an array [..., K] of the dtype that ml_dtypes has for
            them, such as float4_e2m1fn.
        scales: Array [..., K / 32] (nvfp4: [..., K / 16]) of uint8, or of
            float8_e8m0fnu (nvfp4: float8_e4m3fn).
        format: The format.
        dtype: float32, float16 or bfloat16 as a name or a dtype. The result is
            exact as float32 but for nvfp4 with a tensor scale, and then rounded
            to nearest even (F13). bfloat16 needs the package ml_dtypes.
        tensor_scale: For nvfp4, the scale that `quantize` had, or its `decode`;
            the default is 1.

    Returns:
        Array [..., K] of dtype.

    Raises:
        TypeError: An argument has the wrong type, or an array the wrong dtype.
        ValueError: An argument has the wrong value or shape.
        ImportError: dtype is bfloat16 and ml_dtypes is not installed.
    """
    return _mxfp4.dequantize(values, scales, format, dtype, tensor_scale)


def cast_to_nvfp4(values: Array, scales: Array) -> tuple[Bytes, TensorScale]:
    """The scales that make NVFP4 of MXFP4 (F23).

    With the same values, the results decode to the same numbers as nvfp4.
    Unlike in other functions, an array that is not contiguous is copied.

    Args:
        values: As in `dequantize`, [..., K / 2] or [..., K].
        scales: As in `dequantize`, [..., K / 32].

    Returns:
        nv_scales: uint8 [..., K / 16], two for each block of mxfp4.
        tensor_scale: A power of two.

    Raises:
        TypeError: An argument has the wrong type, or an array the wrong dtype.
        ValueError: An array has the wrong shape; or there are no such scales, as
            the scales of blocks that are not zero and not NaN are not within a
            factor of 2^17.
    """
    nv_scales, tensor_scale = _mxfp4.cast_to_nvfp4(values, scales)
    return nv_scales, TensorScale(*tensor_scale)
