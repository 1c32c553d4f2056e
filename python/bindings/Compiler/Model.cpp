//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loading a model, and what can be asked of it. The work is lib/Driver's and
// lib/Runtime's; here are the checks of arguments, and turns.
//
//===----------------------------------------------------------------------===//

#include "Model.h"

#include "Arguments.h"
#include "Bindings.h"
#include "Call.h"
#include "mxfp4/Driver/Engine.h"
#include "mxfp4/Runtime/Generate.h"
#include "mxfp4/Runtime/ThreadPool.h"

#include <chrono>
#include <limits>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <unistd.h>

namespace py = pybind11;
using namespace mx;
using namespace mx::python;

/// How long a call may go on before it looks for signals.
static constexpr std::chrono::milliseconds kSignalInterval{50};

//===----------------------------------------------------------------------===//
// Turns
//===----------------------------------------------------------------------===//

Model::~Model() {
  // In a fork there are no threads to end.
  if (process != getpid())
    static_cast<void>(session.release());
}

Turn::Turn(Model &model) : model(model) {
  if (model.process != getpid())
    throwError({"the model was loaded by process " +
                std::to_string(model.process) +
                ", whose threads a fork does not have; load it again"});
  if (model.owner.load() == std::this_thread::get_id())
    throwError({"the model is in use by this very thread: its call was "
                "interrupted by a signal, whose handler cannot use it"});
  while (true) {
    {
      WithoutGIL withoutGIL;
      if (model.mutex.try_lock_for(kSignalInterval))
        break;
    }
    checkSignals();
  }
  model.owner = std::this_thread::get_id();
}

Turn::~Turn() {
  model.owner = std::thread::id();
  model.mutex.unlock();
}

uint64_t Turn::startSequence() {
  model.session->reset();
  return ++model.sequences;
}

//===----------------------------------------------------------------------===//
// Load
//===----------------------------------------------------------------------===//

/// What is odd about a checkpoint, as warnings at the caller of Model.load.
static void warn(const std::vector<std::string> &notes) {
  for (const std::string &note : notes) {
    auto text = toString(note).cast<std::string>();
    if (PyErr_WarnEx(PyExc_UserWarning, text.c_str(), /*stack_level=*/2) != 0)
      throw py::error_already_set();
  }
}

static CompileOptions
getCompileOptions(const py::object &target, const py::object &activations,
                  const py::object &dense, const py::object &reference,
                  const py::object &fuse, const py::object &prefillTokens) {
  CompileOptions options;
  options.target = getString(target, "target");
  auto choose = [](const py::object &value, const char *argument,
                   const std::vector<std::string> &known) -> std::string {
    std::vector<Named<int>> names;
    for (const std::string &name : known)
      names.push_back({name.c_str(), 0});
    return findOption(value, argument, names).name;
  };
  options.activations = choose(activations, "activations", activationNames());
  options.dense = choose(dense, "dense", denseNames());
  options.reference = getFlag(reference, "reference");
  options.fuse = getFlag(fuse, "fuse");
  options.prefillTokens =
      getInteger(prefillTokens, "prefill_tokens", 1, kMaxPrefillTokens);
  if (Status status = checkOptions(options); !status)
    throwValueError(status.error());
  return options;
}

static CacheOptions getCacheOptions(const py::object &folder,
                                    const py::object &enabled) {
  CacheOptions options;
  options.enabled = getFlag(enabled, "cache");
  if (folder.is_none())
    return options;
  if (!options.enabled)
    throw py::value_error("expected no 'cache_dir' where 'cache' is False");
  options.folder = getPath(folder, "cache_dir");
  return options;
}

/// Passes the progress of loading on to a function of Python, or to none. Its
/// exceptions stop the loading.
static ProgressCallback makeProgress(const py::object &function) {
  if (function.is_none())
    return {};
  if (!PyCallable_Check(function.ptr()))
    throw py::type_error("expected 'progress' to be a function or None, but "
                         "got " +
                         getTypeName(function));
  return [handle = py::handle(function)](uint64_t done, uint64_t total) {
    waitIfEnding();
    py::gil_scoped_acquire withGIL;
    if (PyErr_Occurred())
      return;
    try {
      handle(done, total);
    } catch (py::error_already_set &error) {
      error.restore();
    }
  };
}

