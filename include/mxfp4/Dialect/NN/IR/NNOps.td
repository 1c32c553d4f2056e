//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The few model ops that a target must see whole and that upstream has no name
// for. Each decomposes to linalg (convert-nn-to-linalg); that is its definition.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DIALECT_NN_IR_NNOPS_TD
#define MXFP4_DIALECT_NN_IR_NNOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mxfp4/Dialect/MXFP4/IR/MXFP4Attrs.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::mlir::nn";
  let summary = "Ops of transformer models that a target must see as a unit";
  let description = [{
    An op belongs here if a target must see it as a unit to run it well and it
    cannot be recognized again once it is spread over a dozen upstream ops.

    All ops are in destination style: they read their `ins` and write `outs`,
    whose values before do not matter (`nn.cache_update` excepted). Arithmetic
    is done in f32; a result of another type is rounded once. T counts tokens.

    A `position` that is an index is that of the first token, and the others
    follow it in the same sequence: `p[t] = position + t`. One that is i32 `[T]`
    has that of each token, `p[t] = position[t]`, which are of sequences of their
    own. A `sequence` says which: all tokens' number as an index, or each
    token's, `s[t]`, as i32 `[T]`. It is 0 where it is not given.
  }];
  let dependentDialects = ["::mlir::mxfp4::MXFP4Dialect"];
  let useDefaultAttributePrinterParser = 1;
}

