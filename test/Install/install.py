#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Installs the development files, builds examples/embed with them alone, raises
an export with it and with the installed mxfp4-opt, and compiles and calls a
function in C.

    install.py BUILD SOURCE MLIR_DIR
"""

import subprocess
import sys
import tempfile
from pathlib import Path


def run(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


def main() -> None:
    build, source, mlir_dir = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        prefix, embed = f"{folder}/prefix", f"{folder}/embed"
        run("cmake", "--install", build, "--prefix", prefix,
            "--component", "development")
        run("cmake", "-G", "Ninja", "-S", f"{source}/examples/embed", "-B", embed,
            f"-DCMAKE_PREFIX_PATH={prefix}", f"-DMLIR_DIR={mlir_dir}")
        run("cmake", "--build", embed)
        export = Path(source) / "test/Integration/Exports/jax-u8-clip-bitcast.mlir"
        passes = ["--canonicalize", "--mxfp4-raise-to-mxfp4", "--canonicalize",
                  "--mxfp4-fuse"]
        for text in (run(f"{embed}/embed", str(export)),
                     run(f"{prefix}/bin/mxfp4-opt", str(export), *passes)):
            if "mxfp4.matmul" not in text or "linalg.matmul" in text:
                sys.exit(f"expected one mxfp4.matmul, but got\n{text}")
        if (text := run(f"{embed}/run")) != "64 64 64\n" * 2:
            sys.exit(f"expected two rows of three sums of 64 ones, but got\n{text}")


main()
