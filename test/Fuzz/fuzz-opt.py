#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gives broken IR and pass pipelines to mxfp4-opt.

    fuzz-opt.py --opt build/bin/mxfp4-opt --seed 1 --runs 200 [--keep FOLDER]
    fuzz-opt.py --opt build/bin/mxfp4-opt --seed 2 --seconds 3600 --keep crashes

Takes the modules of the tests, changes them (numbers, types, operands, lines,
bytes) and runs passes and pipelines of the project on them. An input is refused
or lowered; ending by a signal, or not within the time limit, is a failure, unless
reading the text alone ends so without a function of ours on the stack: that is
upstream's parser. Inputs are the same in every run with one seed.
"""

import argparse
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import List, Optional, Tuple

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = ["0", "1", "2", "3", "7", "15", "16", "17", "31", "32", "33", "64", "65",
           "-1", "255", "256", "4294967296", "9223372036854775807", "?"]
ELEMENTS = ["f4E2M1FN", "f6E2M3FN", "f6E3M2FN", "f8E4M3FN", "f8E5M2", "f8E8M0FNU",
            "f16", "bf16", "f32", "f64", "i1", "i4", "i8", "i32", "i64", "index"]
FUNCTION_PASSES = ["mxfp4-raise-to-mxfp4", "mxfp4-raise-to-mxfp4{exact=true}",
                   "mxfp4-fuse-dequantize", "mxfp4-fuse-epilogue",
                   "mxfp4-assign-layouts", "mxfp4-assign-layouts{lanes=16}",
                   "mxfp4-assign-destinations",
                   "mxfp4-evaluate-packs", "mxfp4-lower-copies", "mxfp4-widen-sums",
                   "mxfp4-expand-narrow-floats", "convert-mxfp4-to-linalg",
                   "convert-nn-to-linalg", "convert-mxfp4-to-scaling-extf",
                   "convert-mxfp4-to-tosa", "convert-mxfp4-to-vector",
                   "convert-nn-to-vector{isa=avx512}"]
MODULE_PASSES = ["mxfp4-raise", "mxfp4-make-entry-points",
                 "mxfp4-make-entry-points{max-tokens=8}",
                 "mxfp4-adopt{weights=main.arg1,f.arg1,weight.arg0}",
                 "mxfp4-hoist-packs",
                 "mxfp4-resolve-layouts", "mxfp4-pack-storage",
                 "mxfp4-drop-entry-results", "mxfp4-number-ops",
                 "mxfp4-distribute-loops",
                 "mxfp4-plan-memory", "mxfp4-replace-bf16", "mxfp4-fuse", "canonicalize", "cse",
                 "mxfp4-lower-to-loops", "mxfp4-lower-to-vector{isa=avx2}",
                 "mxfp4-lower-to-cpu{isa=baseline}", "mxfp4-lower-to-reference"]
OURS = re.compile(r"mlir::(mxfp4|nn)::|mx::")
READ_ONLY = "builtin.module()"
MEMORY = 4 << 30
SECONDS = 60


def load_modules() -> List[str]:
    """The modules of all tests, one by one."""
    modules = []
    for path in sorted((ROOT / "test").rglob("*.mlir")):
        for text in path.read_text().split("// -----"):
            lines = [line for line in text.splitlines()
                     if not line.lstrip().startswith("//")]
            if any("func" in line for line in lines):
                modules.append("\n".join(lines) + "\n")
    return modules


def replace_one(rng: random.Random, text: str, pattern: str,
                choices: List[str]) -> str:
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    match = rng.choice(found)
    return text[:match.start()] + rng.choice(choices) + text[match.end():]


def change(rng: random.Random, text: str, modules: List[str]) -> str:
    """The text with one change."""
    kind = rng.randrange(9)
    if kind <= 1:
        return replace_one(rng, text, r"(?<![%#\w])\d+(?=x)|\?(?=x)", NUMBERS)
    if kind == 2:
        return replace_one(rng, text, r"(?<==\s)-?\d+|(?<=constant\s)-?\d+", NUMBERS)
    if kind <= 4:
        return replace_one(rng, text, r"\b(?:[bf]+\d+\w*|i\d+|index)\b", ELEMENTS)
    if kind == 5:
        names = re.findall(r"%\w+", text)
        return replace_one(rng, text, r"%\w+", names or ["%x"])
    lines = text.splitlines()
    at = rng.randrange(len(lines))
    if kind == 6:
        other = rng.choice(modules).splitlines()
        lines[at] = rng.choice([lines[at - 1], rng.choice(other), ""])
        return "\n".join(lines) + "\n"
    if kind == 7:
        del lines[at:at + rng.randint(1, 3)]
        return "\n".join(lines) + "\n"
    raw = bytearray(text.encode())
    for _ in range(rng.randint(1, 4)):
        raw[rng.randrange(len(raw))] = rng.randrange(1, 256)
    return raw.decode("utf-8", "replace")


def make_pipeline(rng: random.Random) -> str:
    passes = []
    for _ in range(rng.randint(1, 4)):
        if rng.random() < 0.5:
            passes.append(f"func.func({rng.choice(FUNCTION_PASSES)})")
        else:
            passes.append(rng.choice(MODULE_PASSES))
    return f"builtin.module({','.join(passes)})"


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(opt: str, text: str, pipeline: str) -> Optional[Tuple[str, str]]:
    """What went wrong, and what mxfp4-opt said."""
    try:
        result = subprocess.run(
            [opt, f"--pass-pipeline={pipeline}", "-o", os.devnull],
            input=text.encode("utf-8", "replace"), capture_output=True,
            timeout=SECONDS, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return f"took more than {SECONDS} s", ""
    said = result.stderr.decode("utf-8", "replace")
    if result.returncode in (0, 1):
        return None
    if "out of memory" in said or "bad_alloc" in said:
        return None
    if pipeline != READ_ONLY and not OURS.search(said):
        read = run(opt, text, READ_ONLY)
        if read and not OURS.search(read[1]):
            return None
    return f"ended with {result.returncode}", said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--opt", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, help="the number of inputs")
    parser.add_argument("--seconds", type=float, help="or the time to go on")
    parser.add_argument("--keep", type=Path, help="where inputs that fail are kept")
    options = parser.parse_args()
    keep = options.keep or Path(tempfile.mkdtemp(prefix="fuzz-opt-"))
    keep.mkdir(parents=True, exist_ok=True)
    modules = load_modules()
    start = time.monotonic()
    count = failures = 0
    while (count < options.runs if options.runs else
           time.monotonic() - start < (options.seconds or 60)):
        rng = random.Random(options.seed * 1_000_003 + count)
        text = rng.choice(modules)
        for _ in range(rng.choice([0, 1, 1, 2, 3, 6])):
            text = change(rng, text, modules)
        pipeline = make_pipeline(rng)
        wrong = run(options.opt, text, pipeline)
        if wrong:
            failures += 1
            path = keep / f"{options.seed}-{count}.mlir"
            path.write_text(f"// RUN: mxfp4-opt %s --pass-pipeline='{pipeline}'\n"
                            + text)
            (keep / f"{options.seed}-{count}.txt").write_text(wrong[1])
            print(f"{path}: {wrong[0]}", flush=True)
        count += 1
    print(f"{count} inputs, {failures} failures, {time.monotonic() - start:.0f} s")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