static std::shared_ptr<Model>
load(const py::object &folderArgument, const py::object &target,
     const py::object &activations, const py::object &dense,
     const py::object &reference, const py::object &fuse,
     const py::object &prefillTokens, const py::object &quantize,
     const py::object &cacheFolder, const py::object &cache,
     const py::object &context, const py::object &threads,
     const py::object &progress) {
  std::string folder = getPath(folderArgument, "folder");
  EngineOptions options;
  options.compile = getCompileOptions(target, activations, dense, reference,
                                      fuse, prefillTokens);
  options.checkpoint.quantizeExperts = getFlag(quantize, "quantize");
  options.cache = getCacheOptions(cacheFolder, cache);
  SessionOptions sessionOptions;
  if (!context.is_none())
    sessionOptions.context = getInteger(context, "context", 1, kMaxPositions);
  if (!threads.is_none())
    sessionOptions.threads =
        getInteger(threads, "threads", 1, ThreadPool::kMaxThreads);
  sessionOptions.progress = makeProgress(progress);
  sessionOptions.interrupt = shouldStop;

  checkExists(folder);
  Checkpoint checkpoint = callWithoutGIL(
      [&] { return Checkpoint::open(folder, options.checkpoint); });
  warn(checkpoint.warnings());
  auto model = std::make_shared<Model>();
  model->config = checkpoint.config();
  if (Result<int64_t> chosen = chooseContext(
          sessionOptions.context, model->config.maxPositionEmbeddings);
      !chosen)
    throwValueError(chosen.error());
  model->sampler = chooseSampling(checkpoint.generationConfig());
  {
    WithoutGIL withoutGIL;
    model->tokenizer = Tokenizer::load(folder);
  }
  if (model->tokenizer)
    model->stopTokens = findStopTokens(checkpoint, *model->tokenizer);

  Engine engine = callWithoutGIL(
      [&] { return Engine::compile(std::move(checkpoint), options); });
  // The compiler cannot be stopped on its way.
  checkSignals();
  model->target = engine.program().target;
  model->activations = engine.program().activations;
  model->process = getpid();
  model->session =
      callWithoutGIL([&] { return engine.openSession(sessionOptions); });
  return model;
}

//===----------------------------------------------------------------------===//
// Logits
//===----------------------------------------------------------------------===//

static py::array_t<float> computeLogits(Model &model,
                                        const py::object &idsArgument) {
  std::vector<int32_t> ids = getTokens(idsArgument, "ids");
  Session &session = *model.session;
  if (Status status = checkPrompt(ids, session.vocabSize(), session.context());
      !status)
    throwValueError(status.error());
  Turn turn(model);
  py::array_t<float> logits(
      {py::ssize_t(ids.size()), py::ssize_t(session.vocabSize())});
  float *row = logits.mutable_data();

  using Clock = std::chrono::steady_clock;
  Clock::time_point next = Clock::now() + kSignalInterval;
  auto visit = [&](int64_t, const float *computed) -> Status {
    row = std::copy_n(computed, session.vocabSize(), row);
    if (Clock::now() < next)
      return {};
    if (shouldStop())
      return Error{kInterrupted};
    next = Clock::now() + kSignalInterval;
    return {};
  };
  turn.startSequence();
  callWithoutGIL([&] {
    return session.prefill(ids.data(), int64_t(ids.size()), Rows::All, visit);
  });
  return logits;
}

//===----------------------------------------------------------------------===//
// Generate
//===----------------------------------------------------------------------===//

static const Tokenizer &getTokenizer(const Model &model) {
  if (!model.tokenizer)
    throwError(model.tokenizer.error());
  return *model.tokenizer;
}

namespace {
/// The text after a prompt, as an iterator.
struct TextIterator {
  std::shared_ptr<Model> model;
  Generator generator;
  /// The number of its sequence, once it has one.
  uint64_t sequence = 0;
};
} // namespace

static std::vector<int32_t> encodePrompt(const Model &model,
                                         const py::object &prompt,
                                         const py::object &parseSpecial) {
  EncodeOptions options{getFlag(parseSpecial, "parse_special")};
  if (!py::isinstance<py::str>(prompt))
    return getTokens(prompt, "prompt", "a str or a sequence of ints");
  std::string text = getText(prompt, "prompt");
  return callWithoutGIL(
      [&] { return getTokenizer(model).encode(text, options); });
}

static std::unique_ptr<TextIterator>
makeText(const std::shared_ptr<Model> &model, const py::object &prompt,
         const py::object &maxTokens, const py::object &temperature,
         const py::object &topK, const py::object &topP, const py::object &seed,
         const py::object &stopTokens, const py::object &parseSpecial,
         const py::object &speculate) {
  const Tokenizer &tokenizer = getTokenizer(*model);
  GenerateOptions options;
  options.maxTokens = getInteger(maxTokens, "max_tokens", 0, kMaxPositions);
  options.draftTokens =
      getInteger(speculate, "speculate", 0, model->session->maxRewind());
  options.sampler = model->sampler;
  if (!temperature.is_none())
    options.sampler.temperature =
        float(getNumber(temperature, "temperature", "a number or None"));
  options.sampler.topK =
      getInteger(topK, "top_k", 0, std::numeric_limits<int64_t>::max());
  if (!topP.is_none())
    options.sampler.topP = float(getNumber(topP, "top_p", "a number or None"));
  options.sampler.seed = getSeed(seed, "seed");
  options.stopTokens =
      stopTokens.is_none()
          ? model->stopTokens
          : getTokens(stopTokens, "stop_tokens", "a sequence of ints or None");
  Result<Generator> generator = Generator::create(
      *model->session, tokenizer, encodePrompt(*model, prompt, parseSpecial),
      std::move(options));
  if (!generator)
    throwValueError(generator.error());
  return std::unique_ptr<TextIterator>(
      new TextIterator{model, std::move(*generator)});
}

