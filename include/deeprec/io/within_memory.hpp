/// Memory that a file asks for and that is not there.
#pragma once

#include <filesystem>
#include <new>
#include <stdexcept>

#include <deeprec/core/errors.hpp>

DEEPREC_BEGIN

namespace detail {
/// f(), in which a lack of memory becomes an Error that names the file.
template <class F>
decltype(auto) within_memory(const std::filesystem::path& file, F&& f) {
    try {
        return f();
    } catch (const std::bad_alloc&) {
        throw FileError(message(file.string(), ": reading it needs more memory than there is"));
    } catch (const std::length_error&) {
        throw FileError(message(file.string(), ": reading it needs more memory than there can be"));
    }
}
}  // namespace detail

DEEPREC_END
