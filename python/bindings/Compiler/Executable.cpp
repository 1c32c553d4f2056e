//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled functions on arrays.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Runtime/Executable.h"

#include "Arguments.h"
#include "Array.h"
#include "Bindings.h"
#include "Call.h"
#include "IR.h"
#include "mxfp4/Compiler/CompileModule.h"

#include <algorithm>
#include <cstring>
#include <pybind11/stl.h>
#include <unistd.h>

namespace py = pybind11;
using namespace mx;
using namespace mx::python;

namespace {
/// An executable with the Program that it was made of, for saving.
struct Compiled {
  ~Compiled() {
    // In a fork there are no threads to end.
    if (process != getpid())
      static_cast<void>(executable.release());
  }

  Program program;
  std::unique_ptr<Executable> executable;
  /// The process that has the threads.
  pid_t process = getpid();
};
} // namespace

//===----------------------------------------------------------------------===//
// Arrays
//===----------------------------------------------------------------------===//

namespace {
/// A type of arrays, and how safetensors names it.
struct TypeNames {
  NumberType type;
  const char *safetensors;
};
} // namespace

/// The first of equal names is what results are made of.
static constexpr TypeNames kTypes[] = {
    {NumberType::F64, "F64"},      {NumberType::F32, "F32"},
    {NumberType::F16, "F16"},      {NumberType::BF16, "BF16"},
    {NumberType::U8, "U8"},        {NumberType::E2M1, "U8"},
    {NumberType::E2M3, "U8"},      {NumberType::E3M2, "U8"},
    {NumberType::E8M0, "U8"},      {NumberType::E4M3, "F8_E4M3"},
    {NumberType::E5M2, "F8_E5M2"}, {NumberType::I8, "I8"},
    {NumberType::I16, "I16"},      {NumberType::U16, "U16"},
    {NumberType::I32, "I32"},      {NumberType::U32, "U32"},
    {NumberType::I64, "I64"},      {NumberType::U64, "U64"},
    {NumberType::Bool, "BOOL"},
};

/// A type of numpy or ml_dtypes for elements of `dtype`.
static py::dtype getType(const std::string &dtype) {
  for (const TypeNames &names : kTypes) {
    if (names.safetensors != dtype)
      continue;
    const char *name = mx::python::getName(names.type);
    bool isExtension = names.type == NumberType::BF16 ||
                       names.type == NumberType::E4M3 ||
                       names.type == NumberType::E5M2;
    if (!isExtension)
      return py::dtype(name);
    try {
      return py::dtype::from_args(py::module_::import("ml_dtypes").attr(name));
    } catch (py::error_already_set &error) {
      if (!error.matches(PyExc_ImportError))
        throw;
      throw py::import_error("a result of " + std::string(name) +
                             " needs ml_dtypes: pip install ml_dtypes");
    }
  }
  throw py::type_error("results of " + dtype + " are not known");
}

/// Copies the elements of `from`, `bytes` each, so that they lie one after
/// another. `at` is the place of index 0 of dimension `dim`.
static void copyElements(const python::Array &from, size_t dim,
                         const uint8_t *at, size_t bytes, uint8_t *&to) {
  if (dim == from.shape.size()) {
    std::memcpy(to, at, bytes);
    to += bytes;
    return;
  }
  for (int64_t i = 0; i < from.shape[dim]; ++i)
    copyElements(from, dim + 1, at + i * from.strides[dim], bytes, to);
}

static bool isContiguous(const python::Array &array, size_t bytes) {
  if (std::find(array.shape.begin(), array.shape.end(), 0) != array.shape.end())
    return true;
  int64_t stride = int64_t(bytes);
  for (size_t i = array.shape.size(); i-- > 0;) {
    if (array.shape[i] != 1 && array.strides[i] != stride)
      return false;
    stride *= array.shape[i];
  }
  return uintptr_t(array.data) % bytes == 0;
}

namespace {
/// Arrays for a call, with what keeps their memory.
struct Arrays {
  /// Adds `object`, argument `name`, for `buffer`. It is copied only if it has
  /// gaps, or elements of 4 bits that are not packed yet.
  void add(const py::object &object, const std::string &name,
           const Buffer &buffer);

  std::vector<mx::Array> arrays;
  std::vector<py::object> owners;
};
} // namespace

static std::vector<NumberType> getTypes() {
  std::vector<NumberType> types;
  for (const TypeNames &names : kTypes)
    types.push_back(names.type);
  return types;
}

/// Puts two elements of 4 bits into each byte (F2), in place.
static void packNibbles(uint8_t *elements, size_t count) {
  for (size_t i = 0; i < count / 2; ++i)
    elements[i] = uint8_t((elements[2 * i] & 15) | (elements[2 * i + 1] << 4));
}

