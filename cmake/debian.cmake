# Run by CPack between installing and packing. What Debian wants otherwise: documents compressed, a
# copyright file and a changelog, zsh's completions in a folder of its own.
if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()
set(root ${CPACK_TEMPORARY_DIRECTORY}/usr)
set(doc ${root}/share/doc/attnbench)

# SOURCE_DATE_EPOCH's where it is set
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
string(TIMESTAMP year %Y UTC)

file(RENAME ${root}/share/zsh/site-functions ${root}/share/zsh/vendor-completions)

file(REMOVE ${doc}/LICENSE) # the copyright file says where it is
file(WRITE ${doc}/copyright
"attnbench
Copyright ${year} the attnbench authors
License: Apache-2.0. On Debian systems its text is in /usr/share/common-licenses/Apache-2.0.
")
# Chart.js is part of the program, if the build found it; its license comes from where it does.
foreach(license /usr/share/doc/libjs-chart.js/copyright
        /usr/share/nodejs/chart.js/LICENSE.md)
  if(EXISTS ${license})
    file(READ ${license} text)
    file(APPEND ${doc}/copyright
"
The program holds a copy of Chart.js, for the charts of its HTML reports, under these terms:

${text}")
    break()
  endif()
endforeach()

file(WRITE ${doc}/changelog
"attnbench (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * See the repository's history.

 -- ${CPACK_PACKAGE_CONTACT}  ${now}
")
execute_process(COMMAND gzip -9n ${doc}/changelog ${root}/share/man/man1/attnbench.1
                COMMAND_ERROR_IS_FATAL ANY)
