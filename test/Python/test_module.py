# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Modules: read, changed by pipelines, compiled and called with arrays."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
from dlpack import Tensor

import mxfp4

ml_dtypes = pytest.importorskip("ml_dtypes")
pytest.importorskip("mxfp4._compiler", reason="built without the compiler")

PROJECT = """
func.func @project(%x: tensor<?x2880xf32>, %values: tensor<48x2880xf4E2M1FN>,
                   %scales: tensor<48x90xf8E8M0FNU>) -> tensor<?x48xf32> {
  %weight = mxfp4.dequantize %values, %scales
      : tensor<48x2880xf4E2M1FN>, tensor<48x90xf8E8M0FNU> -> tensor<48x2880xf32>
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x2880xf32>
  %init = tensor.empty(%rows) : tensor<?x48xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<?x48xf32>) -> tensor<?x48xf32>
  %y = linalg.matmul
      indexing_maps = [affine_map<(t, n, k) -> (t, k)>, affine_map<(t, n, k) -> (n, k)>,
                       affine_map<(t, n, k) -> (t, n)>]
      ins(%x, %weight : tensor<?x2880xf32>, tensor<48x2880xf32>)
      outs(%zeros : tensor<?x48xf32>) -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}
"""
TWO_FUNCTIONS = """
func.func @f(%x: tensor<4xf32>) { return }
func.func @g(%x: tensor<4xf32>) { return }
"""
RNG = np.random.default_rng(7)
VALUES, SCALES = mxfp4.quantize(RNG.standard_normal((48, 2880), np.float32))
X = RNG.standard_normal((3, 2880), np.float32)
# 2880 products of magnitude 1 or so, summed in f32 in another order.
TOLERANCE = 2880 * 2**-24 * 10


@pytest.fixture(scope="module")
def project() -> mxfp4.Executable:
    return mxfp4.compile(PROJECT, max_rows=16)


def multiply(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64) @ mxfp4.dequantize(VALUES, SCALES).astype(np.float64).T


#
# Modules
#


def test_text_and_bytecode() -> None:
    module = mxfp4.Module.parse(PROJECT, "project.mlir")
    assert module.functions == ("project",)
    assert "mxfp4.dequantize" in str(module)
    assert "loc(" not in str(module)
    assert '"project.mlir":' in module.text(locations=True)
    again = mxfp4.Module.parse(str(module))
    assert str(again) == str(module)
    assert str(mxfp4.Module.parse(module.bytecode())) == str(module)
    assert repr(module) == "<mxfp4.Module with functions project>"


def test_pipeline_changes_the_module_and_no_other() -> None:
    module = mxfp4.Module.parse(PROJECT)
    copy = module.clone()
    module.run_pipeline("builtin.module(mxfp4-raise,mxfp4-fuse)")
    assert "mxfp4.matmul" in str(module)
    assert "mxfp4.dequantize" in str(copy)
    copy.run_pipeline("mxfp4-fuse, func.func(mxfp4-assign-layouts{lanes=8})")
    assert "mxfp4.pack" in str(copy)
    copy.run_pipeline("")


