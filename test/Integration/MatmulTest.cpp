//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mxfp4.matmul and nn.linear: sizes around the width of vectors and tiles,
// every epilogue, every scale.
//
//===----------------------------------------------------------------------===//

#include "MatmulCase.h"
#include "Oracles.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace mx;
using namespace mx::test;

TEST(Matmul, RowsAroundVectorWidths) {
  Random random(1);
  std::vector<Kernel> several, one;
  for (int64_t rows : {1, 3, 7, 9, 16, 17, 33, 130}) {
    MatmulCase c;
    c.rows = rows;
    c.columns = 32 * random.integer(1, 4);
    c.tokens = {1};
    one.push_back(makeMatmul(random, c));
    c.tokens = {1, 2, 3, 4, 5, 9};
    several.push_back(makeMatmul(random, c));
  }
  checkKernelsInTurn(several);
  checkKernels(one);
}

TEST(Matmul, EveryEpilogueAndType) {
  Random random(2);
  std::vector<Kernel> kernels;
  for (bool isScaled : {true, false})
    for (int parts = 0; parts < 4; ++parts)
      for (int types = 0; types < 4; ++types) {
        MatmulCase c;
        c.isScaled = isScaled;
        c.rows = random.pick({1, 5, 16, 23, 40});
        c.columns = 32 * random.integer(1, 3);
        c.hasBias = parts & 1;
        c.hasResidual = parts & 2;
        c.input = types & 1 ? ElementType::BF16 : ElementType::F32;
        c.output = types & 2 ? ElementType::BF16 : ElementType::F32;
        c.tokens = random.coin() ? std::vector<int64_t>{random.integer(1, 6)}
                                 : std::vector<int64_t>{1, 7};
        kernels.push_back(makeMatmul(random, c));
      }
  checkKernelsInTurn(kernels);
}

TEST(Matmul, DenseColumnsThatFillNoVector) {
  Random random(3);
  std::vector<Kernel> kernels;
  for (ElementType type : {ElementType::BF16, ElementType::F32})
    for (int64_t columns : {2, 6, 10, 34, 100}) {
      MatmulCase c;
      c.isScaled = false;
      c.weightType = type;
      c.rows = random.pick({1, 3, 17, 33});
      c.columns = columns;
      c.input = random.coin() ? ElementType::BF16 : ElementType::F32;
      c.tokens = {1, 6};
      kernels.push_back(makeMatmul(random, c));
    }
  checkKernelsInTurn(kernels);
}

TEST(Matmul, EveryFormat) {
  Random random(7);
  std::vector<Kernel> kernels;
  for (const BlockFormat &format : kBlockFormats)
    for (int i = 0; i < 12; ++i) {
      MatmulCase c;
      c.format = format;
      c.hasTensorScale = format.scale == ScaleFormat::E4M3 && random.coin();
      c.rows = random.integer(1, 40);
      c.columns = 32 * random.integer(1, 8);
      c.input = random.coin() ? ElementType::BF16 : ElementType::F32;
      c.output = random.coin() ? ElementType::BF16 : ElementType::F32;
      c.hasBias = random.coin();
      c.hasResidual = random.coin();
      c.tokens = {random.integer(1, 6)};
      if (random.coin())
        c.tokens.push_back(random.integer(1, 12));
      kernels.push_back(makeMatmul(random, c));
    }
  checkKernelsInTurn(kernels);
}

TEST(Matmul, RandomShapes) {
  Random random(4);
  std::vector<Kernel> kernels;
  for (int i = 0; i < 36; ++i) {
    MatmulCase c;
    c.isScaled = random.integer(0, 2) != 0;
    c.weightType = random.coin() ? ElementType::BF16 : ElementType::F32;
    c.rows = random.integer(1, 70);
    c.columns = 32 * random.integer(1, 10);
    c.input = random.coin() ? ElementType::BF16 : ElementType::F32;
    c.output = random.coin() ? ElementType::BF16 : ElementType::F32;
    c.hasBias = random.coin();
    c.hasResidual = random.coin();
    c.tokens = {random.integer(1, 20)};
    if (random.coin())
      c.tokens.push_back(random.integer(1, 40));
    kernels.push_back(makeMatmul(random, c));
  }
  checkKernelsInTurn(kernels);
}

