# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Modules of MLIR: read, changed by passes, compiled and called."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Sequence, Union

from . import _compiler

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import TypeAlias

    from ._format import Array

    Result: TypeAlias = Union[
        npt.NDArray[Any], tuple[npt.NDArray[Any], ...], None
    ]


class Module:
    """A module of MLIR, with the dialects of mxfp4 and of LLVM 22.

    Each has a context of its own; threads may use one module, or several, at
    once.
    """

    def __init__(self, module: _compiler.Module) -> None:
        if not isinstance(module, _compiler.Module):
            raise TypeError("use Module.parse(source)")
        self._module = module

    @classmethod
    def parse(cls, source: str | bytes, name: str = "<module>") -> Module:
        """Read a module.

        Args:
            source: MLIR text, or bytecode that this version of LLVM wrote. Do
                not read bytecode that you do not trust: MLIR may crash on it.
            name: What locations in messages call it, such as a path.

        Returns:
            The module, verified.

        Raises:
            TypeError: An argument has the wrong type.
            CompileError: source is no module; `diagnostics` say where.
        """
        return cls(_compiler.Module.parse(source, name))

    def __str__(self) -> str:
        """The module as text that `parse` reads."""
        return self._module.print(False)

    def text(self, *, locations: bool = False) -> str:
        """The module as text that `parse` reads, `str(module)` with options.

        Args:
            locations: Whether ops say where they come from.

        Returns:
            The text.

        Raises:
            TypeError: locations is no bool.
        """
        return self._module.print(locations)

    def bytecode(self) -> bytes:
        """The module as bytecode, with locations.

        Returns:
            Bytes that `parse` reads. Large constants are in them as they are.

        Raises:
            Error: An op cannot be written so.
        """
        return self._module.bytecode()

    def clone(self) -> Module:
        """A copy that shares nothing with this module.

        Returns:
            The copy.

        Raises:
            Error: As for bytecode, which is how it is made.
        """
        return Module(self._module.clone())

    @property
    def functions(self) -> tuple[str, ...]:
        """The public functions that have a body, which `compile` compiles."""
        return tuple(self._module.functions())

    def run_pipeline(self, pipeline: str) -> None:
        """Run passes on the module, which changes. If one fails, it does not.

        Args:
            pipeline: As `mxfp4-opt --pass-pipeline` has it, such as
                `"builtin.module(mxfp4-raise,func.func(mxfp4-fuse-epilogue))"`;
                `builtin.module` may be left out.

        Raises:
            TypeError: pipeline is no str.
            ValueError: pipeline is not the text of one.
            CompileError: A pass failed; `diagnostics` say where.
        """
        self._module.run_pipeline(pipeline)

    def __repr__(self) -> str:
        return f"<mxfp4.Module with functions {', '.join(self.functions) or 'none'}>"


class Function:
    """A function of an Executable."""

    def __init__(self, executable: _compiler.Executable, name: str) -> None:
        self._executable = executable
        #: As in the module.
        self.name = name

    @property
    def inputs(self) -> list[tuple[str, str, tuple[int | None, ...]]]:
        """Name, dtype and shape of each array that is taken.

        Dtypes are those of safetensors, such as "F32". None is any number of
        rows, 1 to `max_rows`, the same in all arrays of a call.
        """
        return self._executable.inputs(self.name)

    @property
    def outputs(self) -> list[tuple[str, str, tuple[int | None, ...]]]:
        """Name, dtype and shape of each array that is returned, as `inputs`."""
        return self._executable.outputs(self.name)

    @property
    def max_rows(self) -> int:
        """The largest size of a leading dimension that is not fixed."""
        return self._executable.max_rows(self.name)

    def __call__(
        self,
        *arrays: Array,
        out: npt.NDArray[Any] | Sequence[npt.NDArray[Any]] | None = None,
    ) -> Result:
        """Call the function.

        Args:
            *arrays: As `inputs` says: numpy arrays, or what has DLPack or the
                buffer protocol. None is copied, unless it has gaps or 4-bit
                elements that take a byte each. Blocks are as `quantize` makes
                them, or of the types of `ml_dtypes`.
            out: Arrays that the results are written into, as `outputs` says; a
                single one needs no sequence. They share no memory with another
                array.

        Returns:
            The result, a tuple of several, or None if there are none. 4-bit
            elements are two in a byte, as `quantize` makes them, and E8M0
            scales are bytes.

        Raises:
            TypeError: There are too few or too many arrays, or something is no
                array, or out is not writable.
            ValueError: An array has another type or shape than the function
                takes, or more rows than max_rows.
            ImportError: A result is of bfloat16 or an 8-bit float, and
                `ml_dtypes` is not there.
        """
        if out is not None and not isinstance(out, (tuple, list)):
            out = (out,)
        given = None if out is None else tuple(out)
        results = self._executable.call(self.name, arrays, given)
        if len(results) == 1:
            return results[0]
        return tuple(results) if results else None

    def __repr__(self) -> str:
        def describe(arrays: list[tuple[str, str, tuple[int | None, ...]]]) -> str:
            return ", ".join(
                f"{dtype} [{', '.join('?' if n is None else str(n) for n in shape)}]"
                for _, dtype, shape in arrays
            )

        return (
            f"<mxfp4.Function {self.name}({describe(self.inputs)}) -> "
            f"({describe(self.outputs)})>"
        )


