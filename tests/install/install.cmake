# The installed library and program, from outside: included by ../CMakeLists.txt.
# A sanitizer's library would want its flags in the programs outside.
find_program(LMS_READELF NAMES ${CMAKE_READELF} readelf)
find_program(LMS_PKG_CONFIG NAMES pkg-config pkgconf)
if(NOT LMS_READELF OR NOT LMS_PKG_CONFIG OR NOT LMS_CXX)
    message(FATAL_ERROR "The tests need readelf, pkg-config and a C++ compiler")
endif()
if(LMS_INSTALL AND LMS_BUILD_CLI AND NOT LMS_SANITIZE)
    lms_pytest(install ${CMAKE_CURRENT_LIST_DIR}/test_install.py)
    set_property(TEST install/test_install APPEND PROPERTY ENVIRONMENT
        LMS_CMAKE=${CMAKE_COMMAND} LMS_CC=${CMAKE_C_COMPILER} LMS_CXX=${LMS_CXX}
        LMS_NM=${CMAKE_NM} LMS_STRIP=${CMAKE_STRIP} LMS_READELF=${LMS_READELF}
        LMS_PKG_CONFIG=${LMS_PKG_CONFIG} LMS_LIBDIR=${CMAKE_INSTALL_LIBDIR})
endif()
