# What `cmake --install <build> --component development` gives other projects:
# the dialects, passes and pipelines for find_package(MXFP4), mxfp4-opt and the
# plugin. They link MXFP4::MXFP4Pipelines, or in C MXFP4::MXFP4CAPI;
# examples/embed is such a project.

include(CMakePackageConfigHelpers)

set(libraries
  MXFP4ABI
  MXFP4ConversionUtils
  MXFP4Dialect
  MXFP4EntryPoints
  MXFP4Format
  MXFP4Launches
  MXFP4NNDialect
  MXFP4NNToGPU
  MXFP4NNToLinalg
  MXFP4NNToVector
  MXFP4NarrowFloats
  MXFP4Pipelines
  MXFP4Probes
  MXFP4Support
  MXFP4ToGPU
  MXFP4ToLinalg
  MXFP4ToScalingExtF
  MXFP4ToTosa
  MXFP4ToVector
  MXFP4Transforms
)
foreach(library IN LISTS libraries)
  target_include_directories(${library} INTERFACE $<INSTALL_INTERFACE:include>)
endforeach()
install(TARGETS ${libraries} EXPORT MXFP4Targets
  ARCHIVE DESTINATION lib COMPONENT development)
install(TARGETS MXFP4CAPI EXPORT MXFP4Targets
  LIBRARY DESTINATION lib COMPONENT development)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/mxfp4-c DESTINATION include
  COMPONENT development)
# The headers of these libraries, and no others.
foreach(folder ABI Conversion Dialect Format Pipelines Support)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/mxfp4/${folder}
    DESTINATION include/mxfp4 COMPONENT development
    FILES_MATCHING PATTERN "*.h" PATTERN "*.td")
endforeach()
install(DIRECTORY ${PROJECT_BINARY_DIR}/include/mxfp4 DESTINATION include
  COMPONENT development
  FILES_MATCHING PATTERN "*.inc" PATTERN "CMakeFiles" EXCLUDE)

set(config_dir lib/cmake/MXFP4)
install(EXPORT MXFP4Targets NAMESPACE MXFP4:: DESTINATION ${config_dir}
  COMPONENT development)
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/MXFP4Config.cmake.in
  ${PROJECT_BINARY_DIR}/cmake/MXFP4Config.cmake
  INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/cmake/MXFP4ConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/cmake/MXFP4Config.cmake
  ${PROJECT_BINARY_DIR}/cmake/MXFP4ConfigVersion.cmake
  DESTINATION ${config_dir} COMPONENT development)
