# Installs README.md and docs/, with the links among them as they are. What a link to a file that
# is not installed says stays, without the link.
set(LMS_PAGES_DIR ${PROJECT_BINARY_DIR}/pages)

# lms_install_page(FILE KEPT): KEPT matches the targets that are installed, as FILE names them.
function(lms_install_page file kept)
    set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${PROJECT_SOURCE_DIR}/${file} text)
    string(ASCII 1 mark)
    string(REGEX REPLACE "\\]\\((${kept})([)#])" "]${mark}\\1\\2" text "${text}")
    string(REGEX REPLACE "\\[([^][]*)\\]\\([^)#:][^):]*\\)" "\\1" text "${text}")
    string(REPLACE "]${mark}" "](" text "${text}")
    file(WRITE ${LMS_PAGES_DIR}/${file} "${text}")
    get_filename_component(folder ${file} DIRECTORY)
    install(FILES ${LMS_PAGES_DIR}/${file} DESTINATION ${CMAKE_INSTALL_DOCDIR}/${folder} COMPONENT dev)
endfunction()

file(GLOB pages RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/use/*.md
     ${PROJECT_SOURCE_DIR}/docs/reference/*.md ${PROJECT_SOURCE_DIR}/docs/develop/*.md)
file(GLOB pictures CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/pictures/*)
lms_install_page(README.md "docs/[a-z]+/[a-z-]+\\.[a-z]+|docs/[a-z-]+\\.md|CHANGELOG\\.md|examples/minimal\\.c")
lms_install_page(docs/engines.md "[a-z]+/[a-z-]+\\.[a-z]+|../README\\.md|../CHANGELOG\\.md")
foreach(page ${pages})
    lms_install_page(${page} "[a-z-]+\\.md|../[a-z]+/[a-z-]+\\.[a-z]+|\
../../README\\.md|../../CHANGELOG\\.md|../../examples/minimal\\.c")
endforeach()
install(FILES ${pictures} DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs/pictures COMPONENT dev)
install(FILES CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT dev)
