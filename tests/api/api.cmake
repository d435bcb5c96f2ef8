# What the programs of this folder and of ../inside need beyond the others'; included by ../CMakeLists.txt.
set(LMS_API_DIR ${CMAKE_CURRENT_LIST_DIR})
file(GLOB LMS_API_CALLS CONFIGURE_DEPENDS ${LMS_API_DIR}/calls/*.c)
add_library(lms_api_rig STATIC ${LMS_API_CALLS} ${LMS_API_DIR}/rig.c ${LMS_API_DIR}/host_rig.c
            ${LMS_API_DIR}/cache_rig.c ${LMS_API_DIR}/recording_rig.c
            ${LMS_API_DIR}/request_rig.c ${LMS_API_DIR}/beam_host_rig.c
            ${LMS_API_DIR}/contrastive_host_rig.c ${LMS_API_DIR}/trace.c)
target_include_directories(lms_api_rig PUBLIC ${LMS_API_DIR})
target_link_libraries(lms_api_rig PUBLIC lms_test_support)

# The library's objects once more, for programs that hook the calls it makes.
file(GLOB_RECURSE LMS_HOST_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/host/*.c)
add_library(lms_hooked OBJECT ${LMS_HOST_SOURCES} ${LMS_API_DIR}/hooks.c
            ${LMS_API_DIR}/hooks_commands.c ${LMS_API_DIR}/hooks_device.c
            ${LMS_API_DIR}/hooks_memory.c ${LMS_API_DIR}/faults.c)
target_include_directories(lms_hooked PRIVATE ${PROJECT_SOURCE_DIR}/include
                           ${PROJECT_SOURCE_DIR}/host ${PROJECT_SOURCE_DIR}/kernels ${PROJECT_SOURCE_DIR})
# Sanitizers' libraries call the wrapped allocations too, and must find them.
set_target_properties(lms_hooked PROPERTIES C_VISIBILITY_PRESET default)
target_link_libraries(lms_hooked PRIVATE OpenCL::OpenCL lms_options Threads::Threads)
set(hooks "")
foreach(source hooks.c hooks_commands.c hooks_device.c hooks_memory.c)
    file(STRINGS ${LMS_API_DIR}/${source} lines
         REGEX "^(cl_|void).*__wrap_|^HOOK_(CODE|INFO|NEW|EVENT)\\(cl")
    list(APPEND hooks ${lines})
endforeach()
set(wraps "")
foreach(line ${hooks})
    string(REGEX MATCH "__wrap_([A-Za-z]+)|^HOOK_[A-Z]+\\((cl[A-Za-z]+)" matched "${line}")
    list(APPEND wraps "-Wl,--wrap=${CMAKE_MATCH_1}${CMAKE_MATCH_2}")
endforeach()
list(REMOVE_DUPLICATES wraps)

set(hooked_programs "")
file(GLOB sources CONFIGURE_DEPENDS ${LMS_API_DIR}/test_*.c ${LMS_API_DIR}/../inside/test_*.c)
foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    file(STRINGS ${source} hooked REGEX "include \"hooks.h\"" LIMIT_COUNT 1)
    set(is_inside OFF)
    if(source MATCHES "/inside/")
        set(is_inside ON)
        target_include_directories(${name} BEFORE PRIVATE ${LMS_API_DIR} ${PROJECT_SOURCE_DIR}/host
                                   ${PROJECT_SOURCE_DIR}/kernels ${PROJECT_SOURCE_DIR})
    endif()
    if(hooked)
        target_sources(${name} PRIVATE $<TARGET_OBJECTS:lms_hooked>
                       $<TARGET_OBJECTS:lms_kernels>)
        target_link_libraries(${name} PRIVATE ${wraps} OpenCL::OpenCL)
    elseif(is_inside)
        target_link_libraries(${name} PRIVATE lmsample_static)
    endif()
    if(hooked OR is_inside)
        list(APPEND hooked_programs ${name})
        lms_require_fresh(hooked ${name})
    endif()
    target_link_libraries(${name} PRIVATE lms_api_rig)
endforeach()
lms_fresh(hooked ${hooked_programs})

set(LMS_HEADERS ${PROJECT_SOURCE_DIR}/include/lmsample.h ${PROJECT_SOURCE_DIR}/include/lms_beam.h
    ${PROJECT_SOURCE_DIR}/include/lms_contrastive.h
    ${PROJECT_SOURCE_DIR}/include/lms_recording.h ${PROJECT_SOURCE_DIR}/include/lms_tuning.h
    ${PROJECT_SOURCE_DIR}/include/lms_slots.h)
foreach(part api:few slow:all)
    string(REPLACE ":" ";" part ${part})
    list(GET part 0 label)
    list(GET part 1 choice)
    add_test(NAME ${label}/headers COMMAND ${LMS_API_DIR}/headers.sh ${choice})
    set_tests_properties(${label}/headers PROPERTIES LABELS ${label} TIMEOUT ${LMS_TEST_SECONDS}
        ENVIRONMENT "CC=${CMAKE_C_COMPILER};CXX=${LMS_CXX}")
endforeach()

# A sanitizer's library would want its flags in these programs.
if(NOT LMS_SANITIZE)
    foreach(part api:few slow:all)
        string(REPLACE ":" ";" part ${part})
        list(GET part 0 label)
        list(GET part 1 choice)
        add_test(NAME ${label}/cpp COMMAND ${LMS_API_DIR}/cpp.sh ${choice} $<TARGET_FILE:lmsample>
                 ${LMS_API_DIR}/minimal.txt)
        set_tests_properties(${label}/cpp PROPERTIES LABELS ${label} TIMEOUT ${LMS_TEST_SECONDS}
            SKIP_REGULAR_EXPRESSION "SKIP: ")
    endforeach()
endif()

if(CMAKE_NM)
    add_test(NAME api/symbols COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM}
             -DLIBRARY=$<TARGET_FILE:lmsample> "-DHEADERS=${LMS_HEADERS}"
             -P ${LMS_API_DIR}/symbols.cmake
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(api/symbols PROPERTIES LABELS api)
endif()

if(LMS_BUILD_EXAMPLES)
    add_test(NAME api/minimal COMMAND ${CMAKE_COMMAND} -DPAGE=${PROJECT_SOURCE_DIR}/docs/use/c-library.md
             -DSOURCE=${PROJECT_SOURCE_DIR}/examples/minimal.c -DPROGRAM=$<TARGET_FILE:minimal>
             -DEXPECTED=${LMS_API_DIR}/minimal.txt -P ${LMS_API_DIR}/minimal.cmake
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(api/minimal PROPERTIES LABELS api SKIP_REGULAR_EXPRESSION "SKIP: ")
endif()
