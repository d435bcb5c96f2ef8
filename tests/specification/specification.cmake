# The specification in Python, and the library compared with it; included by ../CMakeLists.txt.
# An interpreter cannot load a library with sanitizers in it.
if(LMS_SANITIZE)
    return()
endif()

add_library(specification_library SHARED ${CMAKE_CURRENT_LIST_DIR}/library.c)
set_target_properties(specification_library PROPERTIES C_VISIBILITY_PRESET default)
target_link_libraries(specification_library PRIVATE lmsample lms_options)

# The oracle's rows, which the page in Python is compared with too.
add_library(specification_oracle SHARED ${CMAKE_CURRENT_LIST_DIR}/../support/oracle.c
            ${CMAKE_CURRENT_LIST_DIR}/../support/oracle_arith.c ${CMAKE_CURRENT_LIST_DIR}/../support/oracle_draw.c
            ${CMAKE_CURRENT_LIST_DIR}/../support/oracle_reach.c)
target_compile_options(specification_oracle PRIVATE -ffp-contract=off) # the oracle rounds every step
set_target_properties(specification_oracle PROPERTIES C_VISIBILITY_PRESET default)
target_link_libraries(specification_oracle PRIVATE lms_options m)

# Those that make more cases when they are slow say so by containing the word LMS_SPECIFICATION_SLOW.
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test_*.py)
foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    file(STRINGS ${source} slow REGEX LMS_SPECIFICATION_SLOW LIMIT_COUNT 1)
    foreach(label specification slow)
        if(label STREQUAL specification OR slow)
            add_test(NAME ${label}/${name}
                     COMMAND ${LMS_PYTHON} -B -m pytest -q -p no:cacheprovider --tb=short ${source}
                     WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
            set_tests_properties(${label}/${name} PROPERTIES LABELS ${label} TIMEOUT 3600 ENVIRONMENT
                "LMS_SPECIFICATION_LIBRARY=$<TARGET_FILE:specification_library>;LMS_SPECIFICATION_ORACLE=$<TARGET_FILE:specification_oracle>;LMS_SPECIFICATION_SLOW=$<STREQUAL:${label},slow>")
        endif()
    endforeach()
endforeach()
