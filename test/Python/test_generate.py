# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mxfp4.Model.generate: the text of the driver, piece by piece, when asked for."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from typing import Any

import models
import pytest
from models import FOLDER, PROMPT

import mxfp4


def test_text_is_that_of_the_driver() -> None:
    if "MXFP4_DRIVER" not in os.environ:
        pytest.skip("MXFP4_DRIVER does not name mxfp4")
    for options, flags in [
        ({"temperature": 0}, ["--temperature", "0"]),
        ({"seed": 5}, ["--seed", "5"]),
        ({"top_k": 5, "top_p": 0.5}, ["--top-k", "5", "--top-p", "0.5"]),
    ]:
        command = [os.environ["MXFP4_DRIVER"], "run", FOLDER, "-p", PROMPT, "-n", "60"]
        command += ["--threads", "2", *flags]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        text = "".join(models.load().generate(PROMPT, max_tokens=60, **options))
        assert text + "\n" == result.stdout


def test_pieces_and_figures() -> None:
    model = models.load()
    generation = model.generate(PROMPT, max_tokens=20, temperature=0)
    assert isinstance(generation, mxfp4.Generation)
    assert generation.reason is None and generation.tokens == []
    pieces = list(generation)
    assert generation.reason == "max_tokens"
    assert len(generation.tokens) == 20
    assert all(pieces) and len(pieces) <= 20
    assert "".join(pieces) == model.tokenizer.decode(generation.tokens)
    assert generation.prompt_tokens == len(model.tokenizer.encode(PROMPT))
    assert generation.decode_steps == 19
    assert generation.prompt_seconds > 0 and generation.decode_seconds > 0
    assert list(generation) == []
    # Of tokens as of text.
    ids = model.tokenizer.encode(PROMPT)
    assert list(model.generate(ids, max_tokens=20, temperature=0)) == pieces


def test_greedy_text_follows_the_logits() -> None:
    model = models.load(activations="f32")
    ids = model.tokenizer.encode(PROMPT)
    generation = model.generate(PROMPT, max_tokens=12, temperature=0)
    "".join(generation)
    logits = model.logits(ids + generation.tokens)
    assert logits[len(ids) - 1 : -1].argmax(1).tolist() == generation.tokens


def test_pieces_are_whole_characters() -> None:
    """A hot model says anything: most of its bytes are no UTF-8."""
    model = models.load()
    for seed in range(3):
        generation = model.generate(
            PROMPT, max_tokens=200, temperature=50, seed=seed, stop_tokens=[]
        )
        text = ""
        for piece in generation:
            assert piece
            text += piece
        assert text == model.tokenizer.decode(generation.tokens)
        text.encode()  # no surrogates


def test_seeds() -> None:
    def make(seed: int) -> str:
        return "".join(models.load().generate(PROMPT, max_tokens=20, seed=seed))

    assert make(1) == make(1) != make(2)
    assert make(2**64 - 1)


def test_how_a_text_ends() -> None:
    model = models.load()
    generation = model.generate(PROMPT, max_tokens=20, temperature=0)
    "".join(generation)
    tokens = generation.tokens
    stop = next(i for i in range(3, 20) if tokens[i] not in tokens[:i])
    generation = model.generate(
        PROMPT, max_tokens=20, temperature=0, stop_tokens=[tokens[stop]]
    )
    "".join(generation)
    assert (generation.reason, generation.tokens) == ("stop_token", tokens[:stop])

    generation = model.generate([1] * 1022, max_tokens=20, stop_tokens=[])
    "".join(generation)
    assert generation.reason == "context_full" and len(generation.tokens) == 3

    generation = model.generate(PROMPT, max_tokens=0)
    assert list(generation) == []
    assert generation.reason == "max_tokens"


def test_names_of_special_tokens() -> None:
    model = models.load()
    prompt = "<|endoftext|>" + PROMPT
    parsed = model.generate(prompt, max_tokens=0)
    plain = model.generate(prompt, max_tokens=0, parse_special=False)
    for generation, parse_special in ((parsed, True), (plain, False)):
        list(generation)
        ids = model.tokenizer.encode(prompt, parse_special)
        assert generation.prompt_tokens == len(ids)


def test_generations_are_lazy() -> None:
    model, ids = models.slow()
    start = time.perf_counter()
    generations = [model.generate(ids) for _ in range(10)]
    assert time.perf_counter() - start < 0.2
    assert generations[0].prompt_tokens == 0


def test_displaced_generations() -> None:
    model = models.load()
    first = model.generate(PROMPT, max_tokens=30, temperature=0)
    second = model.generate(PROMPT, max_tokens=30, temperature=0)
    # One after the other is fine, in any order, and so is dropping one.
    text = "".join(second)
    assert "".join(first) == text
    dropped = model.generate(PROMPT)
    next(dropped)
    del dropped

    for displace in (lambda: next(model.generate(PROMPT)), lambda: model.logits([1])):
        generation = model.generate(PROMPT, max_tokens=30, temperature=0)
        piece = next(generation)
        displace()
        for _ in range(2):
            with pytest.raises(mxfp4.Error, match="has started a new sequence"):
                next(generation)
        assert text.startswith(piece) and len(generation.tokens) == 1
        assert generation.reason is None
    # One that had ended is not disturbed.
    assert list(second) == []


