# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The rules of docs/Format.md in plain numpy, written from that page alone.

F1, F2, ... are its rules. Nothing here works on the bits of a float: elements
are looked up in the list of all values of their format, and quotients are f64,
in which they are exact. So a mistake is unlikely to be the same one twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

__all__ = [
    "FORMATS",
    "ROUNDINGS",
    "SCALE_RULES",
    "Element",
    "Format",
    "TensorScale",
    "decode_element",
    "decode_scale",
    "dequantize",
    "encode_element",
    "pack",
    "quantize",
    "quantize_codes",
    "random_bytes",
    "scale_of",
    "tensor_scale_of",
    "unpack",
]

FLOAT_MAX = np.finfo(np.float32).max
SCALE_RULES = ("floor", "even", "rceil", "ceil", "nearest")
ROUNDINGS = ("nearest_even", "nearest_away", "nearest_zero", "stochastic")


@dataclass(frozen=True)
class Element:
    """A float of a sign, exponent bits and mantissa bits (F3)."""

    bits: int
    mantissa_bits: int
    bias: int
    largest: float
    nan: int | None = None
    infinity: int | None = None

    @property
    def sign(self) -> int:
        """The code of the sign alone."""
        return 1 << (self.bits - 1)

    @lru_cache
    def magnitudes(self) -> np.ndarray:
        """All finite values that are not negative; the index is the code."""
        codes = np.arange(self.sign)
        exponent, mantissa = codes >> self.mantissa_bits, codes % (1 << self.mantissa_bits)
        fraction = mantissa / (1 << self.mantissa_bits) + (exponent > 0)
        values = np.ldexp(fraction, np.maximum(exponent, 1) - self.bias)
        return values[values <= self.largest]


@dataclass(frozen=True)
class Format:
    """Elements that share a scale (F1)."""

    element: Element
    block: int
    has_e4m3_scale: bool = False


E2M1 = Element(bits=4, mantissa_bits=1, bias=1, largest=6.0)
E2M3 = Element(bits=6, mantissa_bits=3, bias=1, largest=7.5)
E3M2 = Element(bits=6, mantissa_bits=2, bias=3, largest=28.0)
E4M3 = Element(bits=8, mantissa_bits=3, bias=7, largest=448.0, nan=0x7F)
E5M2 = Element(bits=8, mantissa_bits=2, bias=15, largest=57344.0, nan=0x7E, infinity=0x7C)

FORMATS: dict[str, Format] = {
    "mxfp4": Format(E2M1, 32),
    "mxfp6_e2m3": Format(E2M3, 32),
    "mxfp6_e3m2": Format(E3M2, 32),
    "mxfp8_e4m3": Format(E4M3, 32),
    "mxfp8_e5m2": Format(E5M2, 32),
    "nvfp4": Format(E2M1, 16, has_e4m3_scale=True),
}


class TensorScale(NamedTuple):
    """The scale of a whole tensor of NVFP4 (F22)."""

    decode: np.float32 = np.float32(1)
    encode: np.float32 = np.float32(1)


# ----------------------------------------------------------------------------
# Elements
# ----------------------------------------------------------------------------


def decode_element(element: Element, codes: np.ndarray) -> np.ndarray:
    """The values of codes as f32 (F3)."""
    codes = np.asarray(codes, np.uint8)
    finite = element.magnitudes()
    table = np.full(element.sign, np.nan)
    table[: len(finite)] = finite
    if element.infinity is not None:
        table[element.infinity] = np.inf
    value = table[codes % element.sign]
    return np.where(codes & element.sign, -value, value).astype(np.float32)


