//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops, loads and stores, and functions of f32 vectors.
//
//===----------------------------------------------------------------------===//

#include "VectorCode.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <limits>

using namespace mlir;
using namespace mlir::mxfp4;

//===----------------------------------------------------------------------===//
// Loops and indices
//===----------------------------------------------------------------------===//

Value mxfp4::getSize(ImplicitLocOpBuilder &b, Value memref, int64_t index) {
  auto type = cast<MemRefType>(memref.getType());
  if (!type.isDynamicDim(index))
    return constantIndex(b, type.getDimSize(index));
  return memref::DimOp::create(b, memref, index);
}

Value mxfp4::loadIndex(ImplicitLocOpBuilder &b, Value memref,
                       ValueRange indices) {
  return arith::IndexCastOp::create(b, b.getIndexType(),
                                    memref::LoadOp::create(b, memref, indices));
}

SmallVector<Value>
mxfp4::emitFor(ImplicitLocOpBuilder &b, Value begin, Value end, int64_t step,
               ValueRange inits,
               function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop =
      scf::ForOp::create(b, begin, end, constantIndex(b, step), inits,
                         [&](OpBuilder &, Location, Value, ValueRange) {});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(b, next);
  return loop.getResults();
}

void mxfp4::emitFor(ImplicitLocOpBuilder &b, Value begin, Value end,
                    int64_t step, function_ref<void(Value)> body) {
  emitFor(b, begin, end, step, {}, [&](Value index, ValueRange) {
    body(index);
    return SmallVector<Value>();
  });
}

void mxfp4::emitParallel(ImplicitLocOpBuilder &b, ArrayRef<Value> sizes,
                         function_ref<void(ValueRange)> body) {
  SmallVector<Value> zeros(sizes.size(), constantIndex(b, 0));
  SmallVector<Value> ones(sizes.size(), constantIndex(b, 1));
  auto loop = scf::ParallelOp::create(b, zeros, sizes, ones,
                                      [](OpBuilder &, Location, ValueRange) {});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVars());
}

scf::IfOp mxfp4::emitIf(ImplicitLocOpBuilder &b, Value condition,
                        function_ref<void()> then,
                        function_ref<void()> otherwise) {
  auto branch = scf::IfOp::create(b, condition, bool(otherwise));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  then();
  if (otherwise) {
    b.setInsertionPoint(branch.elseBlock()->getTerminator());
    otherwise();
  }
  return branch;
}

Value mxfp4::allocateStack(ImplicitLocOpBuilder &b, ArrayRef<int64_t> shape,
                           Type element) {
  auto alloca = memref::AllocaOp::create(b, MemRefType::get(shape, element));
  alloca.setAlignment(kLineBytes);
  return alloca;
}

Value mxfp4::callIntrinsic(ImplicitLocOpBuilder &b, StringRef name, Type result,
                           ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, result, b.getStringAttr(name),
                                       operands)
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Vectors of f32
//===----------------------------------------------------------------------===//

VectorType mxfp4::getF32Vector(ImplicitLocOpBuilder &b, int64_t lanes) {
  return VectorType::get({lanes}, b.getF32Type());
}

/// The lanes below `count`.
static Value createMask(ImplicitLocOpBuilder &b, int64_t lanes, Value count) {
  return vector::CreateMaskOp::create(
      b, VectorType::get({lanes}, b.getI1Type()), count);
}

/// `indices` with the last moved by `offset`.
static SmallVector<Value> moveLast(ImplicitLocOpBuilder &b, ValueRange indices,
                                   Value offset) {
  SmallVector<Value> moved(indices);
  moved.back() = addIndex(b, moved.back(), offset);
  return moved;
}

