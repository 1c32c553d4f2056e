//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes one launch of launches that follow each other and do not need each
// other's results, and lets blocks compute for themselves what is little work.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Conversion/Passes.h"

#include "../Utils/KernelCode.h"
#include "MemoryUse.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::mxfp4 {
#define GEN_PASS_DEF_MERGELAUNCHESPASS
#include "mxfp4/Conversion/Passes.h.inc"
} // namespace mlir::mxfp4

using namespace mlir;
using namespace mlir::mxfp4;

namespace {
/// Launches that become one, and the memory they touch.
struct Group {
  void add(gpu::LaunchOp launch) {
    launches.push_back(launch);
    memory.addFromOutside(launch.getBody());
  }

  SmallVector<gpu::LaunchOp> launches;
  MemoryUse memory;
};
} // namespace

/// True if no memory that `x` writes is touched by `y`. Arguments of a function
/// are different memory where one is written: bufferization made them so.
static bool isUntouched(const MemoryUse &x, const MemoryUse &y) {
  return llvm::none_of(x.writes, [&](Value memref) {
    return y.reads.contains(memref) || y.writes.contains(memref);
  });
}

static int64_t getBytes(ArrayRef<MemRefType> types) {
  int64_t bytes = 0;
  for (MemRefType type : types)
    bytes += getSharedBytes(type);
  return bytes;
}

static int64_t getBlocks(gpu::LaunchOp launch) {
  return *getConstantIntValue(launch.getGridSizeX());
}

static DenseI32ArrayAttr getClusterDims(gpu::LaunchOp launch) {
  return launch->getAttrOfType<DenseI32ArrayAttr>(
      NVVM::NVVMDialect::getClusterDimAttrName());
}

/// The blocks of a cluster of a plain launch; 1 without clusters.
static int64_t getClusterBlocks(gpu::LaunchOp launch) {
  DenseI32ArrayAttr dims = getClusterDims(launch);
  return dims ? dims[0] : 1;
}

/// True if blocks are whole clusters, or in none.
static bool hasWholeClusters(gpu::LaunchOp launch) {
  DenseI32ArrayAttr dims = getClusterDims(launch);
  return !dims ||
         (dims.size() == 3 && dims[0] > 0 && dims[1] == 1 && dims[2] == 1 &&
          getBlocks(launch) != kAnyBlocks && getBlocks(launch) % dims[0] == 0);
}

/// True for a launch as emitLaunch makes it.
static bool isPlain(gpu::LaunchOp launch) {
  auto isOne = [](Value value) { return getConstantIntValue(value) == 1; };
  return getConstantIntValue(launch.getGridSizeX()) &&
         getConstantIntValue(launch.getBlockSizeX()) &&
         isOne(launch.getGridSizeY()) && isOne(launch.getGridSizeZ()) &&
         isOne(launch.getBlockSizeY()) && isOne(launch.getBlockSizeZ()) &&
         !launch.getDynamicSharedMemorySize() && !launch.hasClusterSize() &&
         hasWholeClusters(launch) && launch.getPrivateAttributions().empty() &&
         launch.getAsyncDependencies().empty() && !launch.getAsyncToken();
}

static int64_t getThreads(gpu::LaunchOp launch) {
  return *getConstantIntValue(launch.getBlockSizeX());
}

/// The most threads of blocks of `launches`.
static int64_t getMostThreads(ArrayRef<gpu::LaunchOp> launches) {
  return *llvm::max_element(llvm::map_range(launches, getThreads));
}

/// True if a thread of `launch` does the same without others of its block.
static bool hasThreadsAlone(gpu::LaunchOp launch) {
  auto result = launch.getBody().walk([](Operation *op) {
    return isa<memref::LoadOp, memref::StoreOp>(op) ||
                   op->hasTrait<OpTrait::HasRecursiveMemoryEffects>() ||
                   op->hasTrait<OpTrait::IsTerminator>() ||
                   isMemoryEffectFree(op)
               ? WalkResult::advance()
               : WalkResult::interrupt();
  });
  return !result.wasInterrupted();
}

static void addShared(gpu::LaunchOp launch,
                      SmallVectorImpl<MemRefType> &types) {
  for (Value memref : launch.getWorkgroupAttributions())
    types.push_back(cast<MemRefType>(memref.getType()));
}

