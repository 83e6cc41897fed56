# What is installed, and packages of it (cpack; scripts/package makes them all).
include(GNUInstallDirs)

set(ATTNBENCH_BASH_DIR ${CMAKE_INSTALL_DATADIR}/bash-completion/completions CACHE STRING
    "Where bash completions go")
set(ATTNBENCH_ZSH_DIR ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING
    "Where zsh completions go")
set(ATTNBENCH_FISH_DIR ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d CACHE STRING
    "Where fish completions go")

# ---- the man page and completions, from what the program says of its options
set(docs_outputs "")
function(add_document template name)
  set(out ${PROJECT_BINARY_DIR}/docs/${name})
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:attnbench> -DOUT=${out}
            -DVERSION_H=${PROJECT_BINARY_DIR}/version.h
            -DTEMPLATE=${PROJECT_SOURCE_DIR}/docs/${template}
            -P ${PROJECT_SOURCE_DIR}/cmake/docs.cmake
    DEPENDS attnbench docs/${template} cmake/docs.cmake ${PROJECT_BINARY_DIR}/version.h
    COMMENT "Writing ${name}"
    VERBATIM)
  set(docs_outputs ${docs_outputs} ${out} PARENT_SCOPE)
endfunction()
if(CMAKE_CROSSCOMPILING)
  message(STATUS "Cross-compiling: the program cannot be asked for its man page and completions")
else()
  add_document(attnbench.1.in attnbench.1)
  add_document(attnbench.bash.in attnbench.bash)
  add_document(attnbench.zsh.in _attnbench)
  add_document(attnbench.fish.in attnbench.fish)
  add_custom_target(docs ALL DEPENDS ${docs_outputs})
  set(docs ${PROJECT_BINARY_DIR}/docs)
  install(FILES ${docs}/attnbench.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${docs}/attnbench.bash DESTINATION ${ATTNBENCH_BASH_DIR} RENAME attnbench)
  install(FILES ${docs}/_attnbench DESTINATION ${ATTNBENCH_ZSH_DIR})
  install(FILES ${docs}/attnbench.fish DESTINATION ${ATTNBENCH_FISH_DIR})
endif()

# ---- the program, its suites, and the kernels to start one's own from
set(share ${CMAKE_INSTALL_DATADIR}/attnbench)
install(TARGETS attnbench RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY suites DESTINATION ${share} FILES_MATCHING PATTERN *.json PATTERN *.npy
        PATTERN *.txt)
install(DIRECTORY kernels DESTINATION ${share})
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR}
        FILES_MATCHING PATTERN *.md PATTERN *.png PATTERN decisions.md EXCLUDE)
foreach(folder suites kernels) # where docs/ links to
  install(FILES ${folder}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/${folder})
endforeach()

# The program looks for its suites from where it stands, so that the whole may be moved.
file(RELATIVE_PATH suites_from_program ${CMAKE_INSTALL_FULL_BINDIR}
     ${CMAKE_INSTALL_FULL_DATADIR}/attnbench/suites)
set_source_files_properties(host/commands/suite_path.c PROPERTIES COMPILE_DEFINITIONS
                            "ATTNBENCH_SUITES_FROM_PROGRAM=\"${suites_from_program}\"")

# ---- packages
set(CPACK_GENERATOR TGZ)
find_program(DPKG_DEB dpkg-deb)
if(DPKG_DEB)
  list(APPEND CPACK_GENERATOR DEB)
endif()
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "benchmark of attention kernels on OpenCL devices")
set(CPACK_PACKAGE_CONTACT "attnbench maintainers <attnbench@example.org>")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_FILE_NAME
    attnbench-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "pocl-opencl-icd | opencl-icd")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"attnbench sweeps sequence length, heads and head dimension of attention over
several OpenCL kernels, checks every result against a double-precision
reference, fits how time grows, and writes JSON and tables.")
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian.cmake)
include(CPack)
