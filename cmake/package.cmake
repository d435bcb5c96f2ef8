# `cpack -G DEB`: Debian packages, one for each component. ./run package calls it.
set(LMS_MAINTAINER "lmsample maintainers <maintainers@lmsample.example>" CACHE STRING
    "Maintainer of the Debian packages")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR lmsample)
set(CPACK_PACKAGE_CONTACT ${LMS_MAINTAINER})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
    GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL runtime dev)
if(LMS_BUILD_CLI)
    list(APPEND CPACK_COMPONENTS_ALL tools)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each component's first line is its own
set(LMS_ABOUT "lmsample turns a batch of logits on an OpenCL device into tokens:
greedy, temperature, top-k, top-p and min-p in any mix, each row with its
own parameters and seed. Results are the same, bit for bit, on every
device.")

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME liblmsample0)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS "pocl-opencl-icd | opencl-icd")
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "batched LLM token sampling on OpenCL - shared library
${LMS_ABOUT}\n\nThis package has the shared library.")
set(LMS_DEBIAN ${PROJECT_BINARY_DIR}/debian)
# What a program linked with the library depends on: a later version may have more functions.
file(WRITE ${LMS_DEBIAN}/shlibs "liblmsample 0 liblmsample0 (>= ${PROJECT_VERSION})\n")
file(WRITE ${LMS_DEBIAN}/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${LMS_DEBIAN}/shlibs ${LMS_DEBIAN}/triggers)

set(CPACK_DEBIAN_DEV_PACKAGE_NAME liblmsample-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "liblmsample0 (= ${PROJECT_VERSION}), \
ocl-icd-opencl-dev | opencl-dev, opencl-headers")
set(CPACK_COMPONENT_DEV_DESCRIPTION "batched LLM token sampling on OpenCL - development files
${LMS_ABOUT}\n\nThis package has the headers, the static library, the files for CMake
and pkg-config, the manual pages and the documentation.")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME lmsample)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION science)
set(CPACK_DEBIAN_TOOLS_PACKAGE_RECOMMENDS "pocl-opencl-icd | opencl-icd")
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "batched LLM token sampling on OpenCL - command line
${LMS_ABOUT}\n\nThis package has the program.")

set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian/prepare.cmake)
# What that script reads.
set(CPACK_LMS_DEBIAN ${LMS_DEBIAN})
set(CPACK_LMS_LIBDIR ${CMAKE_INSTALL_LIBDIR})
string(TIMESTAMP LMS_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(cmake/debian/changelog.in ${LMS_DEBIAN}/changelog @ONLY)
configure_file(cmake/debian/copyright ${LMS_DEBIAN}/copyright COPYONLY)
include(CPack)
