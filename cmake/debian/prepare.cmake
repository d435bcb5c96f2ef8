# Run by cpack over what it is about to pack: lays it out as Debian's policy wants it.
set(top ${CPACK_TEMPORARY_DIRECTORY})

function(compress file)
    execute_process(COMMAND gzip -9nf ${file} RESULT_VARIABLE failed)
    if(failed)
        message(FATAL_ERROR "gzip ${file}: ${failed}")
    endif()
endfunction()

foreach(component ${CPACK_COMPONENTS_ALL})
    string(TOUPPER ${component} upper)
    set(prefix ${top}/${component}/usr)
    set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
    set(doc ${prefix}/share/doc/${package})
    file(COPY ${CPACK_LMS_DEBIAN}/copyright ${CPACK_LMS_DEBIAN}/changelog DESTINATION ${doc}
         NO_SOURCE_PERMISSIONS)
    compress(${doc}/changelog)
    set(overrides ${prefix}/share/lintian/overrides)
    if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/${package}.overrides)
        file(COPY ${CMAKE_CURRENT_LIST_DIR}/${package}.overrides DESTINATION ${overrides}
             NO_SOURCE_PERMISSIONS)
        file(RENAME ${overrides}/${package}.overrides ${overrides}/${package})
    endif()
    # The copyright file stands for it.
    file(GLOB_RECURSE licenses ${prefix}/share/doc/LICENSE)
    if(licenses)
        file(REMOVE ${licenses})
    endif()
    file(GLOB pages ${prefix}/share/man/man*/*.[0-9])
    foreach(page ${pages})
        compress(${page})
    endforeach()
endforeach()

set(zsh ${top}/tools/usr/share/zsh)
if(EXISTS ${zsh}/site-functions)
    file(RENAME ${zsh}/site-functions ${zsh}/vendor-completions)
endif()

# In the system's own folders, the plain names are those that pkg-config leaves out.
file(GLOB file ${top}/dev/usr/${CPACK_LMS_LIBDIR}/pkgconfig/lmsample.pc)
file(READ ${file} text)
string(REGEX REPLACE "^prefix=[^\n]*" "prefix=/usr" text "${text}")
file(WRITE ${file} "${text}")
