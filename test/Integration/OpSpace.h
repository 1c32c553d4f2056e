//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All that can be written for an op: its choices of types and attributes, those
// that its verifier accepts, and kernels of random shapes and data of them.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TEST_INTEGRATION_OPSPACE_H
#define MXFP4_TEST_INTEGRATION_OPSPACE_H

#include "KernelRunner.h"

#include <set>

namespace mx::test {

/// What stands in each slot of an op, by the name of the slot.
using Choice = std::map<std::string, std::string>;

/// A place of an op where one of several things may stand.
struct Slot {
  std::string name;
  std::vector<std::string> values;
};

/// Sizes, of which each op takes what it has. They are small, but around the
/// lanes of registers (4, 8, 16).
struct Sizes {
  static Sizes draw(Random &random);

  /// The leading dimension: static, or kTokens.
  int64_t tokens = 2;
  int64_t rows = 6;
  int64_t blocks = 2;
  int64_t width = 6;
  int64_t experts = 3;
  int64_t slots = 2;
  int64_t kvHeads = 2;
  int64_t group = 2;
  int64_t headDim = 6;
  int64_t window = 3;
  int64_t cacheRows = 4;
  int64_t lanes = 4;
  int64_t depth = 8;
  /// The cache has as many rows as a call says.
  bool isCacheDynamic = true;
  /// Weights hold the ends of their scales, and NaN.
  bool isHostile = false;
};

/// A choice with sizes.
struct Case {
  Choice choice;
  Sizes sizes;

  const std::string &operator[](const std::string &slot) const {
    return choice.at(slot);
  }
  /// The format that slot "format" names, which has one.
  BlockFormat format() const;
};

/// What data to make for an operand.
enum class Role {
  Floats, ///< From -1 to 1; in hostile calls zeros, subnormals and `specials`.
  Positive, ///< From 2^-4 to 2^4.
  Blocks,   ///< Floats of all magnitudes, by blocks, with many ties.
  Indices,  ///< From 0 to `limit` - 1.
  Bytes,    ///< Any.
  Weight,   ///< Elements that are finite.
  Scales,   ///< Scales that make numbers of such a weight about 1.
  Rows,     ///< Rows of a cache; NaN where no token may look.
  Position, ///< The position of the call, for each token.
  Distinct, ///< From 0 to `limit` - 1, no two the same.
};

/// An argument of a kernel, whose type need not be legal.
struct Operand {
  std::string name;
  BufferKind kind = BufferKind::Input;
  /// Of the elements, as MLIR writes it.
  std::string type;
  Shape shape;
  Role role = Role::Floats;
  int64_t limit = 1;
  std::vector<double> specials = {};
};

/// A kernel before it has data. `body` and `results` are as in Kernel.
struct Draft {
  void add(Operand operand) { operands.push_back(std::move(operand)); }
  /// Adds an output or cache that the body's value `value` is stored in.
  void addResult(const std::string &name, const std::string &type, Shape shape,
                 const std::string &value);

  std::vector<Operand> operands;
  std::string body;
  std::vector<std::pair<std::string, std::string>> results;
};

/// An op with its choices.
struct OpSpace {
  std::string name;
  std::vector<Slot> slots;
  /// Legal choices. A value counts if it may take the place of that in one of
  /// them.
  std::vector<Choice> bases;
  std::function<Draft(const Case &)> draft;

  /// The choices that parse and verify, asked of the verifier.
  std::vector<Choice> findLegal() const;

  /// A kernel of a legal case with three calls, the last of hostile data.
  Kernel makeKernel(const Case &made, Random &random) const;

  /// The names of all ops of the dialects mxfp4 and nn.
  static std::set<std::string> namesOfAllOps();
};

/// The types that may be tried as elements of tensors: all floats and integers
/// that MLIR has.
const std::vector<std::string> &allElementTypes();

/// The same and "", for operands that may be absent.
std::vector<std::string> allOptionalTypes();

/// Pairs of types of elements and scales, with the number of elements in a
/// block, as in "f4E2M1FN f8E8M0FNU 32".
std::vector<std::string> allFormats();

/// The words of `text`.
std::vector<std::string> splitWords(const std::string &text);

/// The slot of the instruction set that a choice is run on, if it has one.
constexpr const char *kMachine = "machine";

/// Stands for the number of values that a round combines where it combines all.
constexpr int kAll = 0;

/// Which choices each round takes.
class Rounds {
public:
  /// Each round takes all of `legal` if `strength` is kAll. Else the first
  /// takes choices that have all sets of `strength` values, 2 or 3, that any
  /// legal choice has, and the next ones as many of those that are left, each
  /// on one machine.
  Rounds(const std::vector<Choice> &legal, int strength, Random &random);

  std::vector<Choice> next();

  /// The number of rounds until each legal choice has been taken.
  int64_t count() const { return int64_t((order.size() + size - 1) / size); }

private:
  std::vector<Choice> order;
  size_t size = 0;
  size_t at = 0;
};

} // namespace mx::test

#endif // MXFP4_TEST_INTEGRATION_OPSPACE_H
