# cmake -DROOT=kernels -DFILES="a;b;c=/path/of/c" -DTABLE=embedded -DHEADER=store/embedded.h
#       -DOUT=embedded.c -P embed.cmake
# Writes a C table of the files' bytes, TABLE_files[] and TABLE_file_count, as HEADER declares it. A
# file is named relative to ROOT, or by a name of its own with the path.
set(arrays "")
set(table "")
set(index 0)
foreach(file IN LISTS FILES)
  set(path "${ROOT}/${file}")
  if(file MATCHES "^([^=]*)=(.*)$")
    set(file "${CMAKE_MATCH_1}")
    set(path "${CMAKE_MATCH_2}")
  endif()
  file(READ "${path}" hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR length "${digits} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const unsigned char file_${index}[] = {${bytes}0};\n")
  string(APPEND table "    {\"${file}\", file_${index}, ${length}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE "${OUT}.new" "#include \"${HEADER}\"\n\n${arrays}\n"
     "const struct embedded_file ${TABLE}_files[] = {\n${table}};\n"
     "const int ${TABLE}_file_count = ${index};\n")
file(RENAME "${OUT}.new" "${OUT}")