static py::str nextText(TextIterator &text) {
  Model &model = *text.model;
  Generator &generator = text.generator;
  Turn turn(model);
  if (!generator.isEnded() && !generator.isStarted())
    text.sequence = turn.startSequence();
  if (!generator.isEnded() && text.sequence != model.sequences)
    throwError({"the generation cannot go on: another call of generate or "
                "logits has started a new sequence of the model"});
  while (true) {
    checkSignals();
    std::optional<std::string> piece =
        callWithoutGIL([&] { return generator.next(); });
    if (!piece)
      throw py::stop_iteration();
    if (!piece->empty())
      return toString(*piece);
  }
}

static const char *getName(StopReason reason) {
  switch (reason) {
  case StopReason::StopToken:
    return "stop_token";
  case StopReason::MaxTokens:
    return "max_tokens";
  case StopReason::ContextFull:
    return "context_full";
  case StopReason::Interrupted:
    return "interrupted";
  }
  return "";
}

/// What `get` finds in the figures of a generation, which another thread may be
/// working on.
template <typename Callable> static auto makeFigure(Callable get) {
  return [get](TextIterator &text) {
    Turn turn(*text.model);
    return get(text.generator.generation());
  };
}

static std::optional<std::string> getReason(TextIterator &text) {
  Turn turn(*text.model);
  if (!text.generator.isEnded())
    return std::nullopt;
  return getName(text.generator.generation().reason);
}

static void bindGeneration(py::module_ &module) {
  py::class_<TextIterator>(module, "Generation")
      .def("next", &nextText)
      .def_property_readonly("reason", &getReason)
      .def_property_readonly(
          "tokens",
          makeFigure([](const Generation &figures) { return figures.tokens; }))
      .def_property_readonly("prompt_tokens",
                             makeFigure([](const Generation &figures) {
                               return figures.promptTokens;
                             }))
      .def_property_readonly("prompt_seconds",
                             makeFigure([](const Generation &figures) {
                               return figures.promptSeconds;
                             }))
      .def_property_readonly("decode_steps",
                             makeFigure([](const Generation &figures) {
                               return figures.decodeSteps;
                             }))
      .def_property_readonly("decode_seconds",
                             makeFigure([](const Generation &figures) {
                               return figures.decodeSeconds;
                             }))
      .def_property_readonly("drafted_tokens",
                             makeFigure([](const Generation &figures) {
                               return figures.draftedTokens;
                             }))
      .def_property_readonly("accepted_tokens",
                             makeFigure([](const Generation &figures) {
                               return figures.acceptedTokens;
                             }));
}

void mx::python::bindModel(py::module_ &module) {
  py::class_<Model, std::shared_ptr<Model>>(module, "Model")
      .def_static("load", &load, py::arg("folder"), py::arg("target"),
                  py::arg("activations"), py::arg("dense"),
                  py::arg("reference"), py::arg("fuse"),
                  py::arg("prefill_tokens"), py::arg("quantize"),
                  py::arg("cache_dir"), py::arg("cache"), py::arg("context"),
                  py::arg("threads"), py::arg("progress"))
      .def("generate", &makeText, py::arg("prompt"), py::arg("max_tokens"),
           py::arg("temperature"), py::arg("top_k"), py::arg("top_p"),
           py::arg("seed"), py::arg("stop_tokens"), py::arg("parse_special"),
           py::arg("speculate"))
      .def("logits", &computeLogits, py::arg("ids"))
      .def_property_readonly("tokenizer", &getTokenizer,
                             py::return_value_policy::copy)
      .def_property_readonly(
          "config",
          [](const Model &model) { return writeModelConfig(model.config); })
      .def_readonly("target", &Model::target)
      .def_readonly("activations", &Model::activations)
      .def_readonly("stop_tokens", &Model::stopTokens)
      .def_property_readonly(
          "vocab_size",
          [](const Model &model) { return model.session->vocabSize(); })
      .def_property_readonly(
          "context",
          [](const Model &model) { return model.session->context(); })
      .def_property_readonly(
          "threads",
          [](const Model &model) { return model.session->threads(); })
      .def_property_readonly(
          "bytes", [](const Model &model) { return model.session->bytes(); });
  bindGeneration(module);
}
