# One helper per layer. A helper links only what its layer may use, so an
# include that points the wrong way fails to compile or link; test/Layering
# reads the includes as well.

function(_add_mxfp4_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK_LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  target_link_libraries(${name} PUBLIC ${ARG_LINK_LIBS})
endfunction()

# Plain C++17: no MLIR, no LLVM, no device.
function(add_mxfp4_core_library name)
  _add_mxfp4_library(${name} ${ARGN})
endfunction()

# Runs Programs: core only.
function(add_mxfp4_runtime_library name)
  _add_mxfp4_library(${name} ${ARGN})
  target_link_libraries(${name} PUBLIC Threads::Threads ${CMAKE_DL_LIBS})
endfunction()

# Makes Programs: core and MLIR. Only the shared libMLIR and libLLVM are linked:
# the archives that their exports also name hold second copies of every TypeID.
function(add_mxfp4_compiler_library name)
  _add_mxfp4_library(${name} ${ARGN})
  target_include_directories(${name} SYSTEM PUBLIC
    ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_link_libraries(${name} PUBLIC MLIR LLVM)
endfunction()

# Sees both sides.
function(add_mxfp4_driver_library name)
  _add_mxfp4_library(${name} ${ARGN})
endfunction()

# A GoogleTest program test/Unit/<name>, run by ctest.
function(add_mxfp4_unit_test name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS} GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