void Arrays::add(const py::object &object, const std::string &name,
                 const Buffer &buffer) {
  static const std::vector<NumberType> types = getTypes();
  python::Array source = importArray(object, name.c_str(), types);
  const char *dtype = nullptr;
  for (const TypeNames &names : kTypes)
    if (names.type == source.type)
      dtype = names.safetensors;
  mx::Array array = {const_cast<uint8_t *>(source.data), dtype, source.shape};
  size_t bytes = getBytes(source.type);
  bool packs = source.type == NumberType::E2M1 && !source.shape.empty() &&
               source.shape.size() == buffer.shape.size() &&
               source.shape.back() == 2 * buffer.shape.back();
  if (packs || !isContiguous(source, bytes)) {
    py::array_t<uint8_t> owner(source.size() * int64_t(bytes));
    uint8_t *copy = owner.mutable_data();
    array.data = copy;
    {
      WithoutGIL withoutGIL;
      uint8_t *to = copy;
      copyElements(source, 0, source.data, bytes, to);
      if (packs)
        packNibbles(copy, size_t(to - copy));
    }
    if (packs)
      array.shape.back() /= 2;
    owners.push_back(std::move(owner));
  } else {
    owners.push_back(source.owner);
  }
  arrays.push_back(std::move(array));
}

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

static CompileOptions getOptions(const py::object &target,
                                 const std::vector<std::string> &weights,
                                 const py::object &maxRows,
                                 const py::object &reference,
                                 const py::object &fuse) {
  CompileOptions options;
  options.target = getString(target, "target");
  options.weights = weights;
  options.prefillTokens = getInteger(maxRows, "max_rows", 1, kMaxPrefillTokens);
  options.reference = getFlag(reference, "reference");
  options.fuse = getFlag(fuse, "fuse");
  if (Status status = checkOptions(options); !status)
    throwValueError(status.error());
  return options;
}

/// How many threads argument `threads` asks for; 0 is one for each processor.
static int64_t getThreads(const py::object &argument) {
  if (argument.is_none())
    return 0;
  return getInteger(argument, "threads", 1, ThreadPool::kMaxThreads);
}

/// The names of weights. What has no array is found here: a module may take
/// seconds to compile.
static std::vector<std::string> getNames(const py::dict &weights) {
  std::vector<std::string> names;
  for (auto [key, value] : weights) {
    names.push_back(
        getText(py::reinterpret_borrow<py::object>(key), "a key of weights"));
    if (!isArray(py::reinterpret_borrow<py::object>(value)))
      throw py::type_error("expected weight " + quote(names.back()) +
                           " to be a numpy array or to have DLPack or the "
                           "buffer protocol, but got " +
                           Py_TYPE(value.ptr())->tp_name);
  }
  return names;
}

static std::shared_ptr<Compiled> load(Program program, const py::dict &weights,
                                      int64_t threads) {
  Arrays arrays;
  std::map<std::string, mx::Array> byName;
  for (const std::string &name : getNames(weights)) {
    int64_t index = program.findBuffer(name);
    if (index < 0 || program.buffers[size_t(index)].kind != BufferKind::Weight)
      throw py::value_error("the program has no weight " + quote(name));
    arrays.add(weights[toString(name)], name, program.buffers[size_t(index)]);
    byName[name] = arrays.arrays.back();
  }
  auto compiled = std::make_shared<Compiled>();
  compiled->program = std::move(program);
  compiled->executable = callWithoutGIL(
      [&] { return Executable::create(compiled->program, byName, threads); });
  checkSignals();
  return compiled;
}

static std::shared_ptr<Compiled>
compile(IRModule &module, const py::object &target, const py::dict &weights,
        const py::object &maxRows, const py::object &reference,
        const py::object &fuse, const py::object &threadsArgument) {
  CompileOptions options =
      getOptions(target, getNames(weights), maxRows, reference, fuse);
  int64_t threads = getThreads(threadsArgument);
  mlir::FailureOr<Program> program = mlir::failure();
  std::vector<Diagnostic> diagnostics;
  {
    WithoutGIL withoutGIL;
    std::lock_guard<std::mutex> lock(module.mutex);
    DiagnosticCollector collector(module.context, diagnostics);
    program = mlir::mxfp4::compileModule(*module.module, options);
  }
  if (failed(program))
    throwCompileError("cannot compile the module", diagnostics);
  checkSignals();
  return load(std::move(*program), weights, threads);
}

