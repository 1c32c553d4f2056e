//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pieces of vector code that the CPU lowerings share: loops, loads and stores
// in f32, and the panel product that every matmul is made of.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_VECTORCODE_H
#define MXFP4_LIB_CONVERSION_UTILS_VECTORCODE_H

#include "ScalarCode.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mxfp4/Conversion/VectorISA.h"

namespace mlir::mxfp4 {

//===----------------------------------------------------------------------===//
// Loops and indices
//===----------------------------------------------------------------------===//

/// The size of dimension `index`, a constant where it is static.
Value getSize(ImplicitLocOpBuilder &b, Value memref, int64_t index);

/// Fails unless the memrefs of `op` are contiguous.
LogicalResult checkContiguous(Operation *op);

/// An i32 of `memref` as an index.
Value loadIndex(ImplicitLocOpBuilder &b, Value memref, ValueRange indices);

/// The indices from `begin` to before `end`.
struct IndexRange {
  Value begin, end;
};

/// A loop from `begin` to `end` that carries `inits`; the body returns the
/// values for the next iteration. Returns those after the last.
SmallVector<Value>
emitFor(ImplicitLocOpBuilder &b, Value begin, Value end, int64_t step,
        ValueRange inits,
        function_ref<SmallVector<Value>(Value, ValueRange)> body);

/// A loop that carries nothing.
void emitFor(ImplicitLocOpBuilder &b, Value begin, Value end, int64_t step,
             function_ref<void(Value)> body);

/// A loop over [0, sizes) whose iterations may run at the same time.
void emitParallel(ImplicitLocOpBuilder &b, ArrayRef<Value> sizes,
                  function_ref<void(ValueRange)> body);

/// Runs `then` where `condition` holds, else `otherwise` if there is one.
/// Returns the branch.
scf::IfOp emitIf(ImplicitLocOpBuilder &b, Value condition,
                 function_ref<void()> then,
                 function_ref<void()> otherwise = {});

/// Stack memory that begins with a cache line.
Value allocateStack(ImplicitLocOpBuilder &b, ArrayRef<int64_t> shape,
                    Type element);

/// A call of an intrinsic that selects an instruction of the set. Of an
/// overloaded one `name` goes without the types.
Value callIntrinsic(ImplicitLocOpBuilder &b, StringRef name, Type result,
                    ValueRange operands);

//===----------------------------------------------------------------------===//
// Vectors of f32
//===----------------------------------------------------------------------===//

VectorType getF32Vector(ImplicitLocOpBuilder &b, int64_t lanes);

/// `lanes` elements from `indices` on, as f32. With `tail` only so many are
/// read; the others are zero.
Value loadF32(ImplicitLocOpBuilder &b, Value memref, ValueRange indices,
              int64_t lanes, Value tail = {});

/// Stores a vector of f32, or its first `tail` lanes, in the element type of
/// `memref`.
void storeF32(ImplicitLocOpBuilder &b, Value vector, Value memref,
              ValueRange indices, Value tail = {});

/// The number of elements of a row of `size` that are in the vector at
/// `offset`; null if `size` is a multiple of `lanes`, where every vector is
/// full.
Value getTail(ImplicitLocOpBuilder &b, int64_t size, Value offset,
              int64_t lanes);

/// Calls `body` for each vector of a row of `size` elements, the last with the
/// number of its elements where it is not full.
void emitRow(ImplicitLocOpBuilder &b, int64_t size, int64_t lanes,
             function_ref<void(Value offset, Value tail)> body);

/// x * y + z, fused where the instruction set can.
Value emitMultiplyAdd(ImplicitLocOpBuilder &b, const VectorISA &isa, Value x,
                      Value y, Value z);

/// The f32 values of the E2M1 elements in bits [4 * index, 4 * index + 4) of
/// each of the lanes of `words` (F3).
Value decodeNibbles(ImplicitLocOpBuilder &b, const VectorISA &isa, Value words,
                    int64_t index);

/// The f32 values, divided by getFactorOfBytes, of `bytes`, a vector of
/// elements of 8 bits of `format` (F3). A NaN of E4M3 may become a number.
Value decodeBytes(ImplicitLocOpBuilder &b, const VectorISA &isa,
                  const mx::ElementFormat &format, Value bytes);
double getFactorOfBytes(const VectorISA &isa, const mx::ElementFormat &format);

/// What decoded bytes are greater by than twice the element, to have no sign.
constexpr int64_t kWeightOffset = 12;

/// Bytes 2 * element + kWeightOffset for the E2M1 elements in the bytes of the
/// lanes of `codes`, which are below 16 (F3), as a vector of bytes.
Value lookUpBytes(ImplicitLocOpBuilder &b, const VectorISA &isa, Value codes);

/// `sums` plus the products of the four bytes of each lane of one or more
/// vectors: `weights` from lookUpBytes with `activations`, i32 lanes of signed
/// bytes. Takes as many vectors as getByteProductStep says. The products are
/// multiplied by `factor`, 1 or 256, where hasByteProductFactor.
Value emitByteProducts(ImplicitLocOpBuilder &b, const VectorISA &isa,
                       ArrayRef<Value> weights, ArrayRef<Value> activations,
                       Value sums, int64_t factor = 1);
int64_t getByteProductStep(const VectorISA &isa);
bool hasByteProductFactor(const VectorISA &isa);

/// 16-bit `sums`, which may be null, plus the products of two bytes each of
/// `weights` and `activations`, as above, and the sums of two 16-bit numbers
/// each, times `factor`, in 32 bits. Only where there are ByteProduct::Pairs.
Value emitBytePairs(ImplicitLocOpBuilder &b, const VectorISA &isa,
                    Value weights, Value activations, Value sums);
Value emitPairSums(ImplicitLocOpBuilder &b, const VectorISA &isa, Value sums,
                   int64_t factor = 1);

/// The even and the odd ones of `bytes` from lookUpBytes, as 16-bit numbers.
SmallVector<Value, 2> widenBytes(ImplicitLocOpBuilder &b, Value bytes);

/// `sums` plus the products of the two 16-bit numbers of each lane of `weights`
/// with those of `activations`, i32 lanes. Only where hasPairProduct.
Value emitPairProduct(ImplicitLocOpBuilder &b, const VectorISA &isa,
                      Value weights, Value activations, Value sums);
bool hasPairProduct(const VectorISA &isa);

/// f32 `sums` plus the products of the two bf16 numbers in each lane of `x`
/// with those in `y`, i32 lanes. Only where hasBF16Product.
Value emitBF16Products(ImplicitLocOpBuilder &b, const VectorISA &isa, Value x,
                       Value y, Value sums);

/// `sums` plus the products of two rows of `x` with two rows of `y`, in two i32
/// lanes each: lane 2 * i + j is of row i of `x` and row j of `y`. A row is
/// eight signed bytes or, where sums are f32, four bf16 numbers. Only where
/// hasMatrixProduct.
Value emitMatrixProduct(ImplicitLocOpBuilder &b, Value x, Value y, Value sums);

/// Two vectors of words of four rows, as i32 lanes with both words of two rows:
/// (x0, y0, x1, y1), then (x2, y2, x3, y3).
SmallVector<Value, 2> interleaveWords(ImplicitLocOpBuilder &b, Value x,
                                      Value y);

/// Exchanges the upper half of `x` with the lower half of `y`, four lanes each.
/// Sums of each of two rows of activations with four rows of weights so become
/// sums of both with two rows of weights, and the other way round.
void exchangeHalves(ImplicitLocOpBuilder &b, Value &x, Value &y);

/// exp(x) within 2 units in the last place; 0 below -87.3, infinity above 88.7,
/// NaN for NaN.
Value emitExp(ImplicitLocOpBuilder &b, Value x);

//===----------------------------------------------------------------------===//
// Caches
//===----------------------------------------------------------------------===//

/// A cache line, which is what a prefetch asks for.
constexpr int64_t kLineBytes = 64;
/// A page, where the prefetcher of a processor stops.
constexpr int64_t kBytesAhead = 4096;

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

/// A weight arranged in groups of rows: `values` [..., groups, columns / depth,
/// lanes * depth] and for blocks of B elements `scales` [..., groups,
/// columns / B, lanes]. `prefix` indexes the dimensions before the groups.
/// `tensorScale` is an f32, or null for 1.
struct Panel {
  Value values;
  Value scales;
  SmallVector<Value> prefix;
  int64_t columns;
  Value tensorScale = {};
};

/// A row of activations: `memref` [..., columns] at `prefix`. If it is packed
/// (`step` is not 0), `prefix` is where its first column is in a `memref` of
/// one dimension, and the next columns follow `step` further for each column;
/// those that are multiplied together stand together.
struct ActivationRow {
  Value memref;
  SmallVector<Value> prefix;
  int64_t step = 0;
};

/// True if the emitter can read weights of this type.
bool isPanelType(Type weight);

/// Elements of a row in a lane of a panel of `weight`.
int64_t getPanelDepth(Type weight);

/// The products of some groups of weight rows with some rows of activations:
/// result[group][row] is a vector of f32 with a lane for each weight row. Each
/// weight is loaded and decoded once, in a register, for all activation rows.
/// Sums run over columns in rising order; a block's scale is applied to the sum
/// over the block.
SmallVector<SmallVector<Value>> emitPanelProduct(ImplicitLocOpBuilder &b,
                                                 const VectorISA &isa,
                                                 const Panel &panel,
                                                 ArrayRef<Value> groups,
                                                 ArrayRef<ActivationRow> rows);

/// Calls `body` for blocks of `size` consecutive groups, the last perhaps with
/// fewer, in parallel.
void emitGroupBlocks(ImplicitLocOpBuilder &b, int64_t groups, int64_t size,
                     function_ref<void(Value begin, Value end)> body);

/// Calls `body` for tiles of `tile` consecutive groups from `begin` to `end`,
/// which are a block of `groups`, and for the rest for `unit` groups at a time.
void emitGroupTiles(ImplicitLocOpBuilder &b, Value begin, Value end,
                    int64_t groups, int64_t tile, int64_t unit,
                    function_ref<void(Value first, int64_t count)> body);

/// Calls `body` for tiles of consecutive rows from `begin` to `end`: of as many
/// as the first of `tiles` says, then of the next, down to one.
void emitRowTiles(ImplicitLocOpBuilder &b, Value begin, Value end,
                  ArrayRef<int64_t> tiles,
                  function_ref<void(Value first, int64_t count)> body);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_VECTORCODE_H
