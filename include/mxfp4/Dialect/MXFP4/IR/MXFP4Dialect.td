//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The mxfp4 dialect: name, namespace and what belongs in it.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_DIALECT_MXFP4_IR_MXFP4DIALECT_TD
#define MXFP4_DIALECT_MXFP4_IR_MXFP4DIALECT_TD

include "mlir/IR/OpBase.td"

def MXFP4_Dialect : Dialect {
  let name = "mxfp4";
  let cppNamespace = "::mlir::mxfp4";
  let summary = "Block-scaled floating point (OCP MX, NVFP4)";
  let description = [{
    Ops whose meaning depends on the block format: expanding blocks, making
    them, rearranging them and contracting with them.

    A block-scaled tensor is two values, as in `arith.scaling_extf`: elements
    and scales, one for each block of elements of the last dimension. Their
    types are the format:

    | format | elements | scales | in a block |
    | --- | --- | --- | --- |
    | MXFP4 | `f4E2M1FN` | `f8E8M0FNU` | 32 |
    | MXFP6 | `f6E2M3FN`, `f6E3M2FN` | `f8E8M0FNU` | 32 |
    | MXFP8 | `f8E4M3FN`, `f8E5M2` | `f8E8M0FNU` | 32 |
    | NVFP4 | `f4E2M1FN` | `f8E4M3FN` | 16 |

    4-bit elements may also be in their storage form, `i8` with two elements per
    byte and the last dimension halved; `mxfp4-pack-storage` changes the first
    form to the second. In memory a 6-bit element takes a byte. Rules are cited
    as F1 and so on; `docs/Format.md` holds them.

    Attributes of the dialect on functions, arguments and modules; any other is an
    error:

    - `mxfp4.entry = "decode"` marks a function that the runtime, and nothing
      else, calls.
    - `mxfp4.max_tokens` on an entry, which must have it, bounds every dynamic
      dimension that counts tokens. On another function it says for how many
      tokens kernels are chosen there; they take more, too.
    - `mxfp4.entry = "prepare"` marks a function that the runtime calls once for
      each weight whose `mxfp4.prepare` names it. Its arguments are the weight as
      in the checkpoint and the buffer to fill, and it needs no `mxfp4.max_tokens`.
    - `mxfp4.buffer = "logits"` names the buffer an argument of an entry is
      bound to, `mxfp4.kind` says what that is for (`weight`, `cache`,
      `input`, `output`, `arena`), and `mxfp4.dim` what its dynamic leading
      dimension counts (`tokens` or `context`).
    - `mxfp4.value = "position"` binds an index argument of an entry to a
      number of the call: `tokens`, `position`, `context`, `sequence`, `thread`,
      `threads` or `zero`; `invocation` is the pointer to all of them.
    - `mxfp4.source` is the type a weight has in the checkpoint and
      `mxfp4.prepare` the function that rearranges it.
    - `mxfp4.arguments` on an entry that was lowered lists the buffers of its
      arguments, by their numbers in the table.
    - `mxfp4.launches` on an entry of a GPU, or on what prepares a weight there,
      lists the kernels that it launches (`mxfp4-plan-launches`).
    - `mxfp4.settled` on a pointer that a kernel gets says that neither it nor a
      kernel launched before it writes there, so that it is of a weight, and
      `mxfp4.early` that neither it nor a kernel before it that may still run
      does.
    - `mxfp4.starts_next` on a launch or a kernel says that the next one may start
      as soon as all of its blocks have, so before the one before it is done.
    - `mxfp4.arena` on a module is the size of the arena in bytes, and
      `mxfp4.buffers` the table of all buffers.
    - `mxfp4.ops` on a module is the table of ops whose time can be told, and
      `mxfp4.op_counts` on an entry says how often each is carried out in a call.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
}

#endif // MXFP4_DIALECT_MXFP4_IR_MXFP4DIALECT_TD
