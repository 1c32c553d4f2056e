//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dialects, passes and pipelines for a stock mlir-opt:
//
//   mlir-opt-22 --load-dialect-plugin=mxfp4-plugin.so \
//     --load-pass-plugin=mxfp4-plugin.so --mxfp4-raise-to-mxfp4 model.mlir
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "mxfp4/Pipelines/Pipelines.h"

static constexpr const char *kName = "mxfp4";
static constexpr const char *kVersion = "0.1.0";

extern "C" LLVM_ATTRIBUTE_WEAK ::mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, kName, kVersion,
          [](mlir::DialectRegistry *registry) {
            mlir::mxfp4::registerDialects(*registry);
          }};
}

extern "C" LLVM_ATTRIBUTE_WEAK ::mlir::PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, kName, kVersion,
          [] { mlir::mxfp4::registerPipelinesAndPasses(); }};
}
