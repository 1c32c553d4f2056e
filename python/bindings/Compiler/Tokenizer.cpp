//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tokenizers do not change, so threads share one without a lock.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Text/Tokenizer.h"
#include "Arguments.h"
#include "Bindings.h"
#include "Call.h"

#include <limits>
#include <pybind11/stl.h>

namespace py = pybind11;
using namespace mx;
using namespace mx::python;

static Tokenizer load(const py::object &pathArgument) {
  std::string path = getPath(pathArgument, "path");
  checkExists(path);
  return callWithoutGIL([&] { return Tokenizer::load(path); });
}

static std::vector<int32_t> encode(const Tokenizer &tokenizer,
                                   const py::object &textArgument,
                                   const py::object &parseSpecial) {
  std::string text = getText(textArgument, "text");
  EncodeOptions options{getFlag(parseSpecial, "parse_special")};
  return callWithoutGIL([&] { return tokenizer.encode(text, options); });
}

static std::string decode(const Tokenizer &tokenizer, const py::object &ids) {
  Result<std::string> bytes = tokenizer.decode(getTokens(ids, "ids"));
  if (!bytes)
    throwValueError(bytes.error());
  return std::move(*bytes);
}

static bool isSpecial(const Tokenizer &tokenizer, const py::object &id) {
  return tokenizer.isSpecial(
      int32_t(getInteger(id, "id", 0, tokenizer.vocabSize() - 1)));
}

void mx::python::bindTokenizer(py::module_ &module) {
  py::class_<Tokenizer>(module, "Tokenizer")
      .def_static("load", &load, py::arg("path"))
      .def("encode", &encode, py::arg("text"), py::arg("parse_special"))
      .def(
          "decode",
          [](const Tokenizer &tokenizer, const py::object &ids) {
            return toString(decode(tokenizer, ids));
          },
          py::arg("ids"))
      .def(
          "decode_bytes",
          [](const Tokenizer &tokenizer, const py::object &ids) {
            return py::bytes(decode(tokenizer, ids));
          },
          py::arg("ids"))
      .def(
          "id_of",
          [](const Tokenizer &tokenizer, const py::object &name) {
            return tokenizer.idOf(getString(name, "name"));
          },
          py::arg("name"))
      .def("is_special", &isSpecial, py::arg("id"))
      .def_property_readonly("vocab_size", &Tokenizer::vocabSize);
}
