//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of vector instruction sets.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/VectorISA.h"

using namespace mlir::mxfp4;

// Those of the levels x86-64-v4 and x86-64-v3 that not every processor has, and
// what is not of a level.
static constexpr llvm::StringLiteral kAVX512VNNIFeatures[] = {
    "avx512vnni", "avx512f", "avx512bw", "avx512cd", "avx512dq",
    "avx512vl",   "avx2",    "fma",      "f16c",     "bmi",
    "bmi2",       "lzcnt",   "movbe"};
static constexpr llvm::StringLiteral kAVXVNNIFeatures[] = {
    "avxvnni", "avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe"};

/// All but the first.
template <size_t N>
static constexpr llvm::ArrayRef<llvm::StringLiteral>
dropFront(const llvm::StringLiteral (&features)[N]) {
  return {features + 1, N - 1};
}

static constexpr int64_t kAVX512Tiles[] = {12, 4, 2, 1};
static constexpr int64_t kAVX2Tiles[] = {4, 2, 1};
static constexpr int64_t kBaselineTiles[] = {2, 1};

using Lookup = VectorISA::Lookup;
using ByteProduct = VectorISA::ByteProduct;
static const VectorISA kTable[] = {
    {"avx512vnni", 16, Lookup::Permute16, ByteProduct::Fours, true, true,
     kAVX512Tiles, "x86-64-v4", kAVX512VNNIFeatures},
    {"avx512", 16, Lookup::Permute16, ByteProduct::Pairs, true, true,
     kAVX512Tiles, "x86-64-v4", dropFront(kAVX512VNNIFeatures)},
    {"avxvnni", 8, Lookup::Permute8, ByteProduct::Fours, true, true, kAVX2Tiles,
     "x86-64-v3", kAVXVNNIFeatures},
    {"avx2", 8, Lookup::Permute8, ByteProduct::Pairs, true, true, kAVX2Tiles,
     "x86-64-v3", dropFront(kAVXVNNIFeatures)},
    {"baseline",
     4,
     Lookup::Arithmetic,
     ByteProduct::None,
     false,
     false,
     kBaselineTiles,
     "",
     {}},
};

llvm::ArrayRef<VectorISA> VectorISA::all() { return kTable; }

const VectorISA *VectorISA::find(llvm::StringRef name) {
  for (const VectorISA &isa : kTable)
    if (isa.name == name)
      return &isa;
  return nullptr;
}