TEST(Matmul, ManyTokens) {
  // Tiles of rows, and blocks of tiles, that are full or not, of weights of one
  // group or two and of all columns at a time or not.
  Random random(12);
  std::vector<Kernel> kernels;
  for (int64_t tokens : {32, 33, 47, 64, 130, 260})
    for (bool isScaled : {true, false}) {
      MatmulCase c;
      c.isScaled = isScaled;
      c.rows = random.pick({1, 16, 17, 33, 70});
      c.columns = 32 * random.pick({1, 3, 16, 17, 33});
      c.input = ElementType::BF16;
      c.output = random.coin() ? ElementType::BF16 : ElementType::F32;
      c.hasBias = random.coin();
      c.hasResidual = random.coin();
      c.inputBits = isScaled && random.coin() ? 16 : 0;
      // Numbers of bf16 that stay what they are as 16-bit integers.
      c.makeInput = [&](int64_t size) {
        std::vector<double> x;
        for (int64_t i = 0; i < size; ++i)
          x.push_back((random.coin() ? 1 : -1) *
                      (1 + double(random.integer(0, 127)) / 128));
        return x;
      };
      c.tokens = {tokens};
      if (random.coin())
        c.tokens.push_back(random.integer(1, 40));
      kernels.push_back(makeMatmul(random, c));
    }
  checkKernelsInTurn(kernels);
}

TEST(Matmul, DenseRowsOfRealShape) {
  // Up to 16 tokens and up to 64, whose kernels for GPUs divide the columns
  // among 3, 5 or 8 blocks, in stages that are whole or not.
  Random random(13);
  std::vector<Kernel> kernels;
  for (auto [rows, columns] :
       {std::pair<int64_t, int64_t>(5120, 416), {2880, 1056}, {600, 4096}})
    for (std::vector<int64_t> tokens :
         {std::vector<int64_t>{7, 16}, {64, 17}}) {
      MatmulCase c;
      c.isScaled = false;
      c.rows = rows;
      c.columns = columns;
      c.tokens = tokens;
      c.input = ElementType::BF16;
      c.hasBias = true;
      c.hasResidual = rows == 2880;
      kernels.push_back(makeMatmul(random, c));
    }
  std::vector<Variant> variants = gpuPaths();
  variants.push_back(cpuPaths().front());
  checkKernels(kernels, variants);
}

/// A matrix whose rows have one scale each, times `x`. Of more than one token
/// the input is bf16.
static Kernel makeScaleRow(const std::vector<uint8_t> &scaleBytes,
                           uint8_t codeMask, double x, int64_t tokens = 1) {
  int64_t rows = int64_t(scaleBytes.size()), columns = 32;
  HostTensor elements(ElementType::E2M1, {rows, columns});
  for (size_t i = 0; i < elements.bytes.size(); ++i) {
    uint8_t code = uint8_t(i % 16 & codeMask);
    elements.bytes[i] = uint8_t(code | code << 4);
  }
  HostTensor scales(ElementType::E8M0, {rows, 1});
  scales.bytes = scaleBytes;
  // A sum over k that no two terms cancel in.
  std::vector<double> inputs;
  for (int64_t i = 0; i < tokens * columns; ++i) {
    int64_t k = i % columns;
    inputs.push_back(x * double(k + 1) * (k % 16 / 8 ? -1 : 1));
  }
  ElementType type = tokens > 1 ? ElementType::BF16 : ElementType::F32;
  HostTensor input(type, {tokens, columns}, inputs);

  Kernel kernel(tokens);
  kernel.addInput("x", type, {tokens, columns});
  kernel.addWeight("v", elements);
  kernel.addWeight("s", scales);
  kernel.addOutput("out", ElementType::F32, {tokens, rows});
  kernel.body = "  %y = mxfp4.matmul ins(%x, %v, %s : {x}, {v}, {s}) "
                "outs(%out : {out}) -> {out}";
  kernel.results = {{"%y", "out"}};
  Call &call = kernel.addCall(tokens);
  call.data["x"] = input;
  Exact exact =
      multiply(input.values(), decodeWeight(elements, scales), columns, {}, {});
  call.expected = {{"out", exact.values, exact.slack}};
  return kernel;
}

TEST(Matmul, EveryScale) {
  // F4: 0 is 2^-127. The largest scales with elements up to 1.5, since larger
  // products are infinite; small activations keep the sums finite.
  std::vector<uint8_t> low, high;
  for (int byte = 0; byte < 128; ++byte)
    low.push_back(uint8_t(byte));
  for (int byte = 128; byte < 255; ++byte)
    high.push_back(uint8_t(byte));
  checkKernels({makeScaleRow(low, 15, 1.0), makeScaleRow({0, 1, 0}, 15, 1e30),
                makeScaleRow(high, 11, 1e-20)});
  // Kernels of bf16 have no subnormal numbers.
  low.erase(low.begin(), low.begin() + 2);
  checkKernels({makeScaleRow(low, 15, 1.0, 40),
                makeScaleRow({2, 1, 0}, 12, 1e30, 40),
                makeScaleRow(high, 11, 1e-20, 40)});
}

