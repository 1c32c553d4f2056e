#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Feeds broken checkpoints, tokenizers and environments to `mxfp4`.

    malformed-inputs.py --mxfp4 build/bin/mxfp4 models/tiny-shakespeare

Each case must end with exit code 1 and one line on standard error that starts
with "mxfp4: error: " (and says what its case names), within a minute. A case of a
configuration may also be read, where a field has no meaning for the model. A crash
or a sanitizer's report fails any case. The same cases in every run with one seed.
"""

import argparse
import json
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

# What may be said before an error.
NOTE = re.compile(r"warning: |program for |compiling$")
Tensor = Tuple[str, List[int], bytes]


class Safetensors:
    """A safetensors file in pieces, to be put together wrongly."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        (length,) = struct.unpack_from("<Q", data)
        self.header: Dict[str, dict] = json.loads(data[8 : 8 + length])
        self.metadata = self.header.pop("__metadata__", None)
        self.data = data[8 + length :]

    def tensor(self, name: str) -> Tensor:
        info = self.header[name]
        begin, end = info["data_offsets"]
        return info["dtype"], info["shape"], self.data[begin:end]


def join_file(header: dict, data: bytes, length: Optional[int] = None) -> bytes:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def join_tensors(tensors: Dict[str, Tensor]) -> bytes:
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    return join_file(header, data)


class Checks:
    """Runs the cases and keeps their failures."""

    def __init__(self, mxfp4: Path, folder: Path) -> None:
        self.mxfp4 = mxfp4
        self.folder = folder
        self.count = 0
        self.failures: List[str] = []

    def run(self, arguments: List[str], **options) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(self.mxfp4), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            **options,
        )

    def expect(
        self,
        case: str,
        arguments: List[str],
        names: str = "",
        may_be_read: bool = False,
        **options,
    ) -> None:
        """Runs `arguments`, whose error must contain `names`."""
        self.count += 1
        try:
            result = self.run(arguments, **options)
        except subprocess.TimeoutExpired:
            self.failures.append(f"{case}: takes longer than a minute")
            return
        error = result.stderr.decode(errors="replace")
        lines = [line for line in error.splitlines() if not NOTE.match(line)]
        problem = None
        if result.returncode < 0 or "Sanitizer" in error or "runtime error" in error:
            problem = "crashed"
        elif result.returncode == 0:
            problem = None if may_be_read else "was accepted"
        elif result.returncode != 1:
            problem = f"ended with exit code {result.returncode}"
        elif len(lines) != 1 or not lines[0].startswith("mxfp4: error: "):
            problem = "did not give one line"
        elif names not in lines[0]:
            problem = f"did not name {names!r}"
        if problem:
            self.failures.append(f"{case}: {problem}\n{error[:2000]}")


