//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// generation_config.json as a struct.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Checkpoint/GenerationConfig.h"

#include "Json.h"
#include "mxfp4/Support/File.h"

#include <limits>

#include <nlohmann/json.hpp>

using namespace mx;

Result<GenerationConfig> mx::parseGenerationConfig(const std::string &json,
                                                   const std::string &name) {
  simdjson::dom::parser parser;
  Result<simdjson::dom::object> root = parseJsonObject(parser, json, name);
  if (!root)
    return root.error();

  FieldReader fields(*root, name);
  GenerationConfig config;
  config.eosTokenIds =
      fields.integers("eos_token_id", 0, std::numeric_limits<int32_t>::max());
  if (fields.has("do_sample"))
    config.doSample = fields.boolean("do_sample");
  if (fields.has("temperature"))
    config.temperature = fields.number("temperature", 0, 1000);
  if (fields.has("top_p"))
    config.topP = fields.number("top_p", 0, 1);
  if (fields.problem())
    return *fields.problem();
  return config;
}

Result<GenerationConfig> mx::readGenerationConfig(const std::string &path) {
  Result<std::string> json = readFile(path, kMaxConfigBytes);
  if (!json)
    return json.error();
  return parseGenerationConfig(*json, path);
}

std::string mx::writeGenerationConfig(const GenerationConfig &config) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (config.doSample)
    json["do_sample"] = *config.doSample;
  if (!config.eosTokenIds.empty())
    json["eos_token_id"] = config.eosTokenIds;
  if (config.temperature)
    json["temperature"] = *config.temperature;
  if (config.topP)
    json["top_p"] = *config.topP;
  return json.dump(2) + "\n";
}
