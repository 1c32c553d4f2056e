#===----------------------------------------------------------------------===//
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===//
#
# Reads lowered IR and fails if a buffer of floats could hold part of a weight:
# each memref of floats is either a bias or counts tokens, no temporary is larger
# than the activations of all tokens, and nothing is allocated.
#
#===----------------------------------------------------------------------===//

import re
import sys

TOKENS = 16
SLOTS = 4
WIDEST = 5760
BIASES = {"32x5760xbf16", "32x2880xbf16"}
FLOATS = {"f32": 4, "bf16": 2, "f16": 2}
MEMREF = re.compile(r"memref<((?:[0-9?]+x)*)([a-z]\w*)(?:, [^>]*)?>")


def elements(sizes):
    """The number of elements with all tokens."""
    product = 1
    for size in sizes:
        product *= TOKENS if size == "?" else int(size)
    return product


def check(line):
    """Messages on what is wrong with a line."""
    if "memref.alloc" in line:
        yield "expected no allocation"
    for match in MEMREF.finditer(line):
        sizes = match.group(1).split("x")[:-1]
        if match.group(2) not in FLOATS or match.group(0)[7:-1] in BIASES:
            continue
        if elements(sizes) > TOKENS * SLOTS * WIDEST:
            yield f"expected at most the activations, but got {match.group(0)}"
        if len(sizes) > 1 and sizes[0] != "?":
            yield f"expected a dimension of tokens, but got {match.group(0)}"


def main():
    errors = views = 0
    with open(sys.argv[1]) as file:
        text = file.read()
    for number, line in enumerate(text.splitlines(), 1):
        views += "memref.view" in line
        for message in check(line):
            print(f"{sys.argv[1]}:{number}: {message}")
            errors += 1
    # The arena as a whole: gate and up, the gated half, and small tables.
    arena = int(re.search(r"mxfp4.arena = (\d+)", text).group(1))
    most = 4 * TOKENS * SLOTS * (WIDEST + WIDEST // 2) + 65536
    if arena > most:
        print(f"expected an arena of at most {most} bytes, but got {arena}")
        errors += 1
    if views == 0:
        print("expected temporaries in the arena")
        errors += 1
    print(f"{views} temporaries in {arena} bytes, {errors} errors")
    return errors != 0


sys.exit(main())
