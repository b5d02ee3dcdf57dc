/// Writing a file whole or not at all.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include <deeprec/core/errors.hpp>

DEEPREC_BEGIN

/// Writes a new file beside `path` and puts it in its place with `commit`: write, fsync, rename, fsync of the
/// directory. Until then, and after any failure, what was at `path` stays as it was; a reader that has it open or
/// mapped keeps the old content. Without `commit` the new file vanishes.
class FileReplacement {
public:
    /// Throws FileError where no file can be made there.
    explicit FileReplacement(std::filesystem::path path) : path_(std::move(path)) {
        for (int number = 0; descriptor_ < 0; ++number) {
            temporary_ = message(path_.string(), ".", getpid(), ".", number, ".tmp");
            descriptor_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
            if (descriptor_ < 0 && errno != EEXIST) fail("create");
        }
    }
    ~FileReplacement() {
        if (descriptor_ >= 0) close(descriptor_);
        if (!temporary_.empty()) unlink(temporary_.c_str());
    }
    FileReplacement(const FileReplacement&) = delete;
    FileReplacement& operator=(const FileReplacement&) = delete;

    /// Throws FileError, for example when the disk is full.
    void write(const void* data, std::size_t bytes) {
        const char* from = static_cast<const char*>(data);
        while (bytes > 0) {
            const ssize_t written = ::write(descriptor_, from, bytes);
            if (written < 0 && errno != EINTR) fail("write");
            if (written <= 0) continue;
            from += written;
            bytes -= static_cast<std::size_t>(written);
        }
    }
    void write(std::string_view text) { write(text.data(), text.size()); }

    /// Throws FileError unless the new file is on the disk and in place.
    void commit() {
        if (fsync(descriptor_) != 0) fail("write");
        const int descriptor = descriptor_;
        descriptor_ = -1;
        if (close(descriptor) != 0) fail("write");
        if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail("replace");
        temporary_.clear();
        const auto directory = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
        const int parent = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0) fail("open the directory of");
        const bool synced = fsync(parent) == 0 || errno == EINVAL;  // some file systems cannot
        close(parent);
        if (!synced) fail("write the directory of");
    }

private:
    [[noreturn]] void fail(std::string_view what) const {
        const int error = errno;
        throw FileError(message("cannot ", what, " ", path_.string(), ": ", std::strerror(error)));
    }

    std::filesystem::path path_;
    std::string temporary_;
    int descriptor_ = -1;
};

DEEPREC_END