def test_failed_pipeline_leaves_the_module() -> None:
    module = mxfp4.Module.parse(
        "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32>"
        ' attributes {mxfp4.entry = "f", mxfp4.max_tokens = 1 : i64} {\n'
        "  %y = arith.addf %x, %x : tensor<4xf32>\n"
        "  return %y : tensor<4xf32>\n}",
        "f.mlir",
    )
    before = str(module)
    with pytest.raises(mxfp4.CompileError) as error:
        module.run_pipeline("canonicalize,mxfp4-lower-to-vector")
    [diagnostic] = error.value.diagnostics
    assert diagnostic.severity == "error"
    assert (diagnostic.file, diagnostic.line) == ("f.mlir", 2)
    assert diagnostic.message == "op was not bufferized"
    assert str(error.value) == str(diagnostic)
    assert isinstance(error.value, mxfp4.Error)
    assert str(module) == before


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("func.func @f() {\n  mxfp4.matmul 5\n}", "custom op 'mxfp4.matmul' expected", 2),
        ("func.func @f(%x: tensor<4xi8>) {\n  return %x\n}", "expected ':'", 2),
        ("(" * 2000, "expected brackets to be nested at most 1000 deep", 1),
        (b"ML\xefR\x0dStableHLO_v1\0", "it was written by 'StableHLO_v1'", 1),
        ("foo.bar\n", "", 1),
        ('module @"', "expected", 1),
    ],
)
def test_text_that_is_no_module(source: str | bytes, message: str, line: int) -> None:
    with pytest.raises(mxfp4.CompileError) as error:
        mxfp4.Module.parse(source, "bad.mlir")
    diagnostic = error.value.diagnostics[0]
    assert message in diagnostic.message
    assert (diagnostic.file, diagnostic.line) == ("bad.mlir", line)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda m: mxfp4.Module.parse(5), TypeError, "'source' to be a str or bytes, but got int"),
        (lambda m: mxfp4.Module("text"), TypeError, "use Module.parse"),
        (lambda m: mxfp4.Executable("text"), TypeError, "use mxfp4.compile"),
        (lambda m: m.text(locations=1), TypeError, "expected 'locations'"),
        (lambda m: m.run_pipeline(None), TypeError, "expected 'pipeline'"),
        (lambda m: m.run_pipeline("no-such-pass"), ValueError, "'no-such-pass' does not refer"),
        (lambda m: m.run_pipeline("builtin.module(cse"), ValueError, "expected '\\)' at the end"),
        (lambda m: m.run_pipeline("mxfp4-fuse{x=1}"), ValueError, "cannot parse pipeline"),
        (lambda m: mxfp4.compile(5), TypeError, "expected 'module' to be a Module"),
        (lambda m: mxfp4.compile(m, "gpu"), ValueError, "unknown target 'gpu'"),
        (lambda m: mxfp4.compile(m, max_rows=0), ValueError, "expected 'max_rows'"),
        (lambda m: mxfp4.compile(m, threads=0), ValueError, "expected 'threads'"),
        (lambda m: mxfp4.compile(m, fuse=1), TypeError, "expected 'fuse'"),
        (lambda m: mxfp4.compile(m, weights={9: VALUES}), mxfp4.CompileError, "'project.arg9'"),
        (lambda m: mxfp4.compile(m, weights={1: SCALES}), mxfp4.Error, r"U8 \[48, 1440\]"),
        (lambda m: mxfp4.compile(m, weights={1: "x"}), TypeError, "expected weight 'project.arg1' to be a numpy"),
        (lambda m: mxfp4.compile(m, weights={1.5: VALUES}), TypeError, "'a key of weights'"),
        (lambda m: mxfp4.compile(m, weights={True: VALUES}), TypeError, "'a key of weights'"),
        (
            lambda m: mxfp4.compile(m, weights={1: VALUES, "project.arg1": VALUES}),
            ValueError,
            "expected one array for weight 'project.arg1', but got two",
        ),
        (
            lambda m: mxfp4.compile(TWO_FUNCTIONS, weights={0: VALUES}),
            ValueError,
            "expected names in 'weights', such as 'main.arg1'",
        ),
        (lambda m: mxfp4.compile(m, weights=[VALUES]), TypeError, "'weights' to be a mapping"),
        (lambda m: mxfp4.compile("module {}"), mxfp4.CompileError, "expected a public function"),
        (lambda m: mxfp4.Executable.load("/nowhere"), FileNotFoundError, "/nowhere"),
        (lambda m: mxfp4.Executable.load(__file__), mxfp4.Error, "expected a program"),
    ],
)
def test_wrong_arguments(
    call: Callable[[mxfp4.Module], Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        call(mxfp4.Module.parse(PROJECT))


#
# Calls
#


def test_call(project: mxfp4.Executable) -> None:
    assert project.functions == ("project",)
    function = project["project"]
    assert function.inputs == [
        ("project.arg0", "F32", (None, 2880)),
        ("project.arg1", "U8", (48, 1440)),
        ("project.arg2", "U8", (48, 90)),
    ]
    assert function.outputs == [("project.result0", "F32", (None, 48))]
    assert function.max_rows == 16
    assert repr(function).startswith("<mxfp4.Function project(F32 [?, 2880], U8 [48, 1440]")
    y = project(X, VALUES, SCALES)
    assert (y.shape, y.dtype) == ((3, 48), np.float32)
    np.testing.assert_allclose(y, multiply(X), atol=TOLERANCE)
    out = np.full((3, 48), np.nan, np.float32)
    assert function(X, VALUES, SCALES, out=out) is out
    np.testing.assert_array_equal(out, y)


@pytest.mark.parametrize("target", ["cpu", "cpu:x86-64-v3", "cpu:x86-64"])
@pytest.mark.parametrize("fuse", [True, False])
def test_weights(target: str, fuse: bool) -> None:
    """Given once, by numbers or names; the arrays are not needed afterwards."""
    values = VALUES.copy()
    executable = mxfp4.compile(
        PROJECT,
        target,
        weights={1: values, "project.arg2": SCALES},
        fuse=fuse,
        threads=2,
    )
    values[:] = 0
    assert executable.threads == 2
    np.testing.assert_allclose(executable(X), multiply(X), atol=TOLERANCE)


def test_reference_path() -> None:
    executable = mxfp4.compile(PROJECT, reference=True)
    y = executable(X, VALUES, SCALES)
    np.testing.assert_allclose(y, multiply(X), atol=TOLERANCE)
    assert executable.threads == 1


def test_kinds_of_arrays(project: mxfp4.Executable) -> None:
    expected = project(X, VALUES, SCALES)
    nibbles = np.stack([VALUES & 15, VALUES >> 4], -1).reshape(48, 2880)
    for values, scales in [
        (nibbles.view(ml_dtypes.float4_e2m1fn), SCALES.view(ml_dtypes.float8_e8m0fnu)),
        (VALUES.view(np.int8), SCALES.view(np.int8)),
        (Tensor(VALUES, (1, 8, 1)), Tensor(SCALES, (1, 8, 1), None)),
        (np.asfortranarray(VALUES), SCALES[::-1][::-1]),
    ]:
        np.testing.assert_array_equal(project(X, values, scales), expected)
    strided = np.zeros((3, 5760), np.float32)
    strided[:, ::2] = X
    shifted = np.frombuffer(b"x" + X.tobytes(), np.uint8)[1:].view(np.float32)
    for x in [strided[:, ::2], np.asfortranarray(X), memoryview(X), shifted.reshape(3, 2880)]:
        np.testing.assert_array_equal(project(x, VALUES, SCALES), expected)


@pytest.mark.parametrize(
    ("arguments", "out", "kind", "message"),
    [
        ((X,), None, TypeError, r"project\(\) takes 3 arrays, but got 1"),
        ((X, VALUES, VALUES), None, ValueError, r"'project.arg2': expected an array of U8 \[48, 90\]"),
        ((X[0], VALUES, SCALES), None, ValueError, r"F32 \[\?, 2880\], but got F32 \[2880\]"),
        ((X.astype(float), VALUES, SCALES), None, ValueError, "but got F64"),
        ((np.ones((17, 2880), np.float32), VALUES, SCALES), None, ValueError, "1 to 16 rows, but got 17"),
        ((X[:0], VALUES, SCALES), None, ValueError, "1 to 16 rows, but got 0"),
        ((X + 1j, VALUES, SCALES), None, TypeError, "but got complex64"),
        ((None, VALUES, SCALES), None, TypeError, "to be a numpy array"),
        ((X, VALUES, SCALES), np.zeros((2, 48), np.float32), ValueError, "expected 3 rows"),
        ((X, VALUES, SCALES), np.zeros((3, 48)), ValueError, "but got F64"),
        ((X, VALUES, SCALES), np.zeros((48, 3), np.float32).T, TypeError, "'out' to be writable numpy"),
        ((X, VALUES, SCALES), [], ValueError, "expected 'out' to have 1 arrays, but got 0"),
        ((X, VALUES, SCALES), bytearray(576), TypeError, "'out' to be writable numpy"),
        ((X, VALUES, SCALES), np.frombuffer(bytes(576), np.float32).reshape(3, 48), TypeError, "writable"),
    ],
)
def test_wrong_arrays(
    project: mxfp4.Executable,
    arguments: tuple[Any, ...],
    out: Any,
    kind: type[Exception],
    message: str,
) -> None:
    with pytest.raises(kind, match=message):
        project(*arguments, out=out)


def test_result_in_the_memory_of_an_input(project: mxfp4.Executable) -> None:
    memory = np.zeros((3, 2880), np.float32)
    out = memory.reshape(-1)[: 3 * 48].reshape(3, 48)
    with pytest.raises(ValueError, match="expected memory that no other array"):
        project(memory, VALUES, SCALES, out=out)


def test_several_functions_and_results() -> None:
    executable = mxfp4.compile("""
      func.func @swap(%x: tensor<4xi32>, %y: tensor<2x3xbf16>)
          -> (tensor<2x3xbf16>, tensor<4xi32>, tensor<i1>) {
        %true = arith.constant dense<true> : tensor<i1>
        return %y, %x, %true : tensor<2x3xbf16>, tensor<4xi32>, tensor<i1>
      }
      func.func @nothing(%x: tensor<4xf64>) {
        return
      }
    """)
    assert executable.functions == ("swap", "nothing")
    integers = np.arange(4, dtype=np.int32)
    floats = np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16)
    y, x, true = executable["swap"](integers, floats)
    np.testing.assert_array_equal(x, integers)
    np.testing.assert_array_equal(y, floats)
    assert (y.dtype, true.shape, bool(true)) == (ml_dtypes.bfloat16, (), True)
    assert executable["nothing"](np.zeros(4)) is None
    with pytest.raises(TypeError, match="there are swap, nothing"):
        executable(integers)
    with pytest.raises(KeyError):
        executable["other"]


def test_elementwise_on_tensors() -> None:
    executable = mxfp4.compile("""
      func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
        %y = arith.addf %x, %x : tensor<4xf32>
        return %y : tensor<4xf32>
      }
    """)
    np.testing.assert_array_equal(executable(X[0, :4]), 2 * X[0, :4])


def test_bf16() -> None:
    """Sums, products and functions of bf16, which this processor may not have."""
    executable = mxfp4.compile("""
      func.func @main(%x: tensor<4xbf16>, %y: tensor<4xbf16>)
          -> (tensor<4xbf16>, tensor<4xbf16>) {
        %0 = arith.mulf %x, %y : tensor<4xbf16>
        %1 = arith.addf %0, %y : tensor<4xbf16>
        %2 = math.exp %x : tensor<4xbf16>
        return %1, %2 : tensor<4xbf16>, tensor<4xbf16>
      }
    """)
    x, y = (RNG.standard_normal(4).astype(ml_dtypes.bfloat16) for _ in range(2))
    total, power = executable(x, y)
    np.testing.assert_array_equal(total, x * y + y)
    np.testing.assert_allclose(
        power.astype(float), np.exp(x.astype(float)), rtol=2**-8, atol=0
    )


def test_no_elements() -> None:
    executable = mxfp4.compile(
        "func.func @main(%x: tensor<0x4xf32>) -> tensor<0x4xf32> { return %x : tensor<0x4xf32> }"
    )
    assert executable(np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_round_trip_of_quantization() -> None:
    """The ops give what the functions give, bit for bit."""
    executable = mxfp4.compile("""
      func.func @main(%x: tensor<?x64xf32>)
          -> (tensor<?x64xf4E2M1FN>, tensor<?x2xf8E8M0FNU>, tensor<?x64xf32>) {
        %v, %s = mxfp4.quantize %x
            : tensor<?x64xf32> -> tensor<?x64xf4E2M1FN>, tensor<?x2xf8E8M0FNU>
        %y = mxfp4.dequantize %v, %s
            : tensor<?x64xf4E2M1FN>, tensor<?x2xf8E8M0FNU> -> tensor<?x64xf32>
        return %v, %s, %y : tensor<?x64xf4E2M1FN>, tensor<?x2xf8E8M0FNU>, tensor<?x64xf32>
      }
    """)
    x = RNG.standard_normal((20, 64), np.float32) * np.float32(2) ** RNG.integers(-140, 120, (20, 1))
    values, scales, y = executable(x.astype(np.float32))
    expected = mxfp4.quantize(x.astype(np.float32))
    np.testing.assert_array_equal(values, expected[0])
    np.testing.assert_array_equal(scales, expected[1])
    np.testing.assert_array_equal(y, mxfp4.dequantize(*expected))


def test_saved(tmp_path: Path) -> None:
    executable = mxfp4.compile(PROJECT, weights={1: VALUES, 2: SCALES}, threads=1)
    path = tmp_path / "project.program"
    executable.save(path)
    weights = {"project.arg1": VALUES, "project.arg2": SCALES}
    loaded = mxfp4.Executable.load(path, weights=weights, threads=1)
    np.testing.assert_array_equal(loaded(X), executable(X))
    with pytest.raises(mxfp4.Error, match="needs weight 'project.arg1'"):
        mxfp4.Executable.load(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(mxfp4.Error, match="the file has"):
        mxfp4.Executable.load(path, weights=weights)
    with pytest.raises(mxfp4.Error):
        executable.save(tmp_path)


def test_threads() -> None:
    """Each with a module of its own, and all with one executable."""
    shared = mxfp4.compile(PROJECT, weights={1: VALUES, 2: SCALES})
    module = mxfp4.Module.parse(PROJECT)
    expected = shared(X)
    failures = []

    def work() -> None:
        try:
            own = mxfp4.compile(PROJECT, weights={1: VALUES, 2: SCALES}, threads=1)
            for _ in range(20):
                np.testing.assert_array_equal(shared(X), expected)
                np.testing.assert_allclose(own(X), expected, atol=TOLERANCE)
                module.run_pipeline("canonicalize,cse")
                assert "mxfp4.dequantize" in str(module)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_fork() -> None:
    """The child has no threads to run it, and says so; a module needs none."""
    program = """
import mxfp4, numpy, os
executable = mxfp4.compile("func.func @f(%x: tensor<4xf32>) { return }")
module = mxfp4.Module.parse(TWO_FUNCTIONS)
module.run_pipeline("canonicalize")
if os.fork() == 0:
    try:
        executable(numpy.zeros(4, numpy.float32))
    except mxfp4.Error as error:
        print(error)
    module.run_pipeline("canonicalize")
    print(mxfp4.compile(module)["g"](numpy.zeros(4, numpy.float32)))
else:
    os.wait()
""".replace("TWO_FUNCTIONS", repr(TWO_FUNCTIONS))
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "whose threads a fork does not have; compile it again" in result.stdout, result
    assert result.stdout.endswith("None\n"), result


def test_interrupt() -> None:
    """Ctrl-C is seen after a call, and the executable can be used again."""
    program = """
import mxfp4, numpy, os, signal
executable = mxfp4.compile("func.func @f(%x: tensor<4xf32>) { return }")
x = numpy.zeros(4, numpy.float32)
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    while True:
        executable(x)
        os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    executable(x)
    print("interrupted")
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout == "interrupted\n", result


#
# Narrow floats
#

NARROW = {
    "f4E2M1FN": "float4_e2m1fn",
    "f6E2M3FN": "float6_e2m3fn",
    "f6E3M2FN": "float6_e3m2fn",
    "f8E4M3FN": "float8_e4m3fn",
    "f8E5M2": "float8_e5m2",
    "f8E8M0FNU": "float8_e8m0fnu",
}


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("wide", ["f32", "f64", "bf16", "f16"])
def test_casts(name: str, wide: str) -> None:
    """Around every number of the type, and halfway between two: as ml_dtypes, but
    that a double is rounded once."""
    dtype = np.dtype(getattr(ml_dtypes, NARROW[name]))
    text = f"""
func.func @f(%x: tensor<?x{wide}>) -> tensor<?xf32> {{
  %narrow = arith.truncf %x : tensor<?x{wide}> to tensor<?x{name}>
  %0 = arith.extf %narrow : tensor<?x{name}> to tensor<?xf32>
  return %0 : tensor<?xf32>
}}
"""
    types = {"f32": np.float32, "f64": np.float64, "bf16": ml_dtypes.bfloat16, "f16": np.float16}
    with np.errstate(all="ignore"):
        codes = np.arange(1 << ml_dtypes.finfo(dtype).bits, dtype=np.uint8)
        numbers = np.unique(codes.view(dtype).astype(np.float64))
        numbers = numbers[np.isfinite(numbers)]
        x = np.concatenate([numbers, (numbers[1:] + numbers[:-1]) / 2, 1.5 * numbers[-1:]])
        fine = [np.nextafter(x, to) for to in (-np.inf, np.inf)] if wide == "f64" else []
        near = [np.nextafter(x.astype(np.float32), np.float32(to)) for to in (-9e9, 9e9)]
        special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e38, 1e300]
        x = np.concatenate([x, *fine, *near, special]).astype(types[wide])
        # ml_dtypes takes doubles as floats: one on the same side of the middle.
        as_float = x.astype(np.float32)
        back = as_float.astype(np.float64)
        other = np.nextafter(as_float, np.where(back < x, np.float32(np.inf), np.float32(-np.inf)))
        as_float = np.where((back == x) | np.isnan(back), as_float, other)
        expected = as_float.astype(dtype).astype(np.float32)
    y = mxfp4.compile(text, max_rows=4096)(x)
    np.testing.assert_array_equal(y, expected)
    finite = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(y[finite]), np.signbit(expected[finite]))
