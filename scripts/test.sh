#!/usr/bin/env bash
# Installs packages, builds everything and runs every test.
#   scripts/test.sh              all tests
#   scripts/test.sh -R lit       those whose name matches; any ctest options
# CC, CXX, BUILD_DIR, JOBS and LLVM_PREFIX: see common.sh. MXFP4_TEST_DATA names a
# folder with gpt-oss-tokenizer/; tests that need it are skipped without it.
case "${1:-}" in -h | --help)
  sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
  exit
  ;;
esac
. "$(dirname "$0")/common.sh"

# The emulator and compiler of another processor, for whose code there are tests.
install_build_packages libgtest-dev python3 python3-dev python3-venv qemu-user \
  g++-aarch64-linux-gnu
venv=$(realpath -m "$BUILD_DIR/venv")
if [ ! -x "$venv/bin/python3" ] ||
  ! "$venv/bin/python3" -c 'import tokenizers, tiktoken, pytest, numpy
import ml_dtypes, pybind11, scikit_build_core' 2>/dev/null; then
  say "Installing the Python packages to test with"
  mkdir -p "$BUILD_DIR"
  python3 -m venv "$venv" || die "python3 -m venv failed"
  "$venv/bin/pip" install -q --disable-pip-version-check tokenizers tiktoken \
    pytest numpy ml_dtypes 'pybind11>=2.12' 'scikit-build-core>=0.11' ||
    die "pip could not install the Python packages"
fi
# JAX and a way from StableHLO to linalg, which not every machine has wheels of.
if ! "$venv/bin/python3" -c 'import jax' 2>/dev/null ||
  [ ! -x "$venv/bin/torch-mlir-opt" ]; then
  say "Installing JAX to test with"
  "$venv/bin/pip" install -q --disable-pip-version-check jax torch-mlir ||
    say "No JAX and torch-mlir: tests that need them are skipped"
fi
# The assembler of NVIDIA, which not every machine has a wheel of.
if ! compgen -G "$venv/lib/python3*/site-packages/nvidia/*/bin/ptxas" >/dev/null; then
  say "Installing ptxas to test with"
  "$venv/bin/pip" install -q --disable-pip-version-check nvidia-cuda-nvcc ||
    say "No ptxas: tests that need it are skipped"
fi
cmake_options+=(-DMXFP4_PYTHON=ON "-DPython_EXECUTABLE=$venv/bin/python3")
configure_and_build ON all
say "Testing"
cd "$BUILD_DIR"
ctest --output-on-failure -j "$JOBS" "$@" || die "tests failed"
