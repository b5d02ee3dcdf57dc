/// The one exception family. Every message says who complains, what was expected and what was received.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

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

/// Joins anything printable into one message: `message("Dense: units is ", units)`.
template <class... Parts>
std::string message(const Parts&... parts) {
    std::ostringstream out;
    (out << ... << parts);
    return std::move(out).str();
}

DEEPREC_END
