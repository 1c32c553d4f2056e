//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reading and writing of the version.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/IR/BytecodeVersion.h"

using namespace mlir;
using namespace mlir::mxfp4;

void VersionedBytecode::writeVersion(DialectBytecodeWriter &writer) const {
  writer.writeVarInt(kBytecodeVersion);
}

std::unique_ptr<DialectVersion>
VersionedBytecode::readVersion(DialectBytecodeReader &reader) const {
  uint64_t number;
  if (failed(reader.readVarInt(number)))
    return nullptr;
  if (number == 0 || number > kBytecodeVersion) {
    reader.emitError() << "expected the dialect '"
                       << getDialect()->getNamespace() << "' of version 1 to "
                       << kBytecodeVersion << ", but got " << number;
    return nullptr;
  }
  return std::make_unique<BytecodeVersion>(number);
}