def NN_YarnAttr : AttrDef<NN_Dialect, "Yarn"> {
  let mnemonic = "yarn";
  let summary = "Rotary frequencies with YaRN scaling";
  let description = [{
    For dimension pair `i` of a head of size D the angle at position p is
    `p * f[i]`. With `w = theta^(2i/D)`, f[i] blends 1 / w (below the
    dimension that turns `beta_fast` times in `original_length` positions) and
    1 / (factor * w) (above the one that turns `beta_slow` times). Sine and
    cosine are multiplied by `0.1 * ln(factor) + 1`. `truncate` rounds the two
    border dimensions outward to integers.

    Source: the GPT-OSS reference implementation.
  }];
  let parameters = (ins "FloatAttr":$theta, "FloatAttr":$factor,
                        "FloatAttr":$betaFast, "FloatAttr":$betaSlow,
                        "int64_t":$originalLength, "bool":$truncate);
  let assemblyFormat = [{
    `<` `theta` `=` $theta `,` `factor` `=` $factor `,` `beta_fast` `=`
    $betaFast `,` `beta_slow` `=` $betaSlow `,` `original_length` `=`
    $originalLength `,` `truncate` `=` $truncate `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// f[i] for the headDim / 2 pairs of a head, computed in f32 as the
    /// reference implementations do.
    SmallVector<float> getFrequencies(int64_t headDim) const;
    /// The factor of sine and cosine.
    float getAmplitude() const;
  }];
}

/// Positions or sequences of tokens: one for all of them or one for each.
def NN_Places : AnyTypeOf<[Index, MXFP4_Indices]>;

class NN_Op<string mnemonic, list<Trait> traits = []>
    : MXFP4_DestinationStyleOp<NN_Dialect, mnemonic, traits>;

class NN_CostOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic,
            traits # [DeclareOpInterfaceMethods<MXFP4_CostOpInterface>]>;

def NN_EmbeddingOp : NN_CostOp<"embedding"> {
  let summary = "Look up the rows of tokens in a table";
  let description = [{
    `result[t, h] = table[ids[t], h]`. Ids are from 0 to V - 1.

    Example:

    ```mlir
    %x = nn.embedding ins(%ids, %table : tensor<?xi32>, tensor<201088x2880xbf16>)
        outs(%init : tensor<?x2880xf32>) -> tensor<?x2880xf32>
    ```
  }];
  let arguments = (ins MXFP4_Indices:$ids, MXFP4_Floats:$table, MXFP4_Floats:$init);
  let assemblyFormat = [{
    `ins` `(` $ids `,` $table `:` type($ids) `,` type($table) `)`
    `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

def NN_RMSNormOp : NN_Op<"rms_norm"> {
  let summary = "Divide rows by their root mean square and multiply by a gain";
  let description = [{
    `result[t, h] = gain[h] * (x[t, h] / sqrt(mean(x[t]^2) + epsilon))`, rounded
    once.

    Example:

    ```mlir
    %y = nn.rms_norm ins(%x, %gain : tensor<?x2880xf32>, tensor<2880xbf16>)
        outs(%init : tensor<?x2880xf32>) {epsilon = 1.0e-05 : f32} -> tensor<?x2880xf32>
    ```
  }];
  let arguments = (ins MXFP4_Floats:$input, MXFP4_Floats:$gain, MXFP4_Floats:$init,
                       F32Attr:$epsilon);
  let assemblyFormat = [{
    `ins` `(` $input `,` $gain `:` type($input) `,` type($gain) `)`
    `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

def NN_LinearOp : NN_CostOp<"linear", [AttrSizedOperandSegments]> {
  let summary = "Multiply by a dense weight and add bias and residual";
  let description = [{
    `result[t, n] = sum over k of input[t, k] * weight[n, k]`, plus `bias[n]`
    and `residual[t, n]` where given: `linalg.matmul` with a transposed weight
    and what `mxfp4-fuse-epilogue` adds to it. The block-scaled form is
    `mxfp4.matmul`.

    Example:

    ```mlir
    %y = nn.linear ins(%x, %weight : tensor<?x2880xf32>, tensor<512x2880xbf16>)
        bias(%bias : tensor<512xbf16>)
        outs(%init : tensor<?x512xf32>) -> tensor<?x512xf32>
    ```
  }];
  let arguments = (ins MXFP4_Floats:$input, MXFP4_Floats:$weight,
                       Optional<MXFP4_Floats>:$bias,
                       Optional<MXFP4_Floats>:$residual, MXFP4_Floats:$init,
                       OptionalAttr<MXFP4_LayoutAttr>:$layout);
  let assemblyFormat = [{
    `ins` `(` $input `,` $weight `:` type($input) `,` type($weight) `)`
    (`bias` `(` $bias^ `:` type($bias) `)`)?
    (`residual` `(` $residual^ `:` type($residual) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

def NN_RotaryEmbeddingOp : NN_Op<"rotary_embedding"> {
  let summary = "Rotate heads by their position";
  let description = [{
    For token t at position `p = p[t]` and pair i of each head (half split:
    elements i and i + D / 2), with `c = cos(p * f[i])` and `s = sin(p * f[i])`,
    both multiplied by the amplitude:
    `result[i] = x[i] * c - x[i + D/2] * s` and
    `result[i + D/2] = x[i + D/2] * c + x[i] * s`. The angle is formed in f32.

    Example:

    ```mlir
    %r = nn.rotary_embedding ins(%q, %position : tensor<?x64x64xf32>, index)
        outs(%init : tensor<?x64x64xf32>)
        {yarn = #nn.yarn<theta = 150000.0 : f32, factor = 32.0 : f32,
          beta_fast = 32.0 : f32, beta_slow = 1.0 : f32,
          original_length = 4096, truncate = false>} -> tensor<?x64x64xf32>
    ```
  }];
  let arguments = (ins MXFP4_Floats:$input, NN_Places:$position, MXFP4_Floats:$init,
                       NN_YarnAttr:$yarn);
  let assemblyFormat = [{
    `ins` `(` $input `,` $position `:` type($input) `,` type($position) `)`
    `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

def NN_AttentionOp : NN_CostOp<"attention"> {
  let summary = "Grouped-query attention with sinks over a cache";
  let description = [{
    Token t stands at position `p = p[t]` of its sequence. It attends to
    positions j from 0 (or from `p - window + 1`) to p. Keys and values of
    positions before this call are read from the caches `[C, S * KV, D]`, which
    have S sequences: position j is in row `j mod C`, and KV head i of sequence
    `s[t]` is head `s[t] * KV + i`. Those of this call are read from `key` and
    `value` `[T, KV, D]`. The caches are not changed (see `nn.cache_update`).
    Query head h of `[T, heads, D]` uses KV head `h / (heads / KV)`.

    With `z[j] = scale * dot(query, key[j])` the weights are
    `exp(z[j]) / (exp(sink[h]) + sum of exp(z))`: the sink of a head takes part in
    the sum and has no value.

    If n is the most positions that one of the sequences had before this call, a
    cache must have more than n rows, or with `window` at least
    `min(n, window - 1)`.

    Example:

    ```mlir
    %y = nn.attention
        ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x64x64xf32>,
            tensor<?x8x64xf32>, tensor<?x8x64xf32>, tensor<128x8x64xf32>,
            tensor<128x8x64xf32>, tensor<64xbf16>, index)
        outs(%init : tensor<?x64x64xf32>)
        {scale = 0.125 : f32, window = 128 : i64} -> tensor<?x64x64xf32>
    ```

    Four tokens of any four of 16 sequences:

    ```mlir
    %y = nn.attention
        ins(%q, %k, %v, %keys, %values, %sinks, %positions : tensor<4x64x64xf32>,
            tensor<4x8x64xf32>, tensor<4x8x64xf32>, tensor<128x128x64xf32>,
            tensor<128x128x64xf32>, tensor<64xbf16>, tensor<4xi32>)
        sequence(%sequences : tensor<4xi32>)
        outs(%init : tensor<4x64x64xf32>)
        {scale = 0.125 : f32, window = 128 : i64} -> tensor<4x64x64xf32>
    ```
  }];
  let arguments = (ins MXFP4_Floats:$query, MXFP4_Floats:$key, MXFP4_Floats:$value,
                       MXFP4_Floats:$keyCache, MXFP4_Floats:$valueCache,
                       MXFP4_Floats:$sinks, NN_Places:$position,
                       Optional<NN_Places>:$sequence, MXFP4_Floats:$init,
                       F32Attr:$scale, OptionalAttr<I64Attr>:$window);
  let assemblyFormat = [{
    `ins` `(` $query `,` $key `,` $value `,` $keyCache `,` $valueCache `,`
    $sinks `,` $position `:` type($query) `,` type($key) `,` type($value)
    `,` type($keyCache) `,` type($valueCache) `,` type($sinks) `,`
    type($position) `)`
    (`sequence` `(` $sequence^ `:` type($sequence) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

def NN_CacheUpdateOp : NN_CostOp<"cache_update"> {
  let summary = "Write the newest positions into a cache";
  let description = [{
    Row `p[t] mod C` of sequence `s[t]` in the cache `[C, S * KV, D]`, which is
    heads `s[t] * KV` to `s[t] * KV + KV - 1`, becomes `input[t]`; all others
    stay. If there are more than C tokens of a sequence, the last C are written.
    A cache of the size of the window so keeps the window.

    Example:

    ```mlir
    %keys2 = nn.cache_update ins(%k, %position : tensor<?x8x64xf32>, index)
        outs(%keys : tensor<128x8x64xf32>) -> tensor<128x8x64xf32>
    ```
  }];
  let arguments = (ins MXFP4_Floats:$input, NN_Places:$position,
                       Optional<NN_Places>:$sequence, MXFP4_Floats:$init);
  let assemblyFormat = [{
    `ins` `(` $input `,` $position `:` type($input) `,` type($position) `)`
    (`sequence` `(` $sequence^ `:` type($sequence) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
  // The old rows are kept.
  let extraClassDefinition = [{
    void $cppClass::getEffects(
        SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
            &effects) {
      ::mlir::mxfp4::getDestinationStyleEffects(*this, effects,
                                                /*keepsSome=*/true);
    }
  }];
}

def NN_RouteTopKOp : NN_Op<"route_top_k"> {
  let summary = "Choose the experts of each token and their weights";
  let description = [{
    Takes the S largest of the E logits of each token, in falling order (the lower
    index first where they are equal), and the softmax over those S. NaN logits
    rank lowest.

    Example:

    ```mlir
    %experts, %weights = nn.route_top_k ins(%logits : tensor<?x32xf32>)
        outs(%e, %w : tensor<?x4xi32>, tensor<?x4xf32>)
        -> tensor<?x4xi32>, tensor<?x4xf32>
    ```
  }];
  let arguments = (ins MXFP4_Floats:$logits, MXFP4_Indices:$initExperts,
                       MXFP4_Floats:$initWeights);
  let assemblyFormat = [{
    `ins` `(` $logits `:` type($logits) `)`
    `outs` `(` $initExperts `,` $initWeights `:` type($initExperts) `,`
    type($initWeights) `)` attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() {
      return MutableOperandRange(getOperation(), 1, 2);
    }
  }];
}

def NN_AddExpertBiasOp : NN_Op<"add_expert_bias"> {
  let summary = "Add to each slot of a token the bias of its expert";
  let description = [{
    `result[t, s, n] = input[t, s, n] + bias[experts[t, s], n]`.

    Example:

    ```mlir
    %y = nn.add_expert_bias ins(%x, %bias, %experts : tensor<?x4x5760xf32>,
            tensor<32x5760xbf16>, tensor<?x4xi32>)
        outs(%init : tensor<?x4x5760xf32>) -> tensor<?x4x5760xf32>
    ```
  }];
  let arguments = (ins MXFP4_Floats:$input, MXFP4_Floats:$bias, MXFP4_Indices:$experts,
                       MXFP4_Floats:$init);
  let assemblyFormat = [{
    `ins` `(` $input `,` $bias `,` $experts `:` type($input) `,`
    type($bias) `,` type($experts) `)`
    `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

def NN_SwiGLUOp : NN_Op<"swiglu"> {
  let summary = "The clamped SwiGLU of GPT-OSS on interleaved gate and up";
  let description = [{
    With `g = min(input[..., 2j], limit)` and
    `u = clamp(input[..., 2j + 1], -limit, limit)`:
    `result[..., j] = g * sigmoid(alpha * g) * (u + 1)`.

    Example:

    ```mlir
    %y = nn.swiglu ins(%x : tensor<?x4x5760xf32>) outs(%init : tensor<?x4x2880xf32>)
        {activation = #mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>}
        -> tensor<?x4x2880xf32>
    ```
  }];
  let arguments = (ins MXFP4_Floats:$input, MXFP4_Floats:$init,
                       MXFP4_SwiGLUAttr:$activation);
  let assemblyFormat = [{
    `ins` `(` $input `:` type($input) `)`
    `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

def NN_CombineExpertsOp : NN_Op<"combine_experts"> {
  let summary = "Add up the slots of a token with their routing weights";
  let description = [{
    `result[t, n] = sum over s of weights[t, s] * input[t, s, n]`.

    Example:

    ```mlir
    %y = nn.combine_experts ins(%x, %weights : tensor<?x4x2880xf32>, tensor<?x4xf32>)
        outs(%init : tensor<?x2880xf32>) -> tensor<?x2880xf32>
    ```
  }];
  let arguments = (ins MXFP4_Floats:$input, MXFP4_Floats:$weights, MXFP4_Floats:$init);
  let assemblyFormat = [{
    `ins` `(` $input `,` $weights `:` type($input) `,` type($weights) `)`
    `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

def NN_SampleOp : NN_Op<"sample"> {
  let summary = "Choose a token for each row of logits";
  let description = [{
    `settings` are the number of logits of a row that can be chosen (those from
    it on never are), the bits of an f32, and two words of a key. If the f32 is
    0, `result[t]` is the v of the largest `logits[t, v]`, else that of the
    largest `logits[t, v] * f32 - ln(-ln(u[t, v]))`, the lowest v of equal ones.
    So v is chosen with the probability of the softmax of `logits[t] * f32`,
    which is one over the temperature, if u is random between 0 and 1.

    `u[t, v]` is 1 - (r + 0.5) / 2^32 with the first word r that Philox4x32-10
    makes of the counter `(v, p[t], s[t], 0)`, where p[t] and s[t] are taken modulo
    2^32, and the key. If a logit among those is NaN, the largest score infinite,
    or there are none, the result is -1.

    Source: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (Philox),
    and the Gumbel-max trick.

    Example:

    ```mlir
    %tokens = nn.sample ins(%logits, %settings, %position : tensor<?x201088xf32>,
            tensor<4xi32>, index)
        outs(%init : tensor<?xi32>) -> tensor<?xi32>
    ```
  }];
  let arguments = (ins MXFP4_Floats:$logits, MXFP4_Indices:$settings,
                       NN_Places:$position, Optional<NN_Places>:$sequence,
                       MXFP4_Indices:$init);
  let assemblyFormat = [{
    `ins` `(` $logits `,` $settings `,` $position `:` type($logits) `,`
    type($settings) `,` type($position) `)`
    (`sequence` `(` $sequence^ `:` type($sequence) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

#endif // MXFP4_DIALECT_NN_IR_NNOPS_TD
