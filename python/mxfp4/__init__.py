# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Block-scaled number formats of 4 to 8 bits, a compiler for them, and models that
have their weights in them: OCP MX and NVFP4.

`quantize` and `dequantize` need nothing but numpy. What compiles and runs, such
as `compile`, `Module` and `Model`, is in an extension module that is linked with
LLVM; it is loaded when one of these names is first asked for, and missing where
the package was built without the compiler.

`docs/Format.md` in the sources defines the formats as rules F1, F2, ...; the
documentation of functions cites them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._error import CompileError, Diagnostic, Error
from ._format import (
    TensorScale,
    cast_to_nvfp4,
    choose_tensor_scale,
    dequantize,
    quantize,
)
from ._mxfp4 import __version__

if TYPE_CHECKING:
    from ._model import Generation as Generation
    from ._model import Model as Model
    from ._model import Tokenizer as Tokenizer
    from ._module import Executable as Executable
    from ._module import Function as Function
    from ._module import Module as Module
    from ._module import compile as compile

# Without the names that load LLVM, so that `import *` does not.
__all__ = [
    "CompileError",
    "Diagnostic",
    "Error",
    "TensorScale",
    "__version__",
    "cast_to_nvfp4",
    "choose_tensor_scale",
    "dequantize",
    "quantize",
]

# Names that need the compiler, and their modules.
_NEEDS_COMPILER = {
    "Executable": "_module",
    "Function": "_module",
    "Generation": "_model",
    "Model": "_model",
    "Module": "_module",
    "Tokenizer": "_model",
    "compile": "_module",
}


def __getattr__(name: str) -> Any:
    if name not in _NEEDS_COMPILER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        importlib.import_module("._compiler", __name__)
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}._compiler":
            raise
        raise ImportError(
            f"mxfp4.{name} needs the compiler, which this package was built "
            "without: install LLVM 22 with MLIR and LLD (apt-get install "
            "llvm-22-dev libmlir-22-dev mlir-22-tools liblld-22-dev zlib1g-dev "
            "libzstd-dev), then run pip install --force-reinstall "
            "-C cmake.define.MXFP4_COMPILER=ON . in the sources (for another "
            "LLVM with -C cmake.define.MLIR_DIR=PREFIX/lib/cmake/mlir)"
        ) from None
    module = importlib.import_module(f".{_NEEDS_COMPILER[name]}", __name__)
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NEEDS_COMPILER})
