# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mxfp4.Model: loading, logits, what it says about itself, errors."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import threading
from pathlib import Path
from typing import Any

import models
import numpy as np
import pytest
from models import FOLDER, run_python

import mxfp4

# As in test/Integration/ModelTest.cpp, which has the reasons.
ORDER_ERROR = 1e-5
BF16_ERROR = 6e-3
INT8_ERROR = 1e-2


@pytest.mark.parametrize(
    "activations, tolerance",
    [("f32", ORDER_ERROR), ("bf16", BF16_ERROR), ("int8", INT8_ERROR)],
)
def test_logits_are_those_of_the_reference(activations: str, tolerance: float) -> None:
    ids, expected = models.read_reference()
    logits = models.load(activations=activations).logits(ids)
    assert logits.dtype == np.float32 and logits.shape == expected.shape
    error = np.linalg.norm(logits.astype(float) - expected)
    assert error <= tolerance * np.linalg.norm(expected.astype(float))
    np.testing.assert_array_equal(logits.argmax(1), expected.argmax(1))


def test_logits_start_a_new_sequence() -> None:
    model = models.load()
    ids = model.tokenizer.encode("To be, or not to be")
    expected = model.logits(ids)
    np.testing.assert_array_equal(model.logits(np.array(ids)), expected)
    assert expected.flags.owndata and expected.flags.writeable
    # Of one position too, and of as many as there are.
    assert model.logits(ids[:1]).shape == (1, model.vocab_size)
    assert model.logits([1] * model.context).shape[0] == model.context


def test_what_it_says_about_itself() -> None:
    model = models.load()
    config = json.loads((FOLDER / "config.json").read_text())
    assert model.vocab_size == 2048
    assert model.context == 1024  # all that it has
    assert model.threads == 2
    assert model.bytes > (FOLDER / "model.safetensors").stat().st_size
    assert model.target.startswith("cpu:")
    assert model.activations == "bf16"
    assert model.stop_tokens == [2040, 2041, 2047]
    for key in ("num_hidden_layers", "num_local_experts", "hidden_size"):
        assert model.config[key] == config[key]
    assert re.fullmatch(
        r"<mxfp4\.Model '.*tiny-shakespeare' for cpu:.*: activations bf16, "
        r"context 1024, threads 2, \d+ bytes>",
        repr(model),
    )