def encode_element(
    element: Element,
    values: np.ndarray,
    rounding: str = "nearest_even",
    random: np.ndarray | int = 0,
) -> np.ndarray:
    """The codes of values, rounded and saturated; the sign is copied (F7, F21).

    Values may be f64. `random` has the bytes of `stochastic`.
    """
    values = np.asarray(values, np.float64)
    finite = element.magnitudes()
    magnitude = np.fmin(np.abs(values), finite[-1])  # a NaN is replaced below
    lower = np.minimum(np.searchsorted(finite, magnitude, side="right") - 1, len(finite) - 2)
    part = (magnitude - finite[lower]) / (finite[lower + 1] - finite[lower])
    if rounding == "nearest_even":
        up = (part > 0.5) | ((part == 0.5) & (lower % 2 == 1))
    elif rounding == "nearest_away":
        up = part >= 0.5
    elif rounding == "nearest_zero":
        up = part > 0.5
    elif rounding == "stochastic":
        # The 1 is for the largest element, which is the upper end of its pair.
        up = (part >= (256 - np.asarray(random, np.float64)) / 256) | (part == 1)
    else:
        raise ValueError(f"unknown rounding {rounding!r}")
    codes = lower + up
    codes = np.where(np.isnan(values), element.nan or 0, codes)
    return (codes + np.where(np.signbit(values), element.sign, 0)).astype(np.uint8)


