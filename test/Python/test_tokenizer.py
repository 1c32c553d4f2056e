# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""mxfp4.Tokenizer: there and back, special tokens, errors."""

from __future__ import annotations

import re
from typing import Any, Callable

import numpy as np
import pytest
from models import FOLDER

import mxfp4

TOKENIZER = mxfp4.Tokenizer.load(FOLDER)


@pytest.mark.parametrize("text", ["", "To be, or not to be", "é漢🙂\0\n", "a" * 9999])
def test_texts_come_back(text: str) -> None:
    ids = TOKENIZER.encode(text)
    assert all(0 <= id < TOKENIZER.vocab_size for id in ids)
    assert TOKENIZER.decode(ids) == text
    assert TOKENIZER.decode(tuple(ids)) == text
    assert TOKENIZER.decode(np.array(ids, np.int64)) == text
    assert TOKENIZER.decode_bytes(ids) == text.encode()


def test_parts_of_characters() -> None:
    ids = TOKENIZER.encode("🙂")
    assert len(ids) > 1
    assert TOKENIZER.decode_bytes(ids[:1]) == "🙂".encode()[:1]
    assert TOKENIZER.decode(ids[:1]) == "\ufffd"


def test_special_tokens() -> None:
    name = "<|endoftext|>"
    id = TOKENIZER.id_of(name)
    assert id is not None and TOKENIZER.is_special(id)
    assert TOKENIZER.encode(name, parse_special=True) == [id]
    assert id not in TOKENIZER.encode(name)
    assert not TOKENIZER.is_special(0)
    assert TOKENIZER.id_of("<|none|>") is None


def test_other_ways_to_load() -> None:
    loaded = mxfp4.Tokenizer.load(str(FOLDER / "tokenizer.json"))
    assert loaded.vocab_size == TOKENIZER.vocab_size == 2048
    assert repr(loaded) == "<mxfp4.Tokenizer of 2048 tokens>"


ERRORS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: mxfp4.Tokenizer.load("/none"), FileNotFoundError, "'/none'"),
    (lambda: mxfp4.Tokenizer.load(3), TypeError, "expected 'path' to be a str or a path, but got int"),
    (lambda: mxfp4.Tokenizer.load("a\0b"), ValueError, r"expected 'path' to be a path, but got 'a\x00b'"),
    (lambda: mxfp4.Tokenizer.load(FOLDER / "config.json"), mxfp4.Error, "config.json"),
    (lambda: mxfp4.Tokenizer(None), TypeError, "use Tokenizer.load(path)"),
    (lambda: TOKENIZER.encode(b"a"), TypeError, "expected 'text' to be a str, but got bytes"),
    (lambda: TOKENIZER.encode("\ud800"), ValueError, "surrogates not allowed"),
    (lambda: TOKENIZER.encode("a", 1), TypeError, "expected 'parse_special' to be a bool, but got int"),
    (lambda: TOKENIZER.decode([1, 2048]), ValueError, "2048"),
    (lambda: TOKENIZER.decode([-1]), ValueError, "expected 'ids[0]' to be 0 to 2147483647, but got -1"),
    (lambda: TOKENIZER.decode([10**5000]), ValueError, "an int of 16610 bits"),
    (lambda: TOKENIZER.decode([1, 2.0]), TypeError, "expected 'ids[1]' to be an int, but got float"),
    (lambda: TOKENIZER.decode("12"), TypeError, "expected 'ids' to be a sequence of ints, but got str"),
    (lambda: TOKENIZER.decode(None), TypeError, "but got NoneType"),
    (lambda: TOKENIZER.id_of(1), TypeError, "expected 'name' to be a str, but got int"),
    (lambda: TOKENIZER.is_special(2048), ValueError, "expected 'id' to be 0 to 2047, but got 2048"),
]


@pytest.mark.parametrize("call, error, message", ERRORS)
def test_errors(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)) as raised:
        call()
    assert "\n" not in str(raised.value)
