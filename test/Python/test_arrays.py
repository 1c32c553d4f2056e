# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arrays of all kinds and layouts: read right, not copied, from many threads."""

from __future__ import annotations

import array
import gc
import subprocess
import sys
import threading
import time
import weakref

import ml_dtypes
import mxfp4
import numpy as np
import pytest
from dlpack import Tensor

RNG = np.random.default_rng(11)
X = RNG.standard_normal((64, 96)).astype(np.float32)
VALUES, SCALES = mxfp4.quantize(X)
FLOAT, BFLOAT, UINT, FLOAT4, E4M3 = 2, 4, 1, 17, 10


def expect_blocks_of_x(x: object, **options: object) -> None:
    values, scales = mxfp4.quantize(x, **options)
    np.testing.assert_array_equal(values, VALUES)
    np.testing.assert_array_equal(scales, SCALES)


def unaligned(x: np.ndarray) -> np.ndarray:
    raw = np.zeros(x.nbytes + 1, np.uint8)
    view = raw[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    assert not view.flags.aligned
    return view


def every_second(x: np.ndarray) -> np.ndarray:
    wide = np.zeros((2 * x.shape[0], 3 * x.shape[1]), x.dtype)
    wide[::2, 1::3] = x
    return wide[::2, 1::3]


LAYOUTS = {
    "contiguous": lambda x: x,
    "fortran": np.asfortranarray,
    "strided": every_second,
    "reversed": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "unaligned": unaligned,
    "rows of a wider matrix": lambda x: np.hstack([x, x])[:, : x.shape[1]],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_layouts(dtype: str, layout: str) -> None:
    narrow = X.astype(np.dtype(dtype))
    expected = mxfp4.quantize(narrow.astype(np.float32))
    laid_out = LAYOUTS[layout](narrow)
    np.testing.assert_array_equal(laid_out, narrow)
    result = mxfp4.quantize(laid_out)
    np.testing.assert_array_equal(result[0], expected[0])
    np.testing.assert_array_equal(result[1], expected[1])


@pytest.mark.parametrize("layout", set(LAYOUTS) - {"unaligned"})
def test_layouts_of_blocks(layout: str) -> None:
    expected = mxfp4.dequantize(VALUES, SCALES)
    result = mxfp4.dequantize(LAYOUTS[layout](VALUES), LAYOUTS[layout](SCALES))
    np.testing.assert_array_equal(result, expected)


def test_many_dimensions() -> None:
    x = RNG.standard_normal((2, 3, 1, 32, 4, 5)).astype(np.float32)
    values, scales = mxfp4.quantize(x[:, ::-1, :, :, ::2], axis=3)
    flat = np.ascontiguousarray(np.moveaxis(x[:, ::-1, :, :, ::2], 3, -1))
    expected = mxfp4.quantize(flat.reshape(-1, 32))
    assert values.shape == (2, 3, 1, 2, 5, 16)
    np.testing.assert_array_equal(values.reshape(-1, 16), expected[0])
    np.testing.assert_array_equal(scales.reshape(-1, 1), expected[1])


def test_broadcast() -> None:
    row = X[:1]
    values, scales = mxfp4.quantize(np.broadcast_to(row, (1000, 96)))
    np.testing.assert_array_equal(values, np.repeat(VALUES[:1], 1000, axis=0))
    np.testing.assert_array_equal(scales, np.repeat(SCALES[:1], 1000, axis=0))


def test_buffer_protocol() -> None:
    flat = array.array("f", X.reshape(-1).tolist())
    expect_blocks_of_x(memoryview(flat).cast("B").cast("f", X.shape))
    values, scales = mxfp4.quantize(flat)
    np.testing.assert_array_equal(values, VALUES.reshape(-1))
    result = mxfp4.dequantize(values.tobytes(), bytearray(scales))
    np.testing.assert_array_equal(result, mxfp4.dequantize(values, scales))
    random = bytes(range(256)) * 24
    by_bytes = mxfp4.quantize(flat, rounding="stochastic", random=random)
    by_array = mxfp4.quantize(
        flat, rounding="stochastic", random=np.frombuffer(random, np.uint8)
    )
    np.testing.assert_array_equal(by_bytes[0], by_array[0])


@pytest.mark.parametrize("version", [None, 1])
def test_dlpack(version: int | None) -> None:
    bf16 = X.astype(ml_dtypes.bfloat16)
    expected = mxfp4.quantize(bf16.astype(np.float32))
    cases = [
        Tensor(bf16, (BFLOAT, 16, 1), version),
        Tensor(bf16, (BFLOAT, 16, 1), version, has_strides=False),
        Tensor(np.asfortranarray(bf16), (BFLOAT, 16, 1), version),
        Tensor(bf16, (BFLOAT, 16, 1), version, byte_offset=32),
        Tensor(bf16, (BFLOAT, 16, 1), version, device=3),
        Tensor(bf16.astype(np.float32), (FLOAT, 32, 1), version),
        Tensor(bf16.astype(np.float64), (FLOAT, 64, 1), version),
    ]
    for tensor in cases:
        values, scales = mxfp4.quantize(tensor)
        np.testing.assert_array_equal(values, expected[0])
        np.testing.assert_array_equal(scales, expected[1])
        assert tensor.made == tensor.freed == 1


def test_dlpack_of_blocks() -> None:
    expected = mxfp4.dequantize(VALUES, SCALES)
    for values, scales in [
        (Tensor(VALUES, (UINT, 8, 1)), Tensor(SCALES, (UINT, 8, 1))),
        # Two packed elements to an item, as PyTorch has them.
        (Tensor(VALUES, (FLOAT4, 4, 2)), Tensor(SCALES, (14, 8, 1))),
        (
            Tensor(
                np.stack([VALUES & 15, VALUES >> 4], axis=-1).reshape(64, 96),
                (FLOAT4, 4, 1),
                flags=4,
            ),
            SCALES,
        ),
    ]:
        np.testing.assert_array_equal(mxfp4.dequantize(values, scales), expected)

    values, scales = mxfp4.quantize(X, "mxfp8_e4m3")
    result = mxfp4.dequantize(Tensor(values, (E4M3, 8, 1)), scales, "mxfp8_e4m3")
    np.testing.assert_array_equal(result, mxfp4.dequantize(values, scales, "mxfp8_e4m3"))


def test_dlpack_is_freed_after_an_error() -> None:
    tensor = Tensor(X, (FLOAT, 32, 1))
    with pytest.raises(ValueError):
        mxfp4.quantize(tensor, axis=5)
    assert tensor.made == tensor.freed == 1


def test_arrays_are_let_go() -> None:
    x, random = X.copy(), np.zeros(X.shape, np.uint8)
    mxfp4.quantize(x, rounding="stochastic", random=random)
    mxfp4.choose_tensor_scale(x)
    values, scales = mxfp4.quantize(x)
    mxfp4.dequantize(values, scales)
    mxfp4.cast_to_nvfp4(values, scales)
    references = [weakref.ref(a) for a in (x, random, values, scales)]
    del x, random, values, scales
    gc.collect()
    assert [reference() for reference in references] == [None] * 4


MEASURE = r"""
import re
import array, ml_dtypes, mxfp4, numpy as np

def measure_peak():
    # Unlike ru_maxrss it does not begin with the peak of the process before.
    return int(re.search(r"VmHWM:\s*(\d+) kB", open("/proc/self/status").read())[1])

# 64 MiB, of which the results have 8.5 or the array made of them 32.
x = np.ones((4096, 4096), np.float32)
{setup}
# What the first call alone needs.
mxfp4.quantize(np.ones((32, 32), x.dtype), axis=0)
before = measure_peak()
result = {call}
print(measure_peak() - before)
"""
QUANTIZE_BLOCKS = "values, scales = mxfp4.quantize(x); del x; x = np.ones(32, np.float32)"
CALLS = {
    "float32": ("", "mxfp4.quantize(x)", 9),
    "bfloat16": ("x = x.astype(ml_dtypes.bfloat16)", "mxfp4.quantize(x)", 9),
    "float16": ("x = x.astype(np.float16)", "mxfp4.quantize(x)", 9),
    "transposed": ("", "mxfp4.quantize(x, axis=0)", 9),
    "DLPack": (
        "class D:\n"
        "  __dlpack__ = x.__dlpack__; __dlpack_device__ = x.__dlpack_device__",
        "mxfp4.quantize(D)",
        9,
    ),
    "buffer": ("", "mxfp4.quantize(memoryview(x))", 9),
    "seed": ("", "mxfp4.quantize(x, rounding='stochastic', seed=1)", 9),
    "tensor scale": ("", "mxfp4.choose_tensor_scale(x)", 0),
    "dequantize": (
        QUANTIZE_BLOCKS,
        "mxfp4.dequantize(values, scales, dtype='float16')",
        32,
    ),
    "cast": (QUANTIZE_BLOCKS, "mxfp4.cast_to_nvfp4(values, scales)", 1),
}


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("call", CALLS)
def test_no_array_is_copied(call: str) -> None:
    setup, expression, megabytes = CALLS[call]
    script = MEASURE.format(setup=setup, call=expression)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    # A peak from before may hide some of it, but not a copy; pages and buffers
    # come on top.
    assert int(done.stdout) < (megabytes + 3) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_peak_memory_shows_copies() -> None:
    """The measure of the test above would see one."""
    script = MEASURE.format(setup="", call="mxfp4.quantize(x.copy())")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 64 * 1024


def test_threads_get_their_own_results() -> None:
    shared = RNG.standard_normal((256, 4096)).astype(np.float32)
    formats = ["mxfp4", "mxfp6_e2m3", "mxfp8_e5m2", "nvfp4"]
    expected = {format: mxfp4.quantize(shared, format) for format in formats}
    wide = {format: mxfp4.dequantize(*expected[format], format) for format in formats}
    failures: list[str] = []

    def work(format: str) -> None:
        for _ in range(3):
            values, scales = mxfp4.quantize(shared, format)
            result = mxfp4.dequantize(values, scales, format)
            same = np.array_equal(values, expected[format][0])
            same &= np.array_equal(scales, expected[format][1])
            if not (same and np.array_equal(result, wide[format])):
                failures.append(format)

    threads = [threading.Thread(target=work, args=(format,)) for format in formats * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize("name", ["quantize", "dequantize", "cast"])
def test_other_threads_run_meanwhile(name: str) -> None:
    """While a call works, this thread, which needs the GIL, goes on."""
    x = np.ones((256, 1 << 16), np.float32)
    blocks = mxfp4.quantize(x, "mxfp4")
    # The slowest of each kind, repeated until it takes a while.
    call = {
        "quantize": lambda: mxfp4.quantize(x, "mxfp8_e4m3", rounding="nearest_away"),
        "dequantize": lambda: mxfp4.dequantize(*blocks, dtype="bfloat16"),
        "cast": lambda: mxfp4.cast_to_nvfp4(*blocks),
    }[name]
    spans: list[tuple[float, float]] = []

    def work() -> None:
        for _ in range(5):
            start = time.perf_counter()
            call()
            spans.append((start, time.perf_counter()))

    thread = threading.Thread(target=work)
    ticks = []
    thread.start()
    while thread.is_alive():
        ticks.append(time.perf_counter())
        time.sleep(0.0005)
    thread.join()
    # With the GIL held, no tick would fall well inside of a call.
    inside = [
        sum(start + 0.1 * (end - start) < t < end - 0.1 * (end - start) for t in ticks)
        for start, end in spans
    ]
    assert max(inside) >= 3, (inside, spans)
