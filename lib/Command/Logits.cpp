//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two steps, so that a wrong list of tokens is found before a program is
// compiled, and a file that cannot be written before the weights are loaded.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Command/Logits.h"

#include "mxfp4/Command/Input.h"
#include "mxfp4/Runtime/Logits.h"

using namespace mx;

Result<std::vector<int32_t>> mx::readIds(const LogitsFlags &flags,
                                         const ModelConfig &config,
                                         int64_t maxPositions) {
  std::string list = flags.ids;
  std::string where = "--ids";
  if (!list.empty() && list[0] == '@') {
    where = list.substr(1);
    Result<std::string> file = readText(where);
    if (!file)
      return file.error();
    list = std::move(*file);
  }
  Result<std::vector<int32_t>> ids = parseIds(list);
  if (!ids)
    return Error{where + ": " + ids.error().message};
  if (ids->empty())
    return Error{where + ": expected 1 or more token ids, but there are none"};
  Result<int64_t> context =
      chooseContext(flags.session.context, maxPositions, int64_t(ids->size()));
  if (!context)
    return context.error();
  if (Status status = checkPrompt(*ids, config.vocabSize, *context); !status)
    return status.error();
  return ids;
}

Status mx::runLogits(const Program &program, Checkpoint &checkpoint,
                     const LogitsFlags &flags,
                     const std::vector<int32_t> &ids) {
  Result<SafetensorsWriter> file =
      createLogits(flags.output, int64_t(ids.size()), program.vocabSize);
  if (!file)
    return file.error();
  Result<std::unique_ptr<Session>> session =
      openSession(program, checkpoint, flags.session, int64_t(ids.size()));
  if (!session)
    return session.error();
  return writeLogits(**session, ids, *file);
}