Value mxfp4::loadF32(ImplicitLocOpBuilder &b, Value memref, ValueRange indices,
                     int64_t lanes, Value tail) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  Type f32 = b.getF32Type();
  VectorType type = VectorType::get({lanes}, element);
  if (!tail)
    return convertFloat(b, vector::LoadOp::create(b, type, memref, indices),
                        f32);
  Value zeros = constantFloat(b, getF32Vector(b, lanes), 0.0);
  if (element == f32)
    return vector::MaskedLoadOp::create(b, type, memref, indices,
                                        createMask(b, lanes, tail), zeros);
  // Masked loads of 16-bit floats are not an instruction everywhere.
  return emitFor(b, constantIndex(b, 0), tail, 1, zeros,
                 [&](Value lane, ValueRange carried) -> SmallVector<Value> {
                   Value scalar = memref::LoadOp::create(
                       b, memref, moveLast(b, indices, lane));
                   return {vector::InsertOp::create(
                       b, convertFloat(b, scalar, f32), carried[0],
                       ArrayRef<OpFoldResult>{lane})};
                 })[0];
}

/// A vector of f32 in `element` (F13). bf16 is made here: what arith-expand
/// writes for it does not stay in vector registers.
static Value narrowF32(ImplicitLocOpBuilder &b, Value vector, Type element) {
  if (!element.isBF16())
    return convertFloat(b, vector, element);
  Type f32 = vector.getType(), i32 = withElement(f32, b.getI32Type());
  auto integer = [&](int64_t value) { return constantInt(b, i32, value); };
  Value bits = arith::BitcastOp::create(b, i32, vector);
  Value truncated = arith::ShRUIOp::create(b, bits, integer(16));
  // Half of the last place, less one bit where the last place is even.
  Value odd = arith::AndIOp::create(b, truncated, integer(1));
  Value rounded = arith::AddIOp::create(
      b, bits, arith::AddIOp::create(b, odd, integer(0x7FFF)));
  rounded = arith::ShRUIOp::create(b, rounded, integer(16));
  Value isNaN =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, vector, vector);
  rounded = arith::SelectOp::create(
      b, isNaN, arith::OrIOp::create(b, truncated, integer(0x40)), rounded);
  Value halves =
      arith::TruncIOp::create(b, withElement(f32, b.getI16Type()), rounded);
  return arith::BitcastOp::create(b, withElement(f32, element), halves);
}

void mxfp4::storeF32(ImplicitLocOpBuilder &b, Value vector, Value memref,
                     ValueRange indices, Value tail) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  if (!tail) {
    vector::StoreOp::create(b, narrowF32(b, vector, element), memref, indices);
    return;
  }
  if (element.isF32()) {
    int64_t lanes = cast<VectorType>(vector.getType()).getDimSize(0);
    vector::MaskedStoreOp::create(b, memref, indices,
                                  createMask(b, lanes, tail), vector);
    return;
  }
  emitFor(b, constantIndex(b, 0), tail, 1, [&](Value lane) {
    Value scalar =
        vector::ExtractOp::create(b, vector, ArrayRef<OpFoldResult>{lane});
    memref::StoreOp::create(b, convertFloat(b, scalar, element), memref,
                            moveLast(b, indices, lane));
  });
}

Value mxfp4::getTail(ImplicitLocOpBuilder &b, int64_t size, Value offset,
                     int64_t lanes) {
  if (size % lanes == 0)
    return {};
  Value rest = arith::SubIOp::create(b, constantIndex(b, size), offset);
  return arith::MinUIOp::create(b, rest, constantIndex(b, lanes));
}

void mxfp4::emitRow(ImplicitLocOpBuilder &b, int64_t size, int64_t lanes,
                    function_ref<void(Value, Value)> body) {
  int64_t full = size - size % lanes;
  if (full > 0)
    emitFor(b, constantIndex(b, 0), constantIndex(b, full), lanes,
            [&](Value offset) { body(offset, {}); });
  if (full < size) {
    Value offset = constantIndex(b, full);
    body(offset, getTail(b, size, offset, lanes));
  }
}

Value mxfp4::emitMultiplyAdd(ImplicitLocOpBuilder &b, const VectorISA &isa,
                             Value x, Value y, Value z) {
  if (isa.hasFMA)
    return vector::FMAOp::create(b, x, y, z);
  return arith::AddFOp::create(b, arith::MulFOp::create(b, x, y), z);
}

/// A vector of f32 that no instruction has to compute.
static Value constantVector(ImplicitLocOpBuilder &b, ArrayRef<float> values) {
  VectorType type = getF32Vector(b, values.size());
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, values));
}

