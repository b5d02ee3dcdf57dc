/// Tables in every format (the first bytes say which): each field, and numbers where there are some.
#include <deeprec/data/readers/csv.hpp>

#include "fuzz/fuzz.hpp"

using namespace deeprec;

FUZZ(csv, bytes) {
    CsvFormat format;
    format.separator = ",;\t|"[fuzz::choose(bytes, 4)];
    const unsigned options = fuzz::choose(bytes, 256);
    if (options & 1) format.quotes = (options & 2) != 0;
    format.header = !(options & 4);
    format.backslash_escapes = (options & 8) != 0;
    format.trim = (options & 16) != 0;
    format.trailing_separator = (options & 32) != 0;
    format.decimal = options & 64 ? ',' : '.';
    format.line_end = options & 128 ? '\r' : '\n';
    format.encoding = static_cast<Encoding>(fuzz::choose(bytes, 4));
    CsvReader in(fuzz::files(bytes, {"table.csv"}), format);
    const std::size_t columns = in.text().fields().size();
    while (in.next()) {
        for (std::size_t i = 0; i < std::min<std::size_t>(columns, in.text().fields().size()); ++i)
            fuzz::require(detail::find_not_utf8(in[i].text) == std::string::npos);
        try {
            in.number<float>(in[0]);
            in.number<std::int32_t>(in[0]);
        } catch (const Error&) {
        }
    }
}
