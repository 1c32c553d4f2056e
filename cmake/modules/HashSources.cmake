# Writes a C string literal with a hash of the files in SOURCES to OUTPUT.
# Usage: cmake -DSOURCES="a;b" -DOUTPUT=file -P HashSources.cmake
set(all "")
foreach(source IN LISTS SOURCES)
  file(SHA256 ${source} hash)
  string(APPEND all ${hash})
endforeach()
string(SHA256 hash "${all}")
file(WRITE ${OUTPUT} "\"${hash}\"\n")
