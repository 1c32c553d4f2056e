#===----------------------------------------------------------------------===//
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===//
#
# Gives each ```mlir example of a .td file to mxfp4-opt. An example names its
# operands and their types, so it becomes a function that has them as arguments.
#
#===----------------------------------------------------------------------===//

import re
import subprocess
import sys


def split_types(text):
    """The types of the list at the start of `text`, up to what ends it."""
    types, depth, current = [], 0, ""
    for i, character in enumerate(text):
        if depth == 0 and (character in "){}" or text.startswith("->", i)):
            break
        if depth == 0 and character == ",":
            types.append(current.strip())
            current = ""
            continue
        depth += {"<": 1, ">": -1}.get(character, 0)
        current += character
    return types + [current.strip()]


def find_operands(code):
    """The types of operands by name: a list, clauses such as `bias(...)` with
    operands of their own, attributes, and the types of the list."""
    types = {}
    for uses in re.finditer(
            r"(%\w+(?:\s*,\s*%\w+)*)\s*((?:\w+\([^)]*\)\s*)*)(?:\{[^}]*\}\s*)?:\s*",
            code):
        names = re.findall(r"%\w+", uses.group(1))
        types.update(zip(names, split_types(code[uses.end():])))
        types.update(find_operands(uses.group(2)))
    return types


def wrap(example):
    """The example as a function with its operands as arguments; a location as
    that of a module."""
    example = example.strip()
    if example.startswith("loc("):
        return f"module {{}} {example}"
    if not example.startswith(("%", "/")):
        return f"func.func private @example({example})\n"
    arguments = find_operands(re.sub(r"//[^\n]*", "", example))
    listed = ", ".join(f"{name}: {type}" for name, type in arguments.items())
    return f"func.func @example({listed}) {{\n{example}\n  return\n}}\n"


def definitions(text):
    """The name and the description of each op, and of what has an example."""
    for body in re.split(r"^(?=def |class )", text, flags=re.M)[1:]:
        name = re.match(r"\w+ (\w+)", body).group(1)
        description = re.search(r"let description = \[\{(.*?)\}\];", body, re.S)
        if description and (name.endswith("Op") or "```mlir" in body):
            yield name, description.group(1)


def main():
    tool, path = sys.argv[1:]
    failed = False
    with open(path) as file:
        text = file.read()
    for name, description in definitions(text):
        examples = re.findall(r"```mlir\n(.*?)```", description, re.S)
        if not examples:
            print(f"{name}: expected an example in its description")
            failed = True
        for example in examples:
            result = subprocess.run([tool], input=wrap(example), text=True,
                                    capture_output=True)
            sys.stdout.write(result.stderr)
            accepted = result.returncode == 0
            print(f"{name}: {'accepted' if accepted else 'not accepted'}")
            failed |= not accepted
    return failed


sys.exit(main())
