//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The saved form of a Program, all integers little-endian:
//
//   magic[8] | version u32 | 0 u32 | file size u64 | body | checksum u64
//
// The checksum is over every byte before it. A string is its length as u64 and
// its bytes; a list is its length as u64 and its elements.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/ABI/Program.h"

#include "mxfp4/Support/File.h"
#include "mxfp4/Support/Quote.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

using namespace mx;

static constexpr std::string_view kMagic("MXFP4PRG", 8);
static constexpr uint64_t kHeaderBytes = 24;
static constexpr uint64_t kChecksumBytes = 8;

// With these limits the sizes of all buffers add up to less than 2^63.
static constexpr uint64_t kMaxBuffers = uint64_t(1) << 16;
static constexpr uint64_t kMaxBufferBytes = uint64_t(1) << 45;
/// Threads of a block on every GPU.
static constexpr int64_t kMaxThreads = 1024;
/// Bytes of memory of a block: more than any GPU has.
static constexpr int64_t kMaxSharedBytes = 1 << 20;
static constexpr int64_t kMaxCount = (int64_t(1) << 31) - 1;

const Entry *Program::findEntry(const std::string &name) const {
  for (const Entry &entry : entries)
    if (entry.name == name)
      return &entry;
  return nullptr;
}

int64_t Program::findBuffer(const std::string &name) const {
  for (size_t i = 0; i < buffers.size(); ++i)
    if (buffers[i].name == name)
      return int64_t(i);
  return -1;
}

uint64_t Program::size(BufferKind kind, uint64_t context) const {
  uint64_t total = 0;
  for (const Buffer &buffer : buffers)
    if (buffer.kind == kind)
      total += buffer.size(context);
  return total;
}

/// How many positions `tokens` tokens from `position` on attend to: together,
/// if `pairs` is false, else each of them counted for itself.
static double countPositions(int64_t tokens, int64_t position, int64_t window,
                             bool pairs) {
  double t = double(tokens), p = double(position), w = double(window);
  if (!pairs)
    return window ? t + std::min(p, w - 1) : t + p;
  // Token i attends to p + i + 1 positions, or `window` from number `full` on.
  double full = window ? std::clamp(w - p, 0.0, t) : t;
  return full * (p + (full + 1) / 2) + (t - full) * w;
}

/// P of OpCost, or Q if `pairs`.
static double countPositions(const OpCost &cost, int64_t tokens,
                             int64_t position, bool pairs) {
  if (cost.ownSequences)
    return double(tokens) * countPositions(1, position, cost.window, pairs);
  return countPositions(tokens, position, cost.window, pairs);
}

double OpCost::bytesOf(int64_t tokens, int64_t position) const {
  double chosen =
      std::min(double(tokens) * double(expertsPerToken), double(experts));
  return double(bytes) + double(bytesPerToken) * double(tokens) +
         double(bytesPerExpert) * chosen +
         double(bytesPerPosition) *
             countPositions(*this, tokens, position, /*pairs=*/false);
}

double OpCost::flopsOf(int64_t tokens, int64_t position) const {
  return double(flops) + double(flopsPerToken) * double(tokens) +
         double(flopsPerPair) *
             countPositions(*this, tokens, position, /*pairs=*/true);
}

/// FNV-1a. A change of one byte always changes it: each step is a bijection.
static uint64_t checksum(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char byte : bytes)
    hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

namespace {
/// Appends values to a string of bytes.
class Writer {
public:
  explicit Writer(std::string &bytes) : bytes(bytes) {}

  void integer(uint64_t value, unsigned width = 8) {
    for (unsigned i = 0; i < width; ++i)
      bytes.push_back(char(value >> (8 * i)));
  }

  void string(std::string_view value) {
    integer(value.size());
    bytes.append(value);
  }

private:
  std::string &bytes;
};
} // namespace

/// Calls `visit` with each field of `cost`, in the order of the saved form.
template <typename Cost, typename Visitor>
static void visitFields(Cost &cost, Visitor visit) {
  for (auto field :
       {&OpCost::bytes, &OpCost::bytesPerToken, &OpCost::bytesPerPosition,
        &OpCost::bytesPerExpert, &OpCost::experts, &OpCost::expertsPerToken,
        &OpCost::flops, &OpCost::flopsPerToken, &OpCost::flopsPerPair,
        &OpCost::window, &OpCost::ownSequences})
    visit(cost.*field);
}

