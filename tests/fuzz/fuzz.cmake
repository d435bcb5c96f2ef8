# The fuzz targets. Without LMS_FUZZER each is a test that runs over its corpus, fuzz/<name>/;
# with it (clang only) each is a libFuzzer program: tests/check/fuzz.sh.
option(LMS_FUZZER "Make fuzzers of the fuzz targets, in the place of tests" OFF)

# lms_fuzz_target(NAME FILES...): fuzz_NAME.c and the files of cli/ that it calls.
function(lms_fuzz_target name)
    list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/cli/)
    add_executable(fuzz_${name} fuzz/fuzz_${name}.c fuzz/fuzz_message.c ${ARGN})
    target_include_directories(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/cli fuzz)
    target_link_libraries(fuzz_${name} PRIVATE lmsample_static lms_options ${JSON_C_LIBRARY} ${CSV_LIBRARY} m)
    if(LMS_FUZZER)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        return()
    endif()
    target_sources(fuzz_${name} PRIVATE fuzz/run_corpus.c)
    add_test(NAME unit/fuzz_${name}
             COMMAND fuzz_${name} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/${name})
    set_tests_properties(unit/fuzz_${name} PROPERTIES LABELS unit TIMEOUT ${LMS_TEST_SECONDS})
endfunction()

lms_fuzz_target(npy npy.c logits_file.c)
lms_fuzz_target(lists token_lists.c token_lists_csv.c json_file.c numbers.c npy_array.c npy.c)
lms_fuzz_target(params params_file.c params_json.c params_csv.c sampling.c
                request_fields.c numbers.c json_file.c)

# It calls the command line's own functions, without a device.
target_link_libraries(test_npy PRIVATE lms_cli)