class Executable:
    """Functions of a module as machine code, with their weights and threads.

    Threads may call at once; one call runs after the other, without the GIL.
    """

    def __init__(self, executable: _compiler.Executable) -> None:
        if not isinstance(executable, _compiler.Executable):
            raise TypeError("use mxfp4.compile(module) or Executable.load(path)")
        self._executable = executable

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        weights: Mapping[str, Array] | None = None,
        threads: int | None = None,
    ) -> Executable:
        """Read what `save` wrote. Its code is run with all rights of the process.

        Args:
            path: The file.
            weights: The arrays of the arguments that are weights, by names such
                as `"main.arg1"`.
            threads: As for `compile`.

        Returns:
            The executable.

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: There is no such weight.
            OSError: There is no such file.
            Error: The file is damaged, of another version or for another
                machine, or a weight is not as it needs it.
        """
        return cls(_compiler.Executable.load(path, dict(weights or {}), threads))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the code, without weights, to a file.

        Args:
            path: The file, which appears whole or not at all.

        Raises:
            TypeError: path is no path.
            Error: The file cannot be written.
        """
        self._executable.save(path)

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the functions."""
        return tuple(self._executable.functions())

    def __getitem__(self, name: str) -> Function:
        """The function of that name. Raises KeyError if there is none."""
        if name not in self._executable.functions():
            raise KeyError(name)
        return Function(self._executable, name)

    def __call__(
        self,
        *arrays: Array,
        out: npt.NDArray[Any] | Sequence[npt.NDArray[Any]] | None = None,
    ) -> Result:
        """Call the only function, or that named `main`; see Function.__call__."""
        names = self._executable.functions()
        name = names[0] if len(names) == 1 else "main"
        if name not in names:
            raise TypeError(
                "expected the name of a function, as in executable['main'](...): "
                f"there are {', '.join(names) or 'none'}"
            )
        return self[name](*arrays, out=out)

    @property
    def target(self) -> str:
        """The processor and the instruction set that the code is for."""
        return self._executable.target

    @property
    def threads(self) -> int:
        """How many threads run it."""
        return self._executable.threads

    def __repr__(self) -> str:
        return (
            f"<mxfp4.Executable of {', '.join(self.functions)} for "
            f"{self.target}, {self.threads} threads>"
        )


def compile(
    module: Module | str | bytes,
    target: str = "cpu",
    *,
    weights: Mapping[int | str, Array] | None = None,
    max_rows: int = 512,
    reference: bool = False,
    fuse: bool = True,
    threads: int | None = None,
) -> Executable:
    """Compile the public functions of a module.

    They go from tensors to tensors, as those that JAX and PyTorch export to
    linalg do; dimensions are fixed, but for leading ones. (No linalg is made of
    what JAX writes for symbolic sizes.) Dequantization that other compilers
    wrote is recognized and fused into matmuls.

    Args:
        module: A module, which does not change, or the source of one.
        target: `"cpu"` is the processor at hand; `"cpu:NAME"` another, as LLVM
            names it, such as `"cpu:x86-64-v3"`.
        weights: Arguments that are given now, once, and rearranged for the
            kernels: by their numbers, if there is one public function, or by
            names such as `"main.arg1"`. Calls take the others.
        max_rows: The largest size of leading dimensions that are not fixed;
            memory is reserved for it.
        reference: The slow exact path: plain loops on one thread.
        fuse: Whether to recognize dequantization and to fuse.
        threads: How many threads run it; None is one for each processor.

    Returns:
        The executable, which is called as a function of arrays.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An option is out of range, or the target is unknown.
        CompileError: The module cannot be read or compiled; `diagnostics` say
            where.
        Error: A weight is not as the module needs it.
    """
    if isinstance(module, (str, bytes)):
        module = Module.parse(module)
    if not isinstance(module, Module):
        raise TypeError(
            "expected 'module' to be a Module, a str or bytes, but got "
            f"{type(module).__name__}"
        )
    if weights is not None and not isinstance(weights, Mapping):
        raise TypeError(
            f"expected 'weights' to be a mapping, but got {type(weights).__name__}"
        )
    named: dict[Any, Array] = {}
    for key, array in (weights or {}).items():
        name: Any = key
        if hasattr(key, "__index__") and not isinstance(key, bool):
            if len(module.functions) != 1:
                raise ValueError(
                    "expected names in 'weights', such as 'main.arg1': the "
                    f"module has {len(module.functions)} public functions"
                )
            name = f"{module.functions[0]}.arg{operator.index(key)}"
        if name in named:
            raise ValueError(f"expected one array for weight {name!r}, but got two")
        named[name] = array
    return Executable(
        _compiler.Executable.compile(
            module._module, target, named, max_rows, reference, fuse, threads
        )
    )
