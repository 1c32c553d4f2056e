//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Entry points that read memory, and that multiply and add in registers. The
// latter keep so many sums that no instruction waits for another.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Probes.h"

#include "../Utils/VectorCode.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mxfp4/ABI/Probes.h"
#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Adds the entry point `name`: `body` makes the vector of sums of a token
/// from the row of the input that is its own.
static void addProbe(ImplicitLocOpBuilder &b, const VectorISA &isa,
                     StringRef name, int64_t rowSize, Type element,
                     function_ref<Value(Value data, Value token)> body) {
  OpBuilder::InsertionGuard guard(b);
  auto rows = [&](int64_t size) {
    return MemRefType::get({ShapedType::kDynamic, size}, element);
  };
  auto attributes = [&](StringRef buffer, StringRef kind) {
    return b.getDictionaryAttr(
        {b.getNamedAttr(kBufferAttrName, b.getStringAttr(name + "." + buffer)),
         b.getNamedAttr(kDimAttrName, b.getStringAttr("tokens")),
         b.getNamedAttr(kKindAttrName, b.getStringAttr(kind))});
  };
  auto function = func::FuncOp::create(
      b, name, b.getFunctionType({rows(rowSize), rows(isa.lanes)}, {}));
  function.setArgAttrs(0, attributes("data", "input"));
  function.setArgAttrs(1, attributes("sums", "output"));
  function->setAttr(kEntryAttrName, b.getStringAttr(name));
  function->setAttr(kMaxTokensAttrName, b.getI64IntegerAttr(mx::kProbeTokens));
  b.setInsertionPointToStart(function.addEntryBlock());
  Value data = function.getArgument(0), sums = function.getArgument(1);
  emitParallel(b, {getSize(b, data, 0)}, [&](ValueRange indices) {
    Value token = indices.front();
    vector::StoreOp::create(b, body(data, token), sums,
                            ValueRange{token, constantIndex(b, 0)});
  });
  func::ReturnOp::create(b);
}

/// The sum of all `sums`.
static Value addUp(ImplicitLocOpBuilder &b, ValueRange sums) {
  Value total = sums.front();
  for (Value sum : sums.drop_front())
    total = isa<FloatType>(getElementTypeOrSelf(sum))
                ? arith::AddFOp::create(b, total, sum).getResult()
                : arith::AddIOp::create(b, total, sum).getResult();
  return total;
}

static void addReadProbe(ImplicitLocOpBuilder &b, const VectorISA &isa) {
  constexpr int64_t vectors = 8;
  Type i32 = b.getI32Type();
  int64_t rowSize = mx::kProbeBytes / 4;
  auto type = VectorType::get({isa.lanes}, i32);
  addProbe(b, isa, mx::kReadProbe, rowSize, i32, [&](Value data, Value token) {
    SmallVector<Value> zeros(vectors, constantInt(b, type, 0));
    SmallVector<Value> sums =
        emitFor(b, constantIndex(b, 0), constantIndex(b, rowSize),
                vectors * isa.lanes, zeros, [&](Value column, ValueRange sums) {
                  SmallVector<Value> next;
                  for (auto [i, sum] : llvm::enumerate(sums)) {
                    Value place = arith::AddIOp::create(
                        b, column, constantIndex(b, int64_t(i) * isa.lanes));
                    Value loaded = vector::LoadOp::create(
                        b, type, data, ValueRange{token, place});
                    next.push_back(arith::AddIOp::create(b, sum, loaded));
                  }
                  return next;
                });
    return addUp(b, sums);
  });
}

/// A loop in registers: `step` takes `operations` for each of `chains` sums.
static Value
emitChains(ImplicitLocOpBuilder &b, Value start, int64_t chains,
           int64_t operations,
           function_ref<SmallVector<Value>(ValueRange sums)> step) {
  int64_t steps = mx::kProbeOperations / (operations * chains);
  assert(steps * operations * chains == mx::kProbeOperations);
  SmallVector<Value> starts(chains, start);
  SmallVector<Value> sums =
      emitFor(b, constantIndex(b, 0), constantIndex(b, steps), 1, starts,
              [&](Value, ValueRange sums) { return step(sums); });
  return addUp(b, sums);
}

/// As many sums as kernels keep.
static int64_t getChains(const VectorISA &isa) {
  return isa.registers >= 32 ? 24 : 12;
}

static void addFloatProbe(ImplicitLocOpBuilder &b, const VectorISA &isa) {
  VectorType type = getF32Vector(b, isa.lanes);
  addProbe(b, isa, mx::kFloatProbe, isa.lanes, b.getF32Type(),
           [&](Value data, Value token) {
             Value one = vector::LoadOp::create(
                 b, type, data, ValueRange{token, constantIndex(b, 0)});
             // The sum is a factor, so that nothing leaves the loop.
             return emitChains(
                 b, one, getChains(isa), 2 * isa.lanes, [&](ValueRange sums) {
                   SmallVector<Value> next;
                   for (Value sum : sums)
                     next.push_back(emitMultiplyAdd(b, isa, sum, one, one));
                   return next;
                 });
           });
}

static void addByteProbe(ImplicitLocOpBuilder &b, const VectorISA &isa) {
  auto type = VectorType::get({isa.lanes}, b.getI32Type());
  auto bytes = VectorType::get({4 * isa.lanes}, b.getI8Type());
  int64_t step = getByteProductStep(isa);
  // Two rows of weights by two of activations, or one of four.
  int64_t operations = (isa.hasMatrixProduct ? 16 : 8) * isa.lanes * step;
  addProbe(
      b, isa, mx::kByteProbe, isa.lanes, b.getI32Type(),
      [&](Value data, Value token) {
        Value start = vector::LoadOp::create(
            b, type, data, ValueRange{token, constantIndex(b, 0)});
        SmallVector<Value> weights(step,
                                   vector::BitCastOp::create(b, bytes, start));
        return emitChains(
            b, start, step == 1 ? getChains(isa) : 8, operations,
            [&](ValueRange sums) {
              SmallVector<Value> next;
              for (size_t i = 0; i < sums.size(); ++i) {
                SmallVector<Value> activations;
                for (int64_t j = 0; j < step; ++j)
                  activations.push_back(sums[(i + size_t(j)) % sums.size()]);
                next.push_back(
                    isa.hasMatrixProduct
                        ? emitMatrixProduct(b, activations[0], start, sums[i])
                        : emitByteProducts(b, isa, weights, activations,
                                           sums[i]));
              }
              return next;
            });
      });
}

OwningOpRef<ModuleOp> mxfp4::buildProbes(MLIRContext *context,
                                         const VectorISA &isa) {
  context->loadDialect<arith::ArithDialect, func::FuncDialect,
                       LLVM::LLVMDialect, memref::MemRefDialect, MXFP4Dialect,
                       scf::SCFDialect, vector::VectorDialect>();
  ImplicitLocOpBuilder b(UnknownLoc::get(context), context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(b, b.getLoc(), "probes");
  b.setInsertionPointToStart(module->getBody());
  addReadProbe(b, isa);
  addFloatProbe(b, isa);
  if (isa.byteProduct != VectorISA::ByteProduct::None)
    addByteProbe(b, isa);
  return module;
}
