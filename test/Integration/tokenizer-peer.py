#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares `mxfp4 tokenize` with the Python packages tokenizers and tiktoken.

    tokenizer-peer.py --command "build/bin/mxfp4 tokenize" \
        models/tiny-shakespeare/tokenizer.json o200k_base.tiktoken

A `.tiktoken` file is compared with tiktoken (and needs to be the o200k ranks),
any other with tokenizers. The strings are the same in every run with one seed.
Ends with status 1 and the first differences if there are any.
"""

import argparse
import json
import random
import re
import shlex
import subprocess
import sys
from typing import Callable, List

O200K_PATTERN = "|".join(
    [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*"
        r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
        r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
HARMONY_NAMES = {
    199998: "<|startoftext|>",
    199999: "<|endoftext|>",
    200002: "<|return|>",
    200003: "<|constrain|>",
    200005: "<|channel|>",
    200006: "<|start|>",
    200007: "<|end|>",
    200008: "<|message|>",
    200012: "<|call|>",
    200018: "<|endofprompt|>",
}
SPACES = " \t\n\r\v\f\u0085\u00a0\u1680\u2000\u2028\u2029\u202f\u3000\u180e\u200b"
# Ranges from which the characters of one string are drawn.
SCRIPTS = {
    "ascii": (0x20, 0x7E),
    "controls": (0x00, 0x9F),
    "latin": (0xA0, 0x24F),
    "phonetic": (0x250, 0x2FF),
    "marks": (0x300, 0x36F),
    "greek": (0x370, 0x3FF),
    "cyrillic": (0x400, 0x52F),
    "hebrew": (0x590, 0x5FF),
    "arabic": (0x600, 0x6FF),
    "devanagari": (0x900, 0x97F),
    "thai": (0xE00, 0xE7F),
    "georgian": (0x10A0, 0x10FF),
    "punctuation": (0x2000, 0x206F),
    "symbols": (0x2100, 0x2BFF),
    "kana": (0x3040, 0x30FF),
    "han": (0x4E00, 0x9FFF),
    "hangul": (0xAC00, 0xD7A3),
    "private": (0xE000, 0xF8FF),
    "presentation": (0xFB00, 0xFEFF),
    "gothic and more": (0x10300, 0x105FF),
    "mathematical": (0x1D400, 0x1D7FF),
    "emoji": (0x1F300, 0x1FAFF),
    "bmp": (0x0, 0xFFFF),
    "all planes": (0x0, 0x10FFFF),
    "plane 14": (0xE0000, 0xE01EF),
}
WORDS = """the quick Brown FOX jumped over HTTPResponse camelCase snake_case don't
DON'T I'll we'Ve they'RE it'S he'd I'M 'sup 'tis rock'n'roll l'eau 12345 3.14
0xFF 1_000 2024-06-28 naïve façade Straße ÅNGSTRÖM привет МИР Ελλάδα 你好世界
こんにちは 안녕하세요 مرحبا שלום नमस्ते ไทย 👩‍👩‍👧 🇩🇪 ½ Ⅻ ǅ ʰ x² don\u2019t
it'\u017f IT'\u017f <|start|> <|end|> <|message|> <|endoftext|> <|nonsense|>
<|reserved_200013|> </s> https://example.com/a/b?c=d#e //// \\n C:\\temp""".split()
CODE = [
    "def f(x):\n    return x ** 2\n\n\n",
    "for (int i = 0; i < n; ++i) {\n\t\ta[i] += b[i];\r\n}\r\n",
    '{"key": [1, 2.5e-3, null], "other": "\\u00e9"}',
    "<div class='a'>\n  <p>text</p>\n</div>\n/* comment */\n",
    "SELECT * FROM t WHERE a != 'b' -- end\n",
    "#!/bin/sh\necho $HOME | sed 's/a/b/g' && exit 1\n",
]


def random_character(rng: random.Random, first: int, last: int) -> str:
    while True:
        code_point = rng.randint(first, last)
        if not 0xD800 <= code_point <= 0xDFFF:
            return chr(code_point)


