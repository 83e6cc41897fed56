# cmake -DROOT=kernels -DFILES="a;b" -DTABLE=embedded -DOUT=embedded.c -P embed.cmake
# Writes a C table of the files' bytes, for host/store/embedded.h: TABLE_files, TABLE_file_count.
set(arrays "")
set(table "")
set(index 0)
foreach(file IN LISTS FILES)
  file(READ "${ROOT}/${file}" hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR length "${digits} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const unsigned char file_${index}[] = {${bytes}0};\n")
  string(APPEND table "    {\"${file}\", file_${index}, ${length}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE "${OUT}.new" "#include \"store/embedded.h\"\n\n${arrays}\n"
     "const struct embedded_file ${TABLE}_files[] = {\n${table}};\n"
     "const int ${TABLE}_file_count = ${index};\n")
file(RENAME "${OUT}.new" "${OUT}")
