import glob
import os
import platform

import lit.formats

config.name = "mxfp4"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Unit", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)

config.environment["PATH"] = os.pathsep.join(
    [config.mxfp4_bin_dir, config.llvm_tools_dir, config.environment["PATH"]])
# Tests that need the official tokenizer find it here, and are unsupported
# without it.
data = os.environ.get("MXFP4_TEST_DATA")
if data:
    config.environment["MXFP4_TEST_DATA"] = data
    config.available_features.add("test-data")
if platform.machine() == "x86_64":
    config.available_features.add("x86")
if config.sanitize:
    config.available_features.add("sanitize")
config.substitutions.append(("%python", config.python))
config.substitutions.append(
    ("%plugin", os.path.join(config.mxfp4_lib_dir, "mxfp4-plugin.so")))
config.substitutions.append(("%source", config.mxfp4_source_dir))
config.substitutions.append(
    ("%tiny", os.path.join(config.mxfp4_source_dir, "models/tiny-shakespeare")))
# The assembler of NVIDIA, where scripts/test.sh could install it.
ptxas = glob.glob(os.path.join(
    os.path.dirname(config.mxfp4_bin_dir),
    "venv/lib/python3*/site-packages/nvidia/*/bin/ptxas"))
if ptxas:
    config.available_features.add("ptxas")
    config.substitutions.append(("%ptxas", ptxas[0]))
