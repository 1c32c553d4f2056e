//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The floats of four to eight bits that blocks are made of. F1, F2, ... are
// rules of docs/Format.md.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_FORMAT_ELEMENTFORMAT_H
#define MXFP4_FORMAT_ELEMENTFORMAT_H

#include <cstdint>

namespace mx {

/// A float of few bits: a sign, an exponent, and a mantissa in the low bits.
/// Exponent 0 has the subnormals. Codes above the largest finite one are
/// infinity, if the format has one, and NaN (F3).
struct ElementFormat {
  /// As MLIR calls it.
  const char *name;
  int bits;
  int mantissaBits;
  int bias;
  /// The code of the largest finite number, and its value.
  uint8_t largest;
  float largestValue;
  /// 0 if there is none.
  uint8_t infinity;
  /// The code that a NaN becomes; 0 if there is none.
  uint8_t nan;

  /// All codes of one sign.
  constexpr uint8_t magnitudeMask() const { return (1 << (bits - 1)) - 1; }
};

inline constexpr ElementFormat kE2M1 = {"f4E2M1FN", 4, 1, 1, 0x07, 6.0f, 0, 0};
inline constexpr ElementFormat kE2M3 = {"f6E2M3FN", 6, 3, 1, 0x1F, 7.5f, 0, 0};
inline constexpr ElementFormat kE3M2 = {"f6E3M2FN", 6, 2, 3, 0x1F, 28.0f, 0, 0};
inline constexpr ElementFormat kE4M3 = {"f8E4M3FN", 8,      3, 7,
                                        0x7E,       448.0f, 0, 0x7F};
inline constexpr ElementFormat kE5M2 = {"f8E5M2", 8,        2,    15,
                                        0x7B,     57344.0f, 0x7C, 0x7E};

/// How a number between two neighbors of a format is rounded (F7).
enum class Rounding : uint8_t {
  NearestEven, ///< To the nearest; a tie to the even code.
  NearestAway, ///< A tie away from zero.
  NearestZero, ///< A tie toward zero.
  Stochastic,  ///< Up as often as it is near, by 8 random bits (F21).
};

/// The value of `code`, of which only the low `bits` count (F3).
float decode(const ElementFormat &format, uint8_t code);

/// The code of `value`, rounded (F7). What is beyond the largest finite number
/// becomes that; the sign is kept, of zero too. A NaN becomes NaN, or zero in a
/// format without. `random` is for Rounding::Stochastic.
uint8_t encode(const ElementFormat &format, float value,
               Rounding rounding = Rounding::NearestEven, uint8_t random = 0);

/// The value of an E8M0 scale (F4).
float decodeE8M0(uint8_t scale);

} // namespace mx

#endif // MXFP4_FORMAT_ELEMENTFORMAT_H
