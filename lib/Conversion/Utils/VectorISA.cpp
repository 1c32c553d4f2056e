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
static constexpr llvm::StringLiteral kAMXFeatures[] = {
    "amx-bf16", "amx-tile", "avx512vnni", "avx512f", "avx512bw",
    "avx512cd", "avx512dq", "avx512vl",   "avx2",    "fma",
    "f16c",     "bmi",      "bmi2",       "lzcnt",   "movbe"};
static constexpr llvm::StringLiteral kAVX512BF16Features[] = {
    "avx512bf16", "avx512vnni", "avx512f", "avx512bw", "avx512cd",
    "avx512dq",   "avx512vl",   "avx2",    "fma",      "f16c",
    "bmi",        "bmi2",       "lzcnt",   "movbe"};
static constexpr llvm::StringLiteral kAVXVNNIFeatures[] = {
    "avxvnni", "avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe"};
static constexpr llvm::StringLiteral kMatrixProductFeatures[] = {
    "i8mm", "bf16", "dotprod", "neon"};

static constexpr llvm::StringLiteral kBF16Processors[] = {"znver5"};

/// All but the first `count`.
template <size_t N>
static constexpr llvm::ArrayRef<llvm::StringLiteral>
dropFront(const llvm::StringLiteral (&features)[N], size_t count = 1) {
  return {features + count, N - count};
}

// For 32 registers, and for 16.
static constexpr int64_t kLargeTiles[] = {12, 4, 2, 1};
static constexpr int64_t kAVX2Tiles[] = {4, 2, 1};
static constexpr int64_t kBaselineTiles[] = {2, 1};

using Lookup = VectorISA::Lookup;
using Architecture = VectorISA::Architecture;
using ByteProduct = VectorISA::ByteProduct;
static const VectorISA kTable[] = {
    {"amx", Architecture::X86, 32, 16, Lookup::Permute16, ByteProduct::Fours,
     false, false, true, true, true, kLargeTiles, "x86-64-v4", kAMXFeatures,
     /*onlyOn=*/{}, /*fetchesAhead=*/true},
    // On Emerald Rapids vdpbf16ps takes twice the time of f32, on Zen 5 half of
    // it (docs/Performance.md).
    {"avx512bf16", Architecture::X86, 32, 16, Lookup::Permute16,
     ByteProduct::Fours, false, true, false, true, true, kLargeTiles,
     "x86-64-v4", kAVX512BF16Features, kBF16Processors},
    {"avx512vnni", Architecture::X86, 32, 16, Lookup::Permute16,
     ByteProduct::Fours, false, false, false, true, true, kLargeTiles,
     "x86-64-v4", dropFront(kAVX512BF16Features)},
    {"avx512", Architecture::X86, 32, 16, Lookup::Permute16, ByteProduct::Pairs,
     false, false, false, true, true, kLargeTiles, "x86-64-v4",
     dropFront(kAVX512BF16Features, 2)},
    {"avxvnni", Architecture::X86, 16, 8, Lookup::Permute8, ByteProduct::Fours,
     false, false, false, true, true, kAVX2Tiles, "x86-64-v3",
     kAVXVNNIFeatures},
    {"avx2", Architecture::X86, 16, 8, Lookup::Permute8, ByteProduct::Pairs,
     false, false, false, true, true, kAVX2Tiles, "x86-64-v3",
     dropFront(kAVXVNNIFeatures)},
    {"neon_mmla", Architecture::AArch64, 32, 4, Lookup::Bytes,
     ByteProduct::Fours, true, true, false, true, true, kLargeTiles, "",
     kMatrixProductFeatures},
    {"neon_dotprod", Architecture::AArch64, 32, 4, Lookup::Bytes,
     ByteProduct::Fours, false, false, false, true, true, kLargeTiles, "",
     dropFront(kMatrixProductFeatures, 2)},
    {"neon", Architecture::AArch64, 32, 4, Lookup::Bytes, ByteProduct::None,
     false, false, false, true, true, kLargeTiles, "",
     dropFront(kMatrixProductFeatures, 3)},
    {"baseline",
     Architecture::Any,
     16,
     4,
     Lookup::Arithmetic,
     ByteProduct::None,
     false,
     false,
     false,
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
