# Turns a file into C: cmake -DINPUT=FILE -DNAME=page_css -DOUTPUT=FILE.c -P embed.cmake gives the bytes as
# mote_embedded_page_css (src/base/embedded.h). Without INPUT there are none.
set(bytes "")
set(size 0)
if(INPUT)
  file(READ "${INPUT}" bytes HEX)
  string(LENGTH "${bytes}" size)
  math(EXPR size "${size} / 2")
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
endif()
file(WRITE "${OUTPUT}" "/* Generated. */\n#include \"base/embedded.h\"\n\n"
     "extern const mote_embedded mote_embedded_${NAME};\n\n"
     "static const unsigned char bytes[] = {${bytes}0};\n\n"
     "const mote_embedded mote_embedded_${NAME} = {bytes, ${size}};\n")
