//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels as MLIR text, compiled together, run and compared. Each runs on the
// exact path and on the fast path of every instruction set of this machine, on
// teams of several sizes, between guard pages, and on its GPU.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_TEST_INTEGRATION_KERNELRUNNER_H
#define MXFP4_TEST_INTEGRATION_KERNELRUNNER_H

#include "HostTensor.h"
#include "Team.h"
#include "mxfp4/Compiler/Compiler.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace mx::test {

/// A size that counts the tokens, or the context, of a call.
constexpr int64_t kTokens = -1;
constexpr int64_t kContext = -2;

/// What an output must hold.
struct Expected {
  std::string argument;
  /// The result in exact arithmetic.
  std::vector<double> values;
  /// How far a result in f32 may be from it, besides one rounding to the type
  /// of the output; by anything if it is NaN. Empty: the value must be this
  /// one, with its sign, but for zeros of f16 that a GPU made.
  std::vector<double> slack;
  /// How much farther that of a GPU may be, whose tensor cores take more
  /// numbers in the type of the inputs. Empty: none.
  std::vector<double> gpuSlack = {};
};

/// One call of a kernel.
struct Call {
  int64_t tokens = 1;
  int64_t position = 0;
  int64_t context = 0;
  /// Inputs and caches before the call, by name.
  std::map<std::string, HostTensor> data;
  std::vector<Expected> expected;
};

/// A function with its arguments and the calls to make.
struct Kernel {
  struct Argument {
    std::string name;
    BufferKind kind;
    ElementType type;
    Shape shape;
    /// Of a weight, as in the checkpoint.
    HostTensor weight;
  };

  explicit Kernel(int64_t maxTokens = 1) : maxTokens(maxTokens) {}

  /// Adds an argument. A weight has its data here, the others in each call.
  void addWeight(const std::string &name, HostTensor weight);
  void addInput(const std::string &name, ElementType type, Shape shape);
  void addCache(const std::string &name, ElementType type, Shape shape);
  void addOutput(const std::string &name, ElementType type, Shape shape);

  /// Has the ops of the body read a weight arranged by `layout`, which stands
  /// between the angle brackets of the attribute.
  void arrange(const std::string &weight, const std::string &layout);

  /// Adds a call.
  Call &addCall(int64_t tokens, int64_t position = 0, int64_t context = 0);

  /// The type of an argument as MLIR writes it.
  std::string typeOf(const std::string &argument) const;
  const Argument *find(const std::string &argument) const;

  std::vector<Argument> arguments;
  /// The ops. `{x}` stands for the type of argument `%x`; `%tokens` and
  /// `%position` are those of the call.
  std::string body;
  /// The values to return, and the arguments that they are stored in.
  std::vector<std::pair<std::string, std::string>> results;
  int64_t maxTokens;
  std::vector<Call> calls;
};

/// Options to compile with, and a name for messages.
struct Variant {
  std::string name;
  CompileOptions options;
};

/// The exact path.
Variant exactPath();

/// The fast paths of all instruction sets that this machine may run.
std::vector<Variant> cpuPaths(bool fuse = true);

/// The fast paths of all generations of GPU that the GPU of this machine runs;
/// none if it has none.
std::vector<Variant> gpuPaths(bool fuse = true);

/// cpuPaths() and gpuPaths().
std::vector<Variant> fastPaths(bool fuse = true);

/// The fast paths of AArch64, with products of matrices, with those of dots and
/// without, which only an emulator may run.
std::vector<Variant> emulatedPaths();

/// exactPath() and fastPaths().
std::vector<Variant> allPaths();

/// The module that has each kernel as an entry "k0", "k1", ... Its buffers are
/// named "k0.x" and so on.
std::string writeModule(const std::vector<Kernel> &kernels);

/// A compiled module with its memory and a team of threads.
class KernelRunner {
public:
  static Result<std::unique_ptr<KernelRunner>>
  create(const Program &program, const std::vector<Kernel> &kernels,
         int64_t threads);

  /// Makes a call. Returns the outputs and the caches by name.
  std::map<std::string, HostTensor> run(size_t kernel, const Call &call);

  /// The memory of buffer `name`, or null.
  const GuardedBuffer *find(const std::string &name) const;

private:
  KernelRunner(const Program &program, const std::vector<Kernel> &kernels)
      : program(program), kernels(kernels) {}
  void allocateBuffers();
  Status prepareWeights();

  const Program &program;
  const std::vector<Kernel> &kernels;
  /// The buffers of the program, and one for a weight as in the checkpoint.
  std::unique_ptr<GuardedMemory> memory;
  std::vector<void *> addresses;
  std::unique_ptr<Team> team;
  std::vector<std::string> symbols;
};

/// Half a step between neighbors of `type` at `value`.
double roundingOf(ElementType type, double value);

/// True if `error` says that this machine cannot run a program.
bool isForOtherMachine(const Error &error);

/// False if `variant` is for a GPU, and `kernel` has what cannot be compiled
/// for one: heads of a size that is no multiple of 8, and scalars that are
/// computed between loops.
bool canRun(const Kernel &kernel, const Variant &variant);

/// Compiles, makes all calls by all variants and compares with what is
/// expected; the bits must not depend on the number of threads.
void checkKernels(const std::vector<Kernel> &kernels,
                  const std::vector<Variant> &variants = allPaths());

/// The same for a module of these kernels that is not what writeModule writes.
void checkModule(const std::string &text, const std::vector<Kernel> &kernels,
                 const Variant &variant);

/// As checkKernels, but each kernel takes one of the fast paths of processors
/// in turn besides the exact one, those that an emulator runs among them: to
/// compile and to emulate is what takes the time.
void checkKernelsInTurn(const std::vector<Kernel> &kernels);

} // namespace mx::test

#endif // MXFP4_TEST_INTEGRATION_KERNELRUNNER_H
