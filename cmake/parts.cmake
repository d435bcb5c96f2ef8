# Which parts are built besides the library. LMS_BUILD_<PART> is ON (what the part needs has to be
# there), OFF, or AUTO: built if that is there, otherwise left out with a message. Afterwards each
# is ON or OFF, and the variables of what was looked for are set.
set(LMS_PART_DEFAULT OFF)
if(LMS_TOP_LEVEL)
    set(LMS_PART_DEFAULT AUTO)
endif()

# A project around this one may set the variable instead of the cache's.
macro(lms_part_option part text)
    if(DEFINED CACHE{LMS_BUILD_${part}} OR NOT DEFINED LMS_BUILD_${part})
        set(LMS_BUILD_${part} ${LMS_PART_DEFAULT} CACHE STRING "Build ${text}: ON, OFF or AUTO")
        set_property(CACHE LMS_BUILD_${part} PROPERTY STRINGS AUTO ON OFF)
    endif()
endmacro()

# lms_decide(PART NAME VARIABLE:WHAT...): WHAT is missing if the variable is false.
function(lms_decide part name)
    if(NOT LMS_BUILD_${part})
        return()
    endif()
    set(missing "")
    foreach(need ${ARGN})
        string(REGEX MATCH "^([A-Za-z_]+):(.*)$" need "${need}")
        if(NOT ${CMAKE_MATCH_1})
            list(APPEND missing "${CMAKE_MATCH_2}")
        endif()
    endforeach()
    string(REPLACE ";" ", " missing "${missing}")
    if(missing STREQUAL "")
        set(LMS_BUILD_${part} ON PARENT_SCOPE)
    elseif(LMS_BUILD_${part} STREQUAL AUTO)
        message(STATUS "lmsample: ${name} left out, for want of: ${missing}")
        set(LMS_BUILD_${part} OFF PARENT_SCOPE)
    else()
        message(FATAL_ERROR "LMS_BUILD_${part} is ${LMS_BUILD_${part}}, and this is missing: "
                            "${missing}")
    endif()
endfunction()

# An interpreter that has what the tests in Python need; ./run tries the same two.
function(lms_find_python)
    if(LMS_PYTHON)
        return()
    endif()
    foreach(candidate python3 /usr/bin/python3)
        execute_process(COMMAND ${candidate} -c "import numpy, pytest, setuptools, wheel, pip"
                        RESULT_VARIABLE lacking OUTPUT_QUIET ERROR_QUIET)
        if(NOT lacking)
            find_program(LMS_PYTHON ${candidate})
            return()
        endif()
    endforeach()
endfunction()

lms_part_option(EXAMPLES "the examples")
lms_part_option(CLI "the command line")
lms_part_option(BENCH "the benchmarks")
lms_part_option(TESTS "the tests")

if(LMS_BUILD_EXAMPLES OR LMS_BUILD_CLI OR LMS_BUILD_BENCH)
    find_library(JSON_C_LIBRARY json-c)
    find_path(JSON_C_INCLUDE_DIR json-c/json.h)
endif()
if(LMS_BUILD_CLI)
    find_library(CSV_LIBRARY csv)
    find_path(CSV_INCLUDE_DIR csv.h)
endif()
if(LMS_BUILD_TESTS)
    find_library(CMOCKA_LIBRARY cmocka)
    find_path(CMOCKA_INCLUDE_DIR cmocka.h)
    find_program(LMS_CXX NAMES c++ g++ clang++)
    find_program(LMS_READELF NAMES ${CMAKE_READELF} readelf)
    find_program(LMS_PKG_CONFIG NAMES pkg-config pkgconf)
    find_program(LMS_CLITEST clitest)
    lms_find_python()
endif()

set(json_c JSON_C_LIBRARY:libjson-c JSON_C_INCLUDE_DIR:json-c/json.h)
lms_decide(EXAMPLES "the examples are" ${json_c})
lms_decide(CLI "the command line is" ${json_c} CSV_LIBRARY:libcsv CSV_INCLUDE_DIR:csv.h)
lms_decide(BENCH "the benchmarks are" ${json_c})
lms_decide(TESTS "the tests are" "LMS_BUILD_CLI:the command line" "LMS_BUILD_EXAMPLES:the examples"
           CMOCKA_LIBRARY:libcmocka CMOCKA_INCLUDE_DIR:cmocka.h "LMS_CXX:a C++ compiler"
           LMS_READELF:readelf LMS_PKG_CONFIG:pkg-config LMS_CLITEST:clitest
           "LMS_PYTHON:Python 3 with numpy pytest setuptools wheel and pip")