/// The f32 values of the E2M1 elements in the lower four bits of the lanes of
/// `codes`, by their upper two bytes.
static Value lookUpUpperBytes(ImplicitLocOpBuilder &b, Value codes) {
  // Four lanes are a register.
  constexpr int64_t lanes = 4;
  auto i32 = cast<VectorType>(codes.getType());
  auto bytes = VectorType::get({4 * lanes}, b.getI8Type());
  SmallVector<int8_t> thirds, fourths;
  for (uint8_t code = 0; code < 16; ++code) {
    auto bits = llvm::bit_cast<uint32_t>(float(mx::decode(mx::kE2M1, code)));
    thirds.push_back(int8_t(bits >> 16));
    fourths.push_back(int8_t(bits >> 24));
  }
  auto constant = [&](ArrayRef<int8_t> values) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(bytes, values));
  };
  // Indices into both tables together. One that is in neither gives zero, as
  // the lower two bytes are.
  Value code = arith::AndIOp::create(b, codes, constantInt(b, i32, 15));
  Value places = arith::AddIOp::create(
      b, arith::MulIOp::create(b, code, constantInt(b, i32, 0x01010000)),
      constantInt(b, i32, 0x1000FFFF));
  VectorType f32 = i32.clone(b.getF32Type());
  Value result = constantFloat(b, f32, 0.0);
  for (int64_t lane = 0; lane < i32.getDimSize(0); lane += lanes) {
    Value part = vector::ExtractStridedSliceOp::create(b, places, lane, lanes,
                                                       /*strides=*/1);
    Value found = callIntrinsic(b, "llvm.aarch64.neon.tbl2", bytes,
                                {constant(thirds), constant(fourths),
                                 vector::BitCastOp::create(b, bytes, part)});
    result = vector::InsertStridedSliceOp::create(
        b, vector::BitCastOp::create(b, getF32Vector(b, lanes), found), result,
        lane, /*strides=*/1);
  }
  return result;
}

Value mxfp4::decodeNibbles(ImplicitLocOpBuilder &b, const VectorISA &isa,
                           Value words, int64_t index) {
  auto i32 = cast<VectorType>(words.getType());
  VectorType f32 = i32.clone(b.getF32Type());
  Value codes = words;
  if (index != 0)
    codes = arith::ShRUIOp::create(b, words, constantInt(b, i32, 4 * index));
  switch (isa.lookup) {
  case VectorISA::Lookup::Permute16: {
    Value table = constantVector(b, {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f,
                                     6.0f, -0.0f, -0.5f, -1.0f, -1.5f, -2.0f,
                                     -3.0f, -4.0f, -6.0f});
    return callIntrinsic(b, "llvm.x86.avx512.permvar.sf.512", f32,
                         {table, codes});
  }
  case VectorISA::Lookup::Permute8: {
    Value table =
        constantVector(b, {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f});
    Value magnitudes =
        callIntrinsic(b, "llvm.x86.avx2.permps", f32, {table, codes});
    // The sign is the highest bit of the element, moved to that of the lane.
    Value moved = words;
    if (index != 7)
      moved =
          arith::ShLIOp::create(b, words, constantInt(b, i32, 28 - 4 * index));
    Value sign =
        arith::AndIOp::create(b, moved, constantInt(b, i32, 0x80000000));
    Value bits = arith::OrIOp::create(
        b, arith::BitcastOp::create(b, i32, magnitudes), sign);
    return arith::BitcastOp::create(b, f32, bits);
  }
  case VectorISA::Lookup::Bytes:
    return lookUpUpperBytes(b, codes);
  case VectorISA::Lookup::Arithmetic:
    return decodeElement(
        b, mx::kE2M1, arith::AndIOp::create(b, codes, constantInt(b, i32, 15)));
  }
  llvm_unreachable("unknown lookup");
}

double mxfp4::getFactorOfBytes(const VectorISA &isa,
                               const mx::ElementFormat &format) {
  // The exponents of E4M3 count from 7, those of f16 from 15.
  return isa.hasF16 && format.mantissaBits == 3 ? 256.0 : 1.0;
}

