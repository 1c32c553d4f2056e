//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A session that Python threads take turns with.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_PYTHON_COMPILER_MODEL_H
#define MXFP4_PYTHON_COMPILER_MODEL_H

#include "mxfp4/Checkpoint/ModelConfig.h"
#include "mxfp4/Runtime/Sampler.h"
#include "mxfp4/Runtime/Session.h"
#include "mxfp4/Text/Tokenizer.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace mx::python {

/// A model with its weights in memory, and one sequence.
struct Model {
  Model() = default;
  Model(const Model &) = delete;
  Model &operator=(const Model &) = delete;
  ~Model();

  ModelConfig config;
  /// The target and the activations of its Program.
  std::string target;
  std::string activations;
  /// Why there is none: a model can be run on tokens without one.
  Result<Tokenizer> tokenizer = Error{};
  /// What its makers say about sampling, and about the end of an answer.
  SamplerOptions sampler;
  std::vector<int32_t> stopTokens;

  std::unique_ptr<Session> session;
  /// How many sequences were started. A generation whose sequence is not the
  /// last one cannot go on.
  uint64_t sequences = 0;

  /// Held while the session works.
  std::timed_mutex mutex;
  /// The thread that holds it.
  std::atomic<std::thread::id> owner{};
  /// The process that has the threads of the session.
  pid_t process = 0;
};

/// The right of this thread to use the session of a model, for as long as it
/// lives. Made and destroyed with the GIL.
class Turn {
public:
  /// Waits for other threads, without the GIL. Throws what a signal throws
  /// meanwhile, and mxfp4.Error where it would wait forever.
  explicit Turn(Model &model);
  ~Turn();
  Turn(const Turn &) = delete;
  Turn &operator=(const Turn &) = delete;

  /// Starts a new sequence and returns its number.
  uint64_t startSequence();

private:
  Model &model;
};

} // namespace mx::python

#endif // MXFP4_PYTHON_COMPILER_MODEL_H
