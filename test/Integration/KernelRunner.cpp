//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Outputs and temporaries hold NaN before each call, so a value that is used
// before it is written shows in the result.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"

#include "mxfp4/Runtime/GPU.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace mx;
using namespace mx::test;

//===----------------------------------------------------------------------===//
// Kernels as text
//===----------------------------------------------------------------------===//

void Kernel::addWeight(const std::string &name, HostTensor weight) {
  Argument argument{name, BufferKind::Weight, weight.type, weight.shape, {}};
  argument.weight = std::move(weight);
  arguments.push_back(std::move(argument));
}

void Kernel::addInput(const std::string &name, ElementType type, Shape shape) {
  arguments.push_back(
      {name, BufferKind::Input, type, std::move(shape), HostTensor()});
}

void Kernel::addCache(const std::string &name, ElementType type, Shape shape) {
  arguments.push_back(
      {name, BufferKind::Cache, type, std::move(shape), HostTensor()});
}

void Kernel::addOutput(const std::string &name, ElementType type, Shape shape) {
  arguments.push_back(
      {name, BufferKind::Output, type, std::move(shape), HostTensor()});
}

Call &Kernel::addCall(int64_t tokens, int64_t position, int64_t context) {
  Call call;
  call.tokens = tokens;
  call.position = position;
  call.context = context;
  calls.push_back(std::move(call));
  return calls.back();
}

const Kernel::Argument *Kernel::find(const std::string &name) const {
  for (const Argument &argument : arguments)
    if (argument.name == name)
      return &argument;
  return nullptr;
}

std::string Kernel::typeOf(const std::string &name) const {
  const Argument *argument = find(name);
  if (!argument)
    return "{" + name + "}";
  std::string text = "tensor<";
  for (int64_t extent : argument->shape)
    text += (extent < 0 ? "?" : std::to_string(extent)) + "x";
  return text + nameOf(argument->type) + ">";
}

static void replaceAll(std::string &text, const std::string &from,
                       const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to);
}

void Kernel::arrange(const std::string &weight, const std::string &layout) {
  std::string type = typeOf(weight);
  std::string arranged =
      type.substr(0, type.size() - 1) + ", #mxfp4.layout<" + layout + ">>";
  replaceAll(body, "{" + weight + "}", arranged);
  for (const char *end : {",", " "})
    replaceAll(body, "%" + weight + end, "%arranged_" + weight + end);
  body = "  %init_" + weight + " = tensor.empty() : " + arranged +
         "\n  %arranged_" + weight + " = mxfp4.pack ins(%" + weight + " : " +
         type + ") outs(%init_" + weight + " : " + arranged + ") -> " +
         arranged + "\n" + body;
}

/// `body` with `{x}` replaced by the type of argument x.
static std::string insertTypes(const Kernel &kernel) {
  std::string text;
  for (size_t at = 0; at < kernel.body.size();) {
    size_t end = std::string::npos;
    if (kernel.body[at] == '{')
      end = kernel.body.find('}', at);
    std::string name;
    if (end != std::string::npos)
      name = kernel.body.substr(at + 1, end - at - 1);
    if (kernel.find(name)) {
      text += kernel.typeOf(name);
      at = end + 1;
    } else {
      text += kernel.body[at++];
    }
  }
  return text;
}

static const char *nameOf(BufferKind kind) {
  switch (kind) {
  case BufferKind::Weight:
    return "weight";
  case BufferKind::Cache:
    return "cache";
  case BufferKind::Input:
    return "input";
  case BufferKind::Output:
    return "output";
  case BufferKind::Arena:
    return "arena";
  }
  return "";
}

/// The first size of `shape`, 1 if it has none.
static int64_t leadingSize(const Shape &shape) {
  return shape.empty() ? 1 : shape[0];
}

/// Replaces a size that counts tokens or context by that of the call.
static void setLeadingSize(Shape &shape, const Call &call) {
  if (leadingSize(shape) == kTokens)
    shape[0] = call.tokens;
  if (leadingSize(shape) == kContext)
    shape[0] = call.context;
}

