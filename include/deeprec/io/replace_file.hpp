/// Writing a file whole or not at all.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deeprec/core/errors.hpp>

DEEPREC_BEGIN

/// Writes a new file beside `path` and puts it in its place with `commit`: write, fsync, rename, fsync of the
/// directory. Until then, and after any failure, what was at `path` stays as it was; a reader that has it open or
/// mapped keeps the old content. Without `commit` the new file vanishes.
///
/// The new file has the mode of the old one, and its owner where the system permits that. Symbolic links stay: what
/// they lead to is replaced. Other names of the old file (hard links) keep the old content. A pipe, a device, a socket
/// and a directory are refused and stay.
///
/// Until it is in place the new file is named `.deeprec-PROCESS-NUMBER.tmp`, and locked. A process that is killed
/// leaves one behind; the next FileReplacement in the directory removes those that nobody has locked.
class FileReplacement {
public:
    /// Throws FileError where no file can be made there, and for what is no regular file.
    explicit FileReplacement(std::filesystem::path path);
    ~FileReplacement();
    FileReplacement(const FileReplacement&) = delete;
    FileReplacement& operator=(const FileReplacement&) = delete;

    /// Throws FileError, for example when the disk is full.
    void write(const void* data, std::size_t bytes);
    void write(std::string_view text) { write(text.data(), text.size()); }

    /// Throws FileError unless the new file is on the disk and in place.
    void commit();

private:
    static constexpr std::string_view prefix = ".deeprec-", suffix = ".tmp";

    static std::string_view kind_of(mode_t mode);
    /// The path at the end of symbolic links, whether there is a file or not.
    static std::filesystem::path behind_links(std::filesystem::path path);
    /// What is at the path: nothing, or a regular file.
    std::optional<struct stat> old_file() const;
    /// Makes and locks the new file. False where the name is taken, or was taken away between making and locking by
    /// somebody who thought that it was left behind. Where the file system has no locks all stay.
    bool create(int number, mode_t mode);
    void take_after(const struct stat& old) const;
    void remove_left_behind() const;
    [[noreturn]] void fail(std::string_view what) const;

    std::filesystem::path path_;
    std::optional<struct stat> old_;
    std::filesystem::path target_, directory_, temporary_;
    int descriptor_ = -1;
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION FileReplacement::FileReplacement(std::filesystem::path path)
    : path_(std::move(path)), old_(old_file()) {
    target_ = behind_links(path_);
    directory_ = target_.has_parent_path() ? target_.parent_path() : std::filesystem::path(".");
    remove_left_behind();
    // Nobody else may read what replaces a private file, not even before it is whole.
    for (int number = 0; !create(number, old_ ? mode_t{0600} : mode_t{0666}); ++number) continue;
}

DEEPREC_FUNCTION FileReplacement::~FileReplacement() {
    if (!temporary_.empty()) unlink(temporary_.c_str());
    if (descriptor_ >= 0) close(descriptor_);
}

DEEPREC_FUNCTION void FileReplacement::write(const void* data, std::size_t bytes) {
    const char* from = static_cast<const char*>(data);
    while (bytes > 0) {
        const ssize_t written = ::write(descriptor_, from, bytes);
        if (written < 0 && errno != EINTR) fail("write");
        if (written <= 0) continue;
        from += written;
        bytes -= static_cast<std::size_t>(written);
    }
}

DEEPREC_FUNCTION void FileReplacement::commit() {
    if (const auto now = old_file()) old_ = now;
    if (old_) take_after(*old_);
    if (fsync(descriptor_) != 0) fail("write");
    if (std::rename(temporary_.c_str(), target_.c_str()) != 0) fail("replace");
    temporary_.clear();
    const int parent = open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0) fail("open the directory of");
    const bool synced = fsync(parent) == 0 || errno == EINVAL;  // some file systems cannot
    close(parent);
    if (!synced) fail("write the directory of");
}

DEEPREC_FUNCTION std::string_view FileReplacement::kind_of(mode_t mode) {
    return S_ISDIR(mode)    ? "a directory"
           : S_ISFIFO(mode) ? "a pipe"
           : S_ISCHR(mode)  ? "a character device"
           : S_ISBLK(mode)  ? "a block device"
           : S_ISSOCK(mode) ? "a socket"
                            : "something else";
}

DEEPREC_FUNCTION std::filesystem::path FileReplacement::behind_links(std::filesystem::path path) {
    std::error_code error;
    for (int links = 0; links < 40 && std::filesystem::is_symlink(path, error); ++links)
        path = path.parent_path() / std::filesystem::read_symlink(path, error);
    return path;
}

DEEPREC_FUNCTION std::optional<struct stat> FileReplacement::old_file() const {
    struct stat found {};
    const bool exists = stat(path_.c_str(), &found) == 0;
    if (!exists && errno != ENOENT) fail("replace");
    if (exists && !S_ISREG(found.st_mode))
        throw FileError(
            message("cannot replace ", path_.string(), ": expected a regular file, received ", kind_of(found.st_mode)));
    return exists ? std::optional(found) : std::nullopt;
}

DEEPREC_FUNCTION bool FileReplacement::create(int number, mode_t mode) {
    temporary_ = directory_ / message(prefix, getpid(), '-', number, suffix);
    descriptor_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (descriptor_ < 0 && errno != EEXIST) fail("create");
    if (descriptor_ < 0) return false;
    struct stat made {};
    const bool locked = flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    if (locked && fstat(descriptor_, &made) == 0 && made.st_nlink > 0) return true;
    close(std::exchange(descriptor_, -1));
    return false;
}

DEEPREC_FUNCTION void FileReplacement::take_after(const struct stat& old) const {
    constexpr auto same = static_cast<std::uint32_t>(-1);
    const bool owner = fchown(descriptor_, old.st_uid, same) == 0, group = fchown(descriptor_, same, old.st_gid) == 0;
    // The special bits are not for another owner or group.
    const mode_t mode = old.st_mode & (owner && group ? 07777u : 0777u);
    struct stat made {};
    if (fstat(descriptor_, &made) != 0 || ((made.st_mode & 07777u) != mode && fchmod(descriptor_, mode) != 0))
        fail("set the mode of");
}

DEEPREC_FUNCTION void FileReplacement::remove_left_behind() const {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
        const int found = open(entry->path().c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (found < 0) continue;
        struct stat opened {};
        struct stat named {};
        if (flock(found, LOCK_EX | LOCK_NB) == 0 && fstat(found, &opened) == 0 && S_ISREG(opened.st_mode) &&
            lstat(entry->path().c_str(), &named) == 0 && named.st_dev == opened.st_dev && named.st_ino == opened.st_ino)
            unlink(entry->path().c_str());
        close(found);
    }
}

DEEPREC_FUNCTION void FileReplacement::fail(std::string_view what) const {
    const int error = errno;
    throw FileError(message("cannot ", what, " ", path_.string(), ": ", std::strerror(error)));
}
#endif

DEEPREC_END