def test_threads_with_a_lock() -> None:
    model = models.load()
    expected = "".join(model.generate(PROMPT, max_tokens=20, temperature=0))
    lock = threading.Lock()
    texts: list[str] = []

    def work() -> None:
        for _ in range(3):
            with lock:
                texts.append("".join(model.generate(PROMPT, max_tokens=20, temperature=0)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == [expected] * 12


def test_threads_without_one() -> None:
    """A text is right, or there is an error."""
    model = models.load()
    expected = "".join(model.generate(PROMPT, max_tokens=20, temperature=0))
    wrong: list[object] = []

    def work() -> None:
        for _ in range(5):
            generation = model.generate(PROMPT, max_tokens=20, temperature=0)
            text = ""
            try:
                for piece in generation:
                    text += piece
                    generation.tokens
                if text != expected:
                    wrong.append(text)
            except mxfp4.Error as error:
                if not expected.startswith(text) or "new sequence" not in str(error):
                    wrong.append((text, error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_other_threads_run_meanwhile() -> None:
    model, ids = models.slow()
    ticks: list[float] = []

    def tick() -> None:
        while not done.wait(0.01):
            ticks.append(time.perf_counter())

    done = threading.Event()
    thread = threading.Thread(target=tick)
    thread.start()
    model.logits(ids[:64])
    done.set()
    thread.join()
    assert len(ticks) > 3


ERRORS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"prompt": ""}, ValueError, "expected a prompt of 1 or more tokens, but it is empty"),
    ({"prompt": []}, ValueError, "expected a prompt of 1 or more tokens, but it is empty"),
    ({"prompt": [1] * 1025}, ValueError, "prompt of 1025 tokens does not fit the context of 1024"),
    ({"prompt": [2048]}, ValueError, "token 2048 is not in the vocabulary of 2048 tokens"),
    ({"prompt": [-1]}, ValueError, "expected 'prompt[0]' to be 0 to 2147483647, but got -1"),
    ({"prompt": "\udcff"}, ValueError, "surrogates not allowed"),
    ({"prompt": b"a"}, TypeError, "expected 'prompt' to be a str or a sequence of ints, but got bytes"),
    ({"prompt": None}, TypeError, "but got NoneType"),
    ({"max_tokens": -1}, ValueError, "expected 'max_tokens' to be 0 to 16777216, but got -1"),
    ({"max_tokens": 1.0}, TypeError, "expected 'max_tokens' to be an int, but got float"),
    ({"temperature": -1}, ValueError, "expected a temperature of 0 or more, but got -1"),
    ({"temperature": float("nan")}, ValueError, "expected a temperature of 0 or more, but got nan"),
    ({"temperature": "hot"}, TypeError, "expected 'temperature' to be a number or None, but got str"),
    ({"top_k": -1}, ValueError, "expected 'top_k' to be 0 to 9223372036854775807, but got -1"),
    ({"top_p": 0}, ValueError, "expected top-p to be above 0 and at most 1, but got 0"),
    ({"top_p": 10**400}, ValueError, "but got inf"),
    ({"seed": -1}, ValueError, "expected 'seed' to be 0 to 2^64 - 1, but got -1"),
    ({"stop_tokens": 3}, TypeError, "expected 'stop_tokens' to be a sequence of ints or None, but got int"),
    ({"stop_tokens": ["a"]}, TypeError, "expected 'stop_tokens[0]' to be an int, but got str"),
    ({"speculate": 17}, ValueError, "expected 'speculate' to be 0 to 16, but got 17"),
    ({"speculate": None}, TypeError, "expected 'speculate' to be an int, but got NoneType"),
    ({"parse_special": None}, TypeError, "expected 'parse_special' to be a bool, but got NoneType"),
]


@pytest.mark.parametrize("temperature", [0, 0.7])
def test_drafts_do_not_change_the_text(temperature: float) -> None:
    model = models.load()
    plain = model.generate(PROMPT, max_tokens=200, temperature=temperature)
    text = "".join(plain)
    assert plain.drafted_tokens == plain.accepted_tokens == 0
    drafted = model.generate(PROMPT, max_tokens=200, temperature=temperature, speculate=3)
    assert "".join(drafted) == text
    assert drafted.tokens == plain.tokens
    assert drafted.decode_steps == plain.decode_steps
    assert 0 < drafted.accepted_tokens <= drafted.drafted_tokens


@pytest.mark.parametrize("change, error, message", ERRORS)
def test_errors(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)) as raised:
        models.load().generate(**{"prompt": PROMPT, **change})
    assert "\n" not in str(raised.value)


def test_special_classes_are_not_made_by_hand() -> None:
    for make in (mxfp4.Generation, lambda x: mxfp4.Model(x, "")):
        with pytest.raises(TypeError, match="^use Model"):
            make(None)
