//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything that can be wrong with a Program, a checkpoint and the two
// together is found before the first weight is loaded; after that a call only
// checks its tokens.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Session.h"

#include "mxfp4/Support/Quote.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

using namespace mx;

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

Result<int64_t> mx::chooseContext(int64_t requested, int64_t maxPositions,
                                  int64_t wanted) {
  if (requested == 0)
    return std::min(std::max<int64_t>(wanted, 1), maxPositions);
  if (requested < 0 || requested > maxPositions)
    return Error{"expected a context of 1 to " + std::to_string(maxPositions) +
                 " positions, for which the model was made, but got " +
                 std::to_string(requested)};
  return requested;
}

Status mx::checkTokens(const int32_t *tokens, int64_t count,
                       int64_t vocabSize) {
  for (int64_t i = 0; i < count; ++i)
    if (tokens[i] < 0 || tokens[i] >= vocabSize)
      return Error{"token " + std::to_string(tokens[i]) +
                   " is not in the vocabulary of " + std::to_string(vocabSize) +
                   " tokens"};
  return {};
}

/// Fails unless `count` tokens fit after the first `position`.
static Status checkFits(int64_t count, int64_t position, int64_t context) {
  if (count <= context - position)
    return {};
  return Error{"prompt of " + std::to_string(count) + " tokens" +
               (position ? " at position " + std::to_string(position) : "") +
               " does not fit the context of " + std::to_string(context) +
               " (--context)"};
}

Status mx::checkPrompt(const std::vector<int32_t> &ids, int64_t vocabSize,
                       int64_t context) {
  if (ids.empty())
    return Error{"expected a prompt of 1 or more tokens, but it is empty"};
  if (Status status = checkFits(int64_t(ids.size()), 0, context); !status)
    return status;
  return checkTokens(ids.data(), int64_t(ids.size()), vocabSize);
}

Status mx::checkBatch(const Program &program, int64_t batch) {
  if (batch <= program.sequences)
    return {};
  return Error{"expected a program for " + std::to_string(batch) +
               " sequences (--batch), but it has caches for " +
               std::to_string(program.sequences) +
               "; compile it with --sequences " + std::to_string(batch) +
               " or more"};
}

