#===----------------------------------------------------------------------===//
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
#===----------------------------------------------------------------------===//
#
# Fails when an #include points the wrong way between layers, when a folder has
# no layer, or when a namespace is called mxfp4 at the top level.
#
#===----------------------------------------------------------------------===//

import os
import re
import sys

FOLDERS = {
    "core": ["ABI", "Checkpoint", "Format", "Support", "Text"],
    "runtime": ["Runtime"],
    "command": ["Command"],
    "compiler": ["Compiler", "Conversion", "Dialect", "Import", "Pipelines",
                 "Target"],
    "driver": ["CAPI", "Driver"],
}
LAYER_OF = {folder: layer for layer, folders in FOLDERS.items()
            for folder in folders}
# What each layer may include, "llvm" being LLVM, MLIR and LLD.
MAY_INCLUDE = {
    "core": {"core"},
    "runtime": {"core", "runtime"},
    "command": {"core", "runtime", "command"},
    "compiler": {"core", "compiler", "llvm"},
    "driver": {"core", "runtime", "compiler", "driver", "llvm"},
    "tools": {"core", "runtime", "command", "compiler", "driver", "llvm"},
}
# Tools that see only one side.
LAYER_OF_TOOL = {"mxfp4-run": "command", "mxfp4-opt": "compiler"}
LLVM = re.compile(r"^(mlir|mlir-c|llvm|llvm-c|lld|clang)/")
INCLUDE = re.compile(r'^\s*#?\s*include\s*["<]([^">]+)[">]', re.M)
NAMESPACE = re.compile(r"^namespace\s+mxfp4\b", re.M)
SOURCES = (".h", ".cpp", ".cc", ".td", ".inc")


def layer_of_path(path):
    """The layer of a file, given by its path below the root; else None."""
    parts = path.split(os.sep)
    if parts[0] == "tools":
        return LAYER_OF_TOOL.get(parts[1], "tools")
    if parts[0] == "python":
        return "tools"
    if parts[0] == "include" and parts[1] == "mxfp4-c":
        return LAYER_OF["CAPI"]
    folder = parts[1] if parts[0] == "lib" else parts[2]
    return LAYER_OF.get(folder)


def layer_of_include(path, include):
    """The layer that an #include in the file at `path` reaches; None for what
    belongs to no layer, such as the standard library."""
    if LLVM.match(include):
        return "llvm"
    if include.startswith("mxfp4-c/"):
        return LAYER_OF["CAPI"]
    if include.startswith("mxfp4/"):
        return LAYER_OF.get(include.split("/")[1], "unknown")
    if include.startswith("."):
        target = os.path.normpath(os.path.join(os.path.dirname(path), include))
        return layer_of_path(target) or "unknown"
    return None


def check_file(root, path):
    """Messages on what is wrong in a file."""
    with open(os.path.join(root, path), encoding="utf-8") as file:
        text = file.read()
    layer = layer_of_path(path)
    if layer is None:
        yield f"{path}: expected a folder that belongs to a layer"
        return
    for match in INCLUDE.finditer(text):
        target = layer_of_include(path, match.group(1))
        if target is not None and target not in MAY_INCLUDE[layer]:
            line = text.count("\n", 0, match.start(1)) + 1
            yield (f"{path}:{line}: {layer} may not include {target}, but "
                   f"includes '{match.group(1)}'")
    # Inside of namespace mlir it is fine; files close that at the margin.
    for match in NAMESPACE.finditer(text):
        before = re.sub(r"//[^\n]*", "", text[:match.start()])
        if before.count("{") <= before.count("}"):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: expected no top-level namespace mxfp4"


def main():
    root = sys.argv[1]
    count, messages = 0, []
    for top in ("include", "lib", "tools", "python"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if not name.endswith(SOURCES):
                    continue
                path = os.path.relpath(os.path.join(folder, name), root)
                messages += check_file(root, path)
                count += 1
    for message in messages:
        print(message)
    print(f"{count} files, {len(messages)} errors")
    # A check that reads nothing proves nothing.
    return bool(messages) or count == 0


sys.exit(main())
