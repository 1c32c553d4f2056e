# One helper per layer. A library may link what its layer may see, and no more;
# test/Layering checks the includes in the same way.

set(_mxfp4_core_may_link core)
set(_mxfp4_runtime_may_link core runtime)
set(_mxfp4_command_may_link core runtime command)
set(_mxfp4_compiler_may_link core compiler llvm)
set(_mxfp4_driver_may_link core runtime compiler driver llvm)

function(_add_mxfp4_library layer name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK_LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  set_target_properties(${name} PROPERTIES MXFP4_LAYER ${layer})
  foreach(library IN LISTS ARG_LINK_LIBS)
    if(library MATCHES "^MXFP4")
      get_target_property(other ${library} MXFP4_LAYER)
    elseif(library MATCHES "^(MLIR|LLVM|lld)")
      set(other llvm)
    else()
      continue()
    endif()
    if(NOT other IN_LIST _mxfp4_${layer}_may_link)
      message(FATAL_ERROR
        "${name} is of layer ${layer} and may not link ${library} of ${other}")
    endif()
  endforeach()
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  target_link_libraries(${name} PUBLIC ${ARG_LINK_LIBS})
endfunction()

# Plain C++17: no MLIR, no LLVM, no device.
function(add_mxfp4_core_library name)
  _add_mxfp4_library(core ${name} ${ARGN})
endfunction()

# Runs Programs: core only.
function(add_mxfp4_runtime_library name)
  _add_mxfp4_library(runtime ${name} ${ARGN})
  target_link_libraries(${name} PUBLIC Threads::Threads ${CMAKE_DL_LIBS})
endfunction()

# What tools share: core and runtime.
function(add_mxfp4_command_library name)
  _add_mxfp4_library(command ${name} ${ARGN})
endfunction()

# Makes Programs: core and MLIR. Only the shared libMLIR and libLLVM are linked:
# the archives that their exports also name hold second copies of every TypeID.
function(add_mxfp4_compiler_library name)
  _add_mxfp4_library(compiler ${name} ${ARGN})
  target_include_directories(${name} SYSTEM PUBLIC
    ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_link_libraries(${name} PUBLIC MLIR LLVM)
  if(NOT LLVM_ENABLE_RTTI)
    target_compile_options(${name} PRIVATE -fno-rtti)
  endif()
endfunction()

# Sees both sides.
function(add_mxfp4_driver_library name)
  _add_mxfp4_library(driver ${name} ${ARGN})
endfunction()

# An extension module of the Python package mxfp4, which sees all layers.
function(add_mxfp4_python_module name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  # Without pybind11's link-time optimization, which not every linker can do.
  pybind11_add_module(${name} MODULE NO_EXTRAS ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS})
  target_compile_definitions(${name} PRIVATE
    MXFP4_VERSION="${PROJECT_VERSION}")
  set_target_properties(${name} PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${MXFP4_PYTHON_DIR}/mxfp4)
  install(TARGETS ${name} LIBRARY DESTINATION mxfp4 COMPONENT python)
  add_dependencies(mxfp4-python ${name})
endfunction()

# A GoogleTest program, run by ctest and built by check-mxfp4.
function(add_mxfp4_unit_test name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS} GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_property(GLOBAL APPEND PROPERTY MXFP4_TEST_PROGRAMS ${name})
endfunction()
