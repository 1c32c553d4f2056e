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

// Those of the levels x86-64-v4 and x86-64-v3 that not every processor has.
static constexpr llvm::StringLiteral kAVX512Features[] = {
    "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx2",
    "fma",     "f16c",     "bmi",      "bmi2",     "lzcnt",    "movbe"};
static constexpr llvm::StringLiteral kAVX2Features[] = {
    "avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe"};

static constexpr int64_t kAVX512Tiles[] = {12, 4, 2, 1};
static constexpr int64_t kAVX2Tiles[] = {4, 2, 1};
static constexpr int64_t kBaselineTiles[] = {2, 1};

static const VectorISA kTable[] = {
    {"avx512", 16, VectorISA::Lookup::Permute16, true, kAVX512Tiles,
     "x86-64-v4", kAVX512Features},
    {"avx2", 8, VectorISA::Lookup::Permute8, true, kAVX2Tiles, "x86-64-v3",
     kAVX2Features},
    {"baseline",
     4,
     VectorISA::Lookup::Arithmetic,
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
