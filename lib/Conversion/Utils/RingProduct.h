//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The product that matmuls of one token on a GPU with tensor cores are made of:
// a block multiplies units of some rows of an MXFP4 weight by a row of bf16
// activations, the same for all or one for each.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_RINGPRODUCT_H
#define MXFP4_LIB_CONVERSION_UTILS_RINGPRODUCT_H

#include "TileWeight.h"

namespace mlir::mxfp4 {

/// How a block multiplies up to `units` units, each of `groups` groups of
/// kTileRows rows that follow each other. Warps share the columns: each has two
/// quads of loads of all rows, in each of `passes`.
struct RingShape {
  /// With `inputs` rows of activations: one for all units, or one for each.
  RingShape(const RowWeight &weight, int64_t groups, int64_t units,
            int64_t inputs);

  int64_t threads() const { return warps * kWarpSize; }
  int64_t rows() const { return groups * kTileRows; }

  /// The memory of a block: elements and scales that are under way, activations
  /// of each warp, and sums.
  SmallVector<MemRefType> getShared(const RowWeight &weight,
                                    MLIRContext *context) const;

  int64_t groups, units, inputs;
  /// Pairs of quads of a row.
  int64_t pairs;
  int64_t warps, passes;
  /// Units that a warp has under way.
  int64_t slots;
};

/// Blocks on a multiprocessor: one of this kernel, and one of the next, which
/// fills its memory meanwhile.
constexpr int64_t kRingResidentBlocks = 2;

/// Emits such products. Each lane copies what it multiplies to the memory of
/// the block, some units ahead.
class RingProduct {
public:
  /// The indices of the first group of a unit.
  using GetGroup = function_ref<SmallVector<Value>(Value unit)>;
  /// The indices of a row of activations.
  using GetInput = function_ref<SmallVector<Value>(Value input)>;

  /// For a block that has the memory of `shape`.
  RingProduct(ImplicitLocOpBuilder &b, const KernelThread &thread,
              const RingShape &shape, const RowWeight &weight, Value input);

  /// Multiplies the units below `count`. All threads of the block take part,
  /// and getSum knows the results then.
  void multiply(Value count, GetGroup getGroup, GetInput getInput);

  /// The product of row `row` of the rows of `unit`, in f32.
  Value getSum(Value unit, Value row);

private:
  Value getPair(Value pass);
  SmallVector<Value> getRow(ArrayRef<Value> first, Value number);
  void copyScales(ArrayRef<Value> first, Value pair, Value slot);
  void copy(Value unit, Value pair, Value slot, GetGroup getGroup);
  Value loadInput(ArrayRef<Value> row, Value first);
  void stageInputs(Value pair, GetInput getInput);
  Value getStaged(Value input, int64_t chunk);
  SmallVector<Value> loadCopied(int64_t group, Value pair, Value slot);
  Value storeSum(Value unit, int64_t group, ValueRange sums, Value pass);
  Value multiplyPass(Value pass, Value count, GetGroup getGroup,
                     GetInput getInput);
  void multiplyExactly(Value count, GetGroup getGroup, GetInput getInput);

  ImplicitLocOpBuilder &b;
  const KernelThread &thread;
  RingShape shape;
  RowWeight rowWeight;
  TileWeight weight;
  Value input;
  /// Whether the lane supplies activations for its column of products.
  Value isSupplier;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_RINGPRODUCT_H
