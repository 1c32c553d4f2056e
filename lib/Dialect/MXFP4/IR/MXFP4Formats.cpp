//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which format the types of elements and scales stand for, and the storage form
// of 4-bit elements.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/IR/MXFP4.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace mlir::mxfp4;

const mx::ElementFormat *mxfp4::getElementFormat(Type element) {
  if (element.isInteger(8))
    return &mx::kE2M1;
  return llvm::TypeSwitch<Type, const mx::ElementFormat *>(element)
      .Case([](Float4E2M1FNType) { return &mx::kE2M1; })
      .Case([](Float6E2M3FNType) { return &mx::kE2M3; })
      .Case([](Float6E3M2FNType) { return &mx::kE3M2; })
      .Case([](Float8E4M3FNType) { return &mx::kE4M3; })
      .Case([](Float8E5M2Type) { return &mx::kE5M2; })
      .Default(nullptr);
}

Type mxfp4::getElementType(MLIRContext *context,
                           const mx::ElementFormat &format) {
  for (Type type : {Type(Float4E2M1FNType::get(context)),
                    Type(Float6E2M3FNType::get(context)),
                    Type(Float6E3M2FNType::get(context)),
                    Type(Float8E4M3FNType::get(context)),
                    Type(Float8E5M2Type::get(context))})
    if (StringRef(getElementFormat(type)->name) == format.name)
      return type;
  llvm_unreachable("unknown element format");
}

const mx::BlockFormat *mxfp4::getBlockFormat(ShapedType values,
                                             ShapedType scales) {
  const mx::ElementFormat *element = getElementFormat(values.getElementType());
  mx::ScaleFormat scale = isa<Float8E8M0FNUType>(scales.getElementType())
                              ? mx::ScaleFormat::E8M0
                              : mx::ScaleFormat::E4M3;
  for (const mx::BlockFormat &format : mx::kBlockFormats)
    if (element && StringRef(format.element.name) == element->name &&
        format.scale == scale)
      return &format;
  return nullptr;
}

bool mxfp4::hasWholeBytes(Type element) {
  const mx::ElementFormat *format = getElementFormat(element);
  return format && 8 % format->bits == 0;
}

int64_t mxfp4::multiplySizes(int64_t a, int64_t b) {
  int64_t product;
  return llvm::MulOverflow(a, b, product) ? std::numeric_limits<int64_t>::max()
                                          : product;
}

bool mxfp4::isPackedStorage(ShapedType type) {
  return type.getElementType().isInteger(8);
}

int64_t mxfp4::getElementBytes(Type element) {
  if (element.isIndex())
    return sizeof(int64_t);
  return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

SmallVector<int64_t> mxfp4::getElementShape(ShapedType type) {
  SmallVector<int64_t> shape(type.getShape());
  if (isPackedStorage(type) && !shape.empty() &&
      !ShapedType::isDynamic(shape.back()))
    shape.back() = multiplySizes(shape.back(), 2); // F2
  return shape;
}

SmallVector<int64_t> mxfp4::getStoredShape(ShapedType type,
                                           ArrayRef<int64_t> elements) {
  SmallVector<int64_t> shape(elements);
  if (isPackedStorage(type))
    shape.back() /= 2;
  return shape;
}