/// A matrix whose row n has element n of `format`, of 8 bits, and zeros.
static Kernel makeElementRows(const BlockFormat &format, ElementType type,
                              int64_t tokens) {
  int64_t rows = 256, columns = 64;
  HostTensor elements(type, {rows, columns});
  for (int64_t row = 0; row < rows; ++row)
    elements.bytes[size_t(row * columns + row % columns)] = uint8_t(row);
  HostTensor scales(ElementType::E8M0, {rows, columns / 32});
  std::fill(scales.bytes.begin(), scales.bytes.end(), uint8_t(127));
  HostTensor input(ElementType::F32, {tokens, columns},
                   std::vector<double>(size_t(tokens * columns), 0.75));

  Kernel kernel;
  kernel.addInput("x", ElementType::F32, {tokens, columns});
  kernel.addWeight("v", elements);
  kernel.addWeight("s", scales);
  kernel.addOutput("out", ElementType::F32, {tokens, rows});
  kernel.body = "  %y = mxfp4.matmul ins(%x, %v, %s : {x}, {v}, {s}) "
                "outs(%out : {out}) -> {out}";
  kernel.results = {{"%y", "out"}};
  Call &call = kernel.addCall(tokens);
  call.data["x"] = input;
  Exact exact = multiply(input.values(), decodeWeight(elements, scales, format),
                         columns, {}, {});
  call.expected = {{"out", exact.values, exact.slack}};
  return kernel;
}

TEST(Matmul, EveryElementOf8Bits) {
  std::vector<Kernel> kernels;
  for (int64_t tokens : {1, 5}) {
    kernels.push_back(makeElementRows(kMXFP8E4M3, ElementType::E4M3, tokens));
    kernels.push_back(makeElementRows(kMXFP8E5M2, ElementType::E5M2, tokens));
  }
  checkKernels(kernels);
}

TEST(Matmul, ArrangedForOtherKernels) {
  Random random(5);
  std::vector<Kernel> kernels;
  for (auto [lanes, depth] : {std::pair(4, 8), {8, 2}, {3, 32}, {64, 16}}) {
    std::string by = "lanes = " + std::to_string(lanes) + ", depth = ";
    MatmulCase c;
    c.rows = random.integer(1, 70);
    c.columns = 32 * random.integer(1, 3);
    c.tokens = {2};
    kernels.push_back(makeMatmul(random, c));
    kernels.back().arrange("v", by + std::to_string(depth));
    kernels.back().arrange("s", by + "1");
    c.isScaled = false;
    kernels.push_back(makeMatmul(random, c));
    kernels.back().arrange("v", by + std::to_string(depth));
  }
  // For tiles: whole runs of four blocks, and shorter ones.
  for (int64_t blocks : {1, 3, 4, 6}) {
    MatmulCase c;
    c.rows = random.integer(1, 40);
    c.columns = 32 * blocks;
    c.tokens = {2};
    kernels.push_back(makeMatmul(random, c));
    kernels.back().arrange("v", "lanes = 8, depth = 128, tiled = true");
    kernels.back().arrange("s", "lanes = 8, depth = 4, tiled = true");
  }
  checkKernels(kernels, {exactPath()});
}

TEST(Matmul, WithoutAKernel) {
  Random random(6);
  std::vector<Kernel> kernels;
  for (auto [isScaled, weight, input, columns] :
       {std::tuple(true, ElementType::BF16, ElementType::F16, 64),
        {false, ElementType::F16, ElementType::F32, 34},
        {false, ElementType::BF16, ElementType::F32, 63},
        {false, ElementType::BF16, ElementType::F16, 6}}) {
    MatmulCase c;
    c.isScaled = isScaled;
    c.weightType = weight;
    c.input = input;
    c.rows = random.integer(1, 40);
    c.columns = columns;
    c.tokens = {1, 3};
    c.hasBias = random.coin();
    c.hasResidual = random.coin();
    kernels.push_back(makeMatmul(random, c));
  }
  checkKernels(kernels);
}

TEST(Matmul, NamesTheTextItCannotRead) {
  Result<Program> program =
      compileModule("func.func @f() { mxfp4.matmul }", "test", {});
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().message,
            "test:1:31: custom op 'mxfp4.matmul' expected 'ins'");
}

