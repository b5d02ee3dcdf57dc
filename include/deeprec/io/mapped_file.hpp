/// Files whose bytes are read where the system keeps them.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <istream>
#include <memory>
#include <set>
#include <span>
#include <streambuf>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deeprec/io/safetensors_reader.hpp>

DEEPREC_BEGIN

/// The bytes of a regular file, mapped as long as this object lives: nothing is copied, pages are read when they are
/// looked at. A file that is replaced (FileReplacement) keeps the old content here; one that another program makes
/// shorter ends the process.
class MappedFile {
public:
    /// Throws FileError for what cannot be opened or is no regular file.
    DEEPREC_LAZY_DECLARED explicit MappedFile(const std::filesystem::path& path);
    ~MappedFile() {
        if (data_) munmap(data_, size_);
    }
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    /// The whole file, where it is in memory; it lives as long as this object.
    std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

private:
    void* data_ = nullptr;
    std::size_t size_ = 0;
};

/// A safetensors file that is mapped. The header is checked as SafetensorsReader does.
class MappedSafetensors {
public:
    /// Throws FileError where there is no file to read, FormatError for a damaged one.
    DEEPREC_LAZY_DECLARED explicit MappedSafetensors(const std::filesystem::path& path);

    const std::string& name() const { return header_->name(); }
    /// All texts, long ones too.
    const Metadata& metadata() const { return header_->metadata(); }
    /// What the header says of each tensor, by name.
    const std::map<std::string, TensorEntry>& tensors() const { return header_->tensors(); }
    /// The elements, where they are in memory; they live as long as `keeper()`. Throws FormatError as
    /// SafetensorsReader::check, and where they are not aligned (this library aligns what it writes).
    template <class T>
    std::span<const T> values(const std::string& tensor, const std::vector<Index>& shape) const {
        header_->check<T>(tensor, shape);
        const TensorEntry& entry = tensors().at(tensor);
        const std::byte* const at = file_->bytes().data() + header_->data_begin() + entry.begin;
        if (reinterpret_cast<std::uintptr_t>(at) % alignof(T) != 0)
            throw FormatError(message(name(), ": tensor ", detail::shown(tensor, "'"), ": expected an offset of whole ",
                                      detail::dtype_of<T>, ", received ", header_->data_begin() + entry.begin));
        return {reinterpret_cast<const T*>(at), static_cast<std::size_t>(entry.end - entry.begin) / sizeof(T)};
    }
    /// Keeps the mapping alive.
    std::shared_ptr<const void> keeper() const { return file_; }

private:
    std::shared_ptr<const MappedFile> file_;
    std::unique_ptr<SafetensorsReader> header_;
};

#if DEEPREC_BODIES
DEEPREC_LAZY_FUNCTION MappedFile::MappedFile(const std::filesystem::path& path) {
    const auto fail = [&](const char* why) { throw FileError(message("cannot map ", path.string(), ": ", why)); };
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) fail(std::strerror(errno));
    struct stat about {};
    const bool regular = fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode);
    size_ = regular ? static_cast<std::size_t>(about.st_size) : 0;
    if (size_ > 0) data_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    const int error = errno;
    close(descriptor);
    if (!regular) fail("it is no regular file");
    if (data_ == MAP_FAILED) {
        data_ = nullptr;
        fail(std::strerror(error));
    }
}

namespace detail {
/// A stream over bytes in memory.
class MemoryStream : private std::streambuf, public std::istream {
public:
    explicit MemoryStream(std::span<const std::byte> bytes) : std::istream(static_cast<std::streambuf*>(this)) {
        char* const begin = const_cast<char*>(reinterpret_cast<const char*>(bytes.data()));
        setg(begin, begin, begin + bytes.size());
    }

private:
    std::streampos seekoff(std::streamoff offset, std::ios_base::seekdir from, std::ios_base::openmode) override {
        const std::streamoff at = offset + (from == std::ios_base::beg   ? 0
                                            : from == std::ios_base::cur ? gptr() - eback()
                                                                         : egptr() - eback());
        if (at < 0 || at > egptr() - eback()) return std::streampos(std::streamoff(-1));
        setg(eback(), eback() + at, egptr());
        return at;
    }
    std::streampos seekpos(std::streampos at, std::ios_base::openmode mode) override {
        return seekoff(std::streamoff(at), std::ios_base::beg, mode);
    }
};
}  // namespace detail

DEEPREC_LAZY_FUNCTION MappedSafetensors::MappedSafetensors(const std::filesystem::path& path)
    : file_(std::make_shared<const MappedFile>(path)),
      header_(
          std::make_unique<SafetensorsReader>(std::make_unique<detail::MemoryStream>(file_->bytes()), path.string())) {}
#endif

DEEPREC_END