static void writeEntry(Writer &writer, const Entry &entry) {
  writer.string(entry.name);
  writer.string(entry.symbol);
  writer.integer(uint64_t(entry.maxTokens));
  writer.integer(entry.arguments.size());
  for (uint32_t argument : entry.arguments)
    writer.integer(argument);
  writer.integer(entry.opCounts.size());
  for (int64_t count : entry.opCounts)
    writer.integer(uint64_t(count));
  writer.integer(entry.launches.size());
  for (const Launch &launch : entry.launches) {
    writer.string(launch.kernel);
    writer.integer(launch.blocks);
    writer.integer(launch.threads);
    writer.integer(launch.sharedBytes);
    writer.integer(uint64_t(launch.op));
    writer.integer(launch.arguments.size());
    for (const Address &argument : launch.arguments) {
      writer.integer(argument.buffer);
      writer.integer(argument.offset);
    }
  }
}

static std::string serialize(const Program &program) {
  std::string bytes(kMagic);
  Writer writer(bytes);
  writer.integer(kABIVersion, 4);
  writer.integer(0, 4);
  writer.integer(0); // the file size, known at the end

  writer.string(program.target);
  writer.integer(program.features.size());
  for (const std::string &feature : program.features)
    writer.string(feature);
  writer.string(program.activations);
  writer.integer(uint64_t(program.maxThreads));
  writer.integer(uint64_t(program.vocabSize));
  writer.integer(uint64_t(program.maxPositions));
  writer.integer(uint64_t(program.maxRewind));
  writer.integer(uint64_t(program.sequences));
  writer.integer(program.overlapsLaunches);

  writer.integer(program.buffers.size());
  for (const Buffer &buffer : program.buffers) {
    writer.string(buffer.name);
    writer.integer(uint64_t(buffer.kind), 4);
    writer.integer(buffer.bytes);
    writer.integer(buffer.bytesPerPosition);
    writer.string(buffer.dtype);
    writer.integer(buffer.shape.size());
    for (int64_t extent : buffer.shape)
      writer.integer(uint64_t(extent));
    writer.string(buffer.prepare);
  }

  for (const std::vector<Entry> *entries :
       {&program.entries, &program.prepares}) {
    writer.integer(entries->size());
    for (const Entry &entry : *entries)
      writeEntry(writer, entry);
  }

  writer.integer(program.ops.size());
  for (const ProgramOp &op : program.ops) {
    writer.string(op.function);
    writer.string(op.name);
    writer.string(op.weight);
    visitFields(op.cost,
                [&](int64_t value) { writer.integer(uint64_t(value)); });
  }
  writer.string(program.code);

  std::string size;
  Writer(size).integer(bytes.size() + kChecksumBytes);
  bytes.replace(kHeaderBytes - size.size(), size.size(), size);
  writer.integer(checksum(bytes));
  return bytes;
}

Status mx::saveProgram(const Program &program, const std::string &path) {
  return writeFile(path, serialize(program));
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
/// Takes values off the front of a string of bytes. After the first value that
/// is out of bounds or not allowed, `error` says why and all others are empty.
class Reader {
public:
  Reader(std::string_view bytes, std::string path)
      : rest(bytes), path(std::move(path)) {}

  uint64_t integer(unsigned width = 8) {
    if (rest.size() < width) {
      fail("a value of " + std::to_string(width) + " bytes ends past the file");
      return 0;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i)
      value |= uint64_t(static_cast<unsigned char>(rest[i])) << (8 * i);
    rest.remove_prefix(width);
    return value;
  }

  /// An integer that must be in [low, high].
  int64_t integerIn(const std::string &what, int64_t low, int64_t high) {
    int64_t value = int64_t(integer());
    if (value >= low && value <= high)
      return value;
    fail("expected " + what + " to be in [" + std::to_string(low) + ", " +
         std::to_string(high) + "], but found " + std::to_string(value));
    return low;
  }

  std::string string() {
    uint64_t size = integer();
    if (size > rest.size()) {
      fail("a string of " + std::to_string(size) + " bytes ends past the file");
      return {};
    }
    std::string value(rest.substr(0, size));
    rest.remove_prefix(size);
    return value;
  }

  /// The length of a list whose elements take `elementBytes` or more.
  uint64_t length(const std::string &what, uint64_t elementBytes,
                  uint64_t limit = UINT64_MAX) {
    uint64_t count = integer();
    limit = std::min(limit, rest.size() / elementBytes);
    if (count <= limit)
      return count;
    fail("expected at most " + std::to_string(limit) + " " + what +
         ", but found " + std::to_string(count));
    return 0;
  }

  void fail(const std::string &message) {
    if (!failure)
      failure = Error{path + ": " + message};
    rest = {};
  }

  bool atEnd() const { return rest.empty(); }
  const std::optional<Error> &error() const { return failure; }

private:
  std::string_view rest;
  std::string path;
  std::optional<Error> failure;
};
} // namespace