def random_bytes(seed: int, count: int) -> np.ndarray:
    """The random bytes of elements 0 to `count` - 1: Philox4x32-10 (F21)."""
    low = np.uint64(0xFFFFFFFF)
    block = np.arange(-(-count // 16), dtype=np.uint64)
    zero = np.zeros_like(block)
    counter = [block & low, block >> np.uint64(32), zero, zero]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        first = np.uint64(0xD2511F53) * counter[0]
        second = np.uint64(0xCD9E8D57) * counter[2]
        counter = [
            (second >> np.uint64(32)) ^ counter[1] ^ np.uint64(key[0]),
            second & low,
            (first >> np.uint64(32)) ^ counter[3] ^ np.uint64(key[1]),
            first & low,
        ]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    words = np.stack(counter, axis=-1).astype("<u4")
    return words.view(np.uint8).reshape(-1)[:count]


# ----------------------------------------------------------------------------
# Scales
# ----------------------------------------------------------------------------


def decode_scale(format: str, scales: np.ndarray) -> np.ndarray:
    """The values of scale bytes as f32 (F4, F22)."""
    scales = np.asarray(scales, np.uint8)
    if FORMATS[format].has_e4m3_scale:
        return decode_element(E4M3, scales)
    value = np.ldexp(1.0, scales.astype(np.int32) - 127)
    return np.where(scales == 0xFF, np.nan, value).astype(np.float32)


def _split(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """m and e with value = m * 2^e and 1 <= m < 2 (F9); for 0 an e below all others."""
    fraction, exponent = np.frexp(np.asarray(values, np.float64))
    return fraction * 2, np.where(fraction == 0, -1000, exponent - 1)


def scale_of(format: str, largest: np.ndarray, scale_rule: str = "floor") -> np.ndarray:
    """The E8M0 bytes of blocks by their largest magnitudes (F9, F10, F11)."""
    element = FORMATS[format].element
    largest = np.asarray(largest, np.float32)
    finite = np.isfinite(largest)
    safe = np.where(finite, largest, np.float32(0))
    m, e = _split(safe)
    largest_m, largest_e = _split(np.float64(element.largest))
    exponent = e - largest_e
    if scale_rule == "even":
        exponent += m >= 2 - 2.0 ** (-element.mantissa_bits - 1)
    elif scale_rule == "rceil":
        exponent += m > largest_m
    elif scale_rule == "ceil":
        exponent += m > 1
    elif scale_rule == "nearest":
        m, e = _split(safe / np.float32(element.largest))
        exponent = e + (m >= 1.5)
    elif scale_rule != "floor":
        raise ValueError(f"unknown scale rule {scale_rule!r}")
    exponent = np.maximum(exponent, -127)  # F10
    return np.where(finite, exponent + 127, 0xFF).astype(np.uint8)


def tensor_scale_of(largest: float) -> TensorScale:
    """The scale of a tensor by its largest magnitude (F22)."""
    largest = np.float32(abs(largest))
    if largest == 0 or not np.isfinite(largest):
        return TensorScale()
    with np.errstate(over="ignore"):
        encode = np.minimum(np.float32(2688) / largest, FLOAT_MAX)
    return TensorScale(decode=np.float32(1) / encode, encode=encode)


# ----------------------------------------------------------------------------
# Blocks
# ----------------------------------------------------------------------------


def pack(codes: np.ndarray, bits: int) -> np.ndarray:
    """Codes as bytes, from the low bits of the first byte on (F2)."""
    codes = np.asarray(codes, np.uint8)
    one_by_one = np.unpackbits(codes[..., None], axis=-1, count=bits, bitorder="little")
    return np.packbits(one_by_one.reshape(*codes.shape[:-1], -1), axis=-1, bitorder="little")


def unpack(packed: np.ndarray, bits: int) -> np.ndarray:
    """The codes of bytes (F2)."""
    one_by_one = np.unpackbits(np.asarray(packed, np.uint8), axis=-1, bitorder="little")
    one_by_one = one_by_one.reshape(*packed.shape[:-1], -1, bits)
    return np.packbits(one_by_one, axis=-1, bitorder="little")[..., 0]


def quantize_codes(
    x: np.ndarray,
    format: str,
    scale_rule: str = "floor",
    rounding: str = "nearest_even",
    tensor_scale: TensorScale = TensorScale(),
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Makes blocks of the last dimension (F8, F14): codes, one to a byte, and scales.

    `scale_rule` is for E8M0 scales, `tensor_scale` for E4M3 ones; `seed` is for
    `stochastic`, where the index of an element is its place in x.
    """
    described = FORMATS[format]
    element = described.element
    x = np.ascontiguousarray(x, np.float32)
    blocks = x.reshape(*x.shape[:-1], -1, described.block)
    largest = np.abs(blocks).max(axis=-1)  # NaN if one is
    finite = np.isfinite(largest)
    safe = np.where(finite[..., None], blocks, np.float32(0))

    if described.has_e4m3_scale:  # F22: each operation in f32
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            factor = np.minimum(tensor_scale.encode * (np.float32(1) / np.float32(6)), FLOAT_MAX)
            scaled = np.minimum(np.where(finite, largest, np.float32(0)) * factor, FLOAT_MAX)
            scales = encode_element(E4M3, scaled)
            block_scale = decode_element(E4M3, scales) * tensor_scale.decode
            inverse = np.minimum(np.float32(1) / block_scale, FLOAT_MAX)
            quotients = safe * inverse[..., None]
        scales = np.where(finite, scales, E4M3.nan).astype(np.uint8)
    else:
        scales = scale_of(format, largest, scale_rule)
        exponent = np.where(finite, scales.astype(np.int32) - 127, 0)
        quotients = np.ldexp(safe.astype(np.float64), -exponent[..., None])

    random = random_bytes(seed, x.size).reshape(blocks.shape) if rounding == "stochastic" else 0
    codes = encode_element(element, quotients, rounding, random)
    codes[~finite] = 0  # F11
    return codes.reshape(x.shape), scales


def quantize(
    x: np.ndarray,
    format: str,
    scale_rule: str = "floor",
    rounding: str = "nearest_even",
    tensor_scale: TensorScale = TensorScale(),
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """As `quantize_codes`, but elements of 4 bits are packed, two to a byte (F2, F15)."""
    codes, scales = quantize_codes(x, format, scale_rule, rounding, tensor_scale, seed)
    is_nibble = FORMATS[format].element.bits == 4
    return (pack(codes, 4) if is_nibble else codes), scales


def dequantize(
    codes: np.ndarray,
    scales: np.ndarray,
    format: str,
    tensor_scale: TensorScale = TensorScale(),
) -> np.ndarray:
    """Decodes codes, one to a byte, to f32 (F5, F6, F22)."""
    described = FORMATS[format]
    element = decode_element(described.element, codes)
    scale = np.repeat(decode_scale(format, scales), described.block, axis=-1)
    with np.errstate(over="ignore", invalid="ignore"):
        value = element * scale
        return value * tensor_scale.decode if described.has_e4m3_scale else value