def test_options() -> None:
    seen: list[tuple[int, int]] = []
    model = mxfp4.Model.load(
        os.fsencode(FOLDER),
        context=8,
        threads=1,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert (model.context, model.threads) == (8, 1)
    assert seen == sorted(seen) and seen[-1][0] == seen[-1][1]


def test_model_without_a_tokenizer(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        shutil.copy(FOLDER / name, tmp_path)
    model = mxfp4.Model.load(tmp_path)
    np.testing.assert_array_equal(model.logits([1, 2]), models.load().logits([1, 2]))
    for use in (lambda: model.tokenizer, lambda: model.generate([1])):
        with pytest.raises(mxfp4.Error, match="tokenizer.json"):
            use()


LOAD_ERRORS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"folder": "/none"}, FileNotFoundError, "No such file or directory: '/none'"),
    ({"folder": FOLDER / "config.json"}, mxfp4.Error, "config.json"),
    ({"folder": FOLDER.parent}, mxfp4.Error, "config.json"),
    ({"folder": None}, TypeError, "expected 'folder' to be a str or a path, but got NoneType"),
    ({"folder": "a\0"}, ValueError, "expected 'folder' to be a path"),
    ({"target": "cpu:none"}, ValueError, "'none'"),
    ({"target": "gpu"}, ValueError, "'gpu'"),
    ({"target": 3}, TypeError, "expected 'target' to be a str, but got int"),
    ({"activations": "f64"}, ValueError, "expected 'activations' to be one of bf16, f16, f32, int8, but got 'f64'"),
    ({"dense": "int4"}, ValueError, "expected 'dense' to be one of bf16, mxfp8, mxfp4, but got 'int4'"),
    ({"dense": None}, TypeError, "expected 'dense' to be a str, but got NoneType"),
    ({"reference": 1}, TypeError, "expected 'reference' to be a bool, but got int"),
    ({"fuse": None}, TypeError, "expected 'fuse' to be a bool, but got NoneType"),
    ({"quantize": "yes"}, TypeError, "expected 'quantize' to be a bool, but got str"),
    ({"prefill_tokens": 0}, ValueError, "expected 'prefill_tokens' to be 1 to 65536, but got 0"),
    ({"context": 0}, ValueError, "expected 'context' to be 1 to 16777216, but got 0"),
    ({"context": 1025}, ValueError, "expected a context of 1 to 1024 positions, for which the model was made, but got 1025"),
    ({"threads": 0}, ValueError, "expected 'threads' to be 1 to 1024, but got 0"),
    ({"threads": 2.0}, TypeError, "expected 'threads' to be an int, but got float"),
    ({"cache": 0}, TypeError, "expected 'cache' to be a bool, but got int"),
    ({"cache": False, "cache_dir": "x"}, ValueError, "expected no 'cache_dir' where 'cache' is False"),
    ({"cache_dir": FOLDER / "config.json"}, mxfp4.Error, "cannot keep the compiled program in"),
    ({"cache_dir": "/proc/none"}, mxfp4.Error, "cannot keep the compiled program in /proc/none"),
    ({"progress": 3}, TypeError, "expected 'progress' to be a function or None, but got int"),
]


@pytest.mark.parametrize("change, error, message", LOAD_ERRORS)
def test_load_errors(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)) as raised:
        mxfp4.Model.load(**{"folder": FOLDER, **change})
    assert "\n" not in str(raised.value)


LOGITS_ERRORS: list[tuple[Any, type[Exception], str]] = [
    ([], ValueError, "expected a prompt of 1 or more tokens, but it is empty"),
    ([1] * 1025, ValueError, "prompt of 1025 tokens does not fit the context of 1024"),
    ([1, 2048], ValueError, "token 2048 is not in the vocabulary of 2048 tokens"),
    ([-1], ValueError, "expected 'ids[0]' to be 0 to 2147483647, but got -1"),
    ([2**40], ValueError, "but got 1099511627776"),
    ("To be", TypeError, "expected 'ids' to be a sequence of ints, but got str"),
    ({1, 2}, TypeError, "but got set"),
    ([[1]], TypeError, "expected 'ids[0]' to be an int, but got list"),
    (np.ones((2, 2), int), TypeError, "integer"),
]


@pytest.mark.parametrize("ids, error, message", LOGITS_ERRORS)
def test_logits_errors(ids: Any, error: type[Exception], message: str) -> None:
    model = models.load()
    with pytest.raises(error, match=re.escape(message)):
        model.logits(ids)
    assert model.logits([1]).shape == (1, 2048)


def test_what_progress_raises_stops_the_loading() -> None:
    def stop(done: int, total: int) -> None:
        seen.append(done)
        raise KeyError("stop")

    seen: list[int] = []
    with pytest.raises(KeyError, match="stop"):
        mxfp4.Model.load(FOLDER, progress=stop)
    assert len(seen) == 1

    # After the last weight too.
    def stop_at_end(done: int, total: int) -> None:
        if done == total:
            raise KeyError("end")

    with pytest.raises(KeyError, match="end"):
        mxfp4.Model.load(FOLDER, progress=stop_at_end)