static Buffer readBuffer(Reader &reader, int64_t maxPositions) {
  Buffer buffer;
  buffer.name = reader.string();
  std::string what = quote(buffer.name);
  uint64_t kind = reader.integer(4);
  if (kind > uint64_t(BufferKind::Arena))
    reader.fail("buffer " + what + " is of unknown kind " +
                std::to_string(kind));
  else
    buffer.kind = BufferKind(kind);

  buffer.bytes =
      uint64_t(reader.integerIn("bytes of buffer " + what, 0, kMaxBufferBytes));
  buffer.bytesPerPosition = uint64_t(reader.integerIn(
      "bytes per position of buffer " + what, 0,
      int64_t(kMaxBufferBytes) / std::max<int64_t>(maxPositions, 1)));
  buffer.dtype = reader.string();
  buffer.shape.resize(reader.length("extents of " + what, 8));
  bool isOfCall =
      buffer.kind == BufferKind::Input || buffer.kind == BufferKind::Output;
  int64_t least = isOfCall ? kTokensExtent : 0;
  for (int64_t &extent : buffer.shape) {
    extent = reader.integerIn("an extent of " + what, least, INT64_MAX);
    least = 0;
  }
  buffer.prepare = reader.string();
  return buffer;
}

/// Reads a launch of an entry point that `where` names, of a program of
/// `bufferCount` buffers.
static Launch readLaunch(Reader &reader, const std::string &where,
                         int64_t bufferCount) {
  Launch launch;
  launch.kernel = reader.string();
  std::string what = "kernel " + quote(launch.kernel) + where;
  launch.blocks = uint32_t(reader.integerIn("blocks of " + what, 1, kMaxCount));
  launch.threads =
      uint32_t(reader.integerIn("threads of " + what, 1, kMaxThreads));
  launch.sharedBytes = uint32_t(
      reader.integerIn("bytes of a block of " + what, 0, kMaxSharedBytes));
  launch.op = reader.integerIn("the op of " + what, -1, kMaxCount);
  launch.arguments.resize(reader.length("arguments of " + what, 16));
  for (Address &argument : launch.arguments) {
    argument.buffer = uint32_t(reader.integerIn(
        "the buffer of an argument of " + what, 0, bufferCount - 1));
    argument.offset = uint64_t(reader.integerIn(
        "the offset of an argument of " + what, 0, int64_t(kMaxBufferBytes)));
  }
  return launch;
}

static void readEntries(Reader &reader, int64_t bufferCount,
                        std::vector<Entry> &entries) {
  std::set<std::string> names;
  // An entry point takes 48 bytes or more: five lengths and its tokens.
  uint64_t entryCount = reader.length("entry points", 48);
  for (uint64_t i = 0; i < entryCount && !reader.error(); ++i) {
    Entry entry;
    entry.name = reader.string();
    entry.symbol = reader.string();
    std::string where = " of entry " + quote(entry.name);
    entry.maxTokens = reader.integerIn("tokens" + where, 1, kMaxCount);
    entry.arguments.resize(reader.length("arguments" + where, 8));
    for (uint32_t &argument : entry.arguments)
      argument =
          uint32_t(reader.integerIn("an argument" + where, 0, bufferCount - 1));
    entry.opCounts.resize(reader.length("counts of ops" + where, 8));
    for (int64_t &count : entry.opCounts)
      count = reader.integerIn("a count" + where, 0, INT64_MAX);
    // A launch takes 48 bytes or more: two lengths and four numbers.
    entry.launches.resize(reader.length("launches" + where, 48));
    for (Launch &launch : entry.launches)
      launch = readLaunch(reader, where, bufferCount);
    if (!names.insert(entry.name).second)
      reader.fail("two entry points are named " + quote(entry.name));
    entries.push_back(std::move(entry));
  }
}

