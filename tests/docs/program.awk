# Turns the C++ of markdown files into one program: awk -f program.awk README.md docs/faq.md ... > docs_code.cpp
#
# The blocks ```cpp of a page are one function, in their order; so are those in comments, <!-- ... -->, which readers do
# not see. Exceptions, by what stands in a block:
# - int main: a program of its own, and what follows it is another one;
# - struct, class, template, inline or constexpr at its beginning: definitions, before the function.
# <!-- a new program begins another function. Functions that include the header in -v without=... are left out. A block ```text directly after a block is what that one prints; "..."
# in it stands for anything, alone in a line for any lines.
function begin_unit() {
    ++units
    functions[units] = definitions[units] = ""
    own_program[units] = 0
}
FNR == 1 {
    begin_unit()
    state = "prose"
    after = 0  # the unit whose last block a ```text would belong to
}
state == "prose" && /^ *```cpp *$/ {
    state = "cpp"
    code = ""
    kind = "statements"
    started = 0
    place = FILENAME ":" FNR
    code_line = FNR + 1
    next
}
state == "prose" && /^ *```text *$/ {
    state = "text"
    text = ""
    next
}
state == "prose" && /^ *```/ { state = "other"; after = 0; next }
state == "other" { if ($0 ~ /^ *```/) state = "prose"; next }
state == "prose" {
    if ($0 ~ /^<!-- a new program/) begin_unit()
    if ($0 !~ /^ *$/ && $0 !~ /^-->$/) after = 0
    next
}
state == "cpp" && !/^ *``` *$/ {
    if ($0 ~ /^ *#include /) {
        if (without != "" && index($0, without)) left_out[units] = 1
        else if (!($0 in included)) {
            included[$0] = 1
            includes = includes $0 "\n"
        }
        code = code "\n"
        next
    }
    if ($0 ~ /int main\(/) kind = "program"
    if (!started && $0 !~ /^ *(\/\/.*)?$/) {
        started = 1
        if ($0 ~ /^(struct|class|template|inline|constexpr) ?/) kind = "definitions"
    }
    code = code $0 "\n"
    next
}
state == "cpp" {
    state = "prose"
    ++blocks
    code = "#line " code_line " \"" FILENAME "\"\n" code
    unit = units
    if (kind == "program") {
        sub(/int main\(/, "inline int run_program(", code)
        sub(/}[ \n]*$/, "return 0;\n}\n", code)
        begin_unit()
        unit = units
        own_program[unit] = 1
        definitions[unit] = code
        functions[unit] = "docs::at(\"" place "\");\nrun_program();\n"
    } else if (kind == "definitions") {
        definitions[unit] = definitions[unit] code
        next
    } else {
        functions[unit] = functions[unit] "docs::at(\"" place "\");\n" code
    }
    functions[unit] = functions[unit] "docs::printed();\n"
    after = unit
    if (kind == "program") begin_unit()
    next
}
state == "text" && !/^ *``` *$/ { text = text $0 "\n"; next }
state == "text" {
    state = "prose"
    if (after) {
        sub(/docs::printed\(\);\n$/, "", functions[after])
        functions[after] = functions[after] "docs::expect(R\"docs(" text ")docs\");\n"
        ++outputs
    }
    after = 0
}
END {
    printf "#include <deeprec/deeprec.hpp>\n%s#include \"docs/printed.hpp\"\n", includes
    for (u = 1; u <= units; ++u)
        if (functions[u] != "" && !(u in left_out))
            printf "namespace docs_%d {\nusing namespace deeprec;\n%s#line 1 \"docs_code.cpp\"\nvoid run() {\n%s}\n}\n", \
                u, definitions[u], functions[u]
    printf "#line 1 \"docs_code.cpp\"\nint main() {\nreturn docs::run_all({"
    for (u = 1; u <= units; ++u)
        if (functions[u] != "" && !(u in left_out)) printf "docs_%d::run, ", u
    printf "}, %d, %d);\n}\n", blocks, outputs
}
