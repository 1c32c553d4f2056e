//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Modules: text and bytecode in and out, and pipelines.
//
//===----------------------------------------------------------------------===//

#include "IR.h"

#include "Arguments.h"
#include "Bindings.h"
#include "Call.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mxfp4/Compiler/CompileModule.h"
#include "mxfp4/Import/ModuleText.h"

#include <memory>
#include <pybind11/stl.h>

namespace py = pybind11;
using namespace mx;
using namespace mx::python;

IRModule::IRModule() {
  mlir::DialectRegistry registry;
  mlir::mxfp4::registerCompilerDialects(registry);
  context.appendDialectRegistry(registry);
  // Diagnostics say where; the op is in the module of the user.
  context.printOpOnDiagnostic(false);
}

//===----------------------------------------------------------------------===//
// Diagnostics
//===----------------------------------------------------------------------===//

static const char *getName(mlir::DiagnosticSeverity severity) {
  switch (severity) {
  case mlir::DiagnosticSeverity::Note:
    return "note";
  case mlir::DiagnosticSeverity::Warning:
    return "warning";
  case mlir::DiagnosticSeverity::Error:
    return "error";
  case mlir::DiagnosticSeverity::Remark:
    return "remark";
  }
  return "";
}

static Diagnostic describe(mlir::Diagnostic &diagnostic) {
  Diagnostic result;
  result.severity = getName(diagnostic.getSeverity());
  result.message = diagnostic.str();
  mlir::LocationAttr location = diagnostic.getLocation();
  if (auto place = location.findInstanceOf<mlir::FileLineColLoc>()) {
    result.file = place.getFilename().str();
    result.line = place.getLine();
    result.column = place.getColumn();
  }
  for (mlir::Diagnostic &note : diagnostic.getNotes())
    result.notes.push_back(describe(note));
  return result;
}

DiagnosticCollector::DiagnosticCollector(mlir::MLIRContext &context,
                                         std::vector<Diagnostic> &list)
    : handler(&context, [&list](mlir::Diagnostic &diagnostic) {
        list.push_back(describe(diagnostic));
        return mlir::success();
      }) {}

static py::object toPython(const Diagnostic &diagnostic) {
  py::list notes;
  for (const Diagnostic &note : diagnostic.notes)
    notes.append(toPython(note));
  auto orNone = [](bool isKnown, py::object value) {
    return isKnown ? value : py::none();
  };
  // A module has no line.
  bool hasFile = !diagnostic.file.empty(), hasLine = diagnostic.line != 0;
  return py::module_::import("mxfp4._error")
      .attr("Diagnostic")(diagnostic.severity, toString(diagnostic.message),
                          orNone(hasFile, toString(diagnostic.file)),
                          orNone(hasLine, py::int_(diagnostic.line)),
                          orNone(hasLine, py::int_(diagnostic.column)),
                          py::tuple(notes));
}

void mx::python::throwCompileError(const std::string &what,
                                   const std::vector<Diagnostic> &diagnostics) {
  py::list list;
  for (const Diagnostic &diagnostic : diagnostics)
    list.append(toPython(diagnostic));
  py::object type = py::module_::import("mxfp4._error").attr("CompileError");
  py::object error = type(toString(what), py::tuple(list));
  PyErr_SetObject(type.ptr(), error.ptr());
  throw py::error_already_set();
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

/// The text or the bytecode that argument `name` is.
static std::string getSource(const py::object &argument, const char *name) {
  if (py::isinstance<py::bytes>(argument))
    return argument.cast<std::string>();
  if (py::isinstance<py::str>(argument))
    return getText(argument, name);
  throw py::type_error("expected '" + std::string(name) +
                       "' to be a str or bytes, but got " +
                       getTypeName(argument));
}

static std::shared_ptr<IRModule> parse(const py::object &sourceArgument,
                                       const py::object &nameArgument) {
  std::string source = getSource(sourceArgument, "source");
  std::string name = getText(nameArgument, "name");
  auto result = std::make_shared<IRModule>();
  std::vector<Diagnostic> diagnostics;
  {
    WithoutGIL withoutGIL;
    DiagnosticCollector collector(result->context, diagnostics);
    if (auto error = mlir::mxfp4::checkModuleText(source))
      mlir::emitError(mlir::FileLineColLoc::get(&result->context, name,
                                                unsigned(error->line), 1))
          << error->message;
    else
      result->module = mlir::parseSourceString<mlir::ModuleOp>(
          source, mlir::ParserConfig(&result->context), name);
  }
  if (!result->module)
    throwCompileError("cannot read the module", diagnostics);
  checkSignals();
  return result;
}

/// Calls `function` on the module, without the GIL, when no other thread uses
/// it.
template <typename Callable>
static auto withModule(IRModule &module, Callable &&function) {
  WithoutGIL withoutGIL;
  std::lock_guard<std::mutex> lock(module.mutex);
  return function(*module.module);
}

static py::str print(IRModule &module, const py::object &argument) {
  bool locations = getFlag(argument, "locations");
  return toString(withModule(module, [&](mlir::ModuleOp op) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    mlir::OpPrintingFlags flags;
    if (locations)
      flags.enableDebugInfo();
    op->print(stream, flags);
    return text;
  }));
}