/// Checks that `checkpoint` holds every weight as `program` expects it.
static Status checkWeights(const Program &program,
                           const Checkpoint &checkpoint) {
  for (const Buffer &buffer : program.buffers) {
    if (buffer.kind != BufferKind::Weight)
      continue;
    std::string tensor = "tensor " + quote(buffer.name);
    std::optional<TensorInfo> info = checkpoint.find(buffer.name);
    if (!info)
      return Error{"the program needs " + tensor +
                   ", which the checkpoint does not have"};
    if (info->dtype != buffer.dtype || info->shape != buffer.shape)
      return Error{"the program expects " + tensor + " to be " +
                   describeTensor({"", buffer.dtype, buffer.shape, 0}) +
                   ", but in the checkpoint it is " + describeTensor(*info) +
                   "; compile this checkpoint again"};
    if (buffer.prepare.empty() && buffer.bytes != info->bytes)
      return Error{"the program copies " + tensor + " into " +
                   std::to_string(buffer.bytes) + " bytes, but it has " +
                   std::to_string(info->bytes)};
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Creation
//===----------------------------------------------------------------------===//

Result<std::unique_ptr<Session>>
Session::create(const Program &program, Checkpoint &checkpoint,
                const SessionOptions &options) {
  if (program.vocabSize < 1 || program.maxPositions < 1)
    return Error{"expected a program of a model, but it has no vocabulary"};
  Result<int64_t> context =
      chooseContext(options.context, program.maxPositions);
  if (!context)
    return context.error();
  if (Status status = checkWeights(program, checkpoint); !status)
    return status.error();
  std::unique_ptr<Session> session(new Session);
  session->interrupt = options.interrupt;
  session->vocabulary = program.vocabSize;
  session->maxLength = *context;
  session->rewindable = program.maxRewind;
  session->states.resize(size_t(program.sequences));
  session->positions.reserve(size_t(program.sequences));
  if (Status status = session->bindEntries(program); !status)
    return status.error();
  Result<std::unique_ptr<LoadedProgram>> loaded =
      LoadedProgram::create(program, {*context, options.threads, options.pin});
  if (!loaded)
    return loaded.error();
  session->loaded = std::move(*loaded);
  if (Status status = session->loadWeights(program, checkpoint, options);
      !status)
    return status.error();
  return session;
}

Status Session::bindEntries(const Program &program) {
  auto bind = [&](const char *name, bool required, Call &call) -> Status {
    const Entry *entry = program.findEntry(name);
    if (!entry && !required)
      return {};
    if (!entry)
      return Error{std::string("the program has no entry point '") + name +
                   "'"};
    call = {size_t(entry - program.entries.data()), entry->maxTokens};
    return {};
  };
  // Finds buffer `name` and checks that it has `needed` bytes or more.
  auto find = [&](const char *name, uint64_t needed) -> Result<size_t> {
    int64_t index = program.findBuffer(name);
    if (index < 0)
      return Error{std::string("the program has no buffer '") + name + "'"};
    uint64_t size = program.buffers[size_t(index)].size(uint64_t(maxLength));
    if (size < needed)
      return Error{std::string("expected buffer '") + name +
                   "' of the program to have at least " +
                   std::to_string(needed) + " bytes, but it has " +
                   std::to_string(size)};
    return size_t(index);
  };

  if (Status status = bind(kPrefillEntry, true, prefillCall); !status)
    return status;
  if (Status status = bind(kUnembedEntry, true, unembedCall); !status)
    return status;
  if (Status status = bind(kDecodeEntry, false, decodeCall); !status)
    return status;
  bool isBatch = sequences() > 1;
  if (Status status = bind(kDecodeBatchEntry, isBatch, decodeBatchCall);
      !status)
    return status;
  if (Status status = bind(kSampleEntry, false, sampleCall); !status)
    return status;
  if (Status status =
          bind(kSampleBatchEntry, isBatch && canSample(), sampleBatchCall);
      !status)
    return status;

  // Each call reads as many rows as another leaves, or one of each sequence.
  auto checkRows = [](const char *name, const Call &call, int64_t rows,
                      const std::string &whose) -> Status {
    if (call.maxTokens >= rows)
      return {};
    return Error{"expected entry point '" + std::string(name) +
                 "' to take the " + std::to_string(rows) + " rows of " + whose +
                 ", but it takes " + std::to_string(call.maxTokens)};
  };
  int64_t batch = isBatch ? sequences() : 0;
  std::string ofSequences = "the sequences of the program";
  if (Status status =
          checkRows(kDecodeBatchEntry, decodeBatchCall, batch, ofSequences);
      !status)
    return status;
  auto bindBuffer = [&](const char *name, int64_t rows, uint64_t rowBytes,
                        size_t &index) -> Status {
    Result<size_t> found = find(name, uint64_t(rows) * rowBytes);
    if (!found)
      return found.error();
    index = *found;
    return {};
  };
  Status status =
      bindBuffer(kTokensBuffer, std::max(prefillCall.maxTokens, batch),
                 sizeof(int32_t), tokenBuffer);
  if (status)
    status = bindBuffer(kLogitsBuffer, std::max(unembedCall.maxTokens, batch),
                        uint64_t(vocabulary) * sizeof(float), logitBuffer);
  if (status && isBatch)
    status =
        bindBuffer(kPositionsBuffer, batch, sizeof(int32_t), positionsBuffer);
  if (status && isBatch)
    status =
        bindBuffer(kSequencesBuffer, batch, sizeof(int32_t), sequencesBuffer);
  if (!status || !canSample())
    return status;

  status = checkRows(kSampleEntry, sampleCall, unembedCall.maxTokens,
                     "'" + std::string(kUnembedEntry) + "'");
  if (status)
    status = checkRows(kSampleBatchEntry, sampleBatchCall, batch, ofSequences);
  if (status)
    status =
        bindBuffer(kSettingsBuffer, kSettings, sizeof(int32_t), settingsBuffer);
  if (status)
    status = bindBuffer(kSampledBuffer, std::max(sampleCall.maxTokens, batch),
                        sizeof(int32_t), sampledBuffer);
  return status;
}

Status Session::loadWeights(const Program &program, Checkpoint &checkpoint,
                            const SessionOptions &options) {
  struct Step {
    size_t buffer;
    std::string_view source;
  };
  std::vector<Step> steps;
  // Bytes of the largest weight from each tensor of the files.
  std::map<std::string_view, uint64_t> largest;
  uint64_t total = 0;
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    const Buffer &buffer = program.buffers[i];
    if (buffer.kind != BufferKind::Weight)
      continue;
    Step step = {i, checkpoint.sourceOf(buffer.name)};
    uint64_t bytes = checkpoint.find(buffer.name)->bytes;
    largest[step.source] = std::max(largest[step.source], bytes);
    total += bytes;
    steps.push_back(step);
  }
  // While a weight is rearranged its source is in memory too: the largest come
  // first, when there is little else. Weights of one source follow each other,
  // so that it is quantized once.
  std::sort(steps.begin(), steps.end(), [&](const Step &a, const Step &b) {
    return std::make_tuple(largest[b.source], a.source, a.buffer) <
           std::make_tuple(largest[a.source], b.source, b.buffer);
  });

  uint64_t done = 0;
  for (const Step &step : steps) {
    const Buffer &buffer = program.buffers[step.buffer];
    if (interrupted())
      return Error{kInterrupted};
    Result<TensorData> source = checkpoint.load(buffer.name);
    if (!source)
      return source.error();
    if (Status status = loaded->fill(step.buffer, *source); !status)
      return status;
    done += source->bytes;
    *source = {};
    checkpoint.release(buffer.name);
    if (options.progress)
      options.progress(done, total);
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Tokens to logits
//===----------------------------------------------------------------------===//

Status Session::run(const Call &call, int64_t tokens, int64_t position) {
  return loaded->call(call.entry, tokens, position, int64_t(selected), profile);
}

/// Gets the first `rows` rows of logits of the last call.
Status Session::readLogits(int64_t rows) {
  Result<const void *> logits = loaded->read(
      logitBuffer, 0, uint64_t(rows) * uint64_t(vocabulary) * sizeof(float));
  if (!logits)
    return logits.error();
  logitRows = static_cast<const float *>(*logits);
  lastLogits = logitRows + (rows - 1) * vocabulary;
  return {};
}

/// Computes the logits of the last `count` rows of the chunk that was prefilled
/// last, which begin at row `first` of its hidden states.
Status Session::computeLogits(int64_t first, int64_t count,
                              const RowsReader &read) {
  int64_t chunkStart = position() - first - count;
  for (int64_t row = first; row < first + count;) {
    int64_t rows = std::min(unembedCall.maxTokens, first + count - row);
    if (Status status = run(unembedCall, rows, row); !status)
      return status;
    if (Status status = read(chunkStart + row, rows); !status)
      return status;
    row += rows;
  }
  return {};
}

/// Appends tokens, as many at a time as the program takes, and lets `read` have
/// the logits of `rows`.
Status Session::appendChunks(const int32_t *tokens, int64_t count, Rows rows,
                             const RowsReader &read) {
  if (Status status = checkFits(count, position(), maxLength); !status)
    return status;
  if (Status status = checkTokens(tokens, count, vocabulary); !status)
    return status;
  for (int64_t done = 0; done < count;) {
    if (interrupted())
      return Error{kInterrupted};
    int64_t chunk = std::min(prefillCall.maxTokens, count - done);
    Status status = loaded->write(tokenBuffer, tokens + done,
                                  uint64_t(chunk) * sizeof(int32_t));
    if (status)
      status = run(prefillCall, chunk, position());
    if (!status)
      return status;
    current().append(chunk);
    done += chunk;

    if (rows == Rows::All)
      status = computeLogits(0, chunk, read);
    else if (rows == Rows::Last && done == count)
      status = computeLogits(chunk - 1, 1, read);
    if (!status)
      return status;
  }
  return loaded->wait();
}

Status Session::prefill(const int32_t *tokens, int64_t count, Rows rows,
                        const RowVisitor &visit) {
  return appendChunks(
      tokens, count, rows, [&](int64_t position, int64_t found) -> Status {
        if (Status status = readLogits(found); !status)
          return status;
        for (int64_t i = 0; i < found; ++i) {
          lastLogits = logitRows + i * vocabulary;
          if (!visit)
            continue;
          if (Status status = visit(position + i, lastLogits); !status)
            return status;
        }
        return {};
      });
}

static Error makeFullError(int64_t context) {
  return Error{"the context of " + std::to_string(context) +
               " positions is full (--context)"};
}

/// Computes the logits after one more token, which the caller counts when it
/// has read the result.
Status Session::runToken(int32_t token) {
  if (position() == maxLength)
    return makeFullError(maxLength);
  if (Status status = checkTokens(&token, 1, vocabulary); !status)
    return status;
  Status status = loaded->write(tokenBuffer, &token, sizeof(token));
  if (status && decodeCall.maxTokens != 0) {
    status = run(decodeCall, 1, position());
  } else if (status) {
    status = run(prefillCall, 1, position());
    if (status)
      status = run(unembedCall, 1, 0);
  }
  return status;
}

Result<const float *> Session::decode(int32_t token) {
  Status status = runToken(token);
  if (status)
    status = readLogits(1);
  if (!status)
    return status.error();
  current().append(1);
  return lastLogits;
}

//===----------------------------------------------------------------------===//
// Sequences
//===----------------------------------------------------------------------===//

Status Session::select(int64_t index) {
  if (index < 0 || index >= sequences())
    return Error{"expected a sequence of 0 to " +
                 std::to_string(sequences() - 1) + ", but got " +
                 std::to_string(index)};
  selected = size_t(index);
  return {};
}

Status Session::checkBatch(const int32_t *tokens, const int32_t *ids,
                           int64_t count) {
  if (sequences() == 1)
    return Error{"expected a program of more sequences than one to decode a "
                 "batch (--sequences)"};
  if (count < 1 || count > sequences())
    return Error{"expected a batch of 1 to " + std::to_string(sequences()) +
                 " tokens, one for each sequence of the program (--sequences), "
                 "but got " +
                 std::to_string(count)};
  Status status = checkTokens(tokens, count, vocabulary);
  int64_t seen = 0;
  for (; seen < count && status; ++seen) {
    int64_t id = ids[seen];
    if (id < 0 || id >= sequences())
      status = Error{"expected sequences of 0 to " +
                     std::to_string(sequences() - 1) + ", but got " +
                     std::to_string(id)};
    else if (states[size_t(id)].inBatch)
      status = Error{"expected different sequences, but got " +
                     std::to_string(id) + " twice"};
    else if (states[size_t(id)].length == maxLength)
      status = makeFullError(maxLength);
    if (!status)
      break;
    states[size_t(id)].inBatch = true;
  }
  for (int64_t i = 0; i < seen; ++i)
    states[size_t(ids[i])].inBatch = false;
  return status;
}

/// Computes the logits after one more token of each sequence, which the caller
/// counts when it has read the result.
Status Session::runBatch(const int32_t *tokens, const int32_t *ids,
                         int64_t count) {
  if (Status status = checkBatch(tokens, ids, count); !status)
    return status;
  positions.clear();
  int64_t sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    positions.push_back(int32_t(states[size_t(ids[i])].length));
    sum += positions.back();
  }
  uint64_t bytes = uint64_t(count) * sizeof(int32_t);
  Status status = loaded->write(tokenBuffer, tokens, bytes);
  if (status)
    status = loaded->write(positionsBuffer, positions.data(), bytes);
  if (status)
    status = loaded->write(sequencesBuffer, ids, bytes);
  if (status)
    status = run(decodeBatchCall, count, sum / count);
  return status;
}

Result<const float *> Session::decodeBatch(const int32_t *tokens,
                                           const int32_t *ids, int64_t count) {
  Status status = runBatch(tokens, ids, count);
  if (status)
    status = readLogits(count);
  if (!status)
    return status.error();
  for (int64_t i = 0; i < count; ++i)
    states[size_t(ids[i])].append(1);
  return logitRows;
}

Result<const int32_t *> Session::decodeBatchAndSample(const int32_t *tokens,
                                                      const int32_t *ids,
                                                      int64_t count) {
  if (Status status = runBatch(tokens, ids, count); !status)
    return status.error();
  Result<const int32_t *> sampled = sampleRows(sampleBatchCall, 0, count);
  if (sampled)
    for (int64_t i = 0; i < count; ++i)
      states[size_t(ids[i])].append(1);
  return sampled;
}

//===----------------------------------------------------------------------===//
// Tokens that the program chooses
//===----------------------------------------------------------------------===//

Status Session::setSampling(const SamplerOptions &options, int64_t count) {
  if (Status status = checkSampling(options); !status)
    return status;
  if (!canSample() || options.topK != 0 || options.topP != 1)
    return Error{"the program cannot choose tokens with these options"};
  if (count < 1 || count > vocabulary)
    return Error{"expected 1 to " + std::to_string(vocabulary) +
                 " tokens to choose from, but got " + std::to_string(count)};
  // With a lower one only the largest logit has a chance, and products with its
  // inverse may be infinite.
  constexpr float lowest = 1e-20f;
  float factor = options.temperature < lowest ? 0 : 1 / options.temperature;
  int32_t settings[kSettings] = {int32_t(count), 0, int32_t(options.seed),
                                 int32_t(options.seed >> 32)};
  std::memcpy(&settings[1], &factor, sizeof(factor));
  return loaded->write(settingsBuffer, settings, sizeof(settings));
}

/// Chooses a token by each of the first `rows` rows of logits: of the sequence
/// for positions from `position` on, or, if `call` is that of a batch, of its.
Result<const int32_t *> Session::sampleRows(const Call &call, int64_t position,
                                            int64_t rows) {
  if (call.maxTokens == 0)
    return Error{"the program cannot choose tokens"};
  if (Status status = run(call, rows, position); !status)
    return status.error();
  Result<const void *> sampled =
      loaded->read(sampledBuffer, 0, uint64_t(rows) * sizeof(int32_t));
  if (!sampled)
    return sampled.error();
  const int32_t *tokens = static_cast<const int32_t *>(*sampled);
  for (int64_t i = 0; i < rows; ++i)
    if (tokens[i] < 0 || tokens[i] >= vocabulary)
      return Error{"a logit is NaN, or the largest is infinite; the weights or "
                   "the program are damaged"};
  return tokens;
}

Status Session::prefillAndSample(const int32_t *tokens, int64_t count,
                                 Rows rows, std::vector<int32_t> &chosen) {
  return appendChunks(tokens, count, rows,
                      [&](int64_t position, int64_t found) -> Status {
                        Result<const int32_t *> sampled =
                            sampleRows(sampleCall, position, found);
                        if (!sampled)
                          return sampled.error();
                        chosen.insert(chosen.end(), *sampled, *sampled + found);
                        return {};
                      });
}

Result<int32_t> Session::decodeAndSample(int32_t token) {
  if (Status status = runToken(token); !status)
    return status.error();
  Result<const int32_t *> sampled = sampleRows(sampleCall, position(), 1);
  if (!sampled)
    return sampled.error();
  current().append(1);
  return **sampled;
}

Status Session::rewind(int64_t position) {
  Sequence &sequence = current();
  int64_t lowest = std::max<int64_t>(sequence.highest - rewindable, 0);
  if (position < lowest || position > sequence.length)
    return Error{"expected a position of " + std::to_string(lowest) + " to " +
                 std::to_string(sequence.length) + " to go back to, but got " +
                 std::to_string(position)};
  sequence.length = position;
  return {};
}
