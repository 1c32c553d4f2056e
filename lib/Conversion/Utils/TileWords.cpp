//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A pair has a sign and three other bits of each of two elements, in 8 of its
// 32 bits. In the order of the checkpoint the sign and the rest of an element
// stand together and move apart, which takes 13 instructions for a word. Here
// two pairs are the word itself and a rotation of it, one is a shift of it, and
// one the sum of two shifts: 8 instructions.
//
//===----------------------------------------------------------------------===//

#include "TileWords.h"

#include "ScalarCode.h"

using namespace mlir;
using namespace mlir::mxfp4;

/// Bits of a pair: signs, and the lowest bits of the exponent with that of the
/// mantissa, of both halves.
static constexpr int64_t kPairBits = 0x81C081C0;

namespace {
/// Emits operations on words.
struct WordCode {
  Value number(int64_t value) { return constantInt(b, b.getI32Type(), value); }
  Value select(Value word, int64_t bits) {
    return arith::AndIOp::create(b, word, number(bits));
  }
  Value left(Value word, int64_t by) {
    return arith::ShLIOp::create(b, word, number(by));
  }
  Value right(Value word, int64_t by) {
    return arith::ShRUIOp::create(b, word, number(by));
  }
  Value add(Value x, Value y) { return arith::XOrIOp::create(b, x, y); }
  Value rotateLeft(Value word, int64_t by) {
    return arith::OrIOp::create(b, left(word, by), right(word, 32 - by));
  }

  ImplicitLocOpBuilder &b;
};
} // namespace

SmallVector<Value> mxfp4::decodeTileWord(ImplicitLocOpBuilder &b, Value word) {
  WordCode code{b};
  Value moved[] = {word, code.left(word, 6), code.rotateLeft(word, 12),
                   code.add(code.right(word, 6), code.left(word, 2))};
  SmallVector<Value> pairs;
  for (Value pair : moved)
    pairs.push_back(code.select(pair, kPairBits));
  return pairs;
}

Value mxfp4::encodeTileWord(ImplicitLocOpBuilder &b, Value elements) {
  WordCode code{b};
  SmallVector<Value> pairs;
  for (int64_t i = 0; i < 4; ++i) {
    Value own = code.right(elements, 8 * i);
    own = code.add(code.select(own, 0x0000000F),
                   code.left(code.select(own, 0x000000F0), 12));
    // One multiplication moves both the sign and the rest where they belong.
    pairs.push_back(code.select(
        arith::MulIOp::create(b, own, code.number(0x1040)), kPairBits));
  }
  Value word = code.add(code.add(pairs[0], code.right(pairs[1], 6)),
                        code.rotateLeft(pairs[2], 20));
  // What is missing of the last pair goes to the bits that are left; four of
  // them are in two sums each.
  Value missing = code.add(
      pairs[3], code.select(code.add(code.right(word, 6), code.left(word, 2)),
                            kPairBits));
  Value chain = code.select(missing, 0x80808080);
  chain = code.add(chain, code.right(chain, 8));
  chain = code.add(chain, code.right(chain, 16));
  word = code.add(word, code.right(chain, 2));
  word = code.add(word, code.left(code.select(missing, 0x01000100), 6));
  return code.add(word, code.right(code.select(missing, 0x00400040), 2));
}

Value mxfp4::extractFromTileWord(ImplicitLocOpBuilder &b, Value word,
                                 Value number) {
  WordCode code{b};
  SmallVector<Value> pairs = decodeTileWord(b, word);
  Value ofPair = divIndex(b, number, 2), pair = pairs[0];
  for (int64_t i = 1; i < 4; ++i) {
    Value isOwn = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, ofPair,
                                        constantIndex(b, i));
    pair = arith::SelectOp::create(b, isOwn, pairs[i], pair);
  }
  Value shift = arith::IndexCastOp::create(
      b, b.getI32Type(), mulIndex(b, remIndex(b, number, 2), 16));
  Value half = arith::ShRUIOp::create(b, pair, shift);
  return code.add(code.select(code.right(half, 12), 8),
                  code.select(code.right(half, 6), 7));
}
