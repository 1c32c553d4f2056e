//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The inner loop of a matmul with MXFP4 weights and integer activations. As in
// the product of floats a lane is a row of the weight; what is added up in it
// are the products of four columns, so that a block has 8 instructions for each
// plane of activations. Sums of a block are exact.
//
//===----------------------------------------------------------------------===//

#include "IntegerProduct.h"

#include "BlockCode.h"
#include "PanelReader.h"
#include "mxfp4/Format/Bits.h"
#include "mxfp4/Format/BlockFormat.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Words of a row of a weight in a block, and of a plane of activations.
static constexpr int64_t kWeightWords = 4, kPlaneWords = 8;

static int64_t getNumPlanes(InputFormat format) {
  return format == InputFormat::Int16 ? 2 : 1;
}

bool mxfp4::hasIntegerProduct(const VectorISA &isa, const Panel &panel) {
  auto values = cast<MemRefType>(panel.values.getType());
  return isa.byteProduct != VectorISA::ByteProduct::None && panel.scales &&
         values.getElementType().isInteger(8) &&
         llvm::isa<Float8E8M0FNUType>(
             cast<MemRefType>(panel.scales.getType()).getElementType());
}

bool mxfp4::isIntegerRow(const ActivationRow &row) {
  return cast<MemRefType>(row.memref.getType()).getElementType().isInteger(32);
}

/// The numbers of a block of 32 as bytes in the order of the words of a plane.
static Value arrangePlane(ImplicitLocOpBuilder &b, Value bytes) {
  SmallVector<int64_t> order;
  for (int64_t word = 0; word < kWeightWords; ++word)
    for (int64_t parity : {0, 1})
      for (int64_t i = 0; i < 4; ++i)
        order.push_back(8 * word + 2 * i + parity);
  Value arranged = vector::ShuffleOp::create(b, bytes, bytes, order);
  return vector::BitCastOp::create(
      b, VectorType::get({kPlaneWords}, b.getI32Type()), arranged);
}

Value mxfp4::emitIntegerRows(ImplicitLocOpBuilder &b, Value input, Value tokens,
                             InputFormat format) {
  auto type = cast<MemRefType>(input.getType());
  int64_t blocks = type.getShape().back() / mx::kBlockSize;
  int64_t planes = getNumPlanes(format), rank = type.getRank();
  SmallVector<int64_t> shape(type.getShape().drop_back());
  shape.append({blocks, planes * kPlaneWords + 2});
  SmallVector<Value> dynamicSizes;
  if (type.isDynamicDim(0))
    dynamicSizes.push_back(tokens);
  Value rows = memref::AllocOp::create(
      b, MemRefType::get(shape, b.getI32Type()), dynamicSizes);

  SmallVector<Value> sizes;
  for (int64_t i = 0; i < rank; ++i)
    sizes.push_back(getSize(b, rows, i));
  emitParallel(b, sizes, [&](ValueRange indices) {
    SmallVector<Value> from(indices);
    from.back() = mulIndex(b, from.back(), mx::kBlockSize);
    IntegerBlock block =
        emitIntegerBlock(b, loadF32(b, input, from, mx::kBlockSize), format);
    auto store = [&](Value value, int64_t word) {
      SmallVector<Value> at(indices);
      at.push_back(constantIndex(b, word));
      if (isa<VectorType>(value.getType()))
        vector::StoreOp::create(b, value, rows, at);
      else
        memref::StoreOp::create(b, value, rows, at);
    };
    Type i32 = b.getI32Type(), vectorType = block.integers.getType();
    Type bytes = withElement(vectorType, b.getI8Type());
    // From the lowest plane up: what a plane cannot hold is left to the next.
    Value rest = block.integers;
    for (int64_t plane = planes - 1; plane >= 0; --plane) {
      Value low = arith::TruncIOp::create(b, bytes, rest);
      store(arrangePlane(b, low), plane * kPlaneWords);
      if (plane == 0)
        break;
      rest = arith::SubIOp::create(b, rest,
                                   arith::ExtSIOp::create(b, vectorType, low));
      rest = arith::ShRSIOp::create(b, rest, constantInt(b, vectorType, 8));
    }
    Value half = arith::MulFOp::create(b, block.scale,
                                       constantFloat(b, b.getF32Type(), 0.5));
    store(arith::BitcastOp::create(b, i32, half), planes * kPlaneWords);
    Value sum = vector::ReductionOp::create(b, vector::CombiningKind::ADD,
                                            block.integers);
    store(arith::MulIOp::create(b, sum, constantInt(b, i32, -kWeightOffset)),
          planes * kPlaneWords + 1);
  });
  return rows;
}

namespace {
/// Emits the products with the blocks of some rows of activations.
class IntegerBlocks {
public:
  IntegerBlocks(ImplicitLocOpBuilder &b, const VectorISA &isa,
                ArrayRef<ActivationRow> rows, Value block)
      : b(b), isa(isa), rows(rows), block(block),
        planes(cast<MemRefType>(rows[0].memref.getType()).getShape().back() /
               kPlaneWords) {}

