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

#include <CLI/CLI.hpp>

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
  int64_t count = int64_t(ids->size());
  if (count % flags.sequences() != 0)
    return Error{where + ": expected as many token ids for each of the " +
                 std::to_string(flags.sequences()) +
                 " sequences of --batch, but there are " +
                 std::to_string(count)};
  Result<int64_t> context = chooseContext(flags.session.context, maxPositions,
                                          count / flags.sequences());
  if (!context)
    return context.error();
  for (auto begin = ids->begin(); begin != ids->end();
       begin += count / flags.sequences())
    if (Status status = checkPrompt({begin, begin + count / flags.sequences()},
                                    config.vocabSize, *context);
        !status)
      return status.error();
  return ids;
}

void mx::addBatchFlag(CLI::App &app, LogitsFlags &flags) {
  app.add_option("--batch", flags.batch,
                 "The tokens are of so many sequences, as many of each, one "
                 "sequence after the other, and so are the logits. The first "
                 "half of each, or one more, is a prompt; the rest is decoded "
                 "together with the others (default: one sequence, all of it a "
                 "prompt)")
      ->check(CLI::Range(int64_t(1), kMaxSequences));
}

Status mx::runLogits(const Program &program, Checkpoint &checkpoint,
                     const LogitsFlags &flags,
                     const std::vector<int32_t> &ids) {
  if (Status status = checkBatch(program, flags.sequences()); !status)
    return status;
  Result<SafetensorsWriter> file =
      createLogits(flags.output, int64_t(ids.size()), program.vocabSize);
  if (!file)
    return file.error();
  Result<std::unique_ptr<Session>> session =
      openSession(program, checkpoint, flags.session,
                  int64_t(ids.size()) / flags.sequences());
  if (!session)
    return session.error();
  return flags.batch ? writeBatchLogits(**session, ids, *flags.batch, *file)
                     : writeLogits(**session, ids, *file);
}
