#===----------------------------------------------------------------------===//
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===//
#
# Reads lowered IR of experts for one token and fails if a buffer could hold part
# of a weight as floats: each memref of floats is a bias or has one row for each
# token, and no temporary, nor all of them together, is as large as one group of
# eight rows of a weight. Nothing is allocated.
#
#===----------------------------------------------------------------------===//

import re
import sys

TOKENS = 1
SLOTS = 4
WIDEST = 5760
ROW_GROUP = 8 * 2880 * 4
BIASES = {"32x5760xbf16", "32x2880xbf16"}
BYTES = {"f32": 4, "bf16": 2, "f16": 2, "i32": 4}
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
    view = re.search(r"memref\.view .* to (memref<.*)", line)
    if view:
        shape, element = MEMREF.match(view.group(1)).groups()
        size = elements(shape.split("x")[:-1]) * BYTES[element]
        if size >= ROW_GROUP:
            yield f"expected less than a group of rows, but got {view.group(1)}"
    for match in MEMREF.finditer(line):
        sizes, element = match.group(1).split("x")[:-1], match.group(2)
        if not re.search(r"f(16|32)$", element) or match.group(0)[7:-1] in BIASES:
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
    arena = int(re.search(r"mxfp4.arena = (\d+)", text).group(1))
    if arena >= ROW_GROUP:
        print(f"expected an arena of less than {ROW_GROUP} bytes, but got {arena}")
        errors += 1
    if views == 0:
        print("expected temporaries in the arena")
        errors += 1
    print(f"{views} temporaries in {arena} bytes, {errors} errors")
    return errors != 0


sys.exit(main())
