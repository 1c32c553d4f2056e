//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One call: the shape of a model and a target in, a Program out.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_COMPILER_COMPILER_H
#define MXFP4_COMPILER_COMPILER_H

#include "mxfp4/ABI/Program.h"
#include "mxfp4/Checkpoint/ModelConfig.h"
#include "mxfp4/Support/Result.h"

#include <string>
#include <vector>

namespace mx {

/// The largest CompileOptions::prefillTokens. More would be wasteful: a prompt
/// is cut into pieces, and large ones are no faster.
constexpr int64_t kMaxPrefillTokens = 1 << 16;

/// What decides the code of a Program, besides the model.
struct CompileOptions {
  /// "cpu" is the processor at hand; "cpu:NAME" another, as LLVM names it, such
  /// as "cpu:x86-64-v3" or "cpu:neoverse-n1". "nvptx:CHIP" is an NVIDIA GPU,
  /// such as "nvptx:sm_90"; code for it runs on later ones, too.
  std::string target = "cpu";
  /// Precision of activations and of the KV cache, one of activationNames().
  /// Sums and the residual stream are f32 in all. On a CPU, with "bf16" and
  /// "f16" products with MXFP4 weights take their inputs as integers of 16 bits
  /// and a scale for 32 of them, which is closer than a rounding to bf16 and
  /// nearly as close as one to f16, with "int8" as integers of 8. f16 ends at
  /// 65,504.
  std::string activations = "bf16";
  /// The format of the weights of attention and of the head, one of
  /// denseNames(). The checkpoint has BF16; blocks are made when weights are
  /// loaded. The embedding, norms, biases and the router stay as they are.
  std::string dense = "bf16";
  /// The slow exact path: plain loops, one thread, no fusion.
  bool reference = false;
  /// Fuse bias, activation, routing and residual into matmuls.
  bool fuse = true;
  /// Tokens that one call of "prefill" takes at most; of a module, the size of
  /// dynamic leading dimensions at most.
  int64_t prefillTokens = 512;
  /// Of a model: sequences whose keys and values the caches hold, of which one
  /// call appends a token to each, if they are more than 1.
  int64_t sequences = 1;
  /// Of a module: arguments of its functions that are weights, such as
  /// "main.arg1".
  std::vector<std::string> weights;
};

/// The target for a GPU of compute capability `capability` / 10, such as 90:
/// "nvptx:" and the latest chip that has no more. Fails where there is none.
Result<std::string> chooseGPUTarget(int capability);

/// Fails on options that are out of range, or a target that is unknown.
Status checkOptions(const CompileOptions &options);

/// "bf16", "f16", "f32" and "int8", which is bf16 but for the inputs of
/// products with MXFP4 weights.
const std::vector<std::string> &activationNames();

/// "bf16", "mxfp8" (E4M3) and "mxfp4".
const std::vector<std::string> &denseNames();

/// Compiles a model of this shape. Fails with what is wrong with the options or
/// the target.
Result<Program> compileModel(const ModelConfig &config,
                             const CompileOptions &options);

/// Compiles a module of functions on tensors, given as MLIR text or bytecode.
/// Dequantization is raised to ops of the dialect, if `options.fuse` allows it,
/// and public functions become entry points: those with `mxfp4.entry` as they
/// say, the others as `mxfp4-make-entry-points` does it. `name` stands for the
/// text in messages.
Result<Program> compileModule(const std::string &text, const std::string &name,
                              const CompileOptions &options);

/// As compileModel, without machine code: all sizes are known, `code` is empty.
Result<Program> planModel(const ModelConfig &config,
                          const CompileOptions &options);

/// The stages of emitStage, in order: "graph" (as imported), "fused", "vector"
/// (loops of vector code), "llvm" (LLVM dialect), all of which mxfp4-opt reads,
/// and "asm" (assembly of the target).
const std::vector<std::string> &stageNames();

/// The module after a stage, as text.
Result<std::string> emitStage(const ModelConfig &config,
                              const CompileOptions &options,
                              const std::string &stage);

/// An instruction set that kernels can be made of.
struct InstructionSet {
  std::string name;
  /// Numbers of f32 in a vector register.
  int64_t lanes;
  /// The instructions that multiply bytes, such as "vpdpbusd"; empty if
  /// integers are multiplied as floats.
  std::string byteProducts;
  /// What a processor must have, as LLVM spells it.
  std::vector<std::string> features;
  /// True of the one that the target gets.
  bool isChosen;
};

/// Those for the architecture of the target, the best first. Fails on an
/// unknown target.
Result<std::vector<InstructionSet>>
listInstructionSets(const CompileOptions &options);

/// A generation of NVIDIA GPUs that there is code for.
struct GPUCode {
  /// Such as "nvptx:sm_90".
  std::string target;
  /// Products of bf16 by MXFP4 and of several tokens, and attention in bf16 and
  /// f16, are tiles of tensor cores; else each thread multiplies in f32.
  bool hasTensorCores;
  /// A kernel is launched while the one before runs, and asks for weights.
  bool overlapsLaunches;
  /// Blocks divide the keys of one token, and the columns of dense weights for
  /// a few tokens.
  bool hasClusters;
};

/// All of them, the oldest first.
std::vector<GPUCode> listGPUCode();

/// A program of the probes of ABI/Probes.h for the target.
Result<Program> compileProbes(const CompileOptions &options);

/// What tells two builds of the compiler apart, and the target that `options`
/// resolve to on this machine: with the model's config a key for a cache of
/// Programs. Fails as compileModel does on an unknown target.
Result<std::string> compilerFingerprint(const CompileOptions &options);

} // namespace mx

#endif // MXFP4_COMPILER_COMPILER_H
