//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The arrangement of weights, bit for bit against lib/Format.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"

#include "mxfp4/Conversion/VectorISA.h"
#include "mxfp4/Format/Layout.h"

#include <gtest/gtest.h>

using namespace mx;
using namespace mx::test;

/// Kernels whose weights get arranged: blocks, plain and paired, and dense.
static std::vector<Kernel> makePacked() {
  Random random(44);
  std::vector<Kernel> kernels;
  const std::string swiglu =
      " activation(#mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>)";
  for (int64_t rows : {1, 3, 8, 17, 33})
    for (bool isPaired : {false, true}) {
      int64_t columns = 32 * random.integer(1, 3);
      int64_t experts = random.integer(1, 3);
      int64_t allRows = isPaired ? 2 * rows : rows;
      Kernel kernel;
      kernel.addInput("x", ElementType::F32, {1, columns});
      kernel.addWeight("v", random.elements({experts, allRows, columns}));
      kernel.addWeight("s", random.scales({experts, allRows, columns / 32}));
      kernel.addInput("e", ElementType::I32, {1, 1});
      kernel.addOutput("out", ElementType::F32, {1, 1, rows});
      kernel.body = "  %y = mxfp4.matmul_by_expert ins(%x, %v, %s, %e : {x}, "
                    "{v}, {s}, {e})" +
                    (isPaired ? swiglu : std::string()) +
                    " outs(%out : {out}) -> {out}";
      kernel.results = {{"%y", "out"}};
      kernels.push_back(kernel);
    }
  for (int64_t rows : {1, 3, 17})
    for (ElementType type : {ElementType::BF16, ElementType::F32}) {
      int64_t columns = 2 * random.integer(1, 20);
      Kernel kernel;
      kernel.addInput("x", ElementType::F32, {1, columns});
      kernel.addWeight("v", random.floats(type, {rows, columns}));
      kernel.addOutput("out", ElementType::F32, {1, rows});
      kernel.body = "  %y = nn.linear ins(%x, %v : {x}, {v}) outs(%out : "
                    "{out}) -> {out}";
      kernel.results = {{"%y", "out"}};
      kernels.push_back(kernel);
    }
  return kernels;
}

/// `weight` as packInterleaved arranges it, one matrix after another.
static std::vector<uint8_t> pack(const HostTensor &weight,
                                 const InterleavedLayout &layout,
                                 int64_t columns, int64_t bits) {
  int64_t rows = weight.shape[weight.shape.size() - 2];
  int64_t matrices = weight.size() / (rows * weight.shape.back());
  EXPECT_TRUE(layout.check(rows, columns, bits));
  int64_t size = layout.byteCount(rows, columns, bits);
  std::vector<uint8_t> packed(size_t(matrices * size));
  for (int64_t i = 0; i < matrices; ++i)
    packInterleaved(layout,
                    &weight.bytes[size_t(i * rows * columns * bits / 8)], rows,
                    columns, bits, &packed[size_t(i * size)]);
  return packed;
}

/// The same for vectors of so many lanes.
static std::vector<uint8_t> pack(const HostTensor &weight, int64_t lanes,
                                 bool isPaired) {
  int64_t bits = bitsOf(weight.type), columns = weight.shape.back();
  // 32 bits of a row stand together, and one scale.
  InterleavedLayout layout{lanes, 32 / bits, isPaired};
  if (weight.type == ElementType::E8M0)
    layout.depth = 1;
  if (bits == 32) { // as two halves
    layout.depth = 2;
    columns *= 2;
    bits = 16;
  }
  return pack(weight, layout, columns, bits);
}

TEST(Pack, MatchesLayout) {
  std::vector<Kernel> kernels = makePacked();
  std::string text = writeModule(kernels);
  for (const Variant &variant : cpuPaths()) {
    Result<Program> program = compileModule(text, "pack", variant.options);
    ASSERT_TRUE(program) << program.error().message;
    // The target ends with the name of the instruction set.
    std::string isa = program->target.substr(program->target.rfind('/') + 1);
    const mlir::mxfp4::VectorISA *set = mlir::mxfp4::VectorISA::find(isa);
    ASSERT_TRUE(set) << program->target;
    for (int64_t threads : {1, 3}) {
      Result<std::unique_ptr<KernelRunner>> runner =
          KernelRunner::create(*program, kernels, threads);
      if (!runner) {
        EXPECT_TRUE(isForOtherMachine(runner.error()))
            << runner.error().message;
        break;
      }
      for (size_t k = 0; k < kernels.size(); ++k)
        for (const Kernel::Argument &argument : kernels[k].arguments) {
          if (argument.kind != BufferKind::Weight)
            continue;
          bool isPaired =
              kernels[k].body.find("activation") != std::string::npos;
          std::string name = "k" + std::to_string(k) + "." + argument.name;
          const GuardedBuffer *buffer = (*runner)->find(name);
          ASSERT_TRUE(buffer) << name;
          std::vector<uint8_t> made(buffer->data(),
                                    buffer->data() + buffer->size());
          EXPECT_EQ(made, pack(argument.weight, set->lanes, isPaired))
              << variant.name << ": " << name;
        }
    }
  }
}

TEST(Pack, MatchesTiledLayout) {
  Random random(45);
  std::vector<Kernel> kernels;
  for (int64_t rows : {1, 8, 19})
    for (int64_t blocks : {1, 4, 6, 7}) {
      Kernel kernel;
      kernel.addInput("x", ElementType::F32, {1, 32 * blocks});
      kernel.addWeight("v", random.elements({rows, 32 * blocks}));
      kernel.addWeight("s", random.scales({rows, blocks}));
      kernel.addOutput("out", ElementType::F32, {1, rows});
      kernel.body = "  %y = mxfp4.matmul ins(%x, %v, %s : {x}, {v}, {s}) "
                    "outs(%out : {out}) -> {out}";
      kernel.results = {{"%y", "out"}};
      kernel.arrange("v", "lanes = 8, depth = 128, tiled = true");
      kernel.arrange("s", "lanes = 8, depth = 4, tiled = true");
      kernels.push_back(kernel);
    }
  std::vector<Variant> variants = gpuPaths();
  variants.push_back(cpuPaths().front());
  for (const Variant &variant : variants) {
    // Kernels without tensor cores take weights as they are.
    if (variant.options.target == "nvptx:sm_75")
      continue;
    Result<Program> program =
        compileModule(writeModule(kernels), "pack", variant.options);
    ASSERT_TRUE(program) << program.error().message;
    Result<std::unique_ptr<KernelRunner>> runner =
        KernelRunner::create(*program, kernels, /*threads=*/1);
    ASSERT_TRUE(runner) << runner.error().message;
    for (size_t k = 0; k < kernels.size(); ++k)
      for (const Kernel::Argument &argument : kernels[k].arguments) {
        if (argument.kind != BufferKind::Weight)
          continue;
        bool isScale = argument.weight.type == ElementType::E8M0;
        InterleavedLayout layout{8, isScale ? 4 : 128, /*paired=*/false,
                                 /*tiled=*/true};
        std::string name = "k" + std::to_string(k) + "." + argument.name;
        const GuardedBuffer *buffer = (*runner)->find(name);
        ASSERT_TRUE(buffer) << name;
        EXPECT_EQ(std::vector<uint8_t>(buffer->data(),
                                       buffer->data() + buffer->size()),
                  pack(argument.weight, layout, argument.weight.shape.back(),
                       isScale ? 8 : 4))
            << variant.name << ": " << name;
      }
  }
}
