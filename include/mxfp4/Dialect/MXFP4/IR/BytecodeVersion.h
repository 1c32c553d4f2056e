//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The version that bytecode of both dialects carries, so that a later reader
// knows what it reads and an earlier one refuses it.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DIALECT_MXFP4_IR_BYTECODEVERSION_H
#define MXFP4_DIALECT_MXFP4_IR_BYTECODEVERSION_H

#include "mlir/Bytecode/BytecodeImplementation.h"

namespace mlir::mxfp4 {

/// Counts changes of ops and attributes that older readers do not know.
constexpr uint64_t kBytecodeVersion = 1;

struct BytecodeVersion final : DialectVersion {
  explicit BytecodeVersion(uint64_t number) : number(number) {}

  uint64_t number;
};

/// Writes the version, and refuses one that is newer.
class VersionedBytecode final : public BytecodeDialectInterface {
public:
  explicit VersionedBytecode(Dialect *dialect)
      : BytecodeDialectInterface(dialect) {}

  void writeVersion(DialectBytecodeWriter &writer) const override;
  std::unique_ptr<DialectVersion>
  readVersion(DialectBytecodeReader &reader) const override;
};

} // namespace mlir::mxfp4

#endif // MXFP4_DIALECT_MXFP4_IR_BYTECODEVERSION_H
