# The installed library and program, from outside: included by ../CMakeLists.txt.
lms_pytest(install ${CMAKE_CURRENT_LIST_DIR}/test_configure.py)
set_property(TEST install/test_configure APPEND PROPERTY ENVIRONMENT LMS_CMAKE=${CMAKE_COMMAND}
             LMS_CC=${CMAKE_C_COMPILER} "LMS_OPENCL=${OpenCL_INCLUDE_DIR}|${OpenCL_LIBRARY}")

# A sanitizer's library would want its flags in the programs outside.
if(LMS_INSTALL AND NOT LMS_SANITIZE)
    lms_pytest(install ${CMAKE_CURRENT_LIST_DIR}/test_install.py)
    set_property(TEST install/test_install APPEND PROPERTY ENVIRONMENT
        LMS_CMAKE=${CMAKE_COMMAND} LMS_CC=${CMAKE_C_COMPILER} LMS_CXX=${LMS_CXX}
        LMS_NM=${CMAKE_NM} LMS_STRIP=${CMAKE_STRIP} LMS_READELF=${LMS_READELF}
        LMS_PKG_CONFIG=${LMS_PKG_CONFIG} LMS_LIBDIR=${CMAKE_INSTALL_LIBDIR})
endif()
