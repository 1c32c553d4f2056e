//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How fast the compiled kernels of mxfp4.quantize and mxfp4.dequantize are,
// beside a copy on the same threads that reads and writes as many bytes
// together. Copy and kernel take turns, so that a load of the machine slows
// both.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Compiler/Compiler.h"
#include "mxfp4/Format/BlockFormat.h"
#include "mxfp4/Runtime/CPUDevice.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>

using namespace mx;

namespace {
/// What is measured.
struct Options {
  int64_t rows = 4096, columns = 4096;
  int64_t threads = 0;
  int64_t turns = 9;
  std::string target = "cpu";
  std::string rule = "floor", rounding = "nearest_even";
};

/// A kernel on the types of one format.
struct Case {
  const BlockFormat &format;
  const char *wide; ///< "f32" or "bf16"
  bool isQuantize;
};

using Bytes = std::vector<uint8_t>;
} // namespace

static std::string writeArgument(const char *name, const std::string &type,
                                 bool isInput) {
  return std::string("%") + name + ": " + type + " {mxfp4.buffer = \"" + name +
         "\", mxfp4.kind = \"" + (isInput ? "input" : "output") + "\"}";
}

/// A module with the kernel as entry "run" on buffers x, v and s.
static std::string writeModule(const Case &kernel, const Options &options) {
  const BlockFormat &format = kernel.format;
  auto type = [&](int64_t columns, const std::string &element) {
    return "tensor<" + std::to_string(options.rows) + "x" +
           std::to_string(columns) + "x" + element + ">";
  };
  bool isE8M0 = format.scale == ScaleFormat::E8M0;
  bool isPacked = format.element.bits == 4;
  std::string x = type(options.columns, kernel.wide);
  std::string v = isPacked ? type(options.columns / 2, "i8")
                           : type(options.columns, format.element.name);
  std::string s = type(options.columns / format.blockSize,
                       isE8M0 ? "f8E8M0FNU" : "f8E4M3FN");
  std::string text = "func.func @run(" +
                     writeArgument("x", x, kernel.isQuantize) + ", " +
                     writeArgument("v", v, !kernel.isQuantize) + ", " +
                     writeArgument("s", s, !kernel.isQuantize) + ") -> ";
  std::string rest = " attributes {mxfp4.entry = \"run\", "
                     "mxfp4.max_tokens = 1 : i64} {\n";
  if (!kernel.isQuantize)
    return text + x + rest + "  %y = mxfp4.dequantize_into ins(%v, %s : " + v +
           ", " + s + ") outs(%x : " + x + ") -> " + x +
           "\n  return %y : " + x + "\n}\n";
  std::string rule;
  if (isE8M0)
    rule = "scale_rule = #mxfp4.scale_rule<" + options.rule + ">, ";
  return text + "(" + v + ", " + s + ")" + rest +
         "  %a, %b = mxfp4.quantize_into ins(%x : " + x +
         ") outs(%v, %s : " + v + ", " + s + ") {" + rule +
         "rounding = #mxfp4.rounding<" + options.rounding + ">} -> " + v +
         ", " + s + "\n  return %a, %b : " + v + ", " + s + "\n}\n";
}

static double measure(const std::function<void()> &work) {
  auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

static double medianOf(std::vector<double> numbers) {
  std::nth_element(numbers.begin(), numbers.begin() + numbers.size() / 2,
                   numbers.end());
  return numbers[numbers.size() / 2];
}

/// Numbers of usual sizes in input `name`: a normal distribution of
/// floats, or finite codes and scales whose products are no subnormal numbers.
static void fill(Bytes &bytes, const std::string &name, bool isF32) {
  std::mt19937 random(1);
  if (name != "x") {
    for (uint8_t &byte : bytes)
      byte = name == "s" ? 0x70 | (random() & 7) : random() & 0x77;
    return;
  }
  std::normal_distribution<float> normal;
  size_t size = isF32 ? 4 : 2;
  for (size_t i = 0; i + size <= bytes.size(); i += size) {
    float number = normal(random);
    // The upper half of an f32 is a bf16.
    const char *part = reinterpret_cast<const char *>(&number);
    std::memcpy(&bytes[i], part + 4 - size, size);
  }
}

static Status runCase(const Case &kernel, const Options &options) {
  CompileOptions compileOptions;
  compileOptions.target = options.target;
  Result<Program> program =
      compileModule(writeModule(kernel, options), "blocks", compileOptions);
  if (!program)
    return program.error();
  Result<std::unique_ptr<CPUDevice>> device =
      CPUDevice::create(*program, options.threads);
  if (!device)
    return device.error();
  Result<MXEntryFunction> function =
      (*device)->lookup(program->findEntry("run")->symbol);
  if (!function)
    return function.error();

  std::vector<Bytes> memory;
  std::vector<void *> addresses;
  size_t traffic = 0;
  for (const Buffer &buffer : program->buffers) {
    Bytes &bytes = memory.emplace_back(buffer.size(0) + kBufferAlignment);
    fill(bytes, buffer.name, std::string(kernel.wide) == "f32");
    auto address = reinterpret_cast<uintptr_t>(bytes.data());
    address =
        (address + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
    addresses.push_back(reinterpret_cast<void *>(address));
    if (buffer.kind != BufferKind::Arena)
      traffic += buffer.size(0);
  }
  MXInvocation call = {};
  call.buffers = addresses.data();
  call.tokens = 1;

  Bytes from(traffic / 2, 1), to(traffic / 2, 2);
  ThreadPool &pool = (*device)->pool();
  auto copy = [&] {
    pool.run([&](int64_t thread) {
      size_t begin = from.size() * thread / pool.threads();
      size_t end = from.size() * (thread + 1) / pool.threads();
      std::memcpy(&to[begin], &from[begin], end - begin);
    });
  };
  std::vector<double> rates, ratios;
  for (int64_t turn = 0; turn < options.turns; ++turn) {
    double ofCopy = measure(copy);
    double seconds = measure([&] { (*device)->run(*function, call); });
    rates.push_back(traffic / seconds / 1e9);
    ratios.push_back(ofCopy / seconds);
  }
  std::printf("%-10s %-10s %-5s %7.2f GB/s %6.2f of a copy\n",
              kernel.isQuantize ? "quantize" : "dequantize", kernel.format.name,
              kernel.wide, medianOf(rates), medianOf(ratios));
  return {};
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app(
      "GB/s read and written by quantize and dequantize, and the ratio "
      "to a copy of as many bytes on the same threads");
  app.add_option("--rows", options.rows)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--columns", options.columns)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--threads", options.threads, "0: all processors")
      ->capture_default_str();
  app.add_option("--turns", options.turns)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--target", options.target)->capture_default_str();
  app.add_option("--scale-rule", options.rule)->capture_default_str();
  app.add_option("--rounding", options.rounding)->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  for (const BlockFormat &format : kBlockFormats)
    for (const char *wide : {"f32", "bf16"})
      for (bool isQuantize : {true, false}) {
        if (format.element.bits == 6)
          continue;
        if (Status status = runCase({format, wide, isQuantize}, options);
            !status) {
          std::fprintf(stderr, "error: %s\n", status.error().message.c_str());
          return 1;
        }
      }
  return 0;
}