Value mxfp4::decodeBytes(ImplicitLocOpBuilder &b, const VectorISA &isa,
                         const mx::ElementFormat &format, Value bytes) {
  auto type = cast<VectorType>(bytes.getType());
  Value bits = arith::BitcastOp::create(b, type.clone(b.getI8Type()), bytes);
  if (!isa.hasF16)
    return decodeElement(
        b, format, arith::ExtUIOp::create(b, type.clone(b.getI32Type()), bits));
  // E5M2 is the upper byte of an f16. E4M3 has the exponent one bit lower.
  Type i16 = type.clone(b.getI16Type());
  bool isE4M3 = format.mantissaBits == 3;
  Value halves = arith::ShLIOp::create(b, arith::ExtSIOp::create(b, i16, bits),
                                       constantInt(b, i16, isE4M3 ? 7 : 8));
  if (isE4M3)
    halves = arith::AndIOp::create(b, halves, constantInt(b, i16, 0xBF80));
  Value numbers =
      arith::BitcastOp::create(b, type.clone(b.getF16Type()), halves);
  return convertFloat(b, numbers, b.getF32Type());
}

/// `vector` as bytes.
static Value asBytes(ImplicitLocOpBuilder &b, Value vector) {
  int64_t lanes = cast<VectorType>(vector.getType()).getDimSize(0);
  return vector::BitCastOp::create(
      b, VectorType::get({4 * lanes}, b.getI8Type()), vector);
}

Value mxfp4::lookUpBytes(ImplicitLocOpBuilder &b, const VectorISA &isa,
                         Value codes) {
  SmallVector<int8_t> table;
  // The table of an instruction is that of each 16 bytes.
  for (int64_t i = 0; i < 4 * isa.lanes; ++i)
    table.push_back(
        int8_t(2 * mx::decode(mx::kE2M1, uint8_t(i % 16)) + kWeightOffset));
  auto type = VectorType::get({4 * isa.lanes}, b.getI8Type());
  Value values = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, ArrayRef<int8_t>(table)));
  StringRef name = isa.architecture == VectorISA::Architecture::AArch64
                       ? "llvm.aarch64.neon.tbl1"
                   : isa.lanes == 16 ? "llvm.x86.avx512.pshuf.b.512"
                                     : "llvm.x86.avx2.pshuf.b";
  return callIntrinsic(b, name, type, {values, asBytes(b, codes)});
}

int64_t mxfp4::getByteProductStep(const VectorISA &isa) {
  // Sums of two products are below 2^13 in magnitude, so four of them fit into
  // 16 bits.
  return isa.byteProduct == VectorISA::ByteProduct::Fours ? 1 : 4;
}

bool mxfp4::hasByteProductFactor(const VectorISA &isa) {
  // What adds up pairs of 16-bit sums multiplies them.
  return isa.byteProduct == VectorISA::ByteProduct::Pairs;
}

Value mxfp4::emitByteProducts(ImplicitLocOpBuilder &b, const VectorISA &isa,
                              ArrayRef<Value> weights,
                              ArrayRef<Value> activations, Value sums,
                              int64_t factor) {
  assert(factor == 1 || hasByteProductFactor(isa));
  Type type = sums.getType();
  if (isa.byteProduct == VectorISA::ByteProduct::Fours) {
    // Weights are below 128: signed and unsigned are the same.
    StringRef name = isa.architecture == VectorISA::Architecture::AArch64
                         ? "llvm.aarch64.neon.sdot"
                     : isa.lanes == 16 ? "llvm.x86.avx512.vpdpbusd.512"
                                       : "llvm.x86.avx512.vpdpbusd.256";
    return callIntrinsic(b, name, type,
                         {sums, weights[0], asBytes(b, activations[0])});
  }
  Value pairs = emitBytePairs(b, isa, weights[0], activations[0], Value());
  for (size_t i = 1; i < weights.size(); ++i)
    pairs = emitBytePairs(b, isa, weights[i], activations[i], pairs);
  return arith::AddIOp::create(b, sums, emitPairSums(b, isa, pairs, factor));
}

