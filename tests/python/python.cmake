# Tests of the Python package, as it lies in python/, on the library that was just built;
# included by ../CMakeLists.txt. An interpreter cannot load a library with sanitizers in it.
if(LMS_SANITIZE)
    return()
endif()

# What the C compiler makes of the records that the package declares.
add_executable(python_abi ${CMAKE_CURRENT_LIST_DIR}/abi.c
               ${CMAKE_CURRENT_LIST_DIR}/abi_searches.c)
target_link_libraries(python_abi PRIVATE lmsample lms_options)

file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test_*.py)
foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_test(NAME python/${name}
             COMMAND ${LMS_PYTHON} -B -m pytest -q -p no:cacheprovider --tb=short ${source}
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    # pytest ends with 5 where a file has skipped itself: a package that it needs is not there.
    set_tests_properties(python/${name} PROPERTIES LABELS python SKIP_RETURN_CODE 5 TIMEOUT ${LMS_TEST_SECONDS}
        ENVIRONMENT "LMSAMPLE_LIBRARY=$<TARGET_FILE:lmsample>;LMSAMPLE_ABI=$<TARGET_FILE:python_abi>;PYTHONPATH=${PROJECT_SOURCE_DIR}/python;PYTHONDONTWRITEBYTECODE=1")
endforeach()
