/// The one exception family. Every message says who complains, what was expected and what was received.
#pragma once

#include <cstddef>
#include <locale>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include <deeprec/version.hpp>

DEEPREC_BEGIN

/// Base of everything that deeprec throws.
class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Sizes or ranks that do not fit a layer, loss or model.
class ShapeError : public Error {
public:
    using Error::Error;
};

/// An option, argument or call that has no meaning (negative units, backward before forward, ...).
class ArgumentError : public Error {
public:
    using Error::Error;
};

/// A file or text that is not what its format says (file, line and column in the message).
class FormatError : public Error {
public:
    using Error::Error;
};

/// Well-formed data that cannot be used (an id out of range, an unknown user, an empty set).
class DataError : public Error {
public:
    using Error::Error;
};

/// A number that is not finite where only finite ones make sense.
class NumericError : public Error {
public:
    using Error::Error;
};

/// A file that cannot be opened, read or written.
class FileError : public Error {
public:
    using Error::Error;
};

namespace detail {
/// One part of a message, behind a function that prints its type: the text is put together in one place, not once for
/// each list of types.
struct Part {
    const void* value;
    void (*print)(std::ostream&, const void*);
};
template <class T>
Part part(const T& value) {
    return {std::addressof(value), [](std::ostream& out, const void* v) { out << *static_cast<const T*>(v); }};
}
inline Part part(const char* text) {  // literals too, whatever their length
    return {text, [](std::ostream& out, const void* v) { out << static_cast<const char*>(v); }};
}
std::string join(const Part* parts, std::size_t count);
#if DEEPREC_BODIES
DEEPREC_NOINLINE DEEPREC_FUNCTION std::string join(const Part* parts, std::size_t count) {
    std::ostringstream out;
    out.imbue(std::locale::classic());  // files are made of this too: 1000 is never "1.000"
    for (std::size_t i = 0; i < count; ++i) parts[i].print(out, parts[i].value);
    return std::move(out).str();
}
#endif
}  // namespace detail

/// Joins anything printable into one message: `message("Dense: units is ", units)`. Numbers are written as in C++,
/// whatever the global locale of the program.
template <class... Parts>
DEEPREC_NOINLINE std::string message(const Parts&... parts) {
    const detail::Part all[] = {detail::part(parts)...};
    return detail::join(all, sizeof...(parts));
}

DEEPREC_END