static std::shared_ptr<Compiled> loadFile(const py::object &pathArgument,
                                          const py::dict &weights,
                                          const py::object &threads) {
  std::string path = getPath(pathArgument, "path");
  checkExists(path);
  return load(callWithoutGIL([&] { return loadProgram(path); }), weights,
              getThreads(threads));
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

static const Function &findFunction(const Compiled &compiled,
                                    const std::string &name) {
  if (const Function *function = compiled.executable->find(name))
    return *function;
  throw py::key_error(name);
}

/// An array for each output of `function`: those that are given, or new ones.
static Arrays makeOutputs(const Function &function,
                          const std::vector<mx::Array> &inputs,
                          const py::object &given, py::list &results) {
  Arrays outputs;
  Result<std::vector<std::vector<int64_t>>> shapes =
      Executable::inferShapes(function, inputs);
  if (!shapes)
    throwValueError(shapes.error());
  py::tuple arrays;
  if (!given.is_none()) {
    arrays = given.cast<py::tuple>();
    if (arrays.size() != function.outputs.size())
      throw py::value_error(
          "expected 'out' to have " + std::to_string(function.outputs.size()) +
          " arrays, but got " + std::to_string(arrays.size()));
  }
  for (size_t i = 0; i < function.outputs.size(); ++i) {
    const Buffer &buffer = function.outputs[i];
    py::object array;
    if (given.is_none()) {
      array = py::array(getType(buffer.dtype), (*shapes)[i]);
    } else {
      array = arrays[i];
      // Writing into a copy would be lost.
      if (!py::isinstance<py::array>(array) ||
          !py::reinterpret_borrow<py::array>(array).writeable() ||
          !(py::reinterpret_borrow<py::array>(array).flags() &
            py::array::c_style))
        throw py::type_error("expected 'out' to be writable numpy arrays, "
                             "row-major without gaps");
    }
    outputs.add(array, buffer.name, buffer);
    if (outputs.arrays.back().data !=
        py::reinterpret_borrow<py::array>(array).data())
      throw py::type_error("expected 'out' to be arrays that are aligned, with "
                           "elements as the function returns them");
    results.append(array);
  }
  return outputs;
}

static py::list call(Compiled &compiled, const std::string &name,
                     const py::tuple &arguments, const py::object &given) {
  if (compiled.process != getpid())
    throwError({"the module was compiled by process " +
                std::to_string(compiled.process) +
                ", whose threads a fork does not have; compile it again"});
  const Function &function = findFunction(compiled, name);
  if (arguments.size() != function.inputs.size())
    throw py::type_error(
        name + "() takes " + std::to_string(function.inputs.size()) +
        " arrays, but got " + std::to_string(arguments.size()));
  Arrays inputs;
  for (size_t i = 0; i < arguments.size(); ++i)
    inputs.add(arguments[i], function.inputs[i].name, function.inputs[i]);
  py::list results;
  Arrays outputs = makeOutputs(function, inputs.arrays, given, results);
  Status status = [&] {
    WithoutGIL withoutGIL;
    return compiled.executable->call(function, inputs.arrays, outputs.arrays);
  }();
  if (!status)
    throwValueError(status.error());
  checkSignals();
  return results;
}

/// (name, dtype, shape) of each of `buffers`.
static py::list describe(const std::vector<Buffer> &buffers) {
  py::list list;
  for (const Buffer &buffer : buffers) {
    py::list shape;
    for (int64_t extent : buffer.shape)
      if (extent == kTokensExtent)
        shape.append(py::none());
      else
        shape.append(extent);
    list.append(
        py::make_tuple(toString(buffer.name), buffer.dtype, py::tuple(shape)));
  }
  return list;
}

void mx::python::bindExecutable(py::module_ &module) {
  py::class_<Compiled, std::shared_ptr<Compiled>>(module, "Executable")
      .def_static("compile", &compile, py::arg("module"), py::arg("target"),
                  py::arg("weights"), py::arg("max_rows"), py::arg("reference"),
                  py::arg("fuse"), py::arg("threads"))
      .def_static("load", &loadFile, py::arg("path"), py::arg("weights"),
                  py::arg("threads"))
      .def(
          "save",
          [](Compiled &compiled, const py::object &pathArgument) {
            std::string path = getPath(pathArgument, "path");
            callWithoutGIL([&] { return saveProgram(compiled.program, path); });
          },
          py::arg("path"))
      .def("call", &call, py::arg("name"), py::arg("arguments"), py::arg("out"))
      .def("functions",
           [](const Compiled &compiled) {
             std::vector<py::str> names;
             for (const Function &function : compiled.executable->functions())
               names.push_back(toString(function.name));
             return names;
           })
      .def(
          "inputs",
          [](const Compiled &compiled, const std::string &name) {
            return describe(findFunction(compiled, name).inputs);
          },
          py::arg("name"))
      .def(
          "outputs",
          [](const Compiled &compiled, const std::string &name) {
            return describe(findFunction(compiled, name).outputs);
          },
          py::arg("name"))
      .def(
          "max_rows",
          [](const Compiled &compiled, const std::string &name) {
            return findFunction(compiled, name).maxTokens;
          },
          py::arg("name"))
      .def_property_readonly(
          "target",
          [](const Compiled &compiled) { return compiled.program.target; })
      .def_property_readonly("threads", [](const Compiled &compiled) {
        return compiled.executable->threads();
      });
}
