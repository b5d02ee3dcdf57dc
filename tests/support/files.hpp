/// Files for tests: a directory that is gone afterwards, and the real data sets where somebody has them.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <locale>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <unistd.h>

namespace support {

/// A new directory, removed with all in it at the end of the scope.
class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "deeprec-test-").string();
        name.append(6, 'X');  // what mkdtemp replaces
        if (mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const std::filesystem::path& path() const { return path_; }
    /// Writes a file and returns its path.
    std::filesystem::path write(std::string_view name, std::string_view text) const {
        const auto file = path_ / name;
        std::ofstream(file, std::ios::binary) << text;
        return file;
    }

private:
    std::filesystem::path path_;
};

/// A program whose user writes 1.234,5, until the end of the scope.
class German {
    struct Numbers : std::numpunct<char> {
        char do_decimal_point() const override { return ','; }
        char do_thousands_sep() const override { return '.'; }
        std::string do_grouping() const override { return "\3"; }
    };

public:
    ~German() { std::locale::global(before_); }
    German() = default;
    German(const German&) = delete;
    German& operator=(const German&) = delete;

private:
    std::locale before_ = std::locale::global(std::locale(std::locale::classic(), new Numbers));
};

/// Where a data set of the directory DEEPREC_SHARED_DATA, or ../shared/data beside the repository, is. Without it, says
/// loudly what is skipped and gives nothing.
inline std::optional<std::filesystem::path> shared_data(std::string_view name, std::string_view skipped) {
    const char* chosen = std::getenv("DEEPREC_SHARED_DATA");
    const std::filesystem::path root = chosen ? chosen : DEEPREC_SOURCE_DIR "/../shared/data";
    std::error_code ignored;
    if (std::filesystem::exists(root / name, ignored)) return root / name;
    std::printf("SKIPPED: %.*s, because %s is not there (set DEEPREC_SHARED_DATA)\n", static_cast<int>(skipped.size()),
                skipped.data(), (root / name).c_str());
    return std::nullopt;
}

/// The message of the Error of type E that f throws; empty if it throws none.
template <class E, class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const E& error) {
        return error.what();
    }
    return {};
}

}  // namespace support
