/// How a table is written as text.
#pragma once

#include <optional>

#include <deeprec/data/readers/encoding.hpp>

DEEPREC_BEGIN

/// What differs between tables of text; RFC 4180 with a header by default.
struct CsvFormat {
    char separator = ',';                ///< between fields: ',', ';', '\t', '|' ...
    std::optional<bool> quotes{};        ///< fields may stand in double quotes; not said: yes, but not between tabs
    bool header = true;                  ///< the first line names the columns; else they are called "1", "2", ...
    Encoding encoding = Encoding::utf8;  ///< of the file's bytes
    bool backslash_escapes = false;      ///< inside quotes \" is a quote and \\ a backslash
    bool trim = false;                   ///< blanks around a field are none of it
    bool trailing_separator = false;     ///< lines may end in one separator too many
    char decimal = '.';                  ///< ',' in numbers such as 4,5
    char line_end = '\n';                ///< '\r' in files of old Macintoshes; CRLF is known by itself
};

DEEPREC_END
