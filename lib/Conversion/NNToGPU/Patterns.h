//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declarations that the files of this folder share.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_CONVERSION_NNTOGPU_PATTERNS_H
#define MXFP4_LIB_CONVERSION_NNTOGPU_PATTERNS_H

#include "mxfp4/Dialect/NN/IR/NN.h"

namespace mlir::mxfp4 {

void launchAttention(nn::AttentionOp op);

/// The same with tensor cores, where the op is one for them; with clusters of
/// blocks where `clusters`.
bool hasTileAttention(nn::AttentionOp op);
void launchTileAttention(nn::AttentionOp op, bool clusters);

void launchSample(nn::SampleOp op);

void lowerRotaryEmbedding(nn::RotaryEmbeddingOp op);

/// The product for one token that `op` alone reads, if a kernel can rotate what
/// it computes; else null.
nn::LinearOp getRotatedLinear(nn::RotaryEmbeddingOp op);

/// Launches that kernel in the place of `op`. See emitLinearKernel for
/// `outputsTogether`.
void launchRotatedLinear(nn::LinearOp linear, nn::RotaryEmbeddingOp op,
                         int64_t outputsTogether);

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_CONVERSION_NNTOGPU_PATTERNS_H