/// True if blocks of `launches`, which need `bytes` bytes of memory together,
/// are alike, or can be.
static bool fitOneBlock(ArrayRef<gpu::LaunchOp> launches, int64_t bytes) {
  // What a kernel says by itself is not made more than that.
  int64_t most = kMaxStaticBytes;
  for (gpu::LaunchOp launch : launches) {
    SmallVector<MemRefType> shared;
    addShared(launch, shared);
    if (getBytes(shared) > kMaxStaticBytes)
      most = kMaxSharedBytes;
  }
  return bytes <= most && llvm::all_of(launches, isPlain) &&
         llvm::all_equal(llvm::map_range(launches, getClusterBlocks)) &&
         llvm::all_of(launches, [&](gpu::LaunchOp launch) {
           return getThreads(launch) == getMostThreads(launches) ||
                  hasThreadsAlone(launch);
         });
}

namespace {
/// Clones bodies of launches into one.
class BodyCloner {
public:
  BodyCloner(ImplicitLocOpBuilder &b, const KernelThread &thread)
      : b(b), thread(thread), memory(thread.shared) {}

  /// Memory of the block that has not been taken.
  Value takeMemory(MemRefType type) {
    auto *memref = llvm::find_if(
        memory, [&](Value memref) { return memref.getType() == type; });
    Value result = *memref;
    memory.erase(memref);
    return result;
  }

  /// Clones the body of `launch` as that of block `block` of `blocks`.
  void clone(gpu::LaunchOp launch, Value block, Value blocks,
             IRMapping mapping = {}) {
    Value zero = constantIndex(b, 0), one = constantIndex(b, 1);
    auto map = [&](gpu::KernelDim3 dims, Value x, Value rest) {
      mapping.map(dims.x, x);
      mapping.map(dims.y, rest);
      mapping.map(dims.z, rest);
    };
    map(launch.getBlockIds(), block, zero);
    map(launch.getThreadIds(), thread.thread, zero);
    map(launch.getGridSize(), blocks, one);
    map(launch.getBlockSize(), constantIndex(b, getThreads(launch)), one);
    for (Value memref : launch.getWorkgroupAttributions())
      mapping.map(memref, takeMemory(cast<MemRefType>(memref.getType())));
    auto cloneBody = [&] {
      for (Operation &op : launch.getBody().front().without_terminator())
        b.clone(op, mapping);
    };
    // The rest of the threads have nothing to do.
    int64_t threads = getThreads(launch);
    if (threads == thread.threads)
      return cloneBody();
    emitIf(b,
           arith::CmpIOp::create(b, arith::CmpIPredicate::ult, thread.thread,
                                 constantIndex(b, threads)),
           cloneBody);
  }

private:
  ImplicitLocOpBuilder &b;
  const KernelThread &thread;
  SmallVector<Value> memory;
};
} // namespace

static int64_t getResidentBlocks(gpu::LaunchOp launch) {
  auto number = launch->getAttrOfType<IntegerAttr>(
      NVVM::NVVMDialect::getMinctasmAttrName());
  return number ? number.getInt() : 1;
}

static StringRef getName(gpu::LaunchOp launch) {
  return launch.getFunction() ? *launch.getFunction() : "kernel";
}

static bool hasAnyBlocks(gpu::LaunchOp launch) {
  return getBlocks(launch) == kAnyBlocks;
}

/// Adds what `launch` needs beside `types`.
static void addMissing(gpu::LaunchOp launch,
                       SmallVectorImpl<MemRefType> &types) {
  SmallVector<MemRefType> rest(types.begin(), types.end()), needed;
  addShared(launch, needed);
  for (MemRefType type : needed) {
    if (auto *known = llvm::find(rest, type); known != rest.end())
      rest.erase(known);
    else
      types.push_back(type);
  }
}

/// Clones the bodies of `launches`, each for as many blocks as it has, from
/// number `first` on.
static void giveBlocks(ImplicitLocOpBuilder &b, const KernelThread &thread,
                       ArrayRef<gpu::LaunchOp> launches, int64_t first = 0) {
  gpu::LaunchOp launch = launches.front();
  int64_t blocks = getBlocks(launch);
  auto clone = [&] {
    BodyCloner(b, thread).clone(
        launch, subIndex(b, thread.block, constantIndex(b, first)),
        constantIndex(b, blocks));
  };
  if (launches.size() == 1)
    return clone();
  Value isOwn =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ult, thread.block,
                            constantIndex(b, first + blocks));
  auto branch = scf::IfOp::create(b, isOwn, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  clone();
  b.setInsertionPointToStart(branch.elseBlock());
  giveBlocks(b, thread, launches.drop_front(), first + blocks);
}

