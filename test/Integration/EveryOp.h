//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs an op with the types that its verifier accepts, on random shapes: the
// fast path of each instruction set against the exact path. Where an op has
// more combinations of types and attributes than can be compiled in minutes, a
// round takes as many as have all sets of two or three choices.
// MXFP4_TEST_ROUNDS=N goes on to N rounds of others, or with "all" until there
// are none; MXFP4_TEST_SHARD=I/M runs each Mth round from the Ith, counted from
// 0, so that M processes can share the work.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TEST_INTEGRATION_EVERYOP_H
#define MXFP4_TEST_INTEGRATION_EVERYOP_H

#include "OpSpace.h"

#include <limits>

namespace mx::test {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

using Numbers = std::vector<double>;

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

/// By how much of the sum of the magnitudes of its terms a number may be off if
/// each term passes at most `roundings` roundings to f32.
double gammaOf(double roundings);

/// The same for numbers that are so small that they are rounded to multiples
/// of 2^-149.
double tinyOf(double roundings);

Numbers magnitudes(Numbers numbers);

/// The data of a call: what bounds are made of.
class Data {
public:
  Data(const Kernel &kernel, const Call &call, const Case &made)
      : kernel(kernel), call(call), made(made) {}

  /// The numbers of an argument, none if it is not there.
  Numbers operator()(const std::string &name) const {
    if (!kernel.find(name))
      return {};
    return tensor(name).values();
  }
  /// The weight that the arguments v, s and t stand for.
  Numbers weight() const {
    HostTensor elements = tensor("v");
    if (elements.type == ElementType::I8) {
      elements.type = ElementType::E2M1;
      elements.shape.back() *= 2;
    }
    Numbers weight = decodeWeight(elements, tensor("s"), made.format());
    Numbers scales = (*this)("t");
    for (size_t i = 0; i < weight.size() && !scales.empty(); ++i)
      weight[i] *= scales[i * scales.size() / weight.size()];
    return weight;
  }
  int64_t tokens() const { return call.tokens; }
  int64_t position() const { return call.position; }
  const Case &theCase() const { return made; }
  const Sizes &sizes() const { return made.sizes; }

private:
  const HostTensor &tensor(const std::string &name) const {
    const Kernel::Argument *argument = kernel.find(name);
    return argument->kind == BufferKind::Weight ? argument->weight
                                                : call.data.at(name);
  }

  const Kernel &kernel;
  const Call &call;
  const Case &made;
};

/// How far a path may be from exact arithmetic before the result is rounded to
/// its type, given the result of the exact path.
using Bound = std::function<Numbers(const Data &, const Numbers &result)>;

/// The bounds of outputs by name. Others must have the same bits.
using Bounds = std::map<std::string, Bound>;

/// Roundings of a term of a sum over `columns`: the weight (F22), the product,
/// one for each addition, the scale of the block, the rounding of the input,
/// bias and residual.
double sumRoundings(int64_t columns);

/// The bound of x * weight + bias + residual, where `x` are magnitudes.
Numbers boundProduct(const Data &data, const Numbers &x, const Numbers &weight);

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

/// How the choices of an op are run.
enum class Machines {
  Each,  ///< On every instruction set.
  Slots, ///< On one, which is combined with them as the value of a slot.
};

/// Checks that `space` has `count` legal choices, and runs them: all, or in a
/// round as many as have all sets of `strength` values.
void checkOp(const OpSpace &space, size_t count, int strength,
             Machines machines, const Bounds &bounds = {});

//===----------------------------------------------------------------------===//
// Slots and operands
//===----------------------------------------------------------------------===//

/// What floats of hostile calls hold.
const std::vector<double> kSpecials = {kNaN, kInfinity, -kInfinity};

const std::string kSwiGLU =
    "#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>";

Slot typeSlot(const std::string &name);
Slot optionalSlot(const std::string &name);

/// Adds an operand that may be absent, and returns its part of the op.
std::string addOptional(Draft &draft, const Case &c, Operand operand,
                        const char *keyword);

} // namespace mx::test

#endif // MXFP4_TEST_INTEGRATION_EVERYOP_H
