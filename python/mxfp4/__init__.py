# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Block-scaled number formats of 4 to 8 bits: OCP MX and NVFP4.

`docs/Format.md` in the sources defines the formats as rules F1, F2, ...; the
documentation of functions cites them.
"""

from ._format import (
    TensorScale,
    cast_to_nvfp4,
    choose_tensor_scale,
    dequantize,
    quantize,
)
from ._mxfp4 import __version__

__all__ = [
    "TensorScale",
    "__version__",
    "cast_to_nvfp4",
    "choose_tensor_scale",
    "dequantize",
    "quantize",
]
