#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes UnicodeClasses.inc: which class of UnicodeClasses.h each character has.

Needs the general categories of Unicode 16: the `unicodedata` of Python 3.14, or
the module `unicodedata2` in its version 16.
"""

import sys

try:
    import unicodedata2 as unicodedata
except ImportError:
    import unicodedata

UNICODE_VERSION = "16.0.0"
CLASSES = {"Lu": 1, "Lt": 1, "Ll": 2, "Lm": 3, "Lo": 3, "M": 4, "N": 5, "Z": 6}


def class_of(code_point: int) -> int:
    # White_Space is category Z and these control characters.
    if 9 <= code_point <= 13 or code_point == 0x85:
        return CLASSES["Z"]
    category = unicodedata.category(chr(code_point))
    return CLASSES.get(category, CLASSES.get(category[0], 0))


def main() -> None:
    if unicodedata.unidata_version != UNICODE_VERSION:
        sys.exit(
            f"expected data of Unicode {UNICODE_VERSION}, "
            f"but got {unicodedata.unidata_version}"
        )
    runs = []
    for code_point in range(0x110000):
        character_class = class_of(code_point)
        if not runs or runs[-1] & 7 != character_class:
            runs.append(code_point << 3 | character_class)

    print(f"// Unicode {UNICODE_VERSION}, written by generate-unicode-classes.py.")
    print("// clang-format off")
    for start in range(0, len(runs), 10):
        print(" ".join(f"{run:#x}," for run in runs[start : start + 10]))


if __name__ == "__main__":
    main()