static py::bytes writeBytecode(IRModule &module) {
  std::string bytes;
  bool isWritten = withModule(module, [&](mlir::ModuleOp op) {
    llvm::raw_string_ostream stream(bytes);
    return succeeded(mlir::writeBytecodeToFile(op, stream));
  });
  if (!isWritten)
    throwError({"cannot write the module as bytecode"});
  return py::bytes(bytes);
}

static std::shared_ptr<IRModule> copyModule(IRModule &module) {
  // Another context, so by way of bytecode.
  py::bytes bytes = writeBytecode(module);
  return parse(bytes, py::str("<clone>"));
}

/// The names of functions that are compiled.
static std::vector<py::str> getFunctions(IRModule &module) {
  std::vector<std::string> names;
  withModule(module, [&](mlir::ModuleOp op) {
    for (auto function : op.getOps<mlir::func::FuncOp>())
      if (function.isPublic() && !function.isExternal())
        names.push_back(function.getSymName().str());
  });
  std::vector<py::str> strings;
  for (const std::string &name : names)
    strings.push_back(toString(name));
  return strings;
}

/// Fills `manager` by `pipeline`, with or without `builtin.module(...)`.
/// Returns what is wrong with it, or nothing.
static std::string parsePipeline(llvm::StringRef pipeline,
                                 mlir::PassManager &manager) {
  std::string message;
  llvm::raw_string_ostream stream(message);
  llvm::StringRef text = pipeline.trim();
  if (text.consume_front("builtin.module(") && !text.consume_back(")"))
    return "expected ')' at the end";
  if (!text.empty() && failed(mlir::parsePassPipeline(text, manager, stream)) &&
      message.empty())
    return "not a pipeline";
  // The lines after the first repeat the pipeline.
  return llvm::StringRef(message).split('\n').first.str();
}

static void runPipeline(IRModule &module, const py::object &pipelineArgument) {
  mlir::mxfp4::registerCompilerPasses();
  std::string pipeline = getText(pipelineArgument, "pipeline");
  std::string message;
  std::vector<Diagnostic> diagnostics;
  bool hasRun = false;
  withModule(module, [&](mlir::ModuleOp op) {
    mlir::PassManager manager(&module.context);
    message = parsePipeline(pipeline, manager);
    if (!message.empty())
      return;
    DiagnosticCollector collector(module.context, diagnostics);
    // A pass that fails leaves the module as it is then: not the one here.
    mlir::OwningOpRef<mlir::ModuleOp> copy = op.clone();
    hasRun = succeeded(manager.run(*copy));
    if (hasRun)
      module.module = std::move(copy);
  });
  if (!message.empty())
    throw py::value_error("cannot parse pipeline '" + pipeline +
                          "': " + message);
  if (!hasRun)
    throwCompileError("the pipeline failed", diagnostics);
  checkSignals();
}

void mx::python::bindIR(py::module_ &module) {
  py::class_<IRModule, std::shared_ptr<IRModule>>(module, "Module")
      .def_static("parse", &parse, py::arg("source"), py::arg("name"))
      .def("print", &print, py::arg("locations"))
      .def("bytecode", &writeBytecode)
      .def("clone", &copyModule)
      .def("functions", &getFunctions)
      .def("run_pipeline", &runPipeline, py::arg("pipeline"));
}
