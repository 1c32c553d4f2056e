#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How far the logits of one way to run a model are from those of another.

    benchmarks/logits_error.py MODEL --ids 1,2,3 --reference="--activations f32" \\
        "--activations bf16" "--dense mxfp8"

Runs `mxfp4 logits` once with the options of the reference and once with each of the
others, and prints the relative L2 error of the logits, the mean over tokens of the
Kullback-Leibler divergence (nats, from the reference to the other), and for how many
tokens both think the same next one the most probable. --random N takes N random tokens
in place of --ids.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import random
import struct
import subprocess
import tempfile

import numpy as np


def read_logits(path: pathlib.Path) -> np.ndarray:
    """The one tensor of a safetensors file, F32 [tokens, vocabulary]."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = np.frombuffer(file.read(), np.float32)
    return data.reshape(header["logits"]["shape"]).astype(np.float64)


def run(arguments: argparse.Namespace, ids: str, options: str) -> np.ndarray:
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = pathlib.Path(folder, "logits.safetensors")
        result = subprocess.run([arguments.mxfp4, "logits", arguments.model, "--ids", ids, "-o", path,
                                 *options.split()], capture_output=True, text=True)
        if result.returncode != 0:
            raise SystemExit(result.stderr.strip())
        return read_logits(path)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("options", nargs="+")
    parser.add_argument("--reference", default="--activations f32")
    tokens = parser.add_mutually_exclusive_group(required=True)
    tokens.add_argument("--ids", help="as mxfp4 logits takes them")
    tokens.add_argument("--random", type=int)
    parser.add_argument("--mxfp4", default="build/bin/mxfp4")
    parser.add_argument("--folder", help="for temporary files")
    arguments = parser.parse_args()

    ids = arguments.ids
    if arguments.random is not None:
        config = json.loads(pathlib.Path(arguments.model, "config.json").read_text())
        numbers = random.Random(1).choices(range(config["vocab_size"]), k=arguments.random)
        ids = ",".join(map(str, numbers))
    reference = run(arguments, ids, arguments.reference)
    expected = log_softmax(reference)
    print(f"| against `{arguments.reference}` | relative L2 | KL, nats | same arg max |\n| --- | --- | --- | --- |")
    for options in arguments.options:
        logits = run(arguments, ids, options)
        found = log_softmax(logits)
        error = np.linalg.norm(logits - reference) / np.linalg.norm(reference)
        divergence = (np.exp(expected) * (expected - found)).sum(axis=1).mean()
        same = (logits.argmax(axis=1) == reference.argmax(axis=1)).sum()
        print(f"| `{options}` | {error:.1e} | {divergence:.1e} | {same} of {len(logits)} |", flush=True)


if __name__ == "__main__":
    main()
