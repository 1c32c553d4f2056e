//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The structs of DLPack 1.x and of the versions before it, which other packages
// hand over in capsules. numpy reads them too, but knows no bf16.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_PYTHON_DLPACK_H
#define MXFP4_PYTHON_DLPACK_H

#include <cstdint>

namespace mx::python {

/// Kinds of memory that a CPU reads: its own, and that pinned for a GPU.
constexpr int32_t kDLPackCPU = 1;
constexpr int32_t kDLPackCUDAHost = 3;

/// An element is `lanes` numbers of `bits` bits.
struct DLPackType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};

struct DLPackTensor {
  void *data;
  int32_t deviceType;
  int32_t deviceID;
  int32_t rank;
  DLPackType type;
  int64_t *shape;
  /// In elements; null if the tensor is row-major without gaps.
  int64_t *strides;
  uint64_t byteOffset;
};

/// In capsules called kDLPackCapsule.
struct DLPackManagedTensor {
  DLPackTensor tensor;
  void *context;
  void (*deleter)(DLPackManagedTensor *);
};
constexpr char kDLPackCapsule[] = "dltensor";

/// In capsules called kDLPackVersionedCapsule, from version 1.0 on.
struct DLPackVersionedTensor {
  uint32_t majorVersion;
  uint32_t minorVersion;
  void *context;
  void (*deleter)(DLPackVersionedTensor *);
  uint64_t flags;
  DLPackTensor tensor;
};
constexpr char kDLPackVersionedCapsule[] = "dltensor_versioned";
constexpr uint32_t kDLPackMajorVersion = 1;

/// The flag of elements below 8 bits that have a byte each.
constexpr uint64_t kDLPackPadded = 1 << 2;

} // namespace mx::python

#endif // MXFP4_PYTHON_DLPACK_H
