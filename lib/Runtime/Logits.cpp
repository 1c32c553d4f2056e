//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of logits are written as they are made, so only one is in memory.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Logits.h"

using namespace mx;

Result<SafetensorsWriter> mx::createLogits(const std::string &path,
                                           int64_t tokens, int64_t vocabSize) {
  uint64_t bytes = uint64_t(tokens) * uint64_t(vocabSize) * sizeof(float);
  return SafetensorsWriter::create(
      path, {{"logits", "F32", {tokens, vocabSize}, bytes}});
}

Status mx::writeLogits(Session &session, const std::vector<int32_t> &ids,
                       SafetensorsWriter &file) {
  uint64_t rowBytes = uint64_t(session.vocabSize()) * sizeof(float);
  Status status = session.prefill(ids.data(), int64_t(ids.size()), Rows::All,
                                  [&](int64_t, const float *logits) {
                                    return file.write(logits, rowBytes);
                                  });
  if (!status)
    return status;
  return file.finish();
}