/// Clones the bodies of `launches`, which any number of blocks do in turn.
/// Every second one is given to them in reverse: blocks with more to do of one
/// have less of the next.
static void shareBlocks(ImplicitLocOpBuilder &b, const KernelThread &thread,
                        ArrayRef<gpu::LaunchOp> launches) {
  Value last = subIndex(b, thread.blocks, constantIndex(b, 1));
  Value reversed = subIndex(b, last, thread.block);
  for (auto [i, launch] : llvm::enumerate(launches)) {
    // They have the same memory.
    if (i > 0 && !thread.shared.empty())
      gpu::BarrierOp::create(b);
    BodyCloner(b, thread).clone(launch, i % 2 == 0 ? thread.block : reversed,
                                thread.blocks);
  }
}

/// Makes `launches`, which all have a number of blocks or all any, one launch
/// in the place of the last of them.
static void merge(ArrayRef<gpu::LaunchOp> launches) {
  gpu::LaunchOp last = launches.back(), largest = last;
  bool isShared = hasAnyBlocks(last);
  int64_t blocks = 0, resident = 1;
  SmallVector<MemRefType> shared;
  for (gpu::LaunchOp launch : launches) {
    blocks += getBlocks(launch);
    resident = std::max(resident, getResidentBlocks(launch));
    addMissing(launch, shared);
    if (getBlocks(launch) > getBlocks(largest))
      largest = launch;
  }
  // Time is told of the op that does most.
  ImplicitLocOpBuilder b(largest.getLoc(), last);
  emitLaunch(
      b, getName(largest), isShared ? kAnyBlocks : blocks,
      getMostThreads(launches), shared,
      [&](const KernelThread &thread) {
        if (isShared)
          shareBlocks(b, thread, launches);
        else
          giveBlocks(b, thread, launches);
      },
      resident, getClusterBlocks(last));
  for (gpu::LaunchOp launch : launches)
    launch.erase();
}

namespace {
/// A launch of one block, what it computes, and the launches that read that.
struct Producer {
  gpu::LaunchOp launch;
  SmallVector<memref::AllocOp> outputs;
  SmallVector<gpu::LaunchOp> consumers;
};
} // namespace

/// The launch of `block` that `op` is in, if any.
static gpu::LaunchOp getLaunch(Operation *op, Block *block) {
  return dyn_cast_or_null<gpu::LaunchOp>(block->findAncestorOpInBlock(*op));
}

/// `launch` as a producer, if each block of its consumers can do what it does.
static std::optional<Producer> getProducer(gpu::LaunchOp launch) {
  Block *block = launch->getBlock();
  if (!isPlain(launch) || getBlocks(launch) != 1)
    return std::nullopt;
  MemoryUse own;
  own.addFromOutside(launch.getBody());
  Producer producer = {launch, {}, {}};
  int64_t bytes = 0;
  llvm::SmallPtrSet<Operation *, 4> consumers;
  for (Value output : own.writes) {
    auto alloc = output.getDefiningOp<memref::AllocOp>();
    if (!alloc || !alloc.getType().hasStaticShape() ||
        own.reads.contains(output))
      return std::nullopt;
    bytes += getSharedBytes(alloc.getType());
    for (Operation *user : alloc->getUsers()) {
      if (isa<memref::DeallocOp>(user))
        continue;
      gpu::LaunchOp other = getLaunch(user, block);
      bool isOwn = other == launch;
      if (!other || (isOwn ? !isa<memref::StoreOp, vector::StoreOp>(user)
                           : !isLoad(user)))
        return std::nullopt;
      if (!isOwn)
        consumers.insert(other);
    }
    producer.outputs.push_back(alloc);
  }
  // What it reads must still be there.
  for (Operation *op = launch->getNextNode(); op && !consumers.empty();
       op = op->getNextNode()) {
    auto other = dyn_cast<gpu::LaunchOp>(op);
    if (!other && !isMemoryEffectFree(op) && !isa<memref::AllocOp>(op))
      return std::nullopt;
    if (!other)
      continue;
    MemoryUse next;
    next.addFromOutside(other.getBody());
    if (llvm::any_of(next.writes,
                     [&](Value memref) { return own.reads.contains(memref); }))
      return std::nullopt;
    if (!consumers.erase(other))
      continue;
    SmallVector<MemRefType> shared;
    addShared(launch, shared);
    addShared(other, shared);
    if (!fitOneBlock({launch, other}, bytes + getBytes(shared)))
      return std::nullopt;
    producer.consumers.push_back(other);
  }
  if (!consumers.empty() || producer.consumers.empty())
    return std::nullopt;
  return producer;
}

