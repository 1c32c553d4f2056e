#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Plots of what `mxfp4 bench --per-op --json` measured.

    for t in 1 2 4 8 16; do mxfp4 bench MODEL --threads $t --per-op --json > $t.json; done
    benchmarks/plot.py *.json --folder docs/plots --machine "16 processors of ..."

Writes threads.svg, tokens per second by the number of threads, with the limits that the
measured ceilings set (bytes of a token over bytes read per second; operations of a
token over operations in f32 per second), and ops.svg, the share of time of each op.
Needs matplotlib.
"""

from __future__ import annotations

import argparse
import collections
import json
import pathlib

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

plt.rcParams["svg.fonttype"] = "none"
plt.rcParams["svg.hashsalt"] = "mxfp4"


def load(paths: list[str]) -> dict[str, list[dict]]:
    """The results by the name of the test, in the order of threads."""
    tests = collections.defaultdict(list)
    for path in paths:
        for result in json.loads(pathlib.Path(path).read_text()):
            tests[result["test"]].append(result)
    for test, results in tests.items():
        if len({result["n_threads"] for result in results}) != len(results):
            raise SystemExit(f"expected one result of {test} for each number of threads")
    return {test: sorted(results, key=lambda r: r["n_threads"]) for test, results in tests.items()}


def total(result: dict, field: str) -> float:
    return sum(op[field] for op in result["ops"])


def plot_threads(tests: dict[str, list[dict]], machine: str, path: pathlib.Path) -> None:
    figure, axes = plt.subplots(1, len(tests), figsize=(4.5 * len(tests), 3.6), squeeze=False)
    for axis, (test, results) in zip(axes[0], tests.items()):
        threads = [r["n_threads"] for r in results]
        tokens = results[0]["n_prompt"] + results[0]["n_gen"]
        axis.plot(threads, [r["avg_ts"] for r in results], "o-", label="measured")
        axis.plot(threads, [r["read_bytes_per_second"] * tokens / total(r, "bytes") for r in results],
                  "--", label="limit of memory")
        axis.plot(threads, [r["f32_operations_per_second"] * tokens / total(r, "flops") for r in results],
                  ":", label="limit of products in f32")
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xticks(threads, [str(t) for t in threads])
        axis.set_xlabel("threads")
        axis.set_ylabel("tokens per second")
        axis.set_title(test)
        axis.legend(fontsize="small")
    figure.suptitle(machine, fontsize="small")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def op_name(op: dict) -> str:
    """As a reader thinks of it: the weight where there is one, else the op."""
    if not op["op"]:
        return "other"
    if op["op"] in ("nn.linear", "mxfp4.matmul", "mxfp4.matmul_by_expert"):
        return op["weight"].removesuffix("_weight").removesuffix("_blocks")
    return op["op"].removeprefix("nn.")


def plot_ops(tests: dict[str, list[dict]], machine: str, path: pathlib.Path) -> None:
    figure, axes = plt.subplots(1, len(tests), figsize=(5 * len(tests), 4), squeeze=False)
    colors: dict[str, str] = {}
    for axis, (test, results) in zip(axes[0], tests.items()):
        shares = {}
        for result in results:
            for op in result["ops"]:
                name = op_name(op)
                shares.setdefault(name, collections.Counter())[result["n_threads"]] += (
                    op["seconds"] / total(result, "seconds"))
        large = [name for name in shares if max(shares[name].values()) >= 0.015]
        shares["others"] = collections.Counter()
        for name in [name for name in shares if name not in large and name != "others"]:
            shares["others"].update(shares[name])
        labels = [str(r["n_threads"]) for r in results]
        bottom = [0.0] * len(results)
        for name in large + ["others"]:
            heights = [100 * shares[name][r["n_threads"]] for r in results]
            color = colors.setdefault(name, f"C{len(colors)}")
            axis.bar(labels, heights, bottom=bottom, label=name, color=color)
            bottom = [b + h for b, h in zip(bottom, heights)]
        axis.set_xlabel("threads")
        axis.set_ylabel("% of time")
        axis.set_title(test)
        axis.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.suptitle(machine, fontsize="small")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", help="outputs of mxfp4 bench --per-op --json")
    parser.add_argument("--folder", default=".", type=pathlib.Path)
    parser.add_argument("--machine", default="", help="what to write above the plots")
    arguments = parser.parse_args()
    tests = load(arguments.results)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    plot_threads(tests, arguments.machine, arguments.folder / "threads.svg")
    plot_ops(tests, arguments.machine, arguments.folder / "ops.svg")


if __name__ == "__main__":
    main()
