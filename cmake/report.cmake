# What the report's pages are made of, as C files of bytes: MOTE_EMBEDDED. Our own parts are in src/report; charts of lines and
# bars are drawn by D3 as the system has it (Debian: node-d3), which is carried only together with its licence.
find_file(MOTE_D3 d3.min.js PATHS /usr/share/nodejs/d3/dist DOC "D3, which draws the charts of reports")
find_file(MOTE_D3_LICENSE copyright PATHS /usr/share/doc/node-d3 DOC "D3's licence")
set(MOTE_D3_CARRIED OFF)
set(library "")
set(license "")
if(MOTE_D3 AND MOTE_D3_LICENSE)
  set(MOTE_D3_CARRIED ON)
  set(library ${MOTE_D3})
  set(license ${MOTE_D3_LICENSE})
else()
  message(STATUS "D3 or its licence not found: reports will have tables and no charts")
endif()

function(mote_embed name input)
  set(output ${CMAKE_BINARY_DIR}/embedded/${name}.c)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${input} -DNAME=${name} -DOUTPUT=${output} -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${input} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake COMMENT "Embedding ${name}" VERBATIM)
  set(MOTE_EMBEDDED ${MOTE_EMBEDDED} ${output} PARENT_SCOPE)
endfunction()

foreach(part page.html page.css page.js drawing.js charts.js ribbon.js raster.js structure.js maps.js study.js)
  string(REPLACE "." "_" name ${part})
  mote_embed(${name} ${CMAKE_SOURCE_DIR}/src/report/${part})
endforeach()
mote_embed(d3 "${library}")
mote_embed(d3_license "${license}")