/// The type of what `output` holds in the memory of a block.
static MemRefType getSharedType(memref::AllocOp output) {
  return getSharedType(output.getType().getElementType(),
                       output.getType().getShape());
}

/// Lets each block of the consumers do what the producer did, in its own
/// memory.
static void recompute(const Producer &producer) {
  for (gpu::LaunchOp consumer : producer.consumers) {
    ImplicitLocOpBuilder b(consumer.getLoc(), consumer);
    SmallVector<MemRefType> shared;
    for (memref::AllocOp output : producer.outputs)
      shared.push_back(getSharedType(output));
    addShared(producer.launch, shared);
    addShared(consumer, shared);
    emitLaunch(
        b, getName(consumer), getBlocks(consumer),
        getMostThreads({producer.launch, consumer}), shared,
        [&](const KernelThread &thread) {
          BodyCloner cloner(b, thread);
          IRMapping known;
          for (memref::AllocOp output : producer.outputs)
            known.map(output.getResult(),
                      cloner.takeMemory(getSharedType(output)));
          cloner.clone(producer.launch, constantIndex(b, 0),
                       constantIndex(b, 1), known);
          gpu::BarrierOp::create(b);
          cloner.clone(consumer, thread.block, thread.blocks, known);
        },
        getResidentBlocks(consumer));
    consumer.erase();
  }
  for (memref::AllocOp output : producer.outputs) {
    for (Operation *user : llvm::make_early_inc_range(output->getUsers()))
      if (isa<memref::DeallocOp>(user))
        user->erase();
  }
  gpu::LaunchOp launch = producer.launch;
  launch.erase();
  for (memref::AllocOp output : producer.outputs)
    output.erase();
}

namespace {
struct MergeLaunchesPass final
    : mxfp4::impl::MergeLaunchesPassBase<MergeLaunchesPass> {
  using Base::Base;

  void runOnOperation() override {
    for (Block &block : getOperation().getBody()) {
      moveDeallocs(block);
      recomputeLaunches(block);
      mergeLaunches(block);
    }
  }

private:
  /// Frees temporaries at the end: mxfp4-plan-memory sees where each is used
  /// last.
  static void moveDeallocs(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(block))
      if (isa<memref::DeallocOp>(op))
        op.moveBefore(block.getTerminator());
  }

  static void mergeLaunches(Block &block) {
    Group group;
    auto close = [&] {
      if (group.launches.size() > 1)
        merge(group.launches);
      group = Group();
    };
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto launch = dyn_cast<gpu::LaunchOp>(op)) {
        MemoryUse next;
        next.addFromOutside(launch.getBody());
        SmallVector<gpu::LaunchOp> all = group.launches;
        all.push_back(launch);
        SmallVector<MemRefType> shared;
        for (gpu::LaunchOp other : all)
          addMissing(other, shared);
        bool fits = isUntouched(group.memory, next) &&
                    isUntouched(next, group.memory) &&
                    fitOneBlock(all, getBytes(shared)) &&
                    llvm::all_equal(llvm::map_range(all, hasAnyBlocks));
        if (!fits)
          close();
        group.add(launch);
      } else if (!isMemoryEffectFree(&op) && !isa<memref::AllocOp>(op)) {
        close();
      }
    }
    close();
  }

  /// The last ones first, so that blocks begin with what was the first launch.
  static void recomputeLaunches(Block &block) {
    SmallVector<gpu::LaunchOp> launches(block.getOps<gpu::LaunchOp>());
    while (!launches.empty()) {
      std::optional<Producer> producer = getProducer(launches.pop_back_val());
      if (!producer)
        continue;
      recompute(*producer);
      // Consumers are others now.
      launches.assign(block.getOps<gpu::LaunchOp>().begin(),
                      block.getOps<gpu::LaunchOp>().end());
    }
  }
};
} // namespace
