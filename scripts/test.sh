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

install_build_packages libgtest-dev python3 python3-venv
if [ ! -x "$BUILD_DIR/venv/bin/python3" ] ||
  ! "$BUILD_DIR/venv/bin/python3" -c 'import tokenizers, tiktoken' 2>/dev/null; then
  say "Installing the tokenizers to compare with"
  mkdir -p "$BUILD_DIR"
  python3 -m venv "$BUILD_DIR/venv" || die "python3 -m venv failed"
  "$BUILD_DIR/venv/bin/pip" install -q --disable-pip-version-check \
    tokenizers tiktoken || die "pip could not install tokenizers and tiktoken"
fi
configure_and_build ON all
say "Testing"
cd "$BUILD_DIR"
ctest --output-on-failure -j "$JOBS" "$@" || die "tests failed"