class Cases:
    def __init__(self, checks: Checks, model: Path, seed: int, thorough: bool) -> None:
        self.checks = checks
        self.model = model
        self.random = random.Random(seed)
        self.thorough = thorough
        self.cache = checks.folder / "cache"
        self.weights = Safetensors(model / "model.safetensors")

    def fresh(self, *without: str) -> Path:
        """A copy of the model's folder, without some of its files."""
        folder = self.checks.folder / "model"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for file in ("config.json", "model.safetensors", "tokenizer.json"):
            if file not in without:
                (folder / file).symlink_to((self.model / file).resolve())
        return folder

    def logits(
        self,
        folder: Path,
        ids: str = "1,2,3",
        output: Optional[Path] = None,
        cache: Optional[Path] = None,
    ) -> List[str]:
        output = output or self.checks.folder / "logits.safetensors"
        flags = ["-o", str(output), "--cache-dir", str(cache or self.cache)]
        return ["logits", str(folder), "--ids", ids, *flags]

    def generate(self, folder: Path, prompt: str = "KING", context: int = 64) -> List[str]:
        flags = ["--context", str(context), "--cache-dir", str(self.cache)]
        return ["run", str(folder), "-p", prompt, "-n", "1", *flags]

    def expect_weights(self, case: str, content: bytes, names: str = "") -> None:
        folder = self.fresh("model.safetensors")
        (folder / "model.safetensors").write_bytes(content)
        self.checks.expect(case, self.logits(folder), names)

    def sound(self) -> None:
        """What all cases break works when it is whole."""
        for arguments in (
            self.logits(self.fresh()),
            self.logits(self.sharded()),
            self.generate(self.fresh()),
        ):
            result = self.checks.run(arguments)
            self.checks.count += 1
            if result.returncode != 0:
                self.checks.failures.append(
                    f"unbroken model: {result.stderr.decode(errors='replace')}"
                )

    def sharded(self) -> Path:
        """The model in two shards with an index."""
        folder = self.fresh("model.safetensors")
        names = sorted(self.weights.header)
        index: Dict[str, str] = {}
        for shard, part in enumerate((names[::2], names[1::2])):
            file = f"model-{shard:05}-of-00001.safetensors"
            tensors = {name: self.weights.tensor(name) for name in part}
            (folder / file).write_bytes(join_tensors(tensors))
            index.update(dict.fromkeys(part, file))
        size = len(self.weights.data)
        (folder / "model.safetensors.index.json").write_text(
            json.dumps({"metadata": {"total_size": size}, "weight_map": index})
        )
        return folder

    def truncations(self) -> None:
        folder = self.sharded()
        for _ in range(200):
            file = folder / f"model-0000{self.random.randrange(2)}-of-00001.safetensors"
            whole = file.read_bytes()
            # One in four within the header, which is a small part of the file.
            header = 8 + struct.unpack_from("<Q", whole)[0]
            limit = header if self.random.random() < 0.25 else len(whole)
            place = self.random.randrange(limit)
            file.write_bytes(whole[:place])
            self.checks.expect(
                f"{file.name} cut at {place}", self.logits(folder), file.name
            )
            file.write_bytes(whole)

    def headers(self) -> None:
        header, data = self.weights.header, self.weights.data
        for length in (0, 1, 10**6 * 7, 10**8 + 1, 2**63, 2**64 - 1):
            self.expect_weights(
                f"header length {length}",
                join_file(header, data, length),
                "model.safetensors",
            )
        name = "model.norm.weight"
        begin, end = header[name]["data_offsets"]
        size = len(data)
        changes = {
            "overlapping": [begin - 2, end - 2],
            "overlapping and longer": [begin - 2, end],
            "out of range": [size, size + end - begin],
            "huge": [2**63 - (end - begin), 2**63],
            "beyond any integer": [2**64, 2**64 + end - begin],
            "negative": [-2, end - begin - 2],
            "backward": [end, begin],
            "a fraction": [begin + 0.5, end + 0.5],
            "one number": [begin],
            "text": ["0", "4"],
        }
        for what, offsets in changes.items():
            changed = {**header, name: {**header[name], "data_offsets": offsets}}
            # Some are found at the tensor whose place it takes.
            elsewhere = ("overlap", "out of range", "beyond")
            found = "model.safetensors" if what.startswith(elsewhere) else name
            self.expect_weights(f"offsets {what}", join_file(changed, data), found)
        self.expect_weights("bytes after the last tensor", join_file(header, data + b"0"))
        for text in (b"[]", b"{", b"null", b'{"a":1}', b"\xff\xfe", b"{}" * 9, b"[" * 5000):
            whole = struct.pack("<Q", len(text)) + text + data
            self.expect_weights(f"header {text[:20]!r}", whole, "model.safetensors")

    def tensors(self) -> None:
        names = [
            "lm_head.weight",
            "model.embed_tokens.weight",
            "model.norm.weight",
            "model.layers.0.self_attn.sinks",
            "model.layers.3.self_attn.q_proj.bias",
            "model.layers.5.mlp.router.weight",
            "model.layers.2.mlp.experts.gate_up_proj_blocks",
            "model.layers.2.mlp.experts.gate_up_proj_scales",
            "model.layers.4.mlp.experts.down_proj_bias",
        ]
        whole = {name: self.weights.tensor(name) for name in self.weights.header}
        for name in names:
            dtype, shape, content = whole[name]
            rest = {key: value for key, value in whole.items() if key != name}
            self.expect_weights(f"{name} missing", join_tensors(rest), name)
            other = "U16" if dtype == "BF16" else "I8"
            for what, changed in {
                "other dtype": (other, shape, content),
                "unknown dtype": ("Q4", shape, content),
                "other rank": (dtype, [1, *shape], content),
                "other order": (dtype, [*shape[1:], shape[0] * 2], content * 2),
                "one row less": (
                    dtype,
                    [shape[0] - 1, *shape[1:]],
                    content[: len(content) // shape[0] * (shape[0] - 1)],
                ),
                "fewer bytes": (dtype, shape, content[:-2]),
                "size past any integer": (dtype, [2**40, 2**40], content),
                "negative size": (dtype, [-1, *shape[1:]], content),
            }.items():
                self.expect_weights(
                    f"{name}, {what}", join_tensors({**rest, name: changed}), name
                )
        extra = "model.layers.6.self_attn.sinks"
        self.expect_weights(
            "surplus tensor",
            join_tensors({**whole, extra: whole["model.layers.0.self_attn.sinks"]}),
            extra,
        )
        for name in names:
            if not name.endswith("_scales"):
                continue
            dtype, shape, content = whole[name]
            for place in (0, len(content) // 2 + 7, len(content) - 1):
                changed = bytearray(content)
                changed[place] = 0xFF
                self.expect_weights(
                    f"{name} with a NaN at {place}",
                    join_tensors({**whole, name: (dtype, shape, bytes(changed))}),
                    name,
                )

    def configurations(self) -> None:
        config = json.loads((self.model / "config.json").read_text())
        values = [None, -1, 0, 1, 7, 2**31, 2**62, 2**70, 1.5, -0.5, 1e400, "text", True]
        values += [[], {}, [1], ["text"], [[]], {"a": 1}]
        removed = object()
        folder = self.fresh("config.json")

        def check(case: str, changed: object) -> None:
            text = json.dumps(changed).replace("Infinity", "1e400")
            (folder / "config.json").write_text(text)
            graph = ["emit", str(folder), "--stage=graph"]
            arguments = self.logits(folder) if self.thorough else graph
            self.checks.expect(case, arguments, may_be_read=True)

        places: List[Tuple[dict, str]] = [(config, key) for key in config]
        for name in ("rope_scaling", "quantization_config"):
            places += [(config[name], key) for key in config[name]]
        for owner, key in places:
            old = owner[key]
            for value in [removed, *values]:
                if value is removed:
                    del owner[key]
                else:
                    owner[key] = value
                check(f"config.json, {key} {'removed' if value is removed else value!r}", config)
                owner[key] = old
        # Fields without which no model is known, and fields against each other.
        required = [
            "hidden_size",
            "num_hidden_layers",
            "num_local_experts",
            "vocab_size",
            "head_dim",
            "num_attention_heads",
            "intermediate_size",
            "model_type",
        ]
        for key in required:
            changed = {name: value for name, value in config.items() if name != key}
            (folder / "config.json").write_text(json.dumps(changed))
            self.checks.expect(f"config.json without {key}", self.logits(folder), key)
            for value in (-1, 0, 2**62, 1.5, "text"):
                (folder / "config.json").write_text(json.dumps({**config, key: value}))
                self.checks.expect(
                    f"config.json, {key} {value!r}", self.logits(folder), "config.json"
                )
        for key, value in {
            "num_key_value_heads": 3,
            "num_experts_per_tok": 9,
            "layer_types": ["full_attention"] * 5,
            "num_hidden_layers": 7,
            "head_dim": 63,
            "hidden_size": 193,
            "sliding_window": -64,
        }.items():
            (folder / "config.json").write_text(json.dumps({**config, key: value}))
            self.checks.expect(
                f"config.json, {key} {value!r}", self.logits(folder), "config.json"
            )
        text = (self.model / "config.json").read_text()
        for _ in range(50):
            place = self.random.randrange(len(text) - 2)
            (folder / "config.json").write_text(text[:place])
            self.checks.expect(
                f"config.json cut at {place}", self.logits(folder), "config.json"
            )

    def indices(self) -> None:
        folder = self.sharded()
        path = folder / "model.safetensors.index.json"
        index = json.loads(path.read_text())
        weights = index["weight_map"]
        name = "model.norm.weight"
        other = next(file for file in weights.values() if file != weights[name])
        absent = "model-00007-of-00001.safetensors"
        for case, changed, names in [
            ("absent shard", {**weights, "model.x": absent}, absent),
            ("the other shard", {**weights, name: other}, name),
            ("a file elsewhere", {**weights, name: "../x.safetensors"}, name),
            ("the index itself", {**weights, name: path.name}, path.name),
            ("a number", {**weights, name: 7}, name),
            ("unknown tensor", {**weights, "model.x": other}, "model.x"),
            (
                "tensor left out",
                {key: file for key, file in weights.items() if key != name},
                name,
            ),
            ("nothing", {}, ""),
            ("a list", [], path.name),
        ]:
            path.write_text(json.dumps({**index, "weight_map": changed}))
            self.checks.expect(f"index with {case}", self.logits(folder), names)
        text = json.dumps(index)
        for place in [0, 1, *(self.random.randrange(len(text)) for _ in range(20))]:
            path.write_text(text[:place])
            self.checks.expect(f"index cut at {place}", self.logits(folder), path.name)

    def tokenizers(self) -> None:
        folder = self.fresh("tokenizer.json")
        path = folder / "tokenizer.json"
        text = (self.model / "tokenizer.json").read_text()
        tokenizer = json.loads(text)
        model = tokenizer["model"]
        token = next(iter(model["vocab"]))

        def check(case: str, content: str) -> None:
            path.write_text(content)
            self.checks.expect(case, self.generate(folder), "tokenizer.json")

        for place in [0, *(self.random.randrange(len(text) - 2) for _ in range(50))]:
            check(f"tokenizer cut at {place}", text[:place])
        for case, changed in {
            "no model": {},
            "a vocabulary of words": {"model": {**model, "vocab": ["a"]}},
            "a negative id": {"model": {**model, "vocab": {**model["vocab"], token: -1}}},
            "a huge id": {"model": {**model, "vocab": {**model["vocab"], token: 2**40}}},
            "an id twice": {"model": {**model, "vocab": {**model["vocab"], token: 5}}},
            "a merge of one": {"model": {**model, "merges": ["a"]}},
            "a merge of unknown": {"model": {**model, "merges": [["qqqq", "zzzz"]]}},
            "another model": {"model": {**model, "type": "Unigram"}},
            "another pre-tokenizer": {"pre_tokenizer": {"type": "Nothing"}},
            "added tokens of numbers": {"added_tokens": [1, 2]},
        }.items():
            rest = {} if case == "no model" else tokenizer
            check(f"tokenizer with {case}", json.dumps({**rest, **changed}))
        path.unlink()
        self.checks.expect("no tokenizer", self.generate(folder), "tokenizer.json")

    def environment(self) -> None:
        folder = self.fresh()
        prompt = "To be or not to be " * 60
        self.checks.expect("long prompt", self.generate(folder, prompt), "64")
        self.checks.expect("no folder", self.logits(folder / "absent"), "absent")
        for ids in ("2048", "-1", "1x", "99999999999999999999", "", "@absent"):
            self.checks.expect(f"ids {ids!r}", self.logits(folder, ids), ids.strip("@"))
        output = self.checks.folder / "absent" / "x.safetensors"
        self.checks.expect(
            "output in no folder", self.logits(folder, output=output), "absent"
        )
        # A file where a folder should be: not even root can write there.
        blocked = self.checks.folder / "blocked"
        blocked.write_text("")
        self.checks.expect(
            "cache that is a file", self.logits(folder, cache=blocked), "blocked"
        )
        for file in self.cache.iterdir():
            file.write_bytes(file.read_bytes()[: self.random.randrange(4000)])
        result = self.checks.run(self.logits(folder))
        self.checks.count += 1
        if result.returncode != 0:
            self.checks.failures.append(f"cache with cut files:\n{result.stderr!r}")

    def synth(self, tmpfs: Optional[Path]) -> None:
        config = ["--config", str(self.model / "config.json")]
        base = tmpfs if tmpfs else self.checks.folder
        output = base / "synthesized"
        limit = None
        if not tmpfs:
            # Not a full disk, but as much as a file may have.
            def limit() -> None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))

        self.checks.expect(
            "synth on a full disk" if tmpfs else "synth past the largest file",
            ["synth", *config, "-o", str(output)],
            "synthesized",
            preexec_fn=limit,
        )
        if any(base.glob("synthesized*")):
            self.checks.failures.append("synth left a folder")
        with subprocess.Popen(
            [str(self.checks.mxfp4), "synth", "--preset", "20b", "--layers", "1"]
            + ["-o", str(self.checks.folder / "stopped")],
            stderr=subprocess.PIPE,
        ) as process:
            while not list(self.checks.folder.glob("stopped.partial/*")):
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            error = process.stderr.read().decode()
        self.checks.count += 1
        if process.returncode != 130 or error != "mxfp4: interrupted\n":
            self.checks.failures.append(f"stopped synth: {process.returncode} {error}")
        if any(self.checks.folder.glob("stopped*")):
            self.checks.failures.append("stopped synth left a folder")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a checkpoint as one file")
    parser.add_argument("--mxfp4", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--full-disk", type=Path, help="a folder on a small file system")
    parser.add_argument(
        "--thorough",
        action="store_true",
        help="compile and run the models of odd configurations too, some minutes more",
    )
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        checks = Checks(flags.mxfp4.resolve(), Path(temporary))
        cases = Cases(checks, flags.model, flags.seed, flags.thorough)
        parts: List[Callable[[], None]] = [
            cases.sound,
            cases.truncations,
            cases.headers,
            cases.tensors,
            cases.configurations,
            cases.indices,
            cases.tokenizers,
            cases.environment,
            lambda: cases.synth(flags.full_disk),
        ]
        for part in parts:
            part()
    for failure in checks.failures[:50]:
        print(failure)
    print(f"{checks.count} cases, {len(checks.failures)} failures")
    return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())
