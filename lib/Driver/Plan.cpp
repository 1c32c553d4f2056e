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

#include <map>

using namespace mx;

static std::string_view partOfTensor(TensorRole role) {
  switch (role) {
  case TensorRole::Embedding:
    return "embedding";
  case TensorRole::Norm:
    return "norms";
  case TensorRole::AttentionWeight:
  case TensorRole::AttentionBias:
  case TensorRole::AttentionSinks:
    return "attention";
  case TensorRole::RouterWeight:
  case TensorRole::RouterBias:
    return "router";
  case TensorRole::ExpertWeight:
  case TensorRole::ExpertBlocks:
    return "expert blocks";
  case TensorRole::ExpertScales:
    return "expert scales";
  case TensorRole::ExpertBias:
    return "expert biases";
  case TensorRole::Head:
    return "lm_head";
  case TensorRole::Unknown:
    return "other weights";
  }
  return "other weights";
}

static std::string_view
partOfBuffer(const Buffer &buffer,
             const std::map<std::string_view, TensorRole> &roles) {
  switch (buffer.kind) {
  case BufferKind::Weight: {
    std::optional<QuantizedName> quantized = parseQuantizedName(buffer.name);
    auto role = roles.find(quantized ? quantized->weight : buffer.name);
    return partOfTensor(role == roles.end() ? TensorRole::Unknown
                                            : role->second);
  }
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

  std::vector<TensorInfo> schema = checkpointSchema(config);
  for (const TensorInfo &tensor :
       config.quantized ? schema : dequantizedSchema(config)) {
    findPart(plan, partOfTensor(tensor.role)).checkpointBytes += tensor.bytes;
    plan.total.checkpointBytes += tensor.bytes;
  }
  // A program's weights are in MXFP4, whatever the checkpoint holds.
  std::map<std::string_view, TensorRole> roles;
  for (const TensorInfo &tensor : schema)
    roles.emplace(tensor.name, tensor.role);
  for (const Buffer &buffer : program.buffers) {
    uint64_t bytes = buffer.size(uint64_t(context));
    findPart(plan, partOfBuffer(buffer, roles)).bytes += bytes;
    plan.total.bytes += bytes;
  }
  return plan;
}
