# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The exception of what fails beyond the arguments of a call."""


class Error(RuntimeError):
    """Something is wrong with a model, a file or the machine.

    The message is one line: what was expected, what was found, and where.
    """
