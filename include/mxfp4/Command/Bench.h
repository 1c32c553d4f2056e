//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What "mxfp4-run bench PROGRAM MODEL" and "mxfp4 bench MODEL" share: tokens
// per second, as a table like that of llama-bench.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_COMMAND_BENCH_H
#define MXFP4_COMMAND_BENCH_H

#include "mxfp4/Command/Open.h"
#include "mxfp4/Runtime/Bench.h"
#include "mxfp4/Runtime/Ceilings.h"

#include <string>

namespace mx {

struct BenchFlags {
  WeightsSource weights;
  BenchOptions options;
  SessionFlags session;
  bool perOp = false;
  bool json = false;
};

/// Adds the flags of the bench command to `app`, but for those of
/// addWeightsFlags. `flags` must outlive it.
void addBenchFlags(CLI::App &app, BenchFlags &flags);

/// Fails if the tests do not fit the context, before anything is compiled.
Status checkBenchFlags(const BenchFlags &flags, int64_t maxPositions);

/// Fails if `program` cannot tell what `flags` ask for.
Status checkBenchProgram(const BenchFlags &flags, const Program &program);

/// Measures `program` with the weights of `checkpoint` and prints the table.
/// Shares are told of `ceilings` that are not 0.
Status runBenchCommand(const Program &program, Checkpoint &checkpoint,
                       const BenchFlags &flags, const Ceilings &ceilings);

} // namespace mx

#endif // MXFP4_COMMAND_BENCH_H
