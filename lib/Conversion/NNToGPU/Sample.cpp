//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A grid looks through the logits of each token, then a block through what its
// blocks have found.
//
//===----------------------------------------------------------------------===//

#include "../Utils/RowProduct.h"
#include "../Utils/Sampling.h"
#include "../Utils/TokenPlaces.h"
#include "Patterns.h"

using namespace mlir;
using namespace mlir::mxfp4;
using namespace mlir::nn;

/// Threads of a block, which each have a part of the second step too: that many
/// blocks for a token.
static constexpr int64_t kThreads = 256;

/// The largest of the keys of all threads, in the first of them.
static Value reduceBlock(ImplicitLocOpBuilder &b, const KernelThread &thread,
                         Value key) {
  Value shared = thread.shared[0];
  memref::StoreOp::create(b, key, shared, ValueRange{thread.thread});
  gpu::BarrierOp::create(b);
  for (int64_t rest = kThreads / 2; rest > 0; rest /= 2) {
    Value isMine = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                         thread.thread, constantIndex(b, rest));
    emitIf(b, isMine, [&] {
      Value other = memref::LoadOp::create(
          b, shared, ValueRange{addIndex(b, thread.thread, rest)});
      Value own = memref::LoadOp::create(b, shared, ValueRange{thread.thread});
      memref::StoreOp::create(b, arith::MaxSIOp::create(b, own, other), shared,
                              ValueRange{thread.thread});
    });
    gpu::BarrierOp::create(b);
  }
  Value result = memref::LoadOp::create(b, shared, constantIndex(b, 0));
  // The next item must not come before all have read it.
  gpu::BarrierOp::create(b);
  return result;
}

static void emitIfFirst(ImplicitLocOpBuilder &b, const KernelThread &thread,
                        function_ref<void()> body) {
  emitIf(b,
         arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread.thread,
                               constantIndex(b, 0)),
         body);
}

void mxfp4::launchSample(SampleOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Type i64 = b.getI64Type();
  ShapedType logits = op.getLogits().getType();
  int64_t width = logits.getDimSize(1);
  Value tokens = getSize(b, op.getLogits(), 0);
  SmallVector<Value> sizes;
  if (logits.isDynamicDim(0))
    sizes.push_back(tokens);
  Value found = memref::AllocOp::create(
      b, MemRefType::get({logits.getDimSize(0), kThreads}, i64), sizes);
  MemRefType shared = getSharedType(i64, {kThreads});
  Value items = mulIndex(b, tokens, kThreads);
  emitLaunch(
      b, "sample", getBlocks(items, 1), kThreads, shared,
      [&](const KernelThread &thread) {
        emitForEachItemOfBlock(b, thread, items, [&](Value item) {
          Value token = divIndex(b, item, kThreads);
          Value part = remIndex(b, item, kThreads);
          auto get = [&](int64_t i) -> Value {
            return memref::LoadOp::create(b, op.getSettings(),
                                          constantIndex(b, i));
          };
          SampleSettings settings = {get(0), get(1), {get(2), get(3)}};
          Value position = getPosition(b, op.getPosition(), token);
          Value sequence = getSequence(b, op.getSequence(), token);
          Value first = addIndex(b, mulIndex(b, part, kThreads), thread.thread);
          Value key = emitFor(
              b, first, constantIndex(b, width), kThreads * kThreads,
              constantInt(b, i64, kLowestSampleKey),
              [&](Value v, ValueRange carried) -> SmallVector<Value> {
                Value own = emitSampleKey(
                    b, settings, loadScalar(b, op.getLogits(), {token, v}), v,
                    position, sequence);
                return {arith::MaxSIOp::create(b, carried[0], own)};
              })[0];
          Value largest = reduceBlock(b, thread, key);
          emitIfFirst(b, thread, [&] {
            memref::StoreOp::create(b, largest, found, ValueRange{token, part});
          });
        });
      });
  emitLaunch(b, "sample", getBlocks(tokens, 1), kThreads, shared,
             [&](const KernelThread &thread) {
               emitForEachItemOfBlock(b, thread, tokens, [&](Value token) {
                 Value key = memref::LoadOp::create(
                     b, found, ValueRange{token, thread.thread});
                 Value largest = reduceBlock(b, thread, key);
                 emitIfFirst(b, thread, [&] {
                   memref::StoreOp::create(b, emitSampledToken(b, largest),
                                           op.getInit(), ValueRange{token});
                 });
               });
             });
}
