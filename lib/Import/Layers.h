//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builders of the parts of a layer, on tensors of a fixed or a dynamic number
// of tokens. None of them fuses anything.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_IMPORT_LAYERS_H
#define MXFP4_LIB_IMPORT_LAYERS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mxfp4/Checkpoint/ModelConfig.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#include <optional>

namespace mlir::mxfp4 {

/// A weight of attention or the head: dense floats or blocks.
struct DenseWeight {
  Value values;
  /// Of blocks; else null.
  Value scales;
  /// The integers that a product with blocks takes its input as.
  std::optional<InputFormat> inputFormat;
};

/// Where tokens stand: operands of nn ops.
struct TokenPlaces {
  Value position;
  /// Null if there is one sequence.
  Value sequence;
};

/// Builds the ops of a layer for a model and a precision of activations.
class LayerBuilder {
public:
  /// `activation` is the type of normalized activations and of the cache;
  /// `tokens` the number of tokens, an attribute or a value.
  LayerBuilder(ImplicitLocOpBuilder &b, const mx::ModelConfig &config,
               Type activation, OpFoldResult tokens)
      : b(b), config(config), activation(activation), tokens(tokens) {}

  /// A tensor [T, sizes...] whose values do not matter.
  Value empty(ArrayRef<int64_t> sizes, Type element);

  Value embedding(Value ids, Value table);
  /// In the type of activations, into `init` if given.
  Value rmsNorm(Value x, Value gain, Value init = {});
  /// x . weight + bias, f32 rounded to `element`; `bias` may be null. The sum
  /// is made in `init` if given.
  Value linear(Value x, const DenseWeight &weight, Value bias, Type element,
               Value init = {});
  /// x + y into `init`.
  Value add(Value x, Value y, Value init);
  /// [T, heads * headDim] as [T, heads, headDim], and back.
  Value splitHeads(Value x, int64_t heads);
  Value joinHeads(Value x);
  Value rotary(Value x, const TokenPlaces &places);
  Value attention(Value query, Value key, Value value, Value keyCache,
                  Value valueCache, Value sinks, const TokenPlaces &places,
                  bool isSliding);
  Value updateCache(Value x, const TokenPlaces &places, Value cache);
  /// The experts of each token and their weights, [T, S] each.
  std::pair<Value, Value> route(Value logits);
  /// [T, S, rows]: the products of each token, rounded to blocks of `format`
  /// where given, with its experts' weights.
  Value matmulByExpert(Value x, Value values, Value scales, Value bias,
                       Value experts, std::optional<InputFormat> format);
  Value swiglu(Value x);
  Value combineExperts(Value x, Value weights);

private:
  int64_t getSize(Value x, int64_t index) const;
  InputFormatAttr getInputFormatAttr(std::optional<InputFormat> format) const;

  ImplicitLocOpBuilder &b;
  const mx::ModelConfig &config;
  Type activation;
  OpFoldResult tokens;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_IMPORT_LAYERS_H
