//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4 doctor: what the machine is, what it reaches, and the code that it
// gets.
//
//===----------------------------------------------------------------------===//

#include "Verbs.h"

#include "mxfp4/Command/Table.h"
#include "mxfp4/Command/Tool.h"
#include "mxfp4/Driver/Flags.h"
#include "mxfp4/Driver/Machine.h"
#include "mxfp4/Runtime/CPUFeatures.h"
#include "mxfp4/Runtime/Ceilings.h"
#include "mxfp4/Runtime/GPU.h"
#include "mxfp4/Runtime/ThreadPool.h"

#include <algorithm>

using namespace mx;

namespace {
struct Flags {
  CompileOptions compile;
  int64_t threads = 0;
  bool pin = false;
};
} // namespace

static std::string orUnknown(const std::string &text) {
  return text.empty() ? "unknown" : text;
}

static constexpr double kGibibyte = 1 << 30;

/// The target of `gpu`, if there is one and code for it.
static Result<std::string> chooseTarget(const Result<GPU> &gpu) {
  return gpu ? chooseGPUTarget(gpu->capability) : gpu.error();
}

/// The GPU in words, or why there is none.
static std::string describeGPU(const Result<GPU> &gpu) {
  if (!gpu)
    return "none: " + gpu.error().message;
  Result<std::string> target = chooseTarget(gpu);
  return gpu->name + ", sm_" + std::to_string(gpu->capability) + ", " +
         std::to_string(gpu->multiprocessors) + " multiprocessors, " +
         formatNumber("%.1f GiB", double(gpu->bytes) / kGibibyte) +
         ", driver for CUDA " + std::to_string(gpu->driverVersion / 1000) +
         "." + std::to_string(gpu->driverVersion % 1000 / 10) + ", " +
         (target ? "gets " + *target : target.error().message);
}

static std::string formatMachine(const Machine &machine,
                                 const Result<GPU> &gpu) {
  return formatTable(
      {{"machine", ""},
       {"processor", orUnknown(machine.processor)},
       {"processors", std::to_string(machine.allowedProcessors) + " of " +
                          std::to_string(machine.processors)},
       {"memory nodes",
        machine.nodes ? std::to_string(machine.nodes) : "unknown"},
       {"memory", formatNumber("%.1f GiB", double(machine.memory) / kGibibyte)},
       {"available memory",
        formatNumber("%.1f GiB", double(machine.availableMemory) / kGibibyte)},
       {"huge pages", orUnknown(machine.hugePages)},
       {"GPU", describeGPU(gpu)}});
}

/// What the processor at hand lacks for `set`, as a list; "" if nothing.
static std::string listMissing(const InstructionSet &set) {
  std::string missing;
  for (const std::string &feature : set.features)
    if (!processorHasFeature(feature))
      missing += (missing.empty() ? "" : ", ") + feature;
  return missing;
}

static std::string
formatInstructionSets(const std::vector<InstructionSet> &sets) {
  std::vector<std::vector<std::string>> rows = {{"instructions", "f32 lanes",
                                                 "integer products",
                                                 "missing here", "used"}};
  for (const InstructionSet &set : sets) {
    std::string missing = listMissing(set);
    rows.push_back({set.name, std::to_string(set.lanes),
                    set.byteProducts.empty() ? "as f32" : set.byteProducts,
                    missing.empty() ? "-" : missing,
                    set.isChosen ? "yes" : ""});
  }
  return formatTable(rows);
}

/// What kernels for NVIDIA GPUs use; the GPU at hand, if any, gets one of them.
static std::string formatGPUCode(const Result<GPU> &gpu) {
  Result<std::string> used = chooseTarget(gpu);
  auto mark = [](bool has) { return std::string(has ? "yes" : "-"); };
  std::vector<std::vector<std::string>> rows = {
      {"code for GPUs", "tensor cores", "launches overlap", "clusters",
       "used"}};
  for (const GPUCode &code : listGPUCode())
    rows.push_back({code.target, mark(code.hasTensorCores),
                    mark(code.overlapsLaunches), mark(code.hasClusters),
                    used && code.target == *used ? "yes" : ""});
  return formatTable(rows);
}

static std::vector<std::string> formatCeilings(int64_t threads,
                                               const Ceilings &ceilings) {
  return {std::to_string(threads), formatNumber("%.1f", ceilings.bytes / 1e9),
          formatNumber("%.1f", ceilings.floatOperations / 1e9),
          ceilings.byteOperations > 0
              ? formatNumber("%.1f", ceilings.byteOperations / 1e9)
              : "-"};
}

static Status run(const Flags &flags) {
  Result<std::vector<InstructionSet>> sets = listInstructionSets(flags.compile);
  if (!sets)
    return sets.error();
  Result<GPU> gpu = findGPU();
  if (Status status = print(formatMachine(describeMachine(), gpu) + "\n" +
                            formatInstructionSets(*sets) + "\n" +
                            formatGPUCode(gpu) + "\n");
      !status)
    return status;
  auto chosen =
      std::find_if(sets->begin(), sets->end(),
                   [](const InstructionSet &set) { return set.isChosen; });
  if (std::string missing = listMissing(*chosen); !missing.empty())
    return print("Nothing is measured: this machine lacks " + missing + ".\n");
  Result<Program> probes = compileProbes(flags.compile);
  if (!probes)
    return probes.error();
  std::vector<std::vector<std::string>> rows = {
      {"threads", "GB/s read", "GFLOP/s f32", "GOP/s i8"}};
  int64_t most = flags.threads ? flags.threads : countAllowedProcessors();
  for (int64_t threads : {int64_t(1), most}) {
    Result<Ceilings> ceilings = measureCeilings(*probes, threads, flags.pin);
    if (!ceilings)
      return ceilings.error();
    rows.push_back(formatCeilings(threads, *ceilings));
    if (most == 1)
      break;
  }
  return print(formatTable(rows));
}

void mx::addDoctorVerb(CLI::App &app, Action &action) {
  auto flags = std::make_shared<Flags>();
  CLI::App *verb = app.add_subcommand(
      "doctor", "Show what this machine is, which instructions kernels use on "
                "it and on a GPU and why, and the most that it reaches: memory "
                "read, and products in registers");
  addTargetFlag(*verb, flags->compile);
  verb->add_option("--threads", flags->threads,
                   "Threads to measure with, besides one (default: one for "
                   "each processor)")
      ->check(CLI::Range(int64_t(1), ThreadPool::kMaxThreads));
  verb->add_flag("--pin", flags->pin,
                 "Keep each thread on a processor of its own");
  verb->footer("Example: mxfp4 doctor");
  onChosen(*verb, action, flags, run);
}
