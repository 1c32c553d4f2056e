# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes bytecode, reads it, and looks for the bytes that are the versions of the
dialects: with a later one there, the bytecode is refused."""

import subprocess
import sys

TEXT = b"""
func.func @f(%v: tensor<4x32xf4E2M1FN>, %s: tensor<4x1xf8E8M0FNU>,
             %x: tensor<2x32xf32>, %i: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %w = mxfp4.dequantize %v, %s
      : tensor<4x32xf4E2M1FN>, tensor<4x1xf8E8M0FNU> -> tensor<4x32xf32>
  %y = nn.linear ins(%x, %w : tensor<2x32xf32>, tensor<4x32xf32>)
      outs(%i : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
"""


def varint(value: int) -> int:
    """A small number as MLIR's bytecode has it, in one byte."""
    return value << 1 | 1


def main() -> None:
    def run(data: bytes, *options: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run([sys.argv[1], *options], input=data,
                              capture_output=True)

    text = run(TEXT).stdout
    bytecode = run(TEXT, "--emit-bytecode").stdout
    print("same text" if text and run(bytecode).stdout == text else "other text")
    messages = set()
    for at, byte in enumerate(bytecode):
        if byte == varint(1):
            later = bytecode[:at] + bytes([varint(2)]) + bytecode[at + 1:]
            said = run(later).stderr.decode("utf-8", "replace")
            messages.update(line[line.index("error:"):]
                            for line in said.splitlines() if "of version" in line)
    print("\n".join(sorted(messages)))


main()
