# Turns files into one C table of names, texts and sizes, and their number.
# -DFILES=a;b;... -DBASE=regex (what comes before the names) -DOUTPUT=file.c -DHEADER=file.h (that
# has the type) -DTYPE=type -DTABLE=name -DCOUNT=name
# Byte arrays rather than string literals: C11 promises only 4,095 characters of those.
set(arrays "")
set(entries "")
set(count 0)
foreach(file ${FILES})
    string(REGEX REPLACE "^.*/(${BASE})/" "" name "${file}")
    file(READ "${file}" hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
    string(APPEND arrays "static const unsigned char file${count}[] = {\n${bytes}0x00};\n")
    string(APPEND entries "{\"${name}\", (const char *)file${count}, sizeof file${count} - 1},\n")
    math(EXPR count "${count} + 1")
endforeach()
file(WRITE "${OUTPUT}" "#include \"${HEADER}\"\n${arrays}\nextern const ${TYPE} ${TABLE}[];\n"
     "extern const size_t ${COUNT};\nconst ${TYPE} ${TABLE}[] = {\n${entries}};\n"
     "const size_t ${COUNT} = ${count};\n")
