# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The exceptions of what fails beyond the arguments of a call."""

from __future__ import annotations

from dataclasses import dataclass


class Error(RuntimeError):
    """Something is wrong with a model, a module, a file or the machine.

    The message is one line: what was expected, what was found, and where.
    """


@dataclass(frozen=True)
class Diagnostic:
    """What MLIR says about a place in a module."""

    #: "error", "warning", "remark" or "note".
    severity: str
    message: str
    #: Of the place, as far as it has one; lines and columns count from 1.
    file: str | None
    line: int | None
    column: int | None
    #: What belongs to it, such as the other place that it is about.
    notes: tuple[Diagnostic, ...]

    def __str__(self) -> str:
        place = "" if self.file is None else f"{self.file}: "
        if self.line is not None:
            place = f"{self.file}:{self.line}:{self.column}: "
        return f"{place}{self.severity}: {self.message}"


class CompileError(Error):
    """A module cannot be read, or a pass failed on it."""

    def __init__(self, message: str, diagnostics: tuple[Diagnostic, ...] = ()) -> None:
        errors = [str(d) for d in diagnostics if d.severity == "error"]
        super().__init__("; ".join(errors) or message)
        #: All that MLIR said, in its order.
        self.diagnostics = diagnostics