Value mxfp4::emitBytePairs(ImplicitLocOpBuilder &b, const VectorISA &isa,
                           Value weights, Value activations, Value sums) {
  Value products =
      callIntrinsic(b,
                    isa.lanes == 16 ? "llvm.x86.avx512.pmaddubs.w.512"
                                    : "llvm.x86.avx2.pmadd.ub.sw",
                    VectorType::get({2 * isa.lanes}, b.getI16Type()),
                    {weights, asBytes(b, activations)});
  return sums ? arith::AddIOp::create(b, sums, products) : products;
}

Value mxfp4::emitPairSums(ImplicitLocOpBuilder &b, const VectorISA &isa,
                          Value sums, int64_t factor) {
  return callIntrinsic(b,
                       isa.lanes == 16 ? "llvm.x86.avx512.pmaddw.d.512"
                                       : "llvm.x86.avx2.pmadd.wd",
                       VectorType::get({isa.lanes}, b.getI32Type()),
                       {sums, constantInt(b, sums.getType(), factor)});
}

SmallVector<Value, 2> mxfp4::widenBytes(ImplicitLocOpBuilder &b, Value bytes) {
  int64_t size = cast<VectorType>(bytes.getType()).getDimSize(0);
  auto halves = VectorType::get({size / 2}, b.getI16Type());
  Value pairs = vector::BitCastOp::create(b, halves, bytes);
  return {arith::AndIOp::create(b, pairs, constantInt(b, halves, 0xFF)),
          arith::ShRUIOp::create(b, pairs, constantInt(b, halves, 8))};
}

bool mxfp4::hasPairProduct(const VectorISA &isa) {
  return isa.architecture == VectorISA::Architecture::X86;
}

Value mxfp4::emitPairProduct(ImplicitLocOpBuilder &b, const VectorISA &isa,
                             Value weights, Value activations, Value sums) {
  assert(hasPairProduct(isa));
  Type type = sums.getType();
  bool isLarge = isa.lanes == 16;
  Value pairs = vector::BitCastOp::create(b, weights.getType(), activations);
  if (isa.byteProduct == VectorISA::ByteProduct::Fours)
    return callIntrinsic(b,
                         isLarge ? "llvm.x86.avx512.vpdpwssd.512"
                                 : "llvm.x86.avx512.vpdpwssd.256",
                         type, {sums, weights, pairs});
  Value products = callIntrinsic(
      b, isLarge ? "llvm.x86.avx512.pmaddw.d.512" : "llvm.x86.avx2.pmadd.wd",
      type, {weights, pairs});
  return arith::AddIOp::create(b, sums, products);
}

/// The i32 lanes of `vector` as two bf16 numbers each.
static Value asBF16(ImplicitLocOpBuilder &b, Value vector) {
  int64_t lanes = cast<VectorType>(vector.getType()).getDimSize(0);
  return vector::BitCastOp::create(
      b, VectorType::get({2 * lanes}, b.getBF16Type()), vector);
}

Value mxfp4::emitBF16Products(ImplicitLocOpBuilder &b, const VectorISA &isa,
                              Value x, Value y, Value sums) {
  assert(isa.hasBF16Product);
  StringRef name = isa.architecture == VectorISA::Architecture::AArch64
                       ? "llvm.aarch64.neon.bfdot"
                       : "llvm.x86.avx512bf16.dpbf16ps.512";
  return callIntrinsic(b, name, sums.getType(),
                       {sums, asBF16(b, x), asBF16(b, y)});
}

Value mxfp4::emitMatrixProduct(ImplicitLocOpBuilder &b, Value x, Value y,
                               Value sums) {
  auto type = cast<VectorType>(sums.getType());
  if (type.getElementType().isF32())
    return callIntrinsic(b, "llvm.aarch64.neon.bfmmla", type,
                         {sums, asBF16(b, x), asBF16(b, y)});
  return callIntrinsic(b, "llvm.aarch64.neon.smmla", type,
                       {sums, asBytes(b, x), asBytes(b, y)});
}

