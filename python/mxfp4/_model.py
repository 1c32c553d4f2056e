# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models that run: from the folder of a checkpoint to logits and text."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Callable, Iterator, Literal, Sequence

from . import _compiler

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

StopReason = Literal["stop_token", "max_tokens", "context_full"]


class Tokenizer:
    """Text to tokens and back. Does not change; threads may share it."""

    def __init__(self, tokenizer: _compiler.Tokenizer) -> None:
        if not isinstance(tokenizer, _compiler.Tokenizer):
            raise TypeError("use Tokenizer.load(path) or Model.tokenizer")
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Tokenizer:
        """Read a vocabulary.

        Args:
            path: A `tokenizer.json`, a folder with one, or a file of ranks whose
                name ends in `.tiktoken`.

        Returns:
            The tokenizer.

        Raises:
            TypeError: path is no path.
            OSError: There is nothing at path (FileNotFoundError), or it cannot
                be looked at.
            Error: What is there is no vocabulary that can be used.
        """
        return cls(_compiler.Tokenizer.load(path))

    def encode(self, text: str, parse_special: bool = False) -> list[int]:
        """The tokens of a text.

        Args:
            text: Any text.
            parse_special: Whether names of special tokens in the text, such as
                `<|return|>`, become these tokens. Only for text that no user
                wrote: a user could inject control tokens with it.

        Returns:
            The tokens, each 0 to vocab_size - 1.

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: text has a lone surrogate (UnicodeEncodeError).
            Error: text has 2 GiB or more.
        """
        return self._tokenizer.encode(text, parse_special)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens, with U+FFFD for bytes that are no UTF-8.

        Args:
            ids: Tokens, each 0 to vocab_size - 1; any sequence of ints, such as
                a list or an array of numpy.

        Returns:
            The text.

        Raises:
            TypeError: ids is no sequence of ints.
            ValueError: A token is not in the vocabulary.
        """
        return self._tokenizer.decode(ids)

    def decode_bytes(self, ids: Sequence[int]) -> bytes:
        """As `decode`, but the bytes as they are, perhaps parts of characters.

        Args:
            ids: As in `decode`.

        Returns:
            The bytes of all tokens, one after the other.

        Raises:
            TypeError: ids is no sequence of ints.
            ValueError: A token is not in the vocabulary.
        """
        return self._tokenizer.decode_bytes(ids)

    def id_of(self, name: str) -> int | None:
        """The id of an added token, such as `<|return|>`.

        Args:
            name: The name of the token.

        Returns:
            The id, or None if there is no such token.

        Raises:
            TypeError: name is no str.
        """
        return self._tokenizer.id_of(name)

    def is_special(self, id: int) -> bool:
        """Whether a token is special: it stands for no text of a user.

        Args:
            id: 0 to vocab_size - 1.

        Returns:
            True if it is special.

        Raises:
            TypeError: id is no int.
            ValueError: id is not in the vocabulary.
        """
        return self._tokenizer.is_special(id)

    @property
    def vocab_size(self) -> int:
        """One more than the largest id."""
        return self._tokenizer.vocab_size

    def __repr__(self) -> str:
        return f"<mxfp4.Tokenizer of {self.vocab_size} tokens>"


class Generation(Iterator[str]):
    """The text after a prompt, as an iterator of str. `Model.generate` makes it.

    Each item is valid text, one or more whole characters. A token is computed
    when it is asked for, the prompt with the first one; a generation that is
    dropped on the way costs nothing more.

    A step raises `Error` if another call of `generate` or `logits` has started a
    new sequence of the model meanwhile, and KeyboardInterrupt on Ctrl-C, after
    which the generation can go on.
    """

    def __init__(self, generation: _compiler.Generation) -> None:
        if not isinstance(generation, _compiler.Generation):
            raise TypeError("use Model.generate(prompt)")
        self._generation = generation

    def __iter__(self) -> Generation:
        return self

    def __next__(self) -> str:
        return self._generation.next()

    @property
    def reason(self) -> StopReason | None:
        """Why the text has ended; None if it has not."""
        return self._generation.reason

    @property
    def tokens(self) -> list[int]:
        """The tokens of the text so far, without a stop token."""
        return self._generation.tokens

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt; 0 until it was computed."""
        return self._generation.prompt_tokens

    @property
    def prompt_seconds(self) -> float:
        """Time to compute the prompt."""
        return self._generation.prompt_seconds

    @property
    def decode_steps(self) -> int:
        """How many tokens were fed back to the model."""
        return self._generation.decode_steps

    @property
    def decode_seconds(self) -> float:
        """Time of these steps, with choosing tokens."""
        return self._generation.decode_seconds

    @property
    def drafted_tokens(self) -> int:
        """How many tokens were drafted (`speculate`)."""
        return self._generation.drafted_tokens

    @property
    def accepted_tokens(self) -> int:
        """How many of these were chosen, too."""
        return self._generation.accepted_tokens