static std::string writeArgument(const Kernel &kernel,
                                 const Kernel::Argument &argument,
                                 const std::string &prefix) {
  std::string type = kernel.typeOf(argument.name);
  std::string text = "%" + argument.name + ": " + type + " {mxfp4.buffer = \"" +
                     prefix + "." + argument.name + "\", mxfp4.kind = \"" +
                     nameOf(argument.kind) + "\"";
  if (argument.kind == BufferKind::Weight)
    text += ", mxfp4.source = " + type + ", bufferization.writable = false";
  if (leadingSize(argument.shape) == kTokens)
    text += ", mxfp4.dim = \"tokens\"";
  if (leadingSize(argument.shape) == kContext)
    text += ", mxfp4.dim = \"context\"";
  return text + "}";
}

std::string mx::test::writeModule(const std::vector<Kernel> &kernels) {
  std::string text;
  for (size_t i = 0; i < kernels.size(); ++i) {
    const Kernel &kernel = kernels[i];
    std::string name = "k" + std::to_string(i);
    text += "func.func @" + name + "(";
    for (const Kernel::Argument &argument : kernel.arguments)
      text += writeArgument(kernel, argument, name) + ",\n    ";
    text += "%tokens: index {mxfp4.value = \"tokens\"}, "
            "%position: index {mxfp4.value = \"position\"}) -> (";
    std::string values, types;
    for (const auto &[value, argument] : kernel.results) {
      values += (values.empty() ? "" : ", ") + value;
      types += (types.empty() ? "" : ", ") + kernel.typeOf(argument);
    }
    text += types + ")\n    attributes {mxfp4.entry = \"" + name +
            "\", mxfp4.max_tokens = " + std::to_string(kernel.maxTokens) +
            " : i64} {\n" + insertTypes(kernel) + "\n  return " + values +
            " : " + types + "\n}\n";
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Variants
//===----------------------------------------------------------------------===//

Variant mx::test::exactPath() {
  Variant variant{"exact", {}};
  variant.options.reference = true;
  return variant;
}

static Variant makeFastPath(const std::string &target, bool fuse) {
  Variant variant{target + (fuse ? "" : " unfused"), {}};
  variant.options.target = target;
  variant.options.fuse = fuse;
  return variant;
}

std::vector<Variant> mx::test::cpuPaths(bool fuse) {
  std::vector<Variant> variants;
  for (const char *target : {"cpu", "cpu:x86-64-v3", "cpu:x86-64"})
    variants.push_back(makeFastPath(target, fuse));
  return variants;
}

std::vector<Variant> mx::test::gpuPaths(bool fuse) {
  std::vector<Variant> variants;
  for (const char *target : {"nvptx:sm_75", "nvptx:sm_80", "nvptx:sm_90"})
    if (findGPUFor(target))
      variants.push_back(makeFastPath(target, fuse));
  return variants;
}

std::vector<Variant> mx::test::fastPaths(bool fuse) {
  std::vector<Variant> variants = cpuPaths(fuse);
  for (const Variant &variant : gpuPaths(fuse))
    variants.push_back(variant);
  return variants;
}

std::vector<Variant> mx::test::emulatedPaths() {
  std::vector<Variant> variants;
  for (const char *target :
       {"cpu:neoverse-n2", "cpu:neoverse-n1", "cpu:cortex-a72"}) {
    variants.push_back({target, {}});
    variants.back().options.target = target;
  }
  return variants;
}

std::vector<Variant> mx::test::allPaths() {
  std::vector<Variant> variants = fastPaths();
  variants.insert(variants.begin(), exactPath());
  return variants;
}

//===----------------------------------------------------------------------===//
// KernelRunner
//===----------------------------------------------------------------------===//

Result<std::unique_ptr<KernelRunner>>
KernelRunner::create(const Program &program, const std::vector<Kernel> &kernels,
                     int64_t threads) {
  std::unique_ptr<KernelRunner> runner(new KernelRunner(program, kernels));
  runner->allocateBuffers();
  Result<std::unique_ptr<Team>> team =
      Team::create(program, *runner->memory, threads);
  if (!team)
    return team.error();
  runner->team = std::move(*team);
  for (size_t i = 0; i < kernels.size(); ++i) {
    std::string name = "k" + std::to_string(i);
    const Entry *entry = program.findEntry(name);
    if (!entry)
      return Error{"the program has no entry '" + name + "'"};
    runner->symbols.push_back(entry->symbol);
  }
  if (Status status = runner->prepareWeights(); !status)
    return status.error();
  return runner;
}

void KernelRunner::allocateBuffers() {
  int64_t context = 0;
  uint64_t largestWeight = 0;
  for (const Kernel &kernel : kernels) {
    for (const Call &call : kernel.calls)
      context = std::max(context, call.context);
    for (const Kernel::Argument &argument : kernel.arguments)
      largestWeight =
          std::max<uint64_t>(largestWeight, argument.weight.bytes.size());
  }
  std::vector<uint64_t> sizes;
  for (const Buffer &buffer : program.buffers)
    sizes.push_back(buffer.size(uint64_t(context)));
  sizes.push_back(roundUp(largestWeight, kBufferAlignment));
  memory = std::make_unique<GuardedMemory>(sizes);
  for (size_t i = 0; i < program.buffers.size(); ++i)
    addresses.push_back(memory->buffers()[i].data());
}

Status KernelRunner::prepareWeights() {
  std::map<std::string, const std::vector<uint8_t> *> sources;
  for (size_t i = 0; i < kernels.size(); ++i)
    for (const Kernel::Argument &argument : kernels[i].arguments)
      sources["k" + std::to_string(i) + "." + argument.name] =
          &argument.weight.bytes;
  const GuardedBuffer &last = memory->buffers().back();
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    const Buffer &buffer = program.buffers[i];
    if (buffer.kind != BufferKind::Weight)
      continue;
    const std::vector<uint8_t> &source = *sources.at(buffer.name);
    if (buffer.prepare.empty()) {
      if (buffer.bytes != source.size())
        return Error{"expected buffer '" + buffer.name + "' of " +
                     std::to_string(source.size()) + " bytes, but got " +
                     std::to_string(buffer.bytes)};
      std::memcpy(addresses[i], source.data(), source.size());
      continue;
    }
    // It ends at the page that may not be touched, but for alignment.
    std::memset(last.data(), kGuardByte, last.size());
    uint8_t *end = last.data() + last.size();
    uint8_t *place = end - roundUp(source.size(), kBufferAlignment);
    std::memcpy(place, source.data(), source.size());
    std::vector<uint8_t> before(last.data(), end);
    if (Status status =
            team->run(buffer.prepare, {place, addresses[i]}, MXInvocation());
        !status)
      return status;
    EXPECT_TRUE(std::equal(before.begin(), before.end(), last.data()) &&
                last.isIntact() && memory->buffers()[i].isIntact())
        << "preparing " << buffer.name << " writes past its buffer";
  }
  return {};
}

std::map<std::string, HostTensor> KernelRunner::run(size_t kernel,
                                                    const Call &call) {
  std::string prefix = "k" + std::to_string(kernel) + ".";
  // NaN in every float type.
  constexpr int unwritten = 0xFF;
  const std::vector<GuardedBuffer> &buffers = memory->buffers();
  for (size_t i = 0; i < program.buffers.size(); ++i)
    if (program.buffers[i].kind == BufferKind::Arena)
      std::memset(addresses[i], unwritten, buffers[i].size());

  std::map<std::string, HostTensor> results;
  for (const Kernel::Argument &argument : kernels[kernel].arguments) {
    const GuardedBuffer *buffer = find(prefix + argument.name);
    if (argument.kind == BufferKind::Weight || !buffer)
      continue;
    std::memset(buffer->data(), unwritten, buffer->size());
    auto data = call.data.find(argument.name);
    if (data != call.data.end())
      std::memcpy(
          buffer->data(), data->second.bytes.data(),
          std::min<uint64_t>(buffer->size(), data->second.bytes.size()));
  }

  MXInvocation invocation = {};
  invocation.tokens = call.tokens;
  invocation.position = call.position;
  invocation.context = call.context;
  Status status = team->run(symbols[kernel], addresses, invocation);
  EXPECT_TRUE(status) << status.error().message;

  for (size_t i = 0; i < program.buffers.size(); ++i)
    EXPECT_TRUE(buffers[i].isIntact())
        << "written next to " << program.buffers[i].name;
  for (const Kernel::Argument &argument : kernels[kernel].arguments) {
    const GuardedBuffer *buffer = find(prefix + argument.name);
    if (argument.kind == BufferKind::Weight || !buffer)
      continue;
    Shape shape = argument.shape;
    setLeadingSize(shape, call);
    HostTensor result(argument.type, shape);
    std::memcpy(result.bytes.data(), buffer->data(), result.bytes.size());
    results[argument.name] = std::move(result);
  }
  return results;
}

const GuardedBuffer *KernelRunner::find(const std::string &name) const {
  int64_t index = program.findBuffer(name);
  return index < 0 ? nullptr : &memory->buffers()[size_t(index)];
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

double mx::test::roundingOf(ElementType type, double value) {
  double magnitude = std::fabs(value);
  switch (type) {
  case ElementType::BF16:
    return std::max(std::ldexp(magnitude, -8), std::ldexp(1.0, -134));
  case ElementType::F16:
    return std::max(std::ldexp(magnitude, -11), std::ldexp(1.0, -25));
  default:
    return std::max(std::ldexp(magnitude, -24), std::ldexp(1.0, -150));
  }
}

static bool isAsExpected(ElementType type, double value, double expected,
                         const double *slack, bool isOfGPU) {
  if (std::isnan(expected))
    return std::isnan(value);
  if (slack && std::isnan(*slack))
    return true;
  // The instruction of GPUs for f16 loses the sign of subnormal f32.
  if (!slack || std::isinf(expected))
    return value == expected && ((isOfGPU && type == ElementType::F16) ||
                                 std::signbit(value) == std::signbit(expected));
  return std::fabs(value - expected) <= *slack + roundingOf(type, expected);
}

static void compare(const HostTensor &result, Expected expected, bool isOfGPU,
                    const std::string &what) {
  std::vector<double> values = result.values();
  ASSERT_EQ(values.size(), expected.values.size()) << what;
  ASSERT_TRUE(expected.slack.empty() || expected.slack.size() == values.size())
      << what;
  ASSERT_TRUE(expected.gpuSlack.empty() ||
              expected.gpuSlack.size() == expected.slack.size())
      << what;
  for (size_t i = 0; isOfGPU && i < expected.gpuSlack.size(); ++i)
    expected.slack[i] += expected.gpuSlack[i];
  for (size_t i = 0; i < values.size(); ++i) {
    const double *slack = expected.slack.empty() ? nullptr : &expected.slack[i];
    ASSERT_TRUE(isAsExpected(result.type, values[i], expected.values[i], slack,
                             isOfGPU))
        << what << ": element " << i << " of '" << expected.argument << "' is "
        << values[i] << ", expected " << expected.values[i] << " within "
        << (slack ? *slack : 0.0) << " and one rounding";
  }
}

/// Inputs and caches have the sizes that their arguments say.
static void checkData(const Kernel &kernel, const Call &call,
                      const std::string &what) {
  for (const Kernel::Argument &argument : kernel.arguments) {
    auto data = call.data.find(argument.name);
    bool isNeeded = argument.kind == BufferKind::Input ||
                    argument.kind == BufferKind::Cache;
    ASSERT_EQ(isNeeded, data != call.data.end()) << what << argument.name;
    if (!isNeeded)
      continue;
    Shape shape = argument.shape;
    setLeadingSize(shape, call);
    ASSERT_EQ(shape, data->second.shape) << what << argument.name;
    ASSERT_EQ(argument.type, data->second.type) << what << argument.name;
  }
}

bool mx::test::isForOtherMachine(const Error &error) {
  return error.message.find("which this machine lacks") != std::string::npos;
}

void mx::test::checkModule(const std::string &text,
                           const std::vector<Kernel> &kernels,
                           const Variant &variant) {
  Result<Program> program = compileModule(text, variant.name, variant.options);
  ASSERT_TRUE(program) << program.error().message << "\n" << text;

  std::vector<int64_t> teams = {1, 2, 3, 7};
  if (variant.options.reference || isForGPU(program->target))
    teams = {1};
  std::vector<std::vector<std::map<std::string, HostTensor>>> first;
  for (int64_t threads : teams) {
    Result<std::unique_ptr<KernelRunner>> runner =
        KernelRunner::create(*program, kernels, threads);
    if (!runner && isForOtherMachine(runner.error()))
      return;
    ASSERT_TRUE(runner) << runner.error().message;
    bool isFirst = threads == teams.front();
    if (isFirst)
      first.resize(kernels.size());
    for (size_t k = 0; k < kernels.size(); ++k)
      for (size_t c = 0; c < kernels[k].calls.size(); ++c) {
        const Call &call = kernels[k].calls[c];
        std::string what = variant.name + ": kernel " + std::to_string(k) +
                           ", call " + std::to_string(c) + ": ";
        if (isFirst)
          checkData(kernels[k], call, what);
        std::map<std::string, HostTensor> results = (*runner)->run(k, call);
        if (!isFirst) {
          for (const auto &[name, result] : results)
            ASSERT_EQ(result.bytes, first[k][c].at(name).bytes)
                << what << "'" << name << "' depends on the number of threads, "
                << threads;
          continue;
        }
        for (const Expected &expected : call.expected)
          compare(results.at(expected.argument), expected,
                  isForGPU(program->target), what);
        std::map<std::string, HostTensor> again = (*runner)->run(k, call);
        for (const auto &[name, result] : results)
          ASSERT_EQ(result.bytes, again.at(name).bytes)
              << what << "'" << name << "' differs when run again";
        first[k].push_back(std::move(results));
        if (testing::Test::HasFailure())
          FAIL() << text;
      }
  }
}

bool mx::test::canRun(const Kernel &kernel, const Variant &variant) {
  if (!isForGPU(variant.options.target))
    return true;
  auto has = [&](const char *op) {
    return kernel.body.find(op) != std::string::npos;
  };
  return !has("mxfp4.cast_to_nvfp4") &&
         !(has("nn.attention") && kernel.find("q")->shape.back() % 8 != 0);
}

void mx::test::checkKernels(const std::vector<Kernel> &kernels,
                            const std::vector<Variant> &variants) {
  for (const Variant &variant : variants) {
    std::vector<Kernel> share;
    for (const Kernel &kernel : kernels)
      if (canRun(kernel, variant))
        share.push_back(kernel);
    checkModule(writeModule(share), share, variant);
    if (testing::Test::HasFatalFailure())
      return;
  }
}

void mx::test::checkKernelsInTurn(const std::vector<Kernel> &kernels) {
  checkModule(writeModule(kernels), kernels, exactPath());
  std::vector<Variant> variants = cpuPaths();
  for (const Variant &variant : emulatedPaths())
    variants.push_back(variant);
  for (size_t i = 0; i < variants.size(); ++i) {
    std::vector<Kernel> share;
    for (size_t k = i; k < kernels.size(); k += variants.size())
      share.push_back(kernels[k]);
    checkModule(writeModule(share), share, variants[i]);
  }
  checkKernels(kernels, gpuPaths());
}
