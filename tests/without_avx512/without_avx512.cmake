# Tests once more as on a CPU without AVX-512, which most have: other vectors, other shapes of the kernels, other
# warnings of the runtime's compiler. preload.c takes AVX-512 out of what pocl hears of the CPU. Not under sanitizers,
# whose runtime must be loaded first.
set(LMS_HAS_AVX512 0)
if(EXISTS /proc/cpuinfo)
    file(STRINGS /proc/cpuinfo flags REGEX "^flags.* avx512f " LIMIT_COUNT 1)
    if(flags AND NOT LMS_SANITIZE)
        set(LMS_HAS_AVX512 1)
    endif()
endif()
if(NOT LMS_HAS_AVX512)
    message(STATUS "No tests as on a CPU without AVX-512: this one has none, or there are sanitizers")
    return()
endif()
add_library(lms_without_avx512 MODULE without_avx512/preload.c)
target_link_libraries(lms_without_avx512 PRIVATE lms_options ${CMAKE_DL_LIBS})
set_target_properties(lms_without_avx512 PROPERTIES C_VISIBILITY_PRESET default)
foreach(name kernel/test_certain kernel/test_speed inside/test_quiet_compiler)
    get_filename_component(program ${name} NAME)
    add_test(NAME without_avx512/${program} COMMAND ${program} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(without_avx512/${program} PROPERTIES LABELS kernel TIMEOUT ${LMS_TEST_SECONDS} SKIP_RETURN_CODE 77
        ENVIRONMENT "LD_PRELOAD=$<TARGET_FILE:lms_without_avx512>;LMS_TEST_WITHOUT_AVX512=1")
endforeach()
