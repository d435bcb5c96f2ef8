# Turns a kernel file into a C array. -DINPUT=... -DOUTPUT=... -DNAME=... (C identifier) -DLABEL=...
# A byte array rather than a string literal: C11 promises only 4,095 characters of those.
file(READ "${INPUT}" hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE "${OUTPUT}" "#include \"source.h\"\n"
     "static const unsigned char text[] = {\n${bytes}0x00};\n"
     "const lmsi_source lmsi_source_${NAME} = {\"${LABEL}\", (const char *)text, sizeof text - 1};\n")
