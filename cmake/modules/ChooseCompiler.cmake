# Sets MXFP4_COMPILER to ON where everything that the compiler needs is found, else
# to OFF, and says what is missing. A package that has an LLVM 22 without shared
# libraries is found, and refused later with what to do.

find_package(MLIR 22.1 QUIET CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
find_package(LLD QUIET CONFIG HINTS ${LLVM_DIR}/../lld)
find_package(ZLIB QUIET)
pkg_check_modules(ZSTD QUIET libzstd)

set(missing)
foreach(package MLIR LLD ZLIB ZSTD)
  if(NOT ${package}_FOUND)
    list(APPEND missing ${package})
  endif()
endforeach()
if(missing)
  list(JOIN missing ", " missing)
  message(STATUS "Building without the compiler: not found: ${missing} "
    "(LLVM 22 with MLIR and LLD elsewhere: -DMLIR_DIR=<prefix>/lib/cmake/mlir)")
  set(MXFP4_COMPILER OFF)
else()
  message(STATUS "Building with the compiler: ${MLIR_DIR}")
  set(MXFP4_COMPILER ON)
endif()
