//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Asks the processor which instructions it has, and the operating system which
// registers it saves: vector instructions need both. On x86 these are CPUID and
// XCR0, on AArch64 the system tells both (getauxval).
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/CPUFeatures.h"

#include "mxfp4/Support/TileRegisters.h"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>

namespace {
enum Register { EAX, EBX, ECX, EDX };

/// Where CPUID shows a feature, and the bits of XCR0 that it needs.
struct Feature {
  const char *name;
  uint32_t leaf;
  uint32_t subleaf;
  Register result;
  unsigned bit;
  uint64_t state;
};
} // namespace

// Bits of XCR0: 1 SSE, 2 AVX, 5-7 AVX-512 masks and registers, 17-18 AMX tiles.
static constexpr uint64_t kAVXState = 0x6;
static constexpr uint64_t kAVX512State = 0xe6;
static constexpr uint64_t kAMXState = 0x60000;

// What the compiler may ask for (lib/Conversion/Utils/VectorISA.cpp), and what
// it might soon.
static constexpr Feature kFeatures[] = {
    {"fma", 1, 0, ECX, 12, kAVXState},
    {"movbe", 1, 0, ECX, 22, 0},
    {"avx", 1, 0, ECX, 28, kAVXState},
    {"f16c", 1, 0, ECX, 29, kAVXState},
    {"bmi", 7, 0, EBX, 3, 0},
    {"avx2", 7, 0, EBX, 5, kAVXState},
    {"bmi2", 7, 0, EBX, 8, 0},
    {"avx512f", 7, 0, EBX, 16, kAVX512State},
    {"avx512dq", 7, 0, EBX, 17, kAVX512State},
    {"avx512cd", 7, 0, EBX, 28, kAVX512State},
    {"avx512bw", 7, 0, EBX, 30, kAVX512State},
    {"avx512vl", 7, 0, EBX, 31, kAVX512State},
    {"avx512vbmi", 7, 0, ECX, 1, kAVX512State},
    {"avx512vnni", 7, 0, ECX, 11, kAVX512State},
    {"amx-bf16", 7, 0, EDX, 22, kAMXState},
    {"avx512fp16", 7, 0, EDX, 23, kAVX512State},
    {"amx-tile", 7, 0, EDX, 24, kAMXState},
    {"amx-int8", 7, 0, EDX, 25, kAMXState},
    {"avxvnni", 7, 1, EAX, 4, kAVXState},
    {"avx512bf16", 7, 1, EAX, 5, kAVX512State},
    {"lzcnt", 0x80000001, 0, ECX, 5, 0},
};

/// Which registers the operating system saves; 0 if it does not say.
static uint64_t enabledState() {
  unsigned eax, ebx, ecx, edx;
  constexpr unsigned kOSXSAVE = 1u << 27;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & kOSXSAVE))
    return 0;
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

static bool isPresent(const Feature &feature) {
  unsigned words[4];
  return __get_cpuid_count(feature.leaf, feature.subleaf, &words[EAX],
                           &words[EBX], &words[ECX], &words[EDX]) &&
         (words[feature.result] >> feature.bit & 1) &&
         (enabledState() & feature.state) == feature.state &&
         (feature.state != kAMXState || mx::requestTileRegisters());
}

#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>

namespace {
/// The bit of AT_HWCAP or AT_HWCAP2 that shows a feature.
struct Feature {
  const char *name;
  unsigned long vector;
  unsigned long bit;
};
} // namespace

static constexpr Feature kFeatures[] = {
    {"neon", AT_HWCAP, HWCAP_ASIMD},
    {"dotprod", AT_HWCAP, HWCAP_ASIMDDP},
    {"bf16", AT_HWCAP2, HWCAP2_BF16},
    {"i8mm", AT_HWCAP2, HWCAP2_I8MM},
};

static bool isPresent(const Feature &feature) {
  return getauxval(feature.vector) & feature.bit;
}

#else

namespace {
struct Feature {
  const char *name;
};
} // namespace

static constexpr Feature kFeatures[] = {{""}};

static bool isPresent(const Feature &) { return false; }

#endif

static const Feature *findFeature(const std::string &name) {
  for (const Feature &feature : kFeatures)
    if (name == feature.name)
      return &feature;
  return nullptr;
}

bool mx::isKnownFeature(const std::string &feature) {
  return findFeature(feature);
}

bool mx::processorHasFeature(const std::string &feature) {
  const Feature *known = findFeature(feature);
  return known && isPresent(*known);
}