class Model:
    """A compiled model with its weights in memory, and one sequence of tokens.

    Threads may share a model: its calls work without the GIL and take turns. As
    it has one sequence, a generation ends with an `Error` when another call of
    `generate` or `logits` starts a new one; for several texts at a time, load
    several models, or hold a lock around each generation.

    Ctrl-C stops loading at the next weight, a prompt at its next chunk
    (`prefill_tokens`), and a text at its next token, with KeyboardInterrupt; the
    model can be used afterwards. A compilation, which takes seconds, is finished
    first. A process that was forked has to load a model of its own.
    """

    def __init__(self, model: _compiler.Model, folder: str) -> None:
        if not isinstance(model, _compiler.Model):
            raise TypeError("use Model.load(folder)")
        self._model = model
        self._folder = folder

    @classmethod
    def load(
        cls,
        folder: str | os.PathLike[str],
        *,
        target: str = "cpu",
        activations: Literal["bf16", "f16", "f32", "int8"] = "bf16",
        dense: Literal["bf16", "mxfp8", "mxfp4"] = "bf16",
        reference: bool = False,
        fuse: bool = True,
        prefill_tokens: int = 512,
        quantize: bool = False,
        cache_dir: str | os.PathLike[str] | None = None,
        cache: bool = True,
        context: int | None = None,
        threads: int | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Model:
        """Compile a model, or take its program from the cache, and load weights.

        Args:
            folder: The folder of a checkpoint.
            target: "cpu", the processor at hand, or "cpu:NAME", another, as LLVM
                names it, such as "cpu:x86-64-v3".
            activations: Precision of activations and of the KV cache: "bf16",
                "f16", which ends at 65,504, "f32", or "int8", which is "bf16" but
                for the inputs of products with MXFP4 weights.
            dense: Format of the weights of attention and of the head. Other than
                "bf16" they are quantized when they are loaded.
            reference: Compile the slow exact path: plain loops, one thread.
            fuse: Fuse bias, activation, routing and residual into matmuls.
            prefill_tokens: Tokens of a prompt that are computed at a time, 1 to
                65536.
            quantize: Quantize experts that the checkpoint has in BF16; else it
                is refused.
            cache_dir: Where compiled programs are kept. The default is
                $MXFP4_CACHE_DIR, else $XDG_CACHE_HOME/mxfp4, else
                ~/.cache/mxfp4.
            cache: False compiles again, and keeps nothing.
            context: Positions that the KV cache holds. The default is 4096, or
                what the model has, if that is less.
            threads: Threads to run on, 1 to 1024. The default is one for each
                processor.
            progress: Called with the bytes of weights that are loaded and the
                bytes of all, after each weight. An exception stops the loading.

        Returns:
            The model.

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: An argument has the wrong value.
            OSError: There is nothing at folder (FileNotFoundError), or it cannot
                be looked at.
            Error: The checkpoint cannot be used, the program cannot be compiled
                or kept, or there is not enough memory.
        """
        model = _compiler.Model.load(
            folder,
            target,
            activations,
            dense,
            reference,
            fuse,
            prefill_tokens,
            quantize,
            cache_dir,
            cache,
            context,
            threads,
            progress,
        )
        return cls(model, os.fsdecode(folder))

    def generate(
        self,
        prompt: str | Sequence[int],
        *,
        max_tokens: int = 256,
        temperature: float | None = None,
        top_k: int = 0,
        top_p: float | None = None,
        seed: int = 0,
        stop_tokens: Sequence[int] | None = None,
        parse_special: bool = True,
        speculate: int = 0,
    ) -> Generation:
        """Continue a prompt. Nothing is computed until the text is asked for.

        Args:
            prompt: A text, or its tokens: 1 or more, and no more than `context`.
            max_tokens: Tokens to generate at most.
            temperature: Spread of the choice; 0 takes the most probable token.
                The default is that of the checkpoint's generation_config.json,
                else 1.
            top_k: Choose among this many of the most probable tokens; 0 is all.
            top_p: Choose among the most probable tokens that add up to this,
                above 0 and at most 1. The default is that of the checkpoint's
                generation_config.json, else 1.
            seed: Start of the random numbers, 0 to 2^64 - 1.
            stop_tokens: Tokens that end the text and are not part of it. The
                default is `Model.stop_tokens`; [] goes on through them.
            parse_special: Whether names of special tokens in a text become these
                tokens, see `Tokenizer.encode`.
            speculate: Tokens to draft at most, 0 to 16, from what followed the
                last ones when they occurred before, and to check in one pass.
                The text is the same, to the bit; where it repeats itself, it is
                made faster.

        Returns:
            An iterator of str.

        Raises:
            TypeError: An argument has the wrong type.
            ValueError: An argument has the wrong value: a prompt that is empty,
                does not fit the context or has tokens that are not in the
                vocabulary, or a number that is out of its range.
            Error: The checkpoint has no tokenizer that can be used.
        """
        return Generation(
            self._model.generate(
                prompt,
                max_tokens,
                temperature,
                top_k,
                top_p,
                seed,
                stop_tokens,
                parse_special,
                speculate,
            )
        )

    def logits(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Logits after each of some tokens, which start a new sequence.

        Args:
            ids: Tokens of the vocabulary, 1 or more and no more than `context`.

        Returns:
            float32 [tokens, vocab_size]. Row i is about the token after ids[i].

        Raises:
            TypeError: ids is no sequence of ints.
            ValueError: ids is empty, does not fit the context, or has a token
                that is not in the vocabulary.
        """
        return self._model.logits(ids)

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the checkpoint; `Error` if it has none."""
        return Tokenizer(self._model.tokenizer)

    @property
    def config(self) -> dict[str, Any]:
        """The shape of the model, with the keys of config.json."""
        return json.loads(self._model.config)

    @property
    def target(self) -> str:
        """Device and instruction set, such as "cpu:skylake-avx512"."""
        return self._model.target

    @property
    def activations(self) -> str:
        """Precision of activations and of the KV cache: "bf16", "f16", "f32" or "int8"."""
        return self._model.activations

    @property
    def stop_tokens(self) -> list[int]:
        """The tokens that end an answer, as checkpoint and tokenizer say."""
        return self._model.stop_tokens

    @property
    def vocab_size(self) -> int:
        """Logits of a position."""
        return self._model.vocab_size

    @property
    def context(self) -> int:
        """How many positions the sequence can have."""
        return self._model.context

    @property
    def threads(self) -> int:
        """How many threads the model runs on."""
        return self._model.threads

    @property
    def bytes(self) -> int:
        """Bytes of all weights, caches and other buffers."""
        return self._model.bytes

    def __repr__(self) -> str:
        return (
            f"<mxfp4.Model {self._folder!r} for {self.target}: "
            f"activations {self.activations}, context {self.context}, "
            f"threads {self.threads}, {self.bytes} bytes>"
        )
