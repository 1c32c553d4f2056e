//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The memory plan. It adds up what the Program says, so it is what a session
// allocates.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Driver/Plan.h"

#include "mxfp4/Checkpoint/Schema.h"

using namespace mx;

static bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string_view mx::partOfWeight(std::string_view name) {
  if (contains(name, "embed_tokens"))
    return "embedding";
  if (contains(name, "self_attn."))
    return "attention";
  if (contains(name, "mlp.router."))
    return "router";
  if (contains(name, "mlp.experts.")) {
    if (contains(name, "_scales"))
      return "expert scales";
    return contains(name, "_bias") ? "expert biases" : "expert blocks";
  }
  if (contains(name, "norm."))
    return "norms";
  if (contains(name, "lm_head"))
    return "lm_head";
  return "other weights";
}

static std::string_view partOfBuffer(const Buffer &buffer) {
  switch (buffer.kind) {
  case BufferKind::Weight:
    return partOfWeight(buffer.name);
  case BufferKind::Cache:
    return "KV cache";
  case BufferKind::Input:
  case BufferKind::Output:
    return "inputs and outputs";
  case BufferKind::Arena:
    return "arena";
  }
  return "other weights";
}

/// The part `name`, which is added if it is missing.
static PlanPart &findPart(MemoryPlan &plan, std::string_view name) {
  for (PlanPart &part : plan.parts)
    if (part.name == name)
      return part;
  plan.parts.push_back({std::string(name), 0, 0});
  return plan.parts.back();
}

MemoryPlan mx::planMemory(const ModelConfig &config, const Program &program,
                          int64_t context) {
  MemoryPlan plan;
  for (const char *name :
       {"embedding", "attention", "router", "norms", "expert blocks",
        "expert scales", "expert biases", "lm_head", "KV cache",
        "inputs and outputs", "arena"})
    plan.parts.push_back({name, 0, 0});
  plan.total.name = "total";

  for (const TensorInfo &tensor : config.quantized
                                      ? checkpointSchema(config)
                                      : dequantizedSchema(config)) {
    findPart(plan, partOfWeight(tensor.name)).checkpointBytes += tensor.bytes;
    plan.total.checkpointBytes += tensor.bytes;
  }
  for (const Buffer &buffer : program.buffers) {
    uint64_t bytes = buffer.size(uint64_t(context));
    findPart(plan, partOfBuffer(buffer)).bytes += bytes;
    plan.total.bytes += bytes;
  }
  return plan;
}

uint64_t mx::countParameters(const ModelConfig &config) {
  // In this layout all parameters are BF16.
  uint64_t bytes = 0;
  for (const TensorInfo &tensor : dequantizedSchema(config))
    bytes += tensor.bytes;
  return bytes / sizeof(uint16_t);
}
