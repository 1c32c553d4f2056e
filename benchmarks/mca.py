#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cycles of the innermost loop of a kernel, by llvm-mca's model of a processor.

    mxfp4 emit MODEL --stage=asm --target cpu:neoverse-n2 | \\
        benchmarks/mca.py --cpu neoverse-n2 prefill_experts smmla
"""

from __future__ import annotations

import argparse
import collections
import re
import subprocess
import sys

BRANCH = re.compile(r"\s+(?:b\.\w+|cbn?z\s+\w+,|tbn?z\s[^.]*|j\w+)\s*(\.LBB\w+)")
LABEL = re.compile(r"(\.LBB\w+):")


def find_function(lines: list[str], name: str) -> list[str]:
    """The lines of function `name`."""
    first = next((i for i, line in enumerate(lines) if line.startswith(name + ":")), None)
    if first is None:
        sys.exit(f"error: no function '{name}' in the assembly")
    last = next(i for i in range(first, len(lines)) if ".Lfunc_end" in lines[i])
    return lines[first:last]


def find_loops(lines: list[str]) -> list[list[str]]:
    """The instructions of loops without labels in them."""
    labels = {match[1]: i for i, line in enumerate(lines) if (match := LABEL.match(line))}
    places = sorted(labels.values())
    loops = []
    for i, line in enumerate(lines):
        match = BRANCH.match(line)
        first = labels.get(match[1], i) if match else i
        if first < i and not any(first < place <= i for place in places):
            loops.append([x for x in lines[first:i + 1] if re.match(r"\s+\w", x)])
    return loops


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("function", help="its name in the assembly, which is read from stdin")
    parser.add_argument("instruction", help="the loop with most of these is taken")
    parser.add_argument("--cpu", required=True, help="processor, as LLVM names it")
    parser.add_argument("--llvm-mca", default="llvm-mca-22", help="the program to call")
    arguments = parser.parse_args()

    loops = find_loops(find_function(sys.stdin.read().split("\n"), arguments.function))

    def count(loop: list[str]) -> int:
        return sum(line.split()[0] == arguments.instruction for line in loop)

    loop = max(loops, key=count, default=[])
    if not count(loop):
        sys.exit(f"error: no loop with '{arguments.instruction}'")
    iterations = 100
    is_arm = any(re.match(r"\s+b\.", line) for line in loop)
    report = subprocess.run(
        [arguments.llvm_mca, "-mtriple=" + ("aarch64" if is_arm else "x86_64"),
         "-mcpu=" + arguments.cpu, f"-iterations={iterations}"],
        input="\n".join(loop) + "\n", text=True, capture_output=True)
    if report.returncode:
        sys.exit(report.stderr)
    cycles = int(re.search(r"Total Cycles:\s+(\d+)", report.stdout)[1]) / iterations
    names = collections.Counter(line.split()[0] for line in loop).most_common(4)
    print(f"{cycles:.0f} cycles,", ", ".join(f"{n} {name}" for name, n in names))


if __name__ == "__main__":
    main()
