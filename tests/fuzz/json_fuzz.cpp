/// The JSON of headers and of attribute files.
#include <deeprec/io/json_header.hpp>

#include "fuzz/fuzz.hpp"

using namespace deeprec;

FUZZ(json, bytes) {
    auto in = fuzz::choose(bytes, 2) ? detail::JsonReader::of_file(bytes, "file") : detail::JsonReader(bytes, "file");
    in.object([&](const std::string& key) {
        fuzz::require(detail::find_not_utf8(key) == std::string::npos);
        if (key.starts_with("n")) return in.array([&] { fuzz::require(in.number() >= 0); });
        const std::string text = in.string(), quoted = detail::json_quoted(text);
        detail::JsonReader again(quoted, "again");
        fuzz::require(again.string() == text);
        again.end();
    });
    in.end();
}
