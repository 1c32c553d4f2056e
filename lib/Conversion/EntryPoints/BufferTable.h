//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of buffers that the runtime has to provide for the entry points of
// a module.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_ENTRYPOINTS_BUFFERTABLE_H
#define MXFP4_LIB_CONVERSION_ENTRYPOINTS_BUFFERTABLE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::mxfp4 {

/// True if the attribute `name` of an argument is the string `value`.
bool isNamed(func::FuncOp function, unsigned index, StringRef name,
             StringRef value);
/// True for the argument that is the arena.
bool isArena(func::FuncOp function, unsigned index);

/// Fails unless a function that prepares a weight gets two buffers and no
/// temporaries.
LogicalResult verifyPrepare(func::FuncOp function);

/// Fails if an argument that is an input or an output has `buffer`, which is
/// among `others`, those of the arguments before.
LogicalResult verifyOwnBuffer(func::FuncOp function, unsigned index,
                              int64_t buffer, ArrayRef<int64_t> others);

/// True if `type` is numbers one after another, as the runtime keeps them.
bool isPlainBuffer(MemRefType type);

/// Collects the buffers that arguments of entry points are bound to.
class BufferTable {
public:
  explicit BufferTable(ModuleOp module) : module(module) {}

  /// The number of the buffer that an argument is bound to. Entry points share
  /// buffers by name; a weight has one for each arrangement. Fails on an
  /// argument that cannot have one.
  FailureOr<int64_t> bind(func::FuncOp function, unsigned index,
                          MemRefType type);

  /// The number of a buffer of `bytes` bytes that the runtime fills.
  int64_t addInput(StringRef name, int64_t bytes);

  /// Writes the table into the attribute `mxfp4.buffers` of the module.
  void write();

  /// Bytes of the arena of the module.
  int64_t getArenaBytes();

private:
  /// What the runtime has to know of a buffer.
  struct BufferInfo {
    StringAttr kind;
    int64_t bytes = 0;
    int64_t bytesPerPosition = 0;
    Attribute source;
    /// Of an input or an output that has one type in all entry points.
    MemRefType type;
  };

  ModuleOp module;
  /// By name and by what prepares it.
  llvm::MapVector<std::pair<StringRef, Attribute>, BufferInfo> table;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_ENTRYPOINTS_BUFFERTABLE_H
