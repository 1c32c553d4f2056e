//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The code that makes blocks: what a block's scale is, and what its numbers are
// multiplied by before they are rounded.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_UTILS_BLOCKCODE_H
#define MXFP4_LIB_CONVERSION_UTILS_BLOCKCODE_H

#include "ScalarCode.h"

namespace mlir::mxfp4 {

/// Makes the scales of blocks of one format: of a block, or of as many as
/// vectors have lanes.
struct BlockMaker {
  template <typename OpTy>
  explicit BlockMaker(OpTy op)
      : format(*getBlockFormat(op.getValues().getType(),
                               op.getScales().getType())),
        rule(op.getScaleRule()), rounding(op.getRounding()) {}

  struct Scale {
    /// The scale byte, as an i32 (F9, F11, F22).
    Value byte;
    /// True if the block holds an infinity or a NaN: its codes are 0 (F11).
    Value isNaN;
    /// What the numbers of the block are multiplied by, an f32; anything if
    /// `isNaN`.
    Value inverse;
  };

  /// The scale of a block whose largest magnitude has the bits `largest`, an
  /// i32. `encodeScale` is that of the tensor, an f32, or null for 1 (F22).
  Scale chooseScale(ImplicitLocOpBuilder &b, Value largest,
                    Value encodeScale) const;

  mx::BlockFormat format;
  ScaleRule rule;
  Rounding rounding;
};

/// A block of an input of a matmul, as integers times a scale (F24).
struct IntegerBlock {
  /// i32, or vectors of them.
  Value integers;
  /// An f32; NaN if the block holds a NaN or an infinity.
  Value scale;
};

/// The block `numbers`, a vector of f32.
IntegerBlock emitIntegerBlock(ImplicitLocOpBuilder &b, Value numbers,
                              InputFormat format);

/// The same for one number `x` of a block whose largest magnitude has the bits
/// `largest`, an i32.
IntegerBlock emitIntegerOfBlock(ImplicitLocOpBuilder &b, Value x, Value largest,
                                InputFormat format);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_UTILS_BLOCKCODE_H