def make_texts(count: int, seed: int) -> List[str]:
    """`count` strings of all kinds that are known to be hard."""
    rng = random.Random(seed)
    scripts = list(SCRIPTS.values())

    def spaces() -> str:
        return "".join(rng.choices(SPACES, k=rng.randint(1, 8)))

    def one_script() -> str:
        bounds = rng.choice(scripts)
        return "".join(
            random_character(rng, *bounds) for _ in range(rng.randint(1, 60))
        )

    def mixed_scripts() -> str:
        return "".join(
            random_character(rng, *rng.choice(scripts))
            for _ in range(rng.randint(1, 60))
        )

    def words() -> str:
        return "".join(
            rng.choice(WORDS) + rng.choice(["", " ", " ", spaces()])
            for _ in range(rng.randint(1, 30))
        )

    def code() -> str:
        return "".join(rng.choice(CODE) for _ in range(rng.randint(1, 4)))

    def only_spaces() -> str:
        return spaces() + rng.choice(["", "a", "1", "!"]) + spaces()

    def runs() -> str:
        return "".join(
            random_character(rng, *rng.choice(scripts)) * rng.randint(1, 300)
            for _ in range(rng.randint(1, 4))
        )

    def letters() -> str:
        # One long piece.
        alphabet = rng.choice(["ab", "etaoin", "abcdefghijklmnopqrstuvwxyz", "AaBb"])
        return "".join(rng.choices(alphabet, k=rng.randint(50, 600)))

    def short_classes() -> str:
        # Every neighborhood of the classes that the pattern tells apart.
        return "".join(
            rng.choices("aAǅʰ中\u03011½ \t\n\r/!'\u00a0s<|", k=rng.randint(1, 12))
        )

    kinds: List[Callable[[], str]] = [
        one_script,
        mixed_scripts,
        words,
        code,
        only_spaces,
        runs,
        letters,
        short_classes,
        lambda: words() + one_script() + code() + spaces() + mixed_scripts(),
    ]
    texts = [""]
    while len(texts) < count:
        texts.append(kinds[len(texts) % len(kinds)]())
    return texts


def load_tokenizers(path: str) -> Callable[[str, bool], List[int]]:
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(path)

    def encode(text: str, special: bool) -> List[int]:
        tokenizer.encode_special_tokens = not special
        return tokenizer.encode(text).ids

    return encode


def load_tiktoken(path: str) -> Callable[[str, bool], List[int]]:
    import tiktoken
    import tiktoken.load

    ranks = tiktoken.load.load_tiktoken_bpe(path)
    names = {f"<|reserved_{i}|>": i for i in range(200000, 201088)}
    names = {k: v for k, v in names.items() if v not in HARMONY_NAMES}
    names.update({name: number for number, name in HARMONY_NAMES.items()})
    names["<|reserved_200018|>"] = 200018
    encoding = tiktoken.Encoding(
        "o200k_harmony",
        pat_str=O200K_PATTERN,
        mergeable_ranks=ranks,
        special_tokens=names,
    )

    def encode(text: str, special: bool) -> List[int]:
        if special:
            return encoding.encode(text, allowed_special="all")
        return encoding.encode_ordinary(text)

    return encode


def run_tokenize(command: str, path: str, flags: List[str], lines: List[dict]):
    """The answers of `mxfp4 tokenize` to JSON lines, one for each."""
    arguments = shlex.split(command) + [path, "--jsonl"] + flags
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run(arguments, input=text.encode(), stdout=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"{shlex.join(arguments)}: status {done.returncode}")
    # Not splitlines(), which also ends lines at U+2028 and others.
    answers = done.stdout.decode().split("\n")[:-1]
    if len(answers) != len(lines):
        sys.exit(f"expected {len(lines)} lines, but got {len(answers)}")
    return [json.loads(answer) for answer in answers]


def compare(command: str, path: str, texts: List[str]) -> bool:
    """True if ids and decoded texts are as they should be."""
    is_tiktoken = re.search(r"\.tiktoken$", path)
    encode = load_tiktoken(path) if is_tiktoken else load_tokenizers(path)
    agree = True
    for special in (True, False):
        flags = [] if special else ["--no-special"]
        answers = run_tokenize(command, path, flags, [{"text": t} for t in texts])
        theirs = [encode(text, special) for text in texts]
        different = [i for i, a in enumerate(answers) if a["ids"] != theirs[i]]
        decoded = run_tokenize(command, path, ["--decode"], answers)
        changed = [i for i, a in enumerate(decoded) if a["text"] != texts[i]]
        print(
            f"{path}, special tokens {'parsed' if special else 'as text'}: "
            f"{len(texts) - len(different)} of {len(texts)} texts have the same "
            f"ids ({sum(map(len, theirs))}), {len(texts) - len(changed)} decode "
            "to themselves"
        )
        for i in different[:5]:
            print(f"  text   {texts[i]!r}\n  ours   {answers[i]}\n  theirs {theirs[i]}")
        for i in changed[:5]:
            print(f"  text    {texts[i]!r}\n  decoded {decoded[i]}")
        agree = agree and not different and not changed
    return agree


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", help="tokenizer.json or .tiktoken files")
    parser.add_argument("--command", required=True, help="such as 'mxfp4 tokenize'")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--text", help="a file to compare as well")
    arguments = parser.parse_args()

    try:
        import tiktoken, tokenizers  # noqa: F401
    except ImportError as error:
        print(f"skipped: {error}")
        sys.exit(77)
    texts = make_texts(arguments.count, arguments.seed)
    if arguments.text:
        with open(arguments.text, encoding="utf-8") as file:
            texts.append(file.read())
    results = [compare(arguments.command, path, texts) for path in arguments.paths]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
