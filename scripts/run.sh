#!/usr/bin/env bash
# From a fresh Debian 12 to text: installs packages, builds, and runs the model
# that is shipped, or runs `mxfp4` with the arguments given.
#   scripts/run.sh
#   scripts/run.sh run MODEL -p "Once upon a time" -n 100
# CC, CXX, BUILD_DIR, JOBS and LLVM_PREFIX: see common.sh.
case "${1:-}" in -h | --help)
  sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
  exit
  ;;
esac
. "$(dirname "$0")/common.sh"

install_build_packages
configure_and_build "${MXFP4_TESTS:-OFF}" mxfp4 mxfp4-run
if [ $# -gt 0 ]; then
  exec "$BUILD_DIR/bin/mxfp4" "$@"
fi
say "Running models/tiny-shakespeare: 6 MB, trained on Shakespeare's plays"
exec "$BUILD_DIR/bin/mxfp4" run models/tiny-shakespeare -p "ROMEO:
" -n 200 --temperature 0.7 --seed 1
