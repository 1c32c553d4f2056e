//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every op of the mxfp4 dialect.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DIALECT_MXFP4_IR_MXFP4OPS_TD
#define MXFP4_DIALECT_MXFP4_IR_MXFP4OPS_TD

include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mxfp4/Dialect/MXFP4/IR/MXFP4Attrs.td"

class MXFP4_Op<string mnemonic, list<Trait> traits = []>
    : Op<MXFP4_Dialect, mnemonic, traits>;

defvar MXFP4_elementTypes = [F4E2M1FN, I8, F6E2M3FN, F6E3M2FN, F8E4M3FN, F8E5M2];
defvar MXFP4_scaleTypes = [F8E8M0FNU, F8E4M3FN];
def MXFP4_Values : MXFP4_Ranked<MXFP4_elementTypes>;
def MXFP4_Scales : MXFP4_Ranked<MXFP4_scaleTypes>;
def MXFP4_TensorScale : MXFP4_Ranked<[F32]>;
def MXFP4_Weights
    : MXFP4_Ranked<MXFP4_elementTypes # [F8E8M0FNU, BF16, F16, F32]>;

def MXFP4_DequantizeOp
    : MXFP4_Op<"dequantize",
               [Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                                                ["reifyResultShapes"]>]> {
  let summary = "Expand blocks to a wider float";
  let description = [{
    Multiplies each element of a block by the scale of that block and converts
    the product to the element type of the result. The types of elements and
    scales say which format it is; a block is 32 consecutive elements of the
    last dimension of `values`, or 16 of NVFP4 (F1).

    A scale that is NaN makes its whole block NaN (F4).

    NVFP4 may have a scale of the whole tensor, which multiplies the products
    (F22). It is one number, or one for each index of the leading dimensions of
    `values`, such as experts.

    Example:

    ```mlir
    // 64 rows of 90 blocks: 64 x 2880 elements.
    %weight = mxfp4.dequantize %values, %scales
        : tensor<64x2880xf4E2M1FN>, tensor<64x90xf8E8M0FNU> -> tensor<64x2880xbf16>
    // NVFP4: 64 rows of 180 blocks.
    %w = mxfp4.dequantize %v, %s tensor_scale(%t : tensor<f32>)
        : tensor<64x2880xf4E2M1FN>, tensor<64x180xf8E4M3FN> -> tensor<64x2880xf32>
    ```
  }];
  let arguments = (ins RankedTensorOf<MXFP4_elementTypes>:$values,
                       RankedTensorOf<MXFP4_scaleTypes>:$scales,
                       Optional<RankedTensorOf<[F32]>>:$tensor_scale);
  let results = (outs RankedTensorOf<[F16, BF16, F32]>:$result);
  let assemblyFormat = [{
    $values `,` $scales
    (`tensor_scale` `(` $tensor_scale^ `:` type($tensor_scale) `)`)?
    attr-dict `:` type($values) `,` type($scales) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def MXFP4_QuantizeOp
    : MXFP4_Op<"quantize",
               [Pure, AttrSizedOperandSegments,
                DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                                          ["reifyResultShapes"]>]> {
  let summary = "Make blocks of a wider float";
  let description = [{
    Chooses for each block of consecutive elements of the last dimension the
    scale by `scale_rule` (F9) and rounds each element, saturating, as
    `rounding` says (F7). The rule of OCP MX and ties to even are what is not
    written. The types of the results say which format it is. A block that
    holds a NaN or an infinity gets a scale that is NaN and elements 0 (F11).

    Stochastic rounding reads a random byte for each element from `random`, of
    the shape of the input (F21).

    NVFP4 has one rule for scales. `encode_scale` multiplies the input before
    its blocks get their scales (F22); `mxfp4.dequantize` takes the reciprocal
    as `tensor_scale`. Its shape is as there.

    Example:

    ```mlir
    %values, %scales = mxfp4.quantize %weight
        : tensor<64x2880xf32> -> tensor<64x2880xf4E2M1FN>, tensor<64x90xf8E8M0FNU>
    %v, %s = mxfp4.quantize %gradient random(%bytes : tensor<64x2880xi8>)
        {rounding = #mxfp4.rounding<stochastic>, scale_rule = #mxfp4.scale_rule<rceil>}
        : tensor<64x2880xf32> -> tensor<64x2880xf8E4M3FN>, tensor<64x90xf8E8M0FNU>
    %v4, %s4 = mxfp4.quantize %weight encode_scale(%e : tensor<f32>)
        : tensor<64x2880xf32> -> tensor<64x2880xf4E2M1FN>, tensor<64x180xf8E4M3FN>
    ```
  }];
  let arguments = (ins RankedTensorOf<[F16, BF16, F32]>:$input,
                       Optional<RankedTensorOf<[F32]>>:$encode_scale,
                       Optional<RankedTensorOf<[I8]>>:$random,
                       DefaultValuedAttr<MXFP4_ScaleRuleAttr,
                                         "ScaleRule::Floor">:$scale_rule,
                       DefaultValuedAttr<MXFP4_RoundingAttr,
                                         "Rounding::NearestEven">:$rounding);
  let results = (outs RankedTensorOf<MXFP4_elementTypes>:$values,
                      RankedTensorOf<MXFP4_scaleTypes>:$scales);
  let assemblyFormat = [{
    $input (`encode_scale` `(` $encode_scale^ `:` type($encode_scale) `)`)?
    (`random` `(` $random^ `:` type($random) `)`)?
    attr-dict `:` type($input) `->` type($values) `,` type($scales)
  }];
  let hasVerifier = 1;
}

def MXFP4_CastToNVFP4Op
    : MXFP4_Op<"cast_to_nvfp4",
               [Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                                                ["reifyResultShapes"]>]> {
  let summary = "Make the scales of NVFP4 from those of MXFP4";
  let description = [{
    With the same elements and `nv_scales`, two for each block, and
    `tensor_scale`, NVFP4 has the same values as MXFP4 if `exact` is true: that
    is, if the scales of blocks that are not zero and not NaN are within a
    factor of 2^17 (F23). Where `exact` is false, scales that are too small for
    the largest one have become 2^-9 times the tensor scale.

    Example:

    ```mlir
    %nv_scales, %tensor_scale, %exact = mxfp4.cast_to_nvfp4 %values, %scales
        : tensor<64x2880xf4E2M1FN>, tensor<64x90xf8E8M0FNU>
          -> tensor<64x180xf8E4M3FN>, tensor<f32>, tensor<i1>
    ```
  }];
  let arguments = (ins RankedTensorOf<[F4E2M1FN, I8]>:$values,
                       RankedTensorOf<[F8E8M0FNU]>:$scales);
  let results = (outs RankedTensorOf<[F8E4M3FN]>:$nv_scales,
                      0DTensorOf<[F32]>:$tensor_scale,
                      0DTensorOf<[I1]>:$exact);
  let assemblyFormat = [{
    $values `,` $scales attr-dict `:` type($values) `,` type($scales) `->`
    type($nv_scales) `,` type($tensor_scale) `,` type($exact)
  }];
  let hasVerifier = 1;
}

/// Reads its operands and writes `init`, whose values before do not matter.
class MXFP4_DestinationOp<string mnemonic, list<Trait> traits = []>
    : MXFP4_DestinationStyleOp<MXFP4_Dialect, mnemonic, traits>;

def MXFP4_DequantizeIntoOp
    : MXFP4_DestinationOp<"dequantize_into"> {
  let summary = "Expand blocks into a destination";
  let description = [{
    `mxfp4.dequantize` in destination style, the form that kernels of a CPU are
    made of: on tensors between `mxfp4-assign-destinations` and bufferization,
    on memrefs after it. The result does not depend on the values of `init`.

    Example:

    ```mlir
    %weight = mxfp4.dequantize_into
        ins(%values, %scales : tensor<64x2880xf4E2M1FN>, tensor<64x90xf8E8M0FNU>)
        outs(%init : tensor<64x2880xf32>) -> tensor<64x2880xf32>
    ```
  }];
  let arguments = (ins MXFP4_Values:$values, MXFP4_Scales:$scales,
                       Optional<MXFP4_TensorScale>:$tensor_scale,
                       MXFP4_Floats:$init);
  let assemblyFormat = [{
    `ins` `(` $values `,` $scales `:` type($values) `,` type($scales) `)`
    (`tensor_scale` `(` $tensor_scale^ `:` type($tensor_scale) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

def MXFP4_QuantizeIntoOp
    : MXFP4_DestinationOp<"quantize_into", [AttrSizedOperandSegments]> {
  let summary = "Make blocks in destinations";
  let description = [{
    `mxfp4.quantize` in destination style, as `mxfp4.dequantize_into` is
    `mxfp4.dequantize`: elements are written into `values`, and their scales
    into `scales`.

    Example:

    ```mlir
    %elements, %s = mxfp4.quantize_into ins(%weight : tensor<64x2880xf32>)
        outs(%values, %scales : tensor<64x2880xf4E2M1FN>, tensor<64x90xf8E8M0FNU>)
        -> tensor<64x2880xf4E2M1FN>, tensor<64x90xf8E8M0FNU>
    ```
  }];
  let arguments = (ins MXFP4_Floats:$input,
                       Optional<MXFP4_TensorScale>:$encode_scale,
                       Optional<MXFP4_Ranked<[I8]>>:$random,
                       MXFP4_Values:$values, MXFP4_Scales:$scales,
                       DefaultValuedAttr<MXFP4_ScaleRuleAttr,
                                         "ScaleRule::Floor">:$scale_rule,
                       DefaultValuedAttr<MXFP4_RoundingAttr,
                                         "Rounding::NearestEven">:$rounding);
  let assemblyFormat = [{
    `ins` `(` $input `:` type($input) `)`
    (`encode_scale` `(` $encode_scale^ `:` type($encode_scale) `)`)?
    (`random` `(` $random^ `:` type($random) `)`)?
    `outs` `(` $values `,` $scales `:` type($values) `,` type($scales) `)`
    attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() {
      unsigned first = getValuesMutable().getOperandNumber();
      return MutableOperandRange(getOperation(), first, /*length=*/2);
    }
  }];
}

def MXFP4_PackOp : MXFP4_DestinationOp<"pack"> {
  let summary = "Rearrange a weight for the kernels that read it";
  let description = [{
    The result holds the elements of `source` in the arrangement that its
    encoding names. The source is a weight `[..., rows, columns]`: elements,
    scales or dense floats. `mxfp4-hoist-packs` moves this op out of the entry
    points into functions that run once, when weights are loaded.

    After `mxfp4-resolve-layouts` the result has its shape in memory and the
    attribute `layout` says how it got it.

    Example:

    ```mlir
    %packed = mxfp4.pack ins(%weight : tensor<4096x2880xbf16>)
        outs(%init : tensor<4096x2880xbf16, #mxfp4.layout<lanes = 16, depth = 2>>)
        -> tensor<4096x2880xbf16, #mxfp4.layout<lanes = 16, depth = 2>>
    ```
  }];
  let arguments = (ins MXFP4_Weights:$source, MXFP4_Weights:$init,
                       OptionalAttr<MXFP4_LayoutAttr>:$layout);
  let assemblyFormat = [{
    `ins` `(` $source `:` type($source) `)` `outs` `(` $init `:` type($init) `)`
    attr-dict (`->` type($results)^)?
  }];
}

def MXFP4_MatmulOp
    : MXFP4_DestinationOp<"matmul",
                          [AttrSizedOperandSegments,
                           DeclareOpInterfaceMethods<MXFP4_CostOpInterface>]> {
  let summary = "Multiply by a block-scaled weight";
  let description = [{
    `result[t, n] = sum over k of input[t, k] * weight[n, k]`, plus `bias[n]`
    and `residual[t, n]` where given. The weight is `values` `[N, K]` with
    `scales` `[N, K / B]` of blocks of B elements (F1, F5), and for NVFP4
    `tensor_scale` `[]` where given (F22); products are accumulated in f32. The
    result does not depend on the values of `init`.

    With `input_format` the input may be rounded to blocks of integers first
    (F24), as kernels like to have it, and K is a multiple of 32.

    Example:

    ```mlir
    %y = mxfp4.matmul
        ins(%x, %values, %scales : tensor<?x2880xf32>, tensor<64x2880xf4E2M1FN>,
            tensor<64x90xf8E8M0FNU>)
        bias(%bias : tensor<64xbf16>)
        outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins MXFP4_Floats:$input, MXFP4_Values:$values,
                       MXFP4_Scales:$scales,
                       Optional<MXFP4_TensorScale>:$tensor_scale,
                       Optional<MXFP4_Floats>:$bias,
                       Optional<MXFP4_Floats>:$residual, MXFP4_Floats:$init,
                       OptionalAttr<MXFP4_InputFormatAttr>:$input_format,
                       OptionalAttr<MXFP4_LayoutAttr>:$layout);
  let assemblyFormat = [{
    `ins` `(` $input `,` $values `,` $scales `:` type($input) `,`
    type($values) `,` type($scales) `)`
    (`tensor_scale` `(` $tensor_scale^ `:` type($tensor_scale) `)`)?
    (`bias` `(` $bias^ `:` type($bias) `)`)?
    (`residual` `(` $residual^ `:` type($residual) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

def MXFP4_MatmulByExpertOp
    : MXFP4_DestinationOp<"matmul_by_expert",
                          [AttrSizedOperandSegments,
                           DeclareOpInterfaceMethods<MXFP4_CostOpInterface>]> {
  let summary = "Multiply each token by the weights of its experts";
  let description = [{
    For token `t` and slot `s` with expert `e = experts[t, s]`:
    `y[t, s, n] = sum over k of x[k] * weight[e, n, k] + bias[e, n]`, where `x`
    is `input[t]` if the input is `[T, K]` (each token is gathered for its
    experts) and `input[t, s]` if it is `[T, S, K]`.

    - `activation` then turns pairs `y[t, s, 2j], y[t, s, 2j + 1]` into one
      value.
    - With `weights` `[T, S]` the result is `[T, N]`: the sum over `s` of
      `weights[t, s] * y[t, s]`, plus `residual` where given. Without, it is
      `[T, S, N]`.

    Weights are `values` `[E, N, K]` with `scales` `[E, N, K / B]` of blocks of
    B elements, and for NVFP4 `tensor_scale` `[]` or `[E]` where given (F22);
    products are accumulated in f32. `experts` holds numbers from 0 to E - 1.
    `input_format` is as in `mxfp4.matmul`.

    Example:

    ```mlir
    %y = mxfp4.matmul_by_expert
        ins(%x, %values, %scales, %experts : tensor<?x2880xf32>,
            tensor<32x5760x2880xf4E2M1FN>, tensor<32x5760x90xf8E8M0FNU>,
            tensor<?x4xi32>)
        bias(%bias : tensor<32x5760xbf16>)
        activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)
        outs(%init : tensor<?x4x2880xf32>)
        {input_format = #mxfp4.input_format<int16>} -> tensor<?x4x2880xf32>
    ```
  }];
  let arguments = (ins MXFP4_Floats:$input, MXFP4_Values:$values,
                       MXFP4_Scales:$scales, MXFP4_Indices:$experts,
                       Optional<MXFP4_TensorScale>:$tensor_scale,
                       Optional<MXFP4_Floats>:$bias,
                       Optional<MXFP4_Floats>:$weights,
                       Optional<MXFP4_Floats>:$residual, MXFP4_Floats:$init,
                       OptionalAttr<MXFP4_SwiGLUAttr>:$activation,
                       OptionalAttr<MXFP4_InputFormatAttr>:$input_format,
                       OptionalAttr<MXFP4_LayoutAttr>:$layout);
  let assemblyFormat = [{
    `ins` `(` $input `,` $values `,` $scales `,` $experts `:`
    type($input) `,` type($values) `,` type($scales) `,` type($experts) `)`
    (`tensor_scale` `(` $tensor_scale^ `:` type($tensor_scale) `)`)?
    (`bias` `(` $bias^ `:` type($bias) `)`)?
    (`activation` `(` $activation^ `)`)?
    (`weights` `(` $weights^ `:` type($weights) `)`)?
    (`residual` `(` $residual^ `:` type($residual) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

#endif // MXFP4_DIALECT_MXFP4_IR_MXFP4OPS_TD
