//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text of unknown origin in messages.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_SUPPORT_QUOTE_H
#define MXFP4_SUPPORT_QUOTE_H

#include <string>
#include <string_view>

namespace mx {

/// `text` in quotes for a message: at most 100 bytes of it, as valid UTF-8 on
/// one line. Control characters, which a terminal would obey, and bytes that
/// are no UTF-8 become \xNN.
std::string quote(std::string_view text);

} // namespace mx

#endif // MXFP4_SUPPORT_QUOTE_H
