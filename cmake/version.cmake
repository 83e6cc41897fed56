# cmake -DSOURCE=. -DVERSION=0.1.0 -DOUT=version.h -P version.cmake
# Runs in every build and writes version.h when it would change, so that the commit is that of the
# checkout now and not of the day it was configured.
#
# The commit is "unknown" where SOURCE is not the top of a git checkout (a tarball, also one that was
# unpacked within somebody else's repository). "-dirty": what goes into the program differs from it,
# files that git does not know included, since the build finds them too.
# The date is SOURCE_DATE_EPOCH's, else the commit's, else that of CMakeLists.txt.
function(git variable)
  execute_process(COMMAND git --no-optional-locks -C ${SOURCE} ${ARGN} OUTPUT_VARIABLE output
                  RESULT_VARIABLE status ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(status)
    set(output unknown)
  endif()
  set(${variable} "${output}" PARENT_SCOPE)
endfunction()

set(commit unknown)
git(below_top rev-parse --show-prefix)
if(below_top STREQUAL "")
  git(commit rev-parse --short=12 HEAD)
endif()
if(commit STREQUAL unknown)
  file(TIMESTAMP ${SOURCE}/CMakeLists.txt seconds %s UTC)
else()
  git(seconds log -1 --format=%ct)
  git(changes status --porcelain -- host kernels cmake CMakeLists.txt :^*.md)
  if(changes)
    string(APPEND commit -dirty)
  endif()
endif()

if(NOT DEFINED ENV{SOURCE_DATE_EPOCH})
  set(ENV{SOURCE_DATE_EPOCH} ${seconds}) # which string(TIMESTAMP) takes for now
endif()
string(TIMESTAMP date %Y-%m-%d UTC)
configure_file(${CMAKE_CURRENT_LIST_DIR}/../host/version.h.in ${OUT} @ONLY)
