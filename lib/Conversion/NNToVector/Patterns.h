//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The lowerings of convert-nn-to-vector that have a file of their own. Each
// emits loops before an op on memrefs.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_NNTOVECTOR_PATTERNS_H
#define MXFP4_LIB_CONVERSION_NNTOVECTOR_PATTERNS_H

#include "mxfp4/Conversion/VectorISA.h"
#include "mxfp4/Dialect/NN/IR/NN.h"

namespace mlir::mxfp4 {

void lowerAttention(nn::AttentionOp op, const VectorISA &isa);
void lowerCacheUpdate(nn::CacheUpdateOp op, const VectorISA &isa);
void lowerRotaryEmbedding(nn::RotaryEmbeddingOp op, const VectorISA &isa);

void lowerRouteTopK(nn::RouteTopKOp op, const VectorISA &isa);
void lowerAddExpertBias(nn::AddExpertBiasOp op, const VectorISA &isa);
void lowerCombineExperts(nn::CombineExpertsOp op, const VectorISA &isa);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_NNTOVECTOR_PATTERNS_H
