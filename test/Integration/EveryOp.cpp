//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs kernels of an op, and counts what was run.
//
//===----------------------------------------------------------------------===//

#include "EveryOp.h"

#include "Oracles.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>
#include <numeric>
#include <set>

using namespace mx;
using namespace mx::test;

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

double mx::test::gammaOf(double roundings) {
  double error = roundings * std::ldexp(1.0, -24);
  return error / (1.0 - error);
}

double mx::test::tinyOf(double roundings) {
  return roundings * std::ldexp(1.0, -149);
}

Numbers mx::test::magnitudes(Numbers numbers) {
  for (double &number : numbers)
    number = std::fabs(number);
  return numbers;
}

double mx::test::sumRoundings(int64_t columns) { return double(columns) + 6; }

Numbers mx::test::boundProduct(const Data &data, const Numbers &x,
                               const Numbers &weight) {
  int64_t columns = int64_t(x.size()) / data.tokens();
  double roundings = sumRoundings(columns);
  Numbers bound = multiply(x, magnitudes(weight), columns,
                           magnitudes(data("b")), magnitudes(data("r")))
                      .values;
  for (double &value : bound)
    value = gammaOf(roundings) * value + tinyOf(roundings);
  return bound;
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

namespace {
/// What was run of each op.
class Tally : public testing::Environment {
public:
  static Tally &get() {
    static auto *tally =
        static_cast<Tally *>(testing::AddGlobalTestEnvironment(new Tally));
    return *tally;
  }

  void add(const std::string &op, size_t legal, size_t run, size_t cases) {
    std::printf("%-24s %5zu of %5zu combinations, %5zu cases\n", op.c_str(),
                run, legal, cases);
    ops.insert(op);
    total += cases;
  }

  void TearDown() override {
    std::printf("%zu cases\n", total);
    if (testing::GTEST_FLAG(filter) != "*" ||
        testing::UnitTest::GetInstance()->Failed())
      return;
    EXPECT_GE(total, 2000u);
    // What the fast paths make of dequantize and quantize.
    ops.insert({"mxfp4.dequantize_into", "mxfp4.quantize_into"});
    EXPECT_EQ(ops, OpSpace::namesOfAllOps());
  }

private:
  std::set<std::string> ops;
  size_t total = 0;
};

Tally &tally = Tally::get();
} // namespace

/// Runs the exact path and has the calls expect its results, within `bounds`.
static void expectExactPath(std::vector<Kernel> &kernels,
                            const std::vector<Case> &cases,
                            const Bounds &bounds) {
  std::string text = writeModule(kernels);
  Variant variant = exactPath();
  Result<Program> program = compileModule(text, variant.name, variant.options);
  ASSERT_TRUE(program) << program.error().message << "\n" << text;
  Result<std::unique_ptr<KernelRunner>> runner =
      KernelRunner::create(*program, kernels, /*threads=*/1);
  ASSERT_TRUE(runner) << runner.error().message;
  for (size_t k = 0; k < kernels.size(); ++k)
    for (Call &call : kernels[k].calls) {
      std::map<std::string, HostTensor> results = (*runner)->run(k, call);
      for (const auto &[value, name] : kernels[k].results) {
        const HostTensor &result = results.at(name);
        Expected expected{name, result.values(), {}};
        if (auto bound = bounds.find(name); bound != bounds.end())
          expected.slack =
              bound->second(Data(kernels[k], call, cases[k]), expected.values);
        // Each path may be as far off as the bound, and the result of the exact
        // one has been rounded as well.
        for (size_t i = 0; i < expected.slack.size(); ++i)
          expected.slack[i] = 2 * expected.slack[i] +
                              roundingOf(result.type, expected.values[i]);
        call.expected.push_back(std::move(expected));
      }
    }
}

/// The numbers of the rounds to run.
static std::set<int64_t> chooseRounds(const Rounds &rounds) {
  auto get = [](const char *name, const char *otherwise) {
    const char *value = std::getenv(name);
    return std::string(value ? value : otherwise);
  };
  std::string number = get("MXFP4_TEST_ROUNDS", "1");
  int64_t count = number == "all" ? rounds.count() : std::stoll(number);
  std::string shard = get("MXFP4_TEST_SHARD", "0/1");
  int64_t first = std::stoll(shard),
          step = std::max(1ll, std::stoll(shard.substr(shard.find('/') + 1)));
  std::set<int64_t> chosen;
  for (int64_t round = first; round < count; round += step)
    chosen.insert(round);
  return chosen;
}

/// `legal` for each of `count` instruction sets.
static std::vector<Choice> withMachines(const std::vector<Choice> &legal,
                                        size_t count) {
  std::vector<Choice> choices;
  for (Choice choice : legal)
    for (size_t i = 0; i < count; ++i) {
      choice[kMachine] = std::to_string(i);
      choices.push_back(choice);
    }
  return choices;
}

void mx::test::checkOp(const OpSpace &space, size_t count, int strength,
                       Machines machines, const Bounds &bounds) {
  std::vector<Choice> legal = space.findLegal();
  EXPECT_EQ(legal.size(), count) << space.name;
  std::vector<Variant> variants = fastPaths();
  variants.push_back(emulatedPaths().front());
  bool isEach = machines == Machines::Each;
  Random random(std::accumulate(space.name.begin(), space.name.end(), 0u));
  Rounds rounds(isEach ? legal : withMachines(legal, variants.size()), strength,
                random);
  size_t numCases = 0;
  std::set<Choice> run;
  std::set<int64_t> chosen = chooseRounds(rounds);
  for (int64_t round = 0; !chosen.empty(); ++round) {
    std::vector<Choice> choices = rounds.next();
    if (chosen.erase(round) == 0)
      continue;
    std::vector<Kernel> kernels;
    std::vector<Case> cases;
    for (const Choice &choice : choices) {
      cases.push_back({choice, Sizes::draw(random)});
      kernels.push_back(space.makeKernel(cases.back(), random));
    }
    expectExactPath(kernels, cases, bounds);
    for (size_t i = 0; i < variants.size(); ++i) {
      if (testing::Test::HasFailure())
        return;
      std::vector<Kernel> share;
      for (size_t k = 0; k < kernels.size(); ++k)
        if ((isEach || cases[k][kMachine] == std::to_string(i)) &&
            canRun(kernels[k], variants[i]))
          share.push_back(kernels[k]);
      checkModule(writeModule(share), share, variants[i]);
      for (const Kernel &kernel : share)
        numCases += kernel.calls.size();
    }
    for (Case &made : cases) {
      made.choice.erase(kMachine);
      run.insert(made.choice);
    }
  }
  tally.add(space.name, legal.size(), run.size(), numCases);
}

//===----------------------------------------------------------------------===//
// Slots and operands
//===----------------------------------------------------------------------===//

Slot mx::test::typeSlot(const std::string &name) {
  return {name, allElementTypes()};
}

Slot mx::test::optionalSlot(const std::string &name) {
  return {name, allOptionalTypes()};
}

std::string mx::test::addOptional(Draft &draft, const Case &c, Operand operand,
                                  const char *keyword) {
  operand.type = c[operand.name];
  if (operand.type.empty())
    return "";
  draft.add(operand);
  return std::string(" ") + keyword + "(%" + operand.name + " : {" +
         operand.name + "})";
}
