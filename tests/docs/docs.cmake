# The pages of docs/: their command lines print what the page says, and the man pages list every
# option. (docs/use/python.md is run by the tests of the Python package.)
foreach(page install command-line)
    add_test(NAME docs/${page}
             COMMAND ${PROJECT_SOURCE_DIR}/tests/docs/page.sh ${PROJECT_SOURCE_DIR}/docs/use/${page}.md
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(docs/${page} PROPERTIES LABELS docs TIMEOUT ${LMS_TEST_SECONDS} ENVIRONMENT
        "LMS_BUILD=${PROJECT_BINARY_DIR};LMS_PYTHON=${LMS_PYTHON};LMS_CLITEST=${LMS_CLITEST}")
endforeach()
lms_pytest(docs ${CMAKE_CURRENT_LIST_DIR}/test_man.py)
lms_pytest(docs ${CMAKE_CURRENT_LIST_DIR}/test_pages.py)
lms_pytest(docs ${CMAKE_CURRENT_LIST_DIR}/test_run.py)
