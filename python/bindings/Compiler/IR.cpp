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
#include "mlir/InitAllPasses.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mxfp4/Compiler/CompileModule.h"
#include "mxfp4/Import/ModuleText.h"
#include "mxfp4/Pipelines/Pipelines.h"

#include <memory>
#include <optional>
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

DiagnosticCollector::DiagnosticCollector(mlir::MLIRContext &context)
    : handler(&context, [this](mlir::Diagnostic &diagnostic) {
        entries.push_back(describe(diagnostic));
        return mlir::success();
      }) {}

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

DiagnosticCollector::Entry
DiagnosticCollector::describe(mlir::Diagnostic &diagnostic) {
  Entry entry;
  entry.severity = getName(diagnostic.getSeverity());
  entry.message = diagnostic.str();
  mlir::LocationAttr location = diagnostic.getLocation();
  if (auto place = location.findInstanceOf<mlir::FileLineColLoc>()) {
    entry.file = place.getFilename().str();
    entry.line = place.getLine();
    entry.column = place.getColumn();
  }
  for (mlir::Diagnostic &note : diagnostic.getNotes())
    entry.notes.push_back(describe(note));
  return entry;
}

py::object DiagnosticCollector::toPython(const Entry &entry) {
  py::list notes;
  for (const Entry &note : entry.notes)
    notes.append(toPython(note));
  auto orNone = [](bool isKnown, py::object value) {
    return isKnown ? value : py::none();
  };
  // A module has no line.
  bool hasFile = !entry.file.empty(), hasLine = entry.line != 0;
  return py::module_::import("mxfp4._error")
      .attr("Diagnostic")(entry.severity, toString(entry.message),
                          orNone(hasFile, toString(entry.file)),
                          orNone(hasLine, py::int_(entry.line)),
                          orNone(hasLine, py::int_(entry.column)),
                          py::tuple(notes));
}

void DiagnosticCollector::throwError(const std::string &what) const {
  py::list diagnostics;
  for (const Entry &entry : entries)
    diagnostics.append(toPython(entry));
  py::object type = py::module_::import("mxfp4._error").attr("CompileError");
  py::object error = type(toString(what), py::tuple(diagnostics));
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
  DiagnosticCollector diagnostics(result->context);
  {
    py::gil_scoped_release withoutGIL;
    if (Status status = mlir::mxfp4::checkModuleText(source, name); !status)
      mlir::emitError(mlir::FileLineColLoc::get(&result->context, name, 1, 1))
          << status.error().message;
    else
      result->module = mlir::parseSourceString<mlir::ModuleOp>(
          source, mlir::ParserConfig(&result->context), name);
  }
  if (!result->module)
    diagnostics.throwError("cannot read the module");
  checkSignals();
  return result;
}

/// Calls `function` on the module, without the GIL, when no other thread uses
/// it.
template <typename Function>
static auto withModule(IRModule &module, Function &&function) {
  py::gil_scoped_release withoutGIL;
  std::lock_guard<std::mutex> lock(module.mutex);
  return function(*module.module);
}

static std::string print(IRModule &module, const py::object &argument) {
  bool locations = getFlag(argument, "locations");
  return withModule(module, [&](mlir::ModuleOp op) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    mlir::OpPrintingFlags flags;
    if (locations)
      flags.enableDebugInfo();
    op->print(stream, flags);
    return text;
  });
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
static std::vector<std::string> getFunctions(IRModule &module) {
  return withModule(module, [](mlir::ModuleOp op) {
    std::vector<std::string> names;
    for (auto function : op.getOps<mlir::func::FuncOp>())
      if (function.isPublic() && !function.isExternal())
        names.push_back(function.getSymName().str());
    return names;
  });
}

static void registerPasses() {
  [[maybe_unused]] static const bool isDone = [] {
    mlir::registerAllPasses();
    mlir::mxfp4::registerPipelinesAndPasses();
    return true;
  }();
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
  registerPasses();
  std::string pipeline = getText(pipelineArgument, "pipeline");
  mlir::PassManager manager(&module.context);
  if (std::string message = parsePipeline(pipeline, manager); !message.empty())
    throw py::value_error("cannot parse pipeline '" + pipeline +
                          "': " + message);
  // Held across the collector, which is of this call alone.
  std::unique_lock<std::mutex> lock(module.mutex, std::defer_lock);
  {
    py::gil_scoped_release withoutGIL;
    lock.lock();
  }
  std::optional<DiagnosticCollector> diagnostics(std::in_place, module.context);
  bool hasRun;
  {
    py::gil_scoped_release withoutGIL;
    // A pass that fails leaves the module as it is then: not the one here.
    mlir::OwningOpRef<mlir::ModuleOp> copy = module.module->clone();
    hasRun = succeeded(manager.run(*copy));
    if (hasRun)
      module.module = std::move(copy);
  }
  if (!hasRun)
    diagnostics->throwError("the pipeline failed");
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
