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

#include "mxfp4/Runtime/Memory.h"

#include <cstring>

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

Status mx::writeBatchLogits(Session &session, const std::vector<int32_t> &ids,
                            int64_t batch, SafetensorsWriter &file) {
  size_t width = size_t(session.vocabSize());
  int64_t length = int64_t(ids.size()) / batch;
  int64_t prompt = (length + 1) / 2;
  uint64_t rowBytes = width * sizeof(float);
  Result<Memory> memory =
      Memory::allocate(ids.size() * rowBytes, "the logits of all sequences");
  if (!memory)
    return memory.error();
  auto *all = static_cast<float *>(memory->data());
  for (int64_t i = 0; i < batch; ++i) {
    Status status = session.select(i);
    if (status)
      status = session.prefill(
          &ids[size_t(i * length)], prompt, Rows::All,
          [&](int64_t position, const float *logits) -> Status {
            std::memcpy(all + size_t(i * length + position) * width, logits,
                        rowBytes);
            return {};
          });
    if (!status)
      return status;
  }
  int64_t steps = prompt < length ? length - prompt + batch - 1 : 0;
  for (int64_t step = 0; step < steps; ++step) {
    std::vector<int32_t> tokens, sequences;
    std::vector<size_t> rows;
    // The last ones first, so that rows are not in the order of sequences.
    for (int64_t i = batch - 1; i >= 0; --i) {
      int64_t position = prompt + step - i;
      if (position < prompt || position >= length)
        continue;
      rows.push_back(size_t(i * length + position));
      tokens.push_back(ids[rows.back()]);
      sequences.push_back(int32_t(i));
    }
    Result<const float *> logits =
        batch == 1 ? session.decode(tokens[0])
                   : session.decodeBatch(tokens.data(), sequences.data(),
                                         int64_t(tokens.size()));
    if (!logits)
      return logits.error();
    for (size_t row = 0; row < rows.size(); ++row)
      std::memcpy(all + rows[row] * width, *logits + row * width, rowBytes);
  }
  if (Status status = file.write(all, ids.size() * rowBytes); !status)
    return status;
  return file.finish();
}
