/// What the targets share. A target is one file NAME_fuzz.cpp with one `FUZZ(bytes)` function; `./dev fuzz` builds and
/// runs all of them. An Error is an answer; whatever else a target throws, or a memory error, is a finding.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include <deeprec/core/errors.hpp>

#include "support/files.hpp"

/// The function that libFuzzer calls with one input after the other.
#define FUZZ(bytes)                                                                                                    \
    static void fuzz_one(std::string_view bytes);                                                                      \
    extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {                                \
        try {                                                                                                          \
            fuzz_one({reinterpret_cast<const char*>(data), size});                                                     \
        } catch (const deeprec::Error&) {                                                                              \
        }                                                                                                              \
        return 0;                                                                                                      \
    }                                                                                                                  \
    static void fuzz_one(std::string_view bytes)

namespace fuzz {

/// What must hold of everything that was read.
inline void require(bool holds) {
    if (!holds) std::abort();
}

/// A number below `limit` from the first byte, which is taken off.
inline unsigned choose(std::string_view& bytes, unsigned limit) {
    if (bytes.empty()) return 0;
    const unsigned chosen = static_cast<unsigned char>(bytes[0]) % limit;
    bytes.remove_prefix(1);
    return chosen;
}

/// Between the files of inputs that are several.
inline constexpr char next_file = '\x1e';

/// One directory for all inputs.
inline const support::TemporaryDirectory& directory() {
    static const support::TemporaryDirectory made;
    return made;
}
/// Writes files of these names, cut out of `bytes`; the path of the first.
inline std::filesystem::path files(std::string_view bytes, std::initializer_list<const char*> names) {
    for (const char* name : names) {
        const std::size_t end = std::min(bytes.find(next_file), bytes.size());
        directory().write(name, bytes.substr(0, end));
        bytes.remove_prefix(std::min(end + 1, bytes.size()));
    }
    return directory().path() / *names.begin();
}

}  // namespace fuzz