TEST(Matmul, RefusesWeightsThatNoCheckpointHas) {
  auto compile = [](const std::string &source) {
    std::string text =
        "func.func @f(%w: tensor<4x8xf32> {mxfp4.buffer = \"w\", "
        "mxfp4.kind = \"weight\"" +
        source +
        ", bufferization.writable = false})\n"
        "    attributes {mxfp4.entry = \"f\", mxfp4.max_tokens = 1 : i64} {\n"
        "  return\n}\n";
    Result<Program> program = compileModule(text, "test", CompileOptions());
    return program ? program->buffers[0].dtype : program.error().message;
  };
  EXPECT_EQ(compile(""), "cannot compile the module: weight 'w': "
                         "expected 'mxfp4.source'");
  EXPECT_EQ(compile(", mxfp4.source = tensor<4x8xi4>"),
            "cannot compile the module: buffer 'w': expected a type "
            "that safetensors files have, but got tensor<4x8xi4>");
  EXPECT_EQ(compile(", mxfp4.source = tensor<4x8xf32>"), "F32");
  EXPECT_EQ(compile(", mxfp4.source = tensor<4x16xf16>"), "F16");
  EXPECT_EQ(compile(", mxfp4.source = tensor<4x16xbf16>"), "BF16");
  EXPECT_EQ(compile(", mxfp4.source = tensor<4x32xi8>"), "U8");
  EXPECT_EQ(compile(", mxfp4.source = tensor<4x32xf8E8M0FNU>"), "U8");
  EXPECT_EQ(compile(", mxfp4.source = tensor<8x32xf4E2M1FN>"), "U8");
}

/// `count` rows of `x` from `first` on.
static HostTensor takeRows(const HostTensor &x, int64_t first, int64_t count) {
  HostTensor rows(x.type, Shape{count, x.shape[1]});
  int64_t rowBytes = int64_t(x.bytes.size()) / x.shape[0];
  std::copy_n(x.bytes.begin() + first * rowBytes, count * rowBytes,
              rows.bytes.begin());
  return rows;
}

TEST(Matmul, RowsHaveTheSameBitsInEachTile) {
  // A GPU has other kernels for one row than for several.
  std::vector<Variant> variants = cpuPaths();
  for (const Variant &variant : emulatedPaths())
    variants.push_back(variant);
  MatmulCase common;
  common.rows = 37;
  common.columns = 96;
  common.input = ElementType::BF16;
  std::vector<MatmulCase> cases(4, common);
  cases[0].isScaled = cases[1].isScaled = false;
  cases[1].columns = 34;
  cases[2].inputBits = 8;
  cases[3].inputBits = 16;
  for (MatmulCase &c : cases) {
    // The same weight for a number of tokens that is open, and for one.
    std::vector<Kernel> kernels;
    for (const std::vector<int64_t> &tokens :
         {std::vector<int64_t>{15, 9, 8, 7, 6, 5, 4, 3, 2, 1},
          std::vector<int64_t>{1}}) {
      Random random(33);
      c.tokens = tokens;
      kernels.push_back(makeMatmul(random, c));
    }
    for (const Variant &variant : variants) {
      Result<Program> program =
          compileModule(writeModule(kernels), variant.name, variant.options);
      ASSERT_TRUE(program) << program.error().message;
      Result<std::unique_ptr<KernelRunner>> runner =
          KernelRunner::create(*program, kernels, /*threads=*/2);
      if (!runner && isForOtherMachine(runner.error()))
        continue;
      ASSERT_TRUE(runner) << runner.error().message;
      const Call &all = kernels[0].calls[0];
      HostTensor expected = (*runner)->run(0, all).at("out");
      for (size_t kernel : {0, 1})
        for (Call call : kernels[kernel].calls)
          for (int64_t row = 0; row + call.tokens <= all.tokens;
               row += call.tokens) {
            call.data["x"] = takeRows(all.data.at("x"), row, call.tokens);
            EXPECT_EQ((*runner)->run(kernel, call).at("out").bytes,
                      takeRows(expected, row, call.tokens).bytes)
                << variant.name << ": " << call.tokens << " rows from " << row
                << " on of a matmul of " << c.inputBits << " bits, kernel "
                << kernel;
          }
    }
  }
}

/// Products of tokens one by one and in tiles, as integers and as floats.
TEST(Emulated, AArch64) {
  Random random(31);
  std::vector<Kernel> kernels;
  for (int bits : {0, 8, 16}) {
    MatmulCase c;
    c.rows = 20;
    c.columns = 96;
    c.tokens = {1, 5, 14};
    c.inputBits = bits;
    kernels.push_back(makeMatmul(random, c));
    c.isScaled = false;
    c.inputBits = 0;
    kernels.push_back(makeMatmul(random, c));
  }
  for (const Variant &variant : emulatedPaths()) {
    Result<Program> program =
        compileModule(writeModule(kernels), variant.name, variant.options);
    ASSERT_TRUE(program) << program.error().message;
    Result<std::unique_ptr<KernelRunner>> runner =
        KernelRunner::create(*program, kernels, /*threads=*/2);
#ifndef MXFP4_EMULATOR_AARCH64
    if (!runner && isForOtherMachine(runner.error()))
      GTEST_SKIP() << "no qemu-aarch64, or no aarch64-linux-gnu-g++";
#endif
    ASSERT_TRUE(runner) << runner.error().message;
    checkKernels(kernels, {variant});
  }
}