  /// The products of the block `weights`, as bytes, with each row, in units of
  /// the scale of the weights.
  SmallVector<Value> multiply(ArrayRef<Value> weights) {
    Type i32 = VectorType::get({isa.lanes}, b.getI32Type());
    Value zero = constantInt(b, i32, 0), eight = constantInt(b, i32, 8);
    // The sums of a plane go on from those of the plane above, so that a row
    // takes one register. One row has registers for both, and need not wait.
    bool isChained = rows.size() > 1;
    SmallVector<Value> sums(rows.size(), zero);
    for (int64_t plane = 0; plane < planes; ++plane) {
      SmallVector<Value> above;
      for (size_t row = 0; row < rows.size(); ++row) {
        above.push_back(arith::ShLIOp::create(b, sums[row], eight));
        sums[row] =
            plane + 1 == planes ? load(row, planes * kPlaneWords + 1) : zero;
        if (isChained)
          sums[row] = arith::AddIOp::create(b, above[row], sums[row]);
      }
      addProducts(weights, plane, sums);
      for (size_t row = 0; row < rows.size() && !isChained; ++row)
        sums[row] = arith::AddIOp::create(b, above[row], sums[row]);
    }
    VectorType f32 = getF32Vector(b, isa.lanes);
    for (size_t row = 0; row < rows.size(); ++row) {
      Value scale =
          arith::BitcastOp::create(b, f32, load(row, planes * kPlaneWords));
      sums[row] = arith::MulFOp::create(
          b, arith::SIToFPOp::create(b, f32, sums[row]), scale);
    }
    return sums;
  }

private:
  /// Word `word` of the block of a row, in all lanes.
  Value load(size_t row, int64_t word) {
    SmallVector<Value> indices(rows[row].prefix);
    indices.append({block, constantIndex(b, word)});
    Value scalar = memref::LoadOp::create(b, rows[row].memref, indices);
    return vector::BroadcastOp::create(
        b, VectorType::get({isa.lanes}, b.getI32Type()), scalar);
  }

  /// Adds to `sums`, one for each row, the products of a plane: of all rows
  /// with one word after the other, since an addition has to wait for the one
  /// before.
  void addProducts(ArrayRef<Value> weights, int64_t plane,
                   MutableArrayRef<Value> sums) {
    int64_t step = getByteProductStep(isa);
    for (int64_t word = 0; word < kPlaneWords; word += step)
      for (size_t row = 0; row < rows.size(); ++row) {
        SmallVector<Value> activations;
        for (int64_t i = 0; i < step; ++i)
          activations.push_back(load(row, plane * kPlaneWords + word + i));
        sums[row] = emitByteProducts(b, isa, weights.slice(word, step),
                                     activations, sums[row]);
      }
  }

  ImplicitLocOpBuilder &b;
  const VectorISA &isa;
  ArrayRef<ActivationRow> rows;
  Value block;
  int64_t planes;
};
} // namespace

/// The products of `groups` with `rows`, [group][row].
static SmallVector<Value> emitProducts(ImplicitLocOpBuilder &b,
                                       const VectorISA &isa, const Panel &panel,
                                       ArrayRef<Value> groups,
                                       ArrayRef<ActivationRow> rows) {
  PanelReader reader(b, isa, panel);
  Value zero = constantFloat(b, getF32Vector(b, isa.lanes), 0.0);
  SmallVector<Value> zeros(groups.size() * rows.size(), zero);
  return emitFor(
      b, constantIndex(b, 0), constantIndex(b, panel.columns / mx::kBlockSize),
      1, zeros, [&](Value block, ValueRange carried) {
        Value firstWord = mulIndex(b, block, kWeightWords);
        if (rows.size() == 1)
          reader.prefetchWords(groups, firstWord, kWeightWords);
        IntegerBlocks blocks(b, isa, rows, block);
        SmallVector<Value> next;
        for (Value group : groups) {
          SmallVector<Value> weights;
          for (int64_t i = 0; i < kWeightWords; ++i) {
            Value words = reader.loadWords(group, addIndex(b, firstWord, i));
            for (int64_t parity : {0, 1})
              weights.push_back(reader.decodeToBytes(words, parity));
          }
          Value scale = reader.loadScales(group, block);
          for (Value product : blocks.multiply(weights))
            next.push_back(
                emitMultiplyAdd(b, isa, product, scale, carried[next.size()]));
        }
        return next;
      });
}

SmallVector<SmallVector<Value>>
mxfp4::emitIntegerProduct(ImplicitLocOpBuilder &b, const VectorISA &isa,
                          const Panel &panel, ArrayRef<Value> groups,
                          ArrayRef<ActivationRow> rows) {
  SmallVector<SmallVector<Value>> result;
  if (rows.size() == 1) {
    for (Value sum : emitProducts(b, isa, panel, groups, rows))
      result.push_back({sum});
    return result;
  }
  // A group with many rows needs all registers for itself.
  for (Value group : groups)
    result.push_back(emitProducts(b, isa, panel, group, rows));
  return result;
}
