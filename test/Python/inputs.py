# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Inputs that tell quantization rules apart: 4,000 blocks each, from a seed."""

from __future__ import annotations

import numpy as np

import rules

SEED = 20260822
ROWS = 500
BLOCKS_PER_ROW = 8

# Mantissas on both sides of which a scale rule changes its mind: 1 (floor,
# ceil), the largest element and where a mantissa rounds up to 2 for each
# element (rceil, even), and 9/8, 7/6, 4/3 of quotients by 6, 7.5, 448.
EDGES = (1.0, 1.125, 7 / 6, 1.25, 4 / 3, 1.40625, 1.5, 1.75, 1.875, 1.9375, 2.0)


def _bf16(x: np.ndarray) -> np.ndarray:
    """The bf16 nearest to f32 (F13), saturated to finite ones."""
    bits = x.astype(np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    magnitude = np.minimum(bits & 0x7FFFFFFF, 0x7F7F0000)
    return (magnitude | bits & 0x80000000).astype(np.uint32).view(np.float32)


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.choice(np.array([-1, 1], np.float32), shape)


def _ulps(x: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Positive f32 moved by some units in the last place."""
    moved = x.astype(np.float32).view(np.int32) + steps.astype(np.int32)
    return np.clip(moved, 0, 0x7F7FFFFF).astype(np.int32).view(np.float32)


def _put_largest(rng: np.random.Generator, blocks: np.ndarray, largest: np.ndarray) -> None:
    """Makes `largest` the largest magnitude of each block, at any place."""
    limit = largest[:, None]
    np.copyto(blocks, np.where(np.abs(blocks) > limit, np.copysign(limit, blocks), blocks))
    place = rng.integers(0, blocks.shape[1], len(blocks))
    blocks[np.arange(len(blocks)), place] = np.copysign(
        largest, _signs(rng, largest.shape)
    )


def blocks_of(element: rules.Element, size: int, count: int, seed: int) -> np.ndarray:
    """`count` blocks of `size` for E8M0 scales: the whole range of f32."""
    rng = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    counts = {
        "gauss": count * 8 // 40,
        "ties": count * 9 // 40,
        "edges": count * 10 // 40,
        "wide": count * 4 // 40,
        "small": count * 5 // 40,
        "huge": count * 2 // 40,
        "zero": count // 40,
    }
    counts["gauss"] += count - sum(counts.values())

    def scale(n: int, low: int, high: int) -> np.ndarray:
        return rng.integers(low, high, (n, 1))

    with np.errstate(over="ignore"):
        n = counts["gauss"]
        gauss = rng.standard_normal((n, size)) * 2.0 ** scale(n, -120, 120)
        gauss[: n // 2] = _bf16(gauss[: n // 2].astype(np.float32))
        parts.append(gauss.astype(np.float32))

        # Middles of neighbors under a known scale, and what is next to them.
        n = counts["ties"]
        values = element.magnitudes()
        middles = (values[1:] + values[:-1]) / 2
        pool = np.concatenate([middles, middles, values])
        ties = np.ldexp(rng.choice(pool, (n, size)), scale(n, -118, 100)).astype(np.float32)
        ties = _ulps(ties, rng.choice([-2, -1, 0, 0, 0, 0, 1, 2], ties.shape))
        parts.append(ties * _signs(rng, ties.shape))

        # A largest magnitude at an edge of a rule.
        n = counts["edges"]
        m = rng.choice(np.array(EDGES), n)
        e = rng.integers(-126, 127, n)
        largest = np.ldexp(m, e).astype(np.float32)
        largest = _ulps(largest, rng.choice([-3, -2, -1, 0, 1, 2, 3, -40, 40], n))
        edges = (rng.random((n, size)).astype(np.float32) * 2 - 1) * largest[:, None]
        _put_largest(rng, edges, largest)
        parts.append(edges)

        # Elements of all magnitudes in one block.
        n = counts["wide"]
        wide = np.ldexp(1 + rng.random((n, size)), rng.integers(-40, 1, (n, size)) + scale(n, -110, 120))
        parts.append(wide.astype(np.float32) * _signs(rng, wide.shape))

        # Where a scale would be below 2^-127, and subnormal numbers.
        n = counts["small"]
        e = rng.integers(-149, -105, n)
        largest = np.ldexp(rng.choice(np.array(EDGES), n), e).astype(np.float32)
        largest = _ulps(largest, rng.choice([-1, 0, 0, 1], n))
        small = (rng.random((n, size)) * 2 - 1) * largest[:, None]
        small[: n // 2] = np.ldexp(rng.choice(pool, (n // 2, size)), (e[: n // 2, None] - 2))
        small = small.astype(np.float32) * _signs(rng, small.shape)
        _put_largest(rng, small, largest)
        parts.append(small)

        n = counts["huge"]
        largest = np.ldexp(rng.choice(np.array(EDGES[:-1]), n), rng.integers(124, 128, n))
        largest = np.minimum(largest, rules.FLOAT_MAX).astype(np.float32)
        largest = _ulps(largest, rng.choice([-1, 0, 0, 1], n))
        largest[:8] = rules.FLOAT_MAX
        huge = (rng.random((n, size)).astype(np.float32) * 2 - 1) * largest[:, None]
        _put_largest(rng, huge, largest)
        parts.append(huge)

        zero = np.zeros((counts["zero"], size), np.float32)
        zero *= _signs(rng, zero.shape)
        zero[0], zero[1] = 0.0, -0.0
        parts.append(zero)

    return rng.permutation(np.concatenate(parts))


def special_of(size: int, seed: int) -> np.ndarray:
    """64 blocks that hold a NaN or an infinity."""
    rng = np.random.default_rng(seed + 1)
    x = rng.standard_normal((64, size)).astype(np.float32)
    x *= np.float32(2.0) ** rng.integers(-20, 20, (64, 1)).astype(np.float32)
    kinds = np.array([np.nan, np.inf, -np.inf, -np.nan], np.float32)
    x[np.arange(64), rng.integers(0, size, 64)] = np.resize(kinds, 64)
    x[60:] = kinds[:, None]
    return x


def mx_input(format: str, is_bf16: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """x and x_special for a format with E8M0 scales."""
    described = rules.FORMATS[format]
    seed = SEED + sorted(rules.FORMATS).index(format) * 10 + is_bf16
    x = blocks_of(described.element, described.block, ROWS * BLOCKS_PER_ROW, seed)
    x = x.reshape(ROWS, BLOCKS_PER_ROW * described.block)
    special = special_of(described.block, seed).reshape(8, 8 * described.block)
    return (_bf16(x), _bf16_special(special)) if is_bf16 else (x, special)


def _bf16_special(x: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(x), _bf16(np.where(np.isfinite(x), x, 0)), x).astype(np.float32)


def nvfp4_input(
    is_bf16: bool = False, exponent: int = 0, kind: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """x and x_special for NVFP4: one tensor with magnitudes about 2^exponent.

    `grid` has values and middles of E2M1 under E4M3 scales and the tensor scale
    of the largest number: what decoded NVFP4 has, where products meet ties.
    """
    rng = np.random.default_rng(SEED + 1000 + exponent + is_bf16)
    size, count = 16, ROWS * BLOCKS_PER_ROW
    values = rules.E2M1.magnitudes()
    pool = np.concatenate([(values[1:] + values[:-1]) / 2, values])
    fp8 = rules.E4M3.magnitudes()[1:]
    largest = 31.7 * 2.0**exponent
    special = special_of(size, SEED).reshape(8, 8 * size)
    if kind == "grid":
        x = rng.choice(pool, (count, size)) * _signs(rng, (count, size))
        x[:, 0] = 6.0
        x = (x * rng.choice(fp8[40:], (count, 1))).astype(np.float32)
        x[0, 0] = 2688.0
        x = (x * (np.float32(largest) / np.float32(2688))).reshape(ROWS, BLOCKS_PER_ROW * size)
        return x, special

    block_scale = 2.0 ** rng.uniform(-22, 3, (count, 1))
    block_scale[: count // 2] = 2.0 ** rng.uniform(-5, 3, (count // 2, 1))
    x = rng.standard_normal((count, size)) * block_scale
    # A quarter on the grid of E2M1 under E4M3 scales alone.
    n = count // 4
    x[:n] = rng.choice(pool, (n, size)) * rng.choice(fp8, (n, 1)) * 2.0**-8
    x[:n] *= _signs(rng, (n, size))
    x[n : n + 40] = 0.0
    x[n + 20 : n + 40] *= _signs(rng, (20, size))
    x[n + 40 : n + 60] *= 2.0**-30
    # The largest number of all.
    x[-1, 3] = 31.7
    x = rng.permutation(x * 2.0**exponent).astype(np.float32)
    x = x.reshape(ROWS, BLOCKS_PER_ROW * size)
    return (_bf16(x), _bf16_special(special)) if is_bf16 else (x, special)