def test_threads_take_turns() -> None:
    model = models.load()
    texts = [[id] * 40 for id in range(1, 9)]
    expected = [model.logits(ids) for ids in texts]
    wrong: list[object] = []

    def work(first: int) -> None:
        try:
            for i in range(8):
                which = (first + i) % 8
                if not np.array_equal(model.logits(texts[which]), expected[which]):
                    wrong.append(which)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_compiling_threads_and_signals_of_others() -> None:
    """The linker has global state, and LLVM likes to catch signals."""
    result = run_python(
        "import signal, threading, models\n"
        "caught = []\n"
        "signal.signal(signal.SIGUSR1, lambda *_: caught.append(1))\n"
        "loaded = []\n"
        "def load():\n"
        "    loaded.append(models.mxfp4.Model.load("
        "models.FOLDER, cache=False, reference=True))\n"
        "threads = [threading.Thread(target=load) for _ in range(2)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "one, two = (model.logits([1, 2, 3]) for model in loaded)\n"
        "assert (one == two).all()\n"
        "signal.raise_signal(signal.SIGUSR1)\n"
        "assert caught == [1]\n"
    )
    assert result.returncode == 0, result.stderr


def test_a_fork_loads_its_own() -> None:
    result = run_python(
        "import os, sys, models\n"
        "model = models.load()\n"
        "child = os.fork()\n"
        "if child:\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "    print(model.logits([1]).shape)\n"
        "else:\n"
        "    try:\n"
        "        model.logits([1])\n"
        "    except models.mxfp4.Error as error:\n"
        "        assert 'load it again' in str(error), error\n"
        "        del model\n"
        "        models.load.cache_clear()\n"
        "        model = models.load()\n"
        "        assert model.logits([1]).shape == (1, 2048)\n"
        "    else:\n"
        "        sys.exit(3)\n"
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "(1, 2048)\n"


INTERRUPTED = """
import os, signal, threading, time, models
model, ids = models.slow()
generation = model.generate(ids[:1], max_tokens=1000, stop_tokens=[])

def use():
    CALL

def interrupt():
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
"""
CALLS = {
    "logits": "model.logits(ids)",
    "generate": "''.join(generation)",
    "generate from a long prompt": "next(model.generate(ids))",
    "waiting for a turn": "thread = threading.Thread(target=model.logits, "
    "args=(ids[:64],), daemon=True); thread.start(); time.sleep(0.1); "
    "model.logits(ids[:1])",
}


@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c_ends_the_process(call: str) -> None:
    code = INTERRUPTED.replace("CALL", CALLS[call])
    result = run_python(code + "interrupt()\nuse()\n")
    assert result.returncode == -signal.SIGINT, result.stderr
    assert result.stderr.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c_can_be_caught(call: str) -> None:
    code = INTERRUPTED.replace("CALL", CALLS[call])
    result = run_python(
        code + "interrupt()\n"
        "start = time.time()\n"
        "try:\n"
        "    use()\n"
        "except KeyboardInterrupt:\n"
        "    seconds = time.time() - start\n"
        "else:\n"
        "    raise SystemExit('ended by itself')\n"
        "assert seconds < 5, seconds\n"
        "again = model.logits(ids[:4])\n"
        "assert (again == model.logits(ids[:4])).all()\n"
        "print(len(''.join(model.generate(ids[:4], max_tokens=3))) > 0)\n"
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "True\n"


def test_ctrl_c_while_loading() -> None:
    result = run_python(
        "import signal, models\n"
        "def progress(done, total):\n"
        "    seen.append(done)\n"
        "    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)\n"
        "import threading\n"
        "seen = []\n"
        "try:\n"
        "    models.load(progress=progress)\n"
        "except KeyboardInterrupt:\n"
        "    assert len(seen) == 1\n"
        "    print(models.load().vocab_size)\n"
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "2048\n"


def test_a_signal_handler_cannot_use_the_model() -> None:
    model, ids = models.slow()

    def use(*_: object) -> None:
        model.logits(ids[:1])

    before = signal.signal(signal.SIGALRM, use)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(mxfp4.Error, match="in use by this very thread"):
            model.logits(ids)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert model.logits(ids[:1]).shape == (1, 2048)
