# Writes OUTPUT, one source file of the test files FILES, a list joined by "|": first what they include, then each in a
# namespace of its own, so that the same names may stand in several. Most of a test's time to compile goes to headers
# and templates that its neighbours compile as well.
string(REPLACE "|" ";" files "${FILES}")
set(includes "")
set(bodies "")
foreach(file IN LISTS files)
    file(STRINGS ${file} lines REGEX "^ *# *include ")
    # A header that a test does without where it is missing: the batch does too.
    list(TRANSFORM lines REPLACE "^ *# *include (<.*>).*" "#if __has_include(\\1)\n#include \\1\n#endif")
    list(APPEND includes ${lines})
    string(MAKE_C_IDENTIFIER "${file}" name)
    string(REGEX REPLACE ".*_tests_" "" name "${name}")
    string(APPEND bodies "namespace ${name} {\n#include \"${file}\"\n}\n")
endforeach()
list(REMOVE_DUPLICATES includes)
list(JOIN includes "\n" includes)
file(WRITE ${OUTPUT} "${includes}\n${bodies}")
