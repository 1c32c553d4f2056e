//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How a weight is arranged in memory, the activation that a matmul may apply, and
// what the ops of both dialects have in common.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DIALECT_MXFP4_IR_MXFP4ATTRS_TD
#define MXFP4_DIALECT_MXFP4_IR_MXFP4ATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/TensorEncoding.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mxfp4/Dialect/MXFP4/IR/MXFP4Dialect.td"
include "mxfp4/Dialect/MXFP4/IR/MXFP4Interfaces.td"

class MXFP4_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<MXFP4_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def MXFP4_LayoutAttr
    : MXFP4_Attr<"Layout", "layout",
                 [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "How the rows of a weight are interleaved in memory";
  let description = [{
    A weight `[..., rows, columns]` is kept as
    `[..., groups, columns / depth, lanes * depth]`: a group holds `lanes`
    rows, and `depth` consecutive elements of each stand together. One vector
    register then holds one step of `lanes` rows, so a product needs no sum
    across lanes. Rows are padded with zeros to whole groups.

    With `paired`, rows 2j and 2j + 1 belong together (gate and up of SwiGLU):
    group 2p holds the even rows `2 * (p * lanes + lane)` and group 2p + 1 the
    odd rows `2 * (p * lanes + lane) + 1`.

    With `tiled`, for the tiles of tensor cores, the weight is
    `[..., groups, lanes * columns]`: `depth` may be up to four blocks and need
    not divide the columns, so that the last elements of a row may be fewer, and
    words of eight 4-bit elements are encoded (F25).

    As the encoding of a tensor type it says how the tensor will be arranged, so
    the tensor has static rows and columns that can be arranged this way;
    `mxfp4-resolve-layouts` makes that its shape, and the attribute `layout` of
    the ops that read it.

    Example:

    ```mlir
    tensor<5760x2880xf4E2M1FN, #mxfp4.layout<lanes = 16, depth = 8, paired = true>>
    ```
  }];
  let parameters = (ins "int64_t":$lanes, "int64_t":$depth,
                        DefaultValuedParameter<"bool", "false">:$paired,
                        DefaultValuedParameter<"bool", "false">:$tiled);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Number of groups that hold `rows` rows.
    int64_t getGroups(int64_t rows) const;

    /// The layout of the scales of a weight that this one arranges: a block is
    /// one column.
    LayoutAttr getScalesLayout() const;

    /// The shape in memory of a weight of shape `shape`, in elements.
    SmallVector<int64_t> getPackedShape(ArrayRef<int64_t> shape) const;
  }];
}

def MXFP4_SwiGLUAttr : MXFP4_Attr<"SwiGLU", "swiglu"> {
  let summary = "The clamped SwiGLU of GPT-OSS";
  let description = [{
    Takes pairs of gate and up (rows 2j and 2j + 1):
    `g = min(gate, limit)`, `u = clamp(up, -limit, limit)`, and the result is
    `g * sigmoid(alpha * g) * (u + 1)`.
  }];
  let parameters = (ins "FloatAttr":$alpha, "FloatAttr":$limit);
  let assemblyFormat = "`<` `alpha` `=` $alpha `,` `limit` `=` $limit `>`";
  let genVerifyDecl = 1;
}

def MXFP4_ScaleRule
    : I32EnumAttr<"ScaleRule", "how a scale follows from the largest magnitude (F9)",
                  [I32EnumAttrCase<"Floor", 0, "floor">,
                   I32EnumAttrCase<"Even", 1, "even">,
                   I32EnumAttrCase<"RoundUp", 2, "rceil">,
                   I32EnumAttrCase<"Ceil", 3, "ceil">,
                   I32EnumAttrCase<"Nearest", 4, "nearest">]> {
  let cppNamespace = "::mlir::mxfp4";
  let genSpecializedAttr = 0;
}
def MXFP4_ScaleRuleAttr : EnumAttr<MXFP4_Dialect, MXFP4_ScaleRule, "scale_rule"> {
  let assemblyFormat = "`<` $value `>`";
}

def MXFP4_Rounding
    : I32EnumAttr<"Rounding", "how a number between two elements is rounded (F7, F21)",
                  [I32EnumAttrCase<"NearestEven", 0, "nearest_even">,
                   I32EnumAttrCase<"NearestAway", 1, "nearest_away">,
                   I32EnumAttrCase<"NearestZero", 2, "nearest_zero">,
                   I32EnumAttrCase<"Stochastic", 3, "stochastic">]> {
  let cppNamespace = "::mlir::mxfp4";
  let genSpecializedAttr = 0;
}
def MXFP4_RoundingAttr : EnumAttr<MXFP4_Dialect, MXFP4_Rounding, "rounding"> {
  let assemblyFormat = "`<` $value `>`";
}

def MXFP4_InputFormat
    : I32EnumAttr<"InputFormat", "integers that a matmul takes its input as (F24)",
                  [I32EnumAttrCase<"Int8", 8, "int8">,
                   I32EnumAttrCase<"Int16", 16, "int16">]> {
  let cppNamespace = "::mlir::mxfp4";
  let genSpecializedAttr = 0;
}
def MXFP4_InputFormatAttr : EnumAttr<MXFP4_Dialect, MXFP4_InputFormat, "input_format"> {
  let summary = "Blocks of integers that a matmul rounds its input to";
  let description = [{
    32 consecutive elements of a row become integers of 8 or 16 bits times a
    scale (F24), so that products with the elements of a block are integers,
    too, and their sum is exact. A block that holds a NaN or an
    infinity becomes NaN.
  }];
  let assemblyFormat = "`<` $value `>`";
}

def MXFP4_OpNumberAttr : MXFP4_Attr<"OpNumber", "op_number"> {
  let summary = "What a location says of the op that code is made from";
  let description = [{
    The index of an op in the table `mxfp4.ops` of its module. Passes carry
    locations along, so that the time of a kernel can be given to its op.

    Example:

    ```mlir
    loc(fused<#mxfp4.op_number<3>>["model.mlir":7:8])
    ```
  }];
  let parameters = (ins "int64_t":$number);
  let assemblyFormat = "`<` $number `>`";
}

/// Bufferization changes all operands of an op together.
def MXFP4_AllTensorsOrAllMemRefs
    : PredOpTrait<"its shaped operands are all tensors or all memrefs",
                  CPred<"::mlir::mxfp4::haveOneSemantics($_op.getOperands())">>;

/// A ranked tensor, or after bufferization a memref.
class MXFP4_Ranked<list<Type> elements>
    : AnyTypeOf<[RankedTensorOf<elements>, MemRefOf<elements>], "",
                "::mlir::ShapedType">;
def MXFP4_Floats : MXFP4_Ranked<[F32, BF16, F16]>;
def MXFP4_Indices : MXFP4_Ranked<[I32]>;

/// An op that writes its results into its inits.
class MXFP4_DestinationStyleOp<Dialect dialect, string mnemonic,
                               list<Trait> traits = []>
    : Op<dialect, mnemonic,
         traits # [DestinationStyleOpInterface, MXFP4_AllTensorsOrAllMemRefs,
                   DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
  let extraClassDefinition = [{
    void $cppClass::getEffects(
        SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
            &effects) {
      ::mlir::mxfp4::getDestinationStyleEffects(*this, effects);
    }
  }];
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasVerifier = 1;
}

#endif // MXFP4_DIALECT_MXFP4_IR_MXFP4ATTRS_TD