static Result<Program> parseBody(std::string_view body,
                                 const std::string &path) {
  Reader reader(body, path);
  Program program;
  program.target = reader.string();
  program.features.resize(reader.length("features", 8));
  for (std::string &feature : program.features)
    feature = reader.string();
  program.activations = reader.string();
  program.maxThreads = reader.integerIn("threads", 0, kMaxCount);
  program.vocabSize = reader.integerIn("vocabulary size", 0, kMaxCount);
  program.maxPositions = reader.integerIn("positions", 0, kMaxCount);
  program.maxRewind = reader.integerIn("tokens to take back", 0, kMaxCount);
  program.sequences = reader.integerIn("sequences", 1, kMaxSequences);
  program.overlapsLaunches = reader.integerIn("overlap of launches", 0, 1);

  // A buffer takes 52 bytes or more: its kind and six lengths or sizes.
  uint64_t bufferCount = reader.length("buffers", 52, kMaxBuffers);
  std::map<std::string, BufferKind> kinds;
  for (uint64_t i = 0; i < bufferCount && !reader.error(); ++i) {
    program.buffers.push_back(readBuffer(reader, program.maxPositions));
    const Buffer &buffer = program.buffers.back();
    auto [other, isNew] = kinds.emplace(buffer.name, buffer.kind);
    bool areWeights = buffer.kind == BufferKind::Weight &&
                      other->second == BufferKind::Weight;
    if (!isNew && !areWeights)
      reader.fail("two buffers are named " + quote(buffer.name));
  }

  readEntries(reader, int64_t(program.buffers.size()), program.entries);
  // A weight as in the checkpoint, and the buffer to fill.
  readEntries(reader, /*bufferCount=*/2, program.prepares);

  // An op takes 112 bytes: three lengths and eleven numbers.
  program.ops.resize(reader.length("ops", 112));
  for (ProgramOp &op : program.ops) {
    op.function = reader.string();
    op.name = reader.string();
    op.weight = reader.string();
    visitFields(op.cost, [&](int64_t &value) {
      value =
          reader.integerIn("the cost of op " + quote(op.name), 0, INT64_MAX);
    });
  }
  for (const Entry &entry : program.entries)
    if (!reader.error() && entry.opCounts.size() != program.ops.size())
      reader.fail("expected entry " + quote(entry.name) + " to count " +
                  std::to_string(program.ops.size()) + " ops, but found " +
                  std::to_string(entry.opCounts.size()));
  program.code = reader.string();
  if (!reader.error() && !reader.atEnd())
    reader.fail("expected the file to end after the code");
  if (reader.error())
    return *reader.error();
  return program;
}

static Status checkHeader(std::string_view file, const std::string &path) {
  if (file.substr(0, kMagic.size()) != kMagic)
    return Error{path + ": expected a program, but it does not begin with '" +
                 std::string(kMagic) + "'"};
  Reader reader(file.substr(kMagic.size()), path);
  uint64_t version = reader.integer(4);
  uint64_t reserved = reader.integer(4);
  uint64_t size = reader.integer();
  if (reader.error())
    return Error{path + ": expected a program of at least " +
                 std::to_string(kHeaderBytes + kChecksumBytes) +
                 " bytes, but the file has " + std::to_string(file.size())};
  if (version != kABIVersion)
    return Error{path + ": expected a program of version " +
                 std::to_string(kABIVersion) + ", but found version " +
                 std::to_string(version) + "; compile the model again"};
  if (reserved != 0)
    return Error{path + ": expected 0 after the version, but found " +
                 std::to_string(reserved)};
  if (size != file.size() || size < kHeaderBytes + kChecksumBytes)
    return Error{path + ": the program ends at byte " + std::to_string(size) +
                 ", but the file has " + std::to_string(file.size())};
  return {};
}

Result<Program> mx::loadProgram(const std::string &path) {
  // Mapped, so that of a large file that is no program only the head is read.
  Result<std::shared_ptr<const FileMap>> file = FileMap::open(path);
  if (!file)
    return file.error();
  std::string_view all(reinterpret_cast<const char *>((*file)->data()),
                       (*file)->size());
  if (Status status = checkHeader(all, path); !status)
    return status.error();

  std::string_view covered = all.substr(0, all.size() - kChecksumBytes);
  uint64_t found = Reader(all.substr(covered.size()), path).integer();
  if (uint64_t expected = checksum(covered); expected != found)
    return Error{path + ": expected checksum " + std::to_string(expected) +
                 ", but found " + std::to_string(found) +
                 "; the file is damaged"};
  return parseBody(covered.substr(kHeaderBytes), path);
}
