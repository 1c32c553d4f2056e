//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model's shape as a module of nn, mxfp4 and linalg ops on tensors.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_IMPORT_IMPORT_H
#define MXFP4_IMPORT_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mxfp4/Checkpoint/ModelConfig.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#include <optional>

namespace mlir::mxfp4 {

/// What the graph depends on besides the shape of the model.
struct ImportOptions {
  /// The type of normalized activations, attention, SwiGLU and the KV cache:
  /// bf16 (if null), f16 or f32. The residual stream is f32 in any case.
  Type activation;
  /// The integers that products with MXFP4 weights take their inputs as; those
  /// are multiplied as they are without.
  std::optional<InputFormat> matmulInputs;
  /// The format of the weights of attention and of the head, where their rows
  /// are whole blocks; null for BF16.
  const mx::BlockFormat *denseFormat = nullptr;
  /// Tokens that "prefill" takes at most.
  int64_t prefillTokens = 512;
  /// Rows of logits that "unembed" makes at most.
  int64_t logitsRows = 16;
  /// Sequences that caches hold.
  int64_t sequences = 1;
  /// Make "sample", and "sample_batch" with "decode_batch".
  bool makesSample = false;
};

/// Makes a module with the entry points
/// - "prefill": appends tokens to the sequence; leaves `hidden` [T, H];
/// - "unembed": rows of `hidden` from `position` on to `logits` [T, V];
/// - "decode": appends one token; leaves its `logits` [1, V];
/// - "decode_batch", for more sequences than one: appends a token to each of
///   some sequences; leaves their `logits` [T, V];
/// - "sample" and "sample_batch", on request: rows of `logits` to tokens;
/// and one function for each kind of layer, called once per layer. Weights are
/// arguments, bound to buffers of the names they have in the checkpoint.
OwningOpRef<ModuleOp> importGptOss(MLIRContext &context,
                                   const mx::ModelConfig &config,
                                   const ImportOptions &options);

/// Loads the dialects that importGptOss needs.
void loadImportDialects(MLIRContext &context);

} // namespace mlir::mxfp4

#endif // MXFP4_IMPORT_IMPORT_H
