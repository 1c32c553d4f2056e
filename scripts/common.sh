# What run.sh and test.sh have in common: packages, configuration, build. To be
# sourced. From the environment:
#   CC, CXX    compilers                     (clang-22, clang++-22)
#   BUILD_DIR  build folder                  (build)
#   JOBS       parallel jobs                 (number of processors, at most
#                                             one for each 3 GiB of memory)
#   LLVM_PREFIX  where LLVM 22 is installed  (/usr/lib/llvm-22)

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

: "${BUILD_DIR:=build}"
: "${LLVM_PREFIX:=/usr/lib/llvm-22}"

cmake_options=()

say() { printf '\n==> %s\n' "$*" >&2; }

# The one line that says why a script ended.
die() {
  printf '%s: error: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Runs a command as root.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "'$*' needs root: run it yourself, then call this script again"
  fi
}

# Installs those of the packages that are missing.
install_packages() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
      grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  say "Installing ${missing[*]}"
  command -v apt-get >/dev/null ||
    die "no apt-get here: install the equivalents of ${missing[*]}"
  as_root apt-get update -q || die "apt-get update failed"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
    --no-install-recommends "${missing[@]}" ||
    die "apt-get could not install ${missing[*]}"
}

install_build_packages() {
  local packages=(cmake ninja-build pkg-config libsimdjson-dev
    nlohmann-json3-dev libcli11-dev libpcre2-dev zlib1g-dev libzstd-dev)
  if [ "$LLVM_PREFIX" = /usr/lib/llvm-22 ]; then
    packages+=(llvm-22-dev libmlir-22-dev mlir-22-tools liblld-22-dev)
  fi
  # clang uses the C++ library of g++.
  packages+=(g++)
  [ -n "${CXX:-}" ] || packages+=(clang-22 lld-22)
  install_packages "${packages[@]}" "$@"
}

# configure_and_build TESTS TARGET...
# Variable cmake_options may hold more options for cmake.
configure_and_build() {
  local tests=$1 options=("${cmake_options[@]}")
  shift
  : "${JOBS:=$(default_jobs)}"
  if [ -z "${CXX:-}" ]; then
    export CC=${CC:-clang-22} CXX=clang++-22
    options+=("-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld")
  fi
  if command -v ccache >/dev/null; then
    options+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache
      -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  say "Configuring in $BUILD_DIR with $CXX"
  cmake -G Ninja -S . -B "$BUILD_DIR" -DCMAKE_BUILD_TYPE=Release \
    -DMLIR_DIR="$LLVM_PREFIX/lib/cmake/mlir" -DMXFP4_TESTS="$tests" \
    "${options[@]}" >"$BUILD_DIR.configure.log" 2>&1 || {
    tail -n 20 "$BUILD_DIR.configure.log" >&2
    die "configuration failed; $BUILD_DIR.configure.log has all of it"
  }
  rm -f "$BUILD_DIR.configure.log"
  say "Building with $JOBS jobs (a first build takes some minutes)"
  cmake --build "$BUILD_DIR" -j "$JOBS" --target "$@" >&2 ||
    die "the build failed"
}

default_jobs() {
  local processors memory
  processors=$(nproc)
  memory=$(awk '/MemTotal/ {print int($2 / 3145728)}' /proc/meminfo)
  [ "$memory" -ge 1 ] || memory=1
  echo $((processors < memory ? processors : memory))
}
