//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Asks the processor (CPUID) which instructions it has, and the operating
// system (XCR0) which registers it saves: vector instructions need both.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/CPUFeatures.h"

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

static constexpr Feature kFeatures[] = {
    {"sse3", 1, 0, ECX, 0, 0},
    {"pclmul", 1, 0, ECX, 1, 0},
    {"ssse3", 1, 0, ECX, 9, 0},
    {"fma", 1, 0, ECX, 12, kAVXState},
    {"cx16", 1, 0, ECX, 13, 0},
    {"sse4.1", 1, 0, ECX, 19, 0},
    {"sse4.2", 1, 0, ECX, 20, 0},
    {"crc32", 1, 0, ECX, 20, 0},
    {"movbe", 1, 0, ECX, 22, 0},
    {"popcnt", 1, 0, ECX, 23, 0},
    {"aes", 1, 0, ECX, 25, 0},
    {"xsave", 1, 0, ECX, 26, 0},
    {"avx", 1, 0, ECX, 28, kAVXState},
    {"f16c", 1, 0, ECX, 29, kAVXState},
    {"rdrnd", 1, 0, ECX, 30, 0},
    {"x87", 1, 0, EDX, 0, 0},
    {"cx8", 1, 0, EDX, 8, 0},
    {"cmov", 1, 0, EDX, 15, 0},
    {"mmx", 1, 0, EDX, 23, 0},
    {"fxsr", 1, 0, EDX, 24, 0},
    {"sse", 1, 0, EDX, 25, 0},
    {"sse2", 1, 0, EDX, 26, 0},
    {"fsgsbase", 7, 0, EBX, 0, 0},
    {"bmi", 7, 0, EBX, 3, 0},
    {"avx2", 7, 0, EBX, 5, kAVXState},
    {"bmi2", 7, 0, EBX, 8, 0},
    {"invpcid", 7, 0, EBX, 10, 0},
    {"avx512f", 7, 0, EBX, 16, kAVX512State},
    {"avx512dq", 7, 0, EBX, 17, kAVX512State},
    {"rdseed", 7, 0, EBX, 18, 0},
    {"adx", 7, 0, EBX, 19, 0},
    {"avx512ifma", 7, 0, EBX, 21, kAVX512State},
    {"clflushopt", 7, 0, EBX, 23, 0},
    {"clwb", 7, 0, EBX, 24, 0},
    {"avx512cd", 7, 0, EBX, 28, kAVX512State},
    {"sha", 7, 0, EBX, 29, 0},
    {"avx512bw", 7, 0, EBX, 30, kAVX512State},
    {"avx512vl", 7, 0, EBX, 31, kAVX512State},
    {"avx512vbmi", 7, 0, ECX, 1, kAVX512State},
    {"pku", 7, 0, ECX, 4, 0},
    {"avx512vbmi2", 7, 0, ECX, 6, kAVX512State},
    {"gfni", 7, 0, ECX, 8, 0},
    {"vaes", 7, 0, ECX, 9, kAVXState},
    {"vpclmulqdq", 7, 0, ECX, 10, kAVXState},
    {"avx512vnni", 7, 0, ECX, 11, kAVX512State},
    {"avx512bitalg", 7, 0, ECX, 12, kAVX512State},
    {"avx512vpopcntdq", 7, 0, ECX, 14, kAVX512State},
    {"rdpid", 7, 0, ECX, 22, 0},
    {"movdiri", 7, 0, ECX, 27, 0},
    {"movdir64b", 7, 0, ECX, 28, 0},
    {"avx512vp2intersect", 7, 0, EDX, 8, kAVX512State},
    {"serialize", 7, 0, EDX, 14, 0},
    {"amx-bf16", 7, 0, EDX, 22, kAMXState},
    {"avx512fp16", 7, 0, EDX, 23, kAVX512State},
    {"amx-tile", 7, 0, EDX, 24, kAMXState},
    {"amx-int8", 7, 0, EDX, 25, kAMXState},
    {"avxvnni", 7, 1, EAX, 4, kAVXState},
    {"avx512bf16", 7, 1, EAX, 5, kAVX512State},
    {"amx-fp16", 7, 1, EAX, 21, kAMXState},
    {"avxifma", 7, 1, EAX, 23, kAVXState},
    {"avxvnniint8", 7, 1, EDX, 4, kAVXState},
    {"avxneconvert", 7, 1, EDX, 5, kAVXState},
    {"avxvnniint16", 7, 1, EDX, 10, kAVXState},
    {"xsaveopt", 13, 1, EAX, 0, 0},
    {"xsavec", 13, 1, EAX, 1, 0},
    {"xsaves", 13, 1, EAX, 3, 0},
    {"sahf", 0x80000001, 0, ECX, 0, 0},
    {"lzcnt", 0x80000001, 0, ECX, 5, 0},
    {"sse4a", 0x80000001, 0, ECX, 6, 0},
    {"prfchw", 0x80000001, 0, ECX, 8, 0},
    {"xop", 0x80000001, 0, ECX, 11, kAVXState},
    {"fma4", 0x80000001, 0, ECX, 16, kAVXState},
    {"tbm", 0x80000001, 0, ECX, 21, 0},
    {"mwaitx", 0x80000001, 0, ECX, 29, 0},
    {"64bit", 0x80000001, 0, EDX, 29, 0},
    {"clzero", 0x80000008, 0, EBX, 0, 0},
    {"wbnoinvd", 0x80000008, 0, EBX, 9, 0},
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

bool mx::processorHasFeature(const std::string &feature) {
  for (const Feature &known : kFeatures) {
    if (feature != known.name)
      continue;
    unsigned words[4];
    if (!__get_cpuid_count(known.leaf, known.subleaf, &words[EAX], &words[EBX],
                           &words[ECX], &words[EDX]))
      return false;
    return (words[known.result] >> known.bit & 1) &&
           (enabledState() & known.state) == known.state;
  }
  return false;
}

#else

bool mx::processorHasFeature(const std::string &) { return false; }

#endif
