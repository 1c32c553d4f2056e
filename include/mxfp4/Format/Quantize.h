//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes blocks from wider floats: a rule chooses the scale of a block, then
// each element is rounded. F7, F8, ... are rules of docs/Format.md.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_FORMAT_QUANTIZE_H
#define MXFP4_FORMAT_QUANTIZE_H

#include "mxfp4/Format/BlockFormat.h"
#include "mxfp4/Support/Result.h"

#include <cstdint>

namespace mx {

/// How an E8M0 scale follows from the largest magnitude of its block (F9).
enum class ScaleRule : uint8_t {
  Floor,   ///< By the exponent alone; may clip elements. The OCP rule.
  Even,    ///< By the exponent after rounding to the mantissa of an element.
  RoundUp, ///< The smallest scale that clips nothing; also called rceil.
  Ceil,    ///< By the exponent, rounded up; clips nothing.
  Nearest, ///< The power of two nearest to what would clip nothing.
};

/// The scale of a whole tensor of ScaleFormat::E4M3 blocks (F22).
struct TensorScale {
  /// Multiplies what is decoded.
  float decode = 1.0f;
  /// What blocks are multiplied by before their own scale, about 1 / decode.
  float encode = 1.0f;
};

/// How blocks are made.
struct QuantizeOptions {
  /// For ScaleFormat::E8M0.
  ScaleRule scaleRule = ScaleRule::Floor;
  Rounding rounding = Rounding::NearestEven;
  /// A random byte for each value, for Rounding::Stochastic (F21).
  const uint8_t *random = nullptr;
  /// For ScaleFormat::E4M3.
  TensorScale tensorScale;
};

/// What a rule other than Nearest adds to the bits of the largest magnitude,
/// so that the addition carries into the exponent exactly where the rule moves
/// to the next scale (F9).
uint32_t getScaleCarry(const ElementFormat &element, ScaleRule rule);

/// The scale byte of a block whose largest magnitude is `largest` (F9, F10,
/// F22); NaN if that is not finite (F11).
uint8_t chooseScale(const BlockFormat &format, float largest,
                    const QuantizeOptions &options = {});

/// The largest magnitude of `count` values. A NaN is larger than all others.
float getLargestMagnitude(const float *values, int64_t count);

/// The scale of a tensor whose largest magnitude is `largest`, so that the
/// largest block scale is the largest E4M3 number (F22).
TensorScale chooseTensorScale(float largest);

/// Makes a block of blockSize values (F8): writes blockBytes() bytes and
/// returns the scale.
uint8_t quantizeBlock(const BlockFormat &format, const float *values,
                      uint8_t *packed, const QuantizeOptions &options = {});

/// Quantizes a row-major matrix [rows, columns] (F14): with blocks of B
/// elements, `packed` becomes [rows, columns / B] of blockBytes() bytes,
/// `scales` becomes [rows, columns / B]. `columns` is a multiple of B.
void quantizeRows(const BlockFormat &format, const float *values, int64_t rows,
                  int64_t columns, uint8_t *packed, uint8_t *scales,
                  const QuantizeOptions &options = {});

/// Quantizes the transpose of a bf16 matrix to MXFP4 (F16): `values` is
/// [inputs, outputs], `packed` becomes [outputs, inputs / 2] bytes, `scales`
/// becomes [outputs, inputs / 32]. `inputs` is a multiple of kBlockSize. This
/// turns one expert of a dequantized checkpoint into the official layout.
void quantizeTransposed(const uint16_t *values, int64_t inputs, int64_t outputs,
                        uint8_t *packed, uint8_t *scales,
                        ScaleRule rule = ScaleRule::Floor);

/// Turns the scales of `blocks` blocks of MXFP4 into those of NVFP4, two for
/// each, with the same elements and the same values (F23): `nvScales` becomes
/// [blocks, 2]. Fails if there is no tensor scale for which all of them exist.
Result<TensorScale> castScalesToNVFP4(const uint8_t *packed,
                                      const uint8_t *scales, int64_t blocks,
                                      uint8_t *nvScales);

} // namespace mx

#endif // MXFP4_FORMAT_QUANTIZE_H
