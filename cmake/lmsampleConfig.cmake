# The shared library lmsample::lmsample and the static one lmsample::lmsample_static.
include(CMakeFindDependencyMacro)
find_dependency(OpenCL)
find_dependency(Threads) # the static library's
include(${CMAKE_CURRENT_LIST_DIR}/lmsampleTargets.cmake)
