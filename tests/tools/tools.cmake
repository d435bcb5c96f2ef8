# Tests of python3 -m lmsample, as it lies in python/, on the library that was just built; included
# by ../CMakeLists.txt. What needs packages that Debian has not is skipped where they are missing:
# ./run test engines tools installs them.
if(LMS_SANITIZE)
    return() # an interpreter cannot load a library with sanitizers in it
endif()
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test_*.py)
foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_test(NAME tools/${name}
             COMMAND ${LMS_PYTHON} -B -m pytest -q -p no:cacheprovider --tb=short ${source}
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(tools/${name} PROPERTIES LABELS tools TIMEOUT ${LMS_TEST_SECONDS}
        ENVIRONMENT "LMSAMPLE_LIBRARY=$<TARGET_FILE:lmsample>;PYTHONPATH=${PROJECT_SOURCE_DIR}/python;PYTHONDONTWRITEBYTECODE=1")
endforeach()
