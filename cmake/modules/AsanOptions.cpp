//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Part of every program that is built with AddressSanitizer.
//
//===----------------------------------------------------------------------===//

/// LLVM's allocators poison memory in code that is instrumented and do not
/// unpoison it in code that is not, which LLVM itself is.
extern "C" const char *__asan_default_options() {
  return "allow_user_poisoning=0";
}
