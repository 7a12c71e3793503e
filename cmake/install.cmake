# make install: libraries, headers, pkg-config file, CMake package, program, man page, completion. The component
# "python" is what a wheel holds: the shared library and the headers, beside the package's modules.
include(CMakePackageConfigHelpers)

set(MOTE_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/mote)
set(MOTE_PC_REQUIRES "jansson libxxhash")
if(LIBZIP_FOUND)
  string(APPEND MOTE_PC_REQUIRES ", libzip")
endif()
if(HTSLIB_FOUND)
  string(APPEND MOTE_PC_REQUIRES ", htslib")
endif()
# the pkg-config file finds its prefix from where it lies, so an installation can be moved
file(RELATIVE_PATH MOTE_PC_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_CURRENT_LIST_DIR}/mote.pc.in ${CMAKE_BINARY_DIR}/mote.pc @ONLY)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/moteConfig.cmake.in ${CMAKE_BINARY_DIR}/moteConfig.cmake
                              INSTALL_DESTINATION ${MOTE_PACKAGE_DIR})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/moteConfigVersion.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS mote_static mote_shared EXPORT moteTargets COMPONENT library)
install(EXPORT moteTargets NAMESPACE mote:: DESTINATION ${MOTE_PACKAGE_DIR} COMPONENT library)
install(FILES ${CMAKE_BINARY_DIR}/moteConfig.cmake ${CMAKE_BINARY_DIR}/moteConfigVersion.cmake
        DESTINATION ${MOTE_PACKAGE_DIR} COMPONENT library)
install(FILES ${CMAKE_BINARY_DIR}/mote.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)
install(DIRECTORY include/mote DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
install(DIRECTORY profiles DESTINATION ${CMAKE_INSTALL_DATADIR}/mote COMPONENT library)
if(MOTE_D3_CARRIED) # its licence asks to go along
  install(FILES ${MOTE_D3_LICENSE} DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME LICENSE.d3 COMPONENT library)
  install(FILES ${MOTE_D3_LICENSE} DESTINATION mote RENAME LICENSE.d3 COMPONENT python EXCLUDE_FROM_ALL)
endif()
if(MOTE_CLI)
  install(TARGETS mote COMPONENT program)
  install(FILES docs/mote.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
  install(FILES cli/completion.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME mote
          COMPONENT program)
endif()
install(FILES $<TARGET_FILE:mote_shared> DESTINATION mote RENAME libmote.so COMPONENT python EXCLUDE_FROM_ALL)
install(DIRECTORY include/mote/ DESTINATION mote/include COMPONENT python EXCLUDE_FROM_ALL)
