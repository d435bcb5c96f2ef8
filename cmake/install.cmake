# What `cmake --install` installs, in the components runtime, dev and tools. All places are
# relative to the prefix, which may be chosen and moved after the configuration.
include(CMakePackageConfigHelpers)

install(TARGETS lmsample EXPORT lmsample
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev)
install(TARGETS lmsample_static EXPORT lmsample
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(FILES include/lmsample.h include/lmsample.hpp include/lms_beam.h include/lms_contrastive.h
              include/lms_abi.h include/lms_edits.h include/lms_filters.h include/lms_opencl.h include/lms_recording.h
              include/lms_slots.h include/lms_tables.h include/lms_tuning.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)

# find_package(lmsample)
set(LMS_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/lmsample)
install(EXPORT lmsample NAMESPACE lmsample:: FILE lmsampleTargets.cmake
        DESTINATION ${LMS_CMAKE_DIR} COMPONENT dev)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lmsampleConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES cmake/lmsampleConfig.cmake ${PROJECT_BINARY_DIR}/lmsampleConfigVersion.cmake
        DESTINATION ${LMS_CMAKE_DIR} COMPONENT dev)

# pkg-config
set(LMS_PC_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
foreach(place LIBDIR INCLUDEDIR DOCDIR)
    set(LMS_PC_${place} ${CMAKE_INSTALL_${place}})
    if(NOT IS_ABSOLUTE ${LMS_PC_${place}})
        set(LMS_PC_${place} "\${prefix}/${LMS_PC_${place}}")
    endif()
endforeach()
if(IS_ABSOLUTE ${LMS_PC_DIR})
    set(LMS_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
else()
    file(RELATIVE_PATH LMS_PC_PREFIX /prefix/${LMS_PC_DIR} /prefix)
    string(REGEX REPLACE "/$" "" LMS_PC_PREFIX "\${pcfiledir}/${LMS_PC_PREFIX}")
endif()
# Where the compiler does not look by itself.
set(LMS_PC_CFLAGS "")
set(LMS_PC_LIBS "")
if(NOT OpenCL_INCLUDE_DIR IN_LIST CMAKE_C_IMPLICIT_INCLUDE_DIRECTORIES)
    set(LMS_PC_CFLAGS " -I${OpenCL_INCLUDE_DIR}")
endif()
get_filename_component(directory ${OpenCL_LIBRARY} DIRECTORY)
get_filename_component(real_directory ${directory} REALPATH)
if(NOT directory IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES AND
   NOT real_directory IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
    set(LMS_PC_LIBS " -L${directory}")
endif()
configure_file(cmake/lmsample.pc.in ${PROJECT_BINARY_DIR}/lmsample.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/lmsample.pc DESTINATION ${LMS_PC_DIR} COMPONENT dev)

include(cmake/pages.cmake)
install(FILES examples/minimal.c examples/minimal.cpp cmake/example/CMakeLists.txt
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT dev)
file(GLOB pages CONFIGURE_DEPENDS docs/reference/man/*.3)
if(pages)
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT dev)
endif()
if(NOT LMS_BUILD_CLI)
    return()
endif()

install(TARGETS lmsample_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
file(GLOB pages CONFIGURE_DEPENDS docs/reference/man/*.1)
if(pages)
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT tools)
endif()

install(FILES cli/completion/lmsample.bash RENAME lmsample
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT tools)
install(FILES cli/completion/lmsample.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT tools)
install(FILES cli/completion/_lmsample
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT tools)
