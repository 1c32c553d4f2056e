# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The extension module. Its functions check their arguments; defaults and
documentation are in the modules of the package."""

from typing import Any

import numpy as np
import numpy.typing as npt

__version__: str

def quantize(
    x: object,
    format: object,
    scale_rule: object,
    rounding: object,
    axis: object,
    tensor_scale: object,
    random: object,
    seed: object,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]: ...
def choose_tensor_scale(x: object) -> tuple[float, float]: ...
def dequantize(
    values: object,
    scales: object,
    format: object,
    dtype: object,
    tensor_scale: object,
) -> npt.NDArray[Any]: ...
def cast_to_nvfp4(
    values: object, scales: object
) -> tuple[npt.NDArray[np.uint8], tuple[float, float]]: ...
