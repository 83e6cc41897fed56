# cmake -DPROGRAM=attnbench -DVERSION_H=version.h -DTEMPLATE=docs/attnbench.1.in -DOUT=attnbench.1 \
#       -P docs.cmake
# Puts what the program says of its commands and options into the man page or a shell's completion.
# The same program and the same version.h give the same bytes.
set(what table)
if(TEMPLATE MATCHES "\\.1\\.in$")
  set(what man)
endif()
execute_process(COMMAND ${PROGRAM} docs ${what} OUTPUT_VARIABLE table
                OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status)
if(status)
  message(FATAL_ERROR "${PROGRAM} docs ${what} failed: ${status}")
endif()
if(TEMPLATE MATCHES "fish") # where it stands between single quotes
  string(REPLACE "\\" "\\\\" table "${table}")
  string(REPLACE "'" "\\'" table "${table}")
endif()

file(READ ${VERSION_H} version_h)
string(REGEX MATCH "ATTNBENCH_VERSION \"([^\"]*)" version "${version_h}")
set(version "${CMAKE_MATCH_1}")
string(REGEX MATCH "ATTNBENCH_DATE +\"([0-9]+)-([0-9]+)-([0-9]+)" date "${version_h}")
set(months January February March April May June July August September October November December)
math(EXPR month "${CMAKE_MATCH_2} - 1")
math(EXPR day "${CMAKE_MATCH_3}")
list(GET months ${month} month)

file(READ ${TEMPLATE} text)
string(REPLACE "@DATE@" "${month} ${day}, ${CMAKE_MATCH_1}" text "${text}")
string(REPLACE "@VERSION@" "${version}" text "${text}")
string(REPLACE "@TABLE@" "${table}" text "${text}")
file(WRITE ${OUT} "${text}")
