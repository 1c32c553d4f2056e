//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes blocks from wider floats: a rule chooses the scale of a block, then
// each element is rounded to nearest even. F7, F8, ... are rules of
// docs/Format.md.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_FORMAT_QUANTIZE_H
#define MXFP4_FORMAT_QUANTIZE_H

#include <cstdint>

namespace mx {

/// How the scale of a block follows from its largest magnitude (F9).
enum class ScaleRule : uint8_t {
  Floor,   ///< By the exponent alone; may clip elements. The OCP rule.
  Even,    ///< By the exponent after rounding to one bit of mantissa.
  RoundUp, ///< The smallest scale that clips nothing; also called rceil.
  Ceil,    ///< By the exponent, rounded up; clips nothing.
};

/// The code of the element nearest to `value`, ties to the even code,
/// saturating (F7). The sign is kept, of zero too. A NaN has no code: it
/// becomes a zero.
uint8_t encodeE2M1(float value);

/// The scale of a block whose largest magnitude is `largest` (F9, F10);
/// kScaleNaN if that is not finite (F11).
uint8_t chooseScale(float largest, ScaleRule rule = ScaleRule::Floor);

/// Makes a block of 32 values (F8): writes kBlockBytes bytes and returns the
/// scale.
uint8_t quantizeBlock(const float *values, uint8_t *packed,
                      ScaleRule rule = ScaleRule::Floor);

/// Quantizes a row-major matrix [rows, columns] (F14): `packed` becomes
/// [rows, columns / 2] bytes, `scales` becomes [rows, columns / 32]. `columns`
/// is a multiple of kBlockSize.
void quantizeRows(const float *values, int64_t rows, int64_t columns,
                  uint8_t *packed, uint8_t *scales,
                  ScaleRule rule = ScaleRule::Floor);

/// As above, from the bits of bf16 numbers.
void quantizeRows(const uint16_t *values, int64_t rows, int64_t columns,
                  uint8_t *packed, uint8_t *scales,
                  ScaleRule rule = ScaleRule::Floor);

/// Quantizes the transpose of a bf16 matrix (F16): `values` is
/// [inputs, outputs], `packed` becomes [outputs, inputs / 2] bytes, `scales`
/// becomes [outputs, inputs / 32]. `inputs` is a multiple of kBlockSize. This
/// turns one expert of a dequantized checkpoint into the official layout.
void quantizeTransposed(const uint16_t *values, int64_t inputs, int64_t outputs,
                        uint8_t *packed, uint8_t *scales,
                        ScaleRule rule = ScaleRule::Floor);

} // namespace mx

#endif // MXFP4_FORMAT_QUANTIZE_H
