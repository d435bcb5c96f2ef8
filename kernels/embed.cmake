# Turns files into one C table, lmsi_files. -DFILES=a;b;... (below kernels/ or include/) -DOUTPUT=...
# Byte arrays rather than string literals: C11 promises only 4,095 characters of those.
set(arrays "")
set(entries "")
set(count 0)
foreach(file ${FILES})
    string(REGEX REPLACE "^.*/(kernels|include)/" "" name "${file}")
    file(READ "${file}" hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
    string(APPEND arrays "static const unsigned char file${count}[] = {\n${bytes}0x00};\n")
    string(APPEND entries "{\"${name}\", (const char *)file${count}, sizeof file${count} - 1},\n")
    math(EXPR count "${count} + 1")
endforeach()
file(WRITE "${OUTPUT}" "#include \"base/source.h\"\n${arrays}\nextern const lmsi_source lmsi_files[];\n"
     "extern const size_t lmsi_file_count;\nconst lmsi_source lmsi_files[] = {\n${entries}};\n"
     "const size_t lmsi_file_count = ${count};\n")
