# The pages of docs/: their command lines print what the page says, and the man pages list every
# option. (docs/use/python.md is run by the tests of the Python package.)
foreach(page install command-line tools)
    add_test(NAME docs/${page}
             COMMAND ${PROJECT_SOURCE_DIR}/tests/docs/page.sh ${PROJECT_SOURCE_DIR}/docs/use/${page}.md
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(docs/${page} PROPERTIES LABELS docs TIMEOUT ${LMS_TEST_SECONDS} ENVIRONMENT
        "LMS_BUILD=${PROJECT_BINARY_DIR};LMS_PYTHON=${LMS_PYTHON};LMS_CLITEST=${LMS_CLITEST}")
endforeach()
lms_pytest(docs ${CMAKE_CURRENT_LIST_DIR}/test_man.py)
lms_pytest(docs ${CMAKE_CURRENT_LIST_DIR}/test_pages.py)
lms_pytest(docs ${CMAKE_CURRENT_LIST_DIR}/test_run.py)

# The C of the pages is compiled as it stands: of c-library.md and
# requests.md as programs, which run, of the
# others as functions over what fragments.h declares.
set(guide ${PROJECT_BINARY_DIR}/guide)
file(MAKE_DIRECTORY ${guide})
function(lms_guide page out)
    add_custom_command(OUTPUT ${guide}/${out}
        COMMAND ${LMS_PYTHON} -B ${PROJECT_SOURCE_DIR}/tests/docs/guide.py ${page} ${guide}/${out} ${ARGN}
        DEPENDS ${PROJECT_SOURCE_DIR}/tests/docs/guide.py ${PROJECT_SOURCE_DIR}/${page}
        WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} VERBATIM)
endfunction()
lms_guide(docs/use/c-library.md c-library.c)
lms_guide(docs/use/c-library.md c-library.cpp)
lms_guide(docs/use/requests.md requests.c)
lms_guide(README.md readme.c fragments.h)
lms_guide(docs/use/beam-search.md beam-search.c fragments.h)
lms_guide(docs/use/contrastive-search.md contrastive-search.c fragments.h)
foreach(page c-library requests)
    add_executable(guide-${page} ${guide}/${page}.c)
    target_compile_options(guide-${page} PRIVATE -UNDEBUG)
    target_link_libraries(guide-${page} PRIVATE lmsample lms_options Threads::Threads m)
    add_test(NAME docs/${page} COMMAND guide-${page})
endforeach()
add_library(guide_fragments OBJECT ${guide}/readme.c ${guide}/beam-search.c ${guide}/contrastive-search.c)
target_compile_options(guide_fragments PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Werror)
target_include_directories(guide_fragments PRIVATE ${PROJECT_SOURCE_DIR}/tests/docs)
target_link_libraries(guide_fragments PRIVATE lmsample)
add_custom_target(guide_cpp ALL DEPENDS ${guide}/c-library.cpp)
add_test(NAME docs/c-library-cpp COMMAND ${LMS_CXX} -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only
         -I${PROJECT_SOURCE_DIR}/include -I${OpenCL_INCLUDE_DIR} ${guide}/c-library.cpp)
set_tests_properties(docs/c-library docs/requests docs/c-library-cpp PROPERTIES LABELS docs TIMEOUT ${LMS_TEST_SECONDS})
