//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registration of the nn dialect, and rotary frequencies.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/IR/BytecodeVersion.h"
#include "mxfp4/Dialect/NN/IR/NN.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::nn;

#include "mxfp4/Dialect/NN/IR/NNDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "mxfp4/Dialect/NN/IR/NNAttrs.cpp.inc"

void NNDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "mxfp4/Dialect/NN/IR/NNAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "mxfp4/Dialect/NN/IR/NNOps.cpp.inc"
      >();
  addInterfaces<mxfp4::VersionedBytecode>();
}

LogicalResult YarnAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               FloatAttr theta, FloatAttr factor,
                               FloatAttr betaFast, FloatAttr betaSlow,
                               int64_t originalLength, bool truncate) {
  if (!(theta.getValueAsDouble() > 1.0))
    return emitError() << "expected 'theta' above 1, but got " << theta;
  if (!(factor.getValueAsDouble() >= 1.0))
    return emitError() << "expected 'factor' of at least 1, but got " << factor;
  if (!(betaSlow.getValueAsDouble() > 0.0) ||
      !(betaFast.getValueAsDouble() >= betaSlow.getValueAsDouble()))
    return emitError() << "expected 0 < 'beta_slow' <= 'beta_fast', but got "
                       << betaSlow << " and " << betaFast;
  if (originalLength < 1)
    return emitError() << "expected a positive 'original_length', but got "
                       << originalLength;
  return success();
}

SmallVector<float> YarnAttr::getFrequencies(int64_t headDim) const {
  double theta = getTheta().getValueAsDouble();
  float factor = static_cast<float>(getFactor().getValueAsDouble());
  double half = static_cast<double>(headDim) / 2;
  // The dimension whose wave turns `rotations` times in the original length.
  auto dimensionOf = [&](double rotations) {
    return half * std::log(getOriginalLength() / (rotations * 2 * M_PI)) /
           std::log(theta);
  };
  double low = dimensionOf(getBetaFast().getValueAsDouble());
  double high = dimensionOf(getBetaSlow().getValueAsDouble());
  if (getTruncate()) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(headDim - 1));
  if (low == high)
    high += 0.001; // The reference's guard against a ramp of no width.

  SmallVector<float> frequencies;
  for (int64_t i = 0; i < headDim / 2; ++i) {
    float exponent = static_cast<float>(2 * i) / static_cast<float>(headDim);
    float wave = std::pow(static_cast<float>(theta), exponent);
    float ramp = std::clamp((static_cast<float>(i) - static_cast<float>(low)) /
                                static_cast<float>(high - low),
                            0.0f, 1.0f);
    frequencies.push_back((1.0f / (factor * wave)) * ramp +
                          (1.0f / wave) * (1.0f - ramp));
  }
  return frequencies;
}

float YarnAttr::getAmplitude() const {
  return static_cast<float>(0.1 * std::log(getFactor().getValueAsDouble()) +
                            1.0);
}
