//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The vector instruction sets that the CPU lowerings know. Another one is a row
// of the table.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_CONVERSION_VECTORISA_H
#define MXFP4_CONVERSION_VECTORISA_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace mlir::mxfp4 {

/// What the emitter of vector code asks about an instruction set.
struct VectorISA {
  /// Processors that have it; Any is what LLVM can make of plain arithmetic.
  enum class Architecture { Any, X86, AArch64 };

  /// How 16 values are looked up by 4-bit codes in 32-bit lanes.
  enum class Lookup {
    /// Shifts, compares and selects: any processor.
    Arithmetic,
    /// vpermps on 8 lanes: the low three bits of a lane choose a magnitude.
    Permute8,
    /// vpermps on 16 lanes: the low four bits of a lane choose a value.
    Permute16,
    /// tbl on bytes: the upper two bytes of a lane are looked up.
    Bytes,
  };

  /// How unsigned bytes are multiplied by signed ones, and four products added
  /// up in a 32-bit lane.
  enum class ByteProduct {
    /// Not at all: activations that are integers are multiplied as floats.
    None,
    /// vpmaddubsw and vpmaddwd, by way of 16-bit sums of two.
    Pairs,
    /// vpdpbusd or sdot, which add to 32-bit sums.
    Fours,
  };

  llvm::StringRef name;
  Architecture architecture;
  /// Vector registers, and the f32 lanes of one.
  int64_t registers;
  int64_t lanes;
  Lookup lookup;
  ByteProduct byteProduct;
  /// True if two rows of bytes are multiplied by two others at a time, and rows
  /// of bf16 where there are products of those (smmla, bfmmla).
  bool hasMatrixProduct;
  /// True if two bf16 numbers are multiplied by two others and added up in f32
  /// in a lane (bfdot, vdpbf16ps).
  bool hasBF16Product;
  /// True if registers hold matrices of bf16 of 16 rows and 32 columns, whose
  /// products are added to f32 (tdpbf16ps).
  bool hasTileProduct;
  /// True if a fused multiply-add is one instruction.
  bool hasFMA;
  /// True if there are instructions that convert between f16 and f32.
  bool hasF16;
  /// By how many rows of activations two groups of weight rows are multiplied
  /// at a time, falling to one: the first is what fits the registers as sums.
  llvm::ArrayRef<int64_t> rowTiles;
  /// The processor, as LLVM names it, that code is made for, where that is not
  /// the plainest of the architecture, and the features that a machine must
  /// have to run that code.
  llvm::StringRef processor;
  llvm::ArrayRef<llvm::StringLiteral> features;
  /// The processors that get it, as LLVM names them, where not all that have
  /// the features gain by it.
  llvm::ArrayRef<llvm::StringLiteral> onlyOn = {};
  /// True if its processors read dense weights faster where code does not ask
  /// for them ahead.
  bool fetchesAhead = false;

  /// All instruction sets, the widest first.
  static llvm::ArrayRef<VectorISA> all();
  /// The one called `name`, or null.
  static const VectorISA *find(llvm::StringRef name);
};

} // namespace mlir::mxfp4

#endif // MXFP4_CONVERSION_VECTORISA_H
