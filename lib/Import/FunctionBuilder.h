//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes the functions of an imported model.
//
//===----------------------------------------------------------------------===//

#ifndef MXFP4_LIB_IMPORT_FUNCTIONBUILDER_H
#define MXFP4_LIB_IMPORT_FUNCTIONBUILDER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mxfp4 {

/// A function under construction: arguments are added by name, then read.
class FunctionBuilder {
public:
  FunctionBuilder(ImplicitLocOpBuilder &b, const Twine &name)
      : b(b), name(name.str()) {}

  /// Adds an argument and returns its number.
  unsigned add(StringRef argument, Type type,
               ArrayRef<NamedAttribute> attributes = {}) {
    types.push_back(type);
    names.push_back(argument.str());
    argAttributes.push_back(b.getDictionaryAttr(attributes));
    return types.size() - 1;
  }

  /// Makes the function, with `results` the types of the arguments of those
  /// numbers, and puts the builder into it.
  func::FuncOp create(ArrayRef<unsigned> results) {
    SmallVector<Type> resultTypes;
    for (unsigned result : results)
      resultTypes.push_back(types[result]);
    function =
        func::FuncOp::create(b, name, b.getFunctionType(types, resultTypes));
    for (auto [index, attributes] : llvm::enumerate(argAttributes))
      function.setArgAttrs(index, attributes);
    SmallVector<Location> locations;
    for (StringRef argument : names)
      locations.push_back(NameLoc::get(b.getStringAttr(argument)));
    Block *block = b.createBlock(&function.getBody(), {}, types, locations);
    b.setInsertionPointToStart(block);
    return function;
  }

  Value operator[](unsigned index) { return function.getArgument(index); }

private:
  ImplicitLocOpBuilder &b;
  std::string name;
  SmallVector<Type> types;
  SmallVector<std::string> names;
  SmallVector<DictionaryAttr> argAttributes;
  func::FuncOp function;
};

} // namespace mlir::mxfp4

#endif // MXFP4_LIB_IMPORT_FUNCTIONBUILDER_H