SmallVector<Value, 2> mxfp4::interleaveWords(ImplicitLocOpBuilder &b, Value x,
                                             Value y) {
  Type words = VectorType::get({4}, b.getI32Type());
  x = vector::BitCastOp::create(b, words, x);
  y = vector::BitCastOp::create(b, words, y);
  SmallVector<Value, 2> rows;
  for (int64_t first : {0, 2})
    rows.push_back(vector::ShuffleOp::create(
        b, x, y, ArrayRef<int64_t>{first, first + 4, first + 1, first + 5}));
  return rows;
}

void mxfp4::exchangeHalves(ImplicitLocOpBuilder &b, Value &x, Value &y) {
  Value lower =
      vector::ShuffleOp::create(b, x, y, ArrayRef<int64_t>{0, 1, 4, 5});
  y = vector::ShuffleOp::create(b, x, y, ArrayRef<int64_t>{2, 3, 6, 7});
  x = lower;
}

Value mxfp4::emitExp(ImplicitLocOpBuilder &b, Value x) {
  auto f32 = cast<VectorType>(x.getType());
  Type i32 = f32.clone(b.getI32Type());
  auto number = [&](double value) { return constantFloat(b, f32, value); };
  auto multiplyAdd = [&](Value p, Value q, Value r) -> Value {
    return arith::AddFOp::create(b, arith::MulFOp::create(b, p, q), r);
  };
  // Between them exp is a normal number; the largest finite is exp(highest).
  constexpr double lowest = -87.336544, highest = 88.7228317;
  Value isBelow =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, number(lowest));
  Value isAbove =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, number(highest));
  Value y = arith::SelectOp::create(b, isBelow, number(lowest), x);
  y = arith::SelectOp::create(b, isAbove, number(highest), y);

  // y = n * ln(2) + r. Adding 1.5 * 2^23 rounds to an integer, which then
  // stands in the low bits. ln(2) is taken off in two parts, of which the first
  // has few bits, so that its product is exact.
  Value magic = number(12582912.0);
  Value shifted = multiplyAdd(y, number(1.44269504088896341), magic);
  Value n = arith::SubFOp::create(b, shifted, magic);
  Value r = multiplyAdd(n, number(-0.693359375), y);
  r = multiplyAdd(n, number(2.12194440e-4), r);

  // A polynomial for exp on [-ln(2)/2, ln(2)/2] (Cephes).
  Value p = number(1.9875691500e-4);
  for (double coefficient : {1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2,
                             1.6666665459e-1, 5.0000001201e-1})
    p = multiplyAdd(p, r, number(coefficient));
  p = multiplyAdd(arith::MulFOp::create(b, r, r), p, r);
  p = arith::AddFOp::create(b, p, number(1.0));

  // Times 2^n, by adding n to the exponent.
  Value exponent = arith::ShLIOp::create(
      b,
      arith::SubIOp::create(b, arith::BitcastOp::create(b, i32, shifted),
                            arith::BitcastOp::create(b, i32, magic)),
      constantInt(b, i32, 23));
  Value bits =
      arith::AddIOp::create(b, arith::BitcastOp::create(b, i32, p), exponent);
  Value result = arith::BitcastOp::create(b, f32, bits);
  result = arith::SelectOp::create(b, isBelow, number(0.0), result);
  result = arith::SelectOp::create(
      b, isAbove, number(std::numeric_limits<double>::infinity()), result);
  Value isNaN = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
  return arith::SelectOp::create(b, isNaN, x, result);
}

/// True if rows follow each other without gaps, wherever the first one is.
static bool isContiguous(MemRefType type) {
  if (type.getLayout().isIdentity())
    return true;
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return false;
  int64_t expected = 1;
  for (int64_t i = type.getRank() - 1; i >= 0; --i) {
    if (strides[i] != expected)
      return false;
    if (i > 0 && (type.isDynamicDim(i) ||
                  llvm::MulOverflow(expected, type.getDimSize(i), expected)))
      return false;
  }
  return true;
}

LogicalResult mxfp4::checkContiguous(Operation *op) {
  for (Type type : op->getOperandTypes())
    if (auto memref = dyn_cast<MemRefType>(type);
        memref && !isContiguous(memref))
      return op->emitOpError("cannot be lowered: expected contiguous "
                             "memrefs, but got ")
             << memref;
  return success();
}
