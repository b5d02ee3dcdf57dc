/// What the targets share. A target is one file NAME_fuzz.cpp with one `FUZZ(NAME, bytes)` function; all of them are
/// one program, and `./dev fuzz` runs each. An Error is an answer; whatever else a target throws, or a memory error, is
/// a finding.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include <deeprec/core/errors.hpp>

#include "support/files.hpp"

namespace fuzz {

struct Target {
    void (*run)(std::string_view bytes);
    int prefix;  // of inputs that are safetensors files: how many bytes stand before the file; -1: they are other
                 // things
};
/// All targets, by name.
inline std::map<std::string, Target>& targets() {
    static std::map<std::string, Target> all;
    return all;
}
struct Registered {
    Registered(const char* name, Target target) { targets().emplace(name, target); }
};

/// Writes DIRECTORY/TARGET/..., what each target starts from.
void write_seeds(const std::filesystem::path& directory);

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

/// A file that stays open: to write an input into it costs a fifth of what a new file costs.
class KeptFile {
public:
    explicit KeptFile(const std::filesystem::path& path)
        : file_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {}
    void write(std::string_view text) const {
        const auto size = static_cast<ssize_t>(text.size());
        require(pwrite(file_, text.data(), text.size(), 0) == size && ftruncate(file_, size) == 0);
    }

private:
    int file_;
};
/// Writes files of these names, cut out of `bytes`; the path of the first. One directory for all inputs.
inline std::filesystem::path files(std::string_view bytes, std::initializer_list<const char*> names) {
    static const support::TemporaryDirectory directory;
    static std::map<std::string_view, KeptFile> kept;
    for (const char* name : names) {
        const std::size_t end = std::min(bytes.find(next_file), bytes.size());
        kept.try_emplace(name, directory.path() / name).first->second.write(bytes.substr(0, end));
        bytes.remove_prefix(std::min(end + 1, bytes.size()));
    }
    return directory.path() / *names.begin();
}

}  // namespace fuzz

/// The function that one target calls with one input after the other.
#define FUZZ(name, bytes) FUZZ_SAFETENSORS(name, -1, bytes)
/// The same for inputs of `prefix` bytes and a safetensors file.
#define FUZZ_SAFETENSORS(name, prefix, bytes)                                                                          \
    static void fuzz_##name(std::string_view bytes);                                                                   \
    static const fuzz::Registered registered_##name{#name, {fuzz_##name, prefix}};                                     \
    static void fuzz_##name(std::string_view bytes)
