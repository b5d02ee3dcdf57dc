/// The safetensors format (https://github.com/huggingface/safetensors): named tensors behind a JSON header.
///
///     8 bytes    length n of the header, little-endian
///     n bytes    {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"key": "text"}}
///     the rest   row-major, little-endian; offsets count from here, without gaps or overlaps
#pragma once

#include <algorithm>
#include <bit>
#include <fstream>
#include <istream>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <vector>

#include <deeprec/core/shape.hpp>
#include <deeprec/io/json_header.hpp>
#include <deeprec/io/replace_file.hpp>

DEEPREC_BEGIN

static_assert(std::endian::native == std::endian::little, "deeprec: safetensors files are little-endian");

/// Texts stored beside the tensors, by name.
using Metadata = std::map<std::string, std::string>;

namespace detail {
template <class T>
inline constexpr std::string_view dtype_of = std::is_same_v<T, float>          ? "F32"
                                             : std::is_same_v<T, double>       ? "F64"
                                             : std::is_same_v<T, std::int32_t> ? "I32"
                                                                               : "";
/// Bytes of an element; 0 for a dtype that the format does not have.
inline std::int64_t dtype_size(std::string_view dtype) {
    constexpr std::pair<std::string_view, std::int64_t> sizes[] = {
        {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
        {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},     {"I64", 8},     {"U64", 8}, {"F64", 8}};
    for (const auto& [name, size] : sizes)
        if (name == dtype) return size;
    return 0;
}
inline std::string shape_text(const std::vector<Index>& shape) {
    std::string text = "[";
    for (const Index extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
    return text + "]";
}
}  // namespace detail

/// What the header says about a tensor.
struct TensorEntry {
    std::string dtype;         ///< "F32", "F64", "I32", ... as the format names them
    std::vector<Index> shape;  ///< empty for a scalar
    std::int64_t begin = 0, end = 0;
    friend bool operator==(const TensorEntry&, const TensorEntry&) = default;
};

/// A file of tensors, open for reading. The header is checked whole before anything else happens: FormatError (with the
/// file, the tensor, what was expected and what was received) for a wrong length, text that is not such a header, a
/// name that occurs twice, shapes that disagree with the offsets, gaps, overlaps, missing or additional bytes. Nothing
/// is allocated that the file is not large enough to hold.
class SafetensorsReader {
public:
    static constexpr std::int64_t largest_header = 100'000'000;  ///< as the format's own implementation

    /// Throws FileError where there is no file to read.
    explicit SafetensorsReader(const std::filesystem::path& path)
        : SafetensorsReader(std::make_unique<std::ifstream>(path, std::ios::binary), path.string()) {}
    /// From any stream; `name` is for messages.
    SafetensorsReader(std::unique_ptr<std::istream> stream, std::string name)
        : stream_(std::move(stream)), name_(std::move(name)) {
        stream_->seekg(0, std::ios::end);
        const std::int64_t size = stream_->tellg();
        if (!*stream_ || size < 0) throw FileError("cannot read " + name_);
        std::uint64_t length = 0;
        if (size < 8) fail(message("expected at least 8 bytes, received ", size));
        read_bytes(0, &length, 8);
        const std::int64_t room = std::min(size - 8, largest_header);
        if (length > static_cast<std::uint64_t>(room))
            fail(message("expected a header of at most ", room, " bytes, received a length of ", length));
        std::string header(static_cast<std::size_t>(length), ' ');
        read_bytes(8, header.data(), header.size());
        data_ = 8 + static_cast<std::int64_t>(length);
        parse(header);
        check_layout(size - data_);
    }

    const std::string& name() const { return name_; }
    const Metadata& metadata() const { return metadata_; }
    const std::map<std::string, TensorEntry>& tensors() const { return tensors_; }
    /// Throws FormatError unless the file has this tensor with the dtype of T (float, double or std::int32_t) and this
    /// shape: nothing is converted.
    template <class T>
    void check(const std::string& tensor, const std::vector<Index>& shape) const {
        static_assert(detail::dtype_of<T> != "", "safetensors: tensors are of float, double or std::int32_t");
        const auto found = tensors_.find(tensor);
        if (found == tensors_.end()) fail("expected a tensor " + detail::shown(tensor, "'") + ", the file has none");
        const TensorEntry& entry = found->second;
        if (entry.dtype != detail::dtype_of<T> || entry.shape != shape)
            fail(tensor, message("expected ", detail::dtype_of<T>, " ", detail::shape_text(shape), ", received ",
                                 entry.dtype, " ", detail::shape_text(entry.shape)));
    }
    /// The elements, row-major. Throws as `check`, and FileError where the file cannot be read.
    template <class T>
    void read(const std::string& tensor, const std::vector<Index>& shape, T* to) {
        check<T>(tensor, shape);
        const TensorEntry& entry = tensors_.at(tensor);
        read_bytes(data_ + entry.begin, to, static_cast<std::size_t>(entry.end - entry.begin));
    }

private:
    [[noreturn]] void fail(const std::string& what) const { throw FormatError(name_ + ": " + what); }
    [[noreturn]] void fail(const std::string& tensor, const std::string& what) const {
        fail("tensor " + detail::shown(tensor, "'") + ": " + what);
    }
    void read_bytes(std::int64_t from, void* to, std::size_t bytes) {
        stream_->clear();
        stream_->seekg(from);
        stream_->read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
        if (!*stream_ || stream_->gcount() != static_cast<std::streamsize>(bytes))
            throw FileError(message("cannot read ", bytes, " bytes at ", from, " of ", name_));
    }
    void parse(const std::string& header) {
        detail::JsonReader json(header, name_);
        bool has_metadata = false;
        json.object([&](const std::string& name) {
            if (name == "__metadata__") {
                if (std::exchange(has_metadata, true)) fail("__metadata__ occurs twice");
                json.object([&](const std::string& key) {
                    if (!metadata_.emplace(key, json.string()).second)
                        fail("metadata " + detail::shown(key, "'") + " occurs twice");
                });
            } else if (!tensors_.emplace(name, parse_entry(json, name)).second) {
                fail(name, "occurs twice");
            }
        });
        json.end();
    }
    TensorEntry parse_entry(detail::JsonReader& json, const std::string& name) const {
        std::optional<std::string> dtype;
        std::optional<std::vector<std::int64_t>> shape, offsets;
        const auto numbers = [&] {
            std::vector<std::int64_t> list;
            json.array([&] { list.push_back(json.number()); });
            return list;
        };
        const auto once = [&](auto& field, auto&& value) {
            if (field) fail(name, "an entry occurs twice");
            field = value();
        };
        json.object([&](const std::string& key) {
            if (key == "dtype")
                once(dtype, [&] { return json.string(); });
            else if (key == "shape")
                once(shape, numbers);
            else if (key == "data_offsets")
                once(offsets, numbers);
            else
                fail(name, "expected dtype, shape and data_offsets, received " + detail::shown(key, "'"));
        });
        if (!dtype || !shape || !offsets) fail(name, "expected dtype, shape and data_offsets, received fewer");
        if (offsets->size() != 2) fail(name, message("expected two data_offsets, received ", offsets->size()));
        return {*dtype, {shape->begin(), shape->end()}, (*offsets)[0], (*offsets)[1]};
    }
    /// Tensors cover the `available` bytes one after the other, each with the bytes that its shape needs.
    void check_layout(std::int64_t available) const {
        std::vector<std::pair<const std::string*, const TensorEntry*>> order;
        for (const auto& [name, entry] : tensors_) order.emplace_back(&name, &entry);
        std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
            return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
        });
        std::int64_t at = 0;
        for (const auto& [name, entry] : order) {
            std::int64_t bytes = detail::dtype_size(entry->dtype);
            if (bytes == 0) fail(*name, "unknown dtype " + detail::shown(entry->dtype, "'"));
            const bool empty = std::find(entry->shape.begin(), entry->shape.end(), 0) != entry->shape.end();
            for (const std::int64_t extent : entry->shape) {
                if (!empty && bytes > available / extent)
                    fail(*name, message("a shape of ", detail::shape_text(entry->shape), " needs more than the ",
                                        available, " bytes of data that the file has"));
                bytes *= empty ? 0 : extent;
            }
            if (entry->begin != at || entry->end < at || entry->end - at != bytes || entry->end > available)
                fail(*name, message("expected data_offsets [", at, ", ", at + bytes, "] within ", available,
                                    " bytes of data, received [", entry->begin, ", ", entry->end, "]"));
            at = entry->end;
        }
        if (at != available) fail(message("expected ", at, " bytes of data, received ", available));
    }

    std::unique_ptr<std::istream> stream_;
    std::string name_;
    std::int64_t data_ = 0;  // where it begins
    Metadata metadata_;
    std::map<std::string, TensorEntry> tensors_;
};

/// Collects tensors and writes them to a file or stream. It looks at the tensors' memory until then.
class SafetensorsWriter {
public:
    Metadata metadata;

    /// Throws ArgumentError for a name that it has already, and for the reserved "__metadata__".
    template <class T>
    void add(std::string name, std::vector<Index> shape, const T* data) {
        static_assert(detail::dtype_of<T> != "", "safetensors: tensors are of float, double or std::int32_t");
        for (const Item& item : items_)
            if (item.name == name) throw ArgumentError("safetensors: two tensors have the name '" + name + "'");
        if (name == "__metadata__") throw ArgumentError("safetensors: no tensor can have the name __metadata__");
        std::int64_t bytes = sizeof(T);
        for (const Index extent : shape) bytes *= extent;
        items_.push_back({std::move(name), detail::dtype_of<T>, std::move(shape), data, bytes});
    }
    /// Replaces the file whole or not at all (see FileReplacement). Throws FileError.
    void write(const std::filesystem::path& path) const {
        FileReplacement file(path);
        each_part([&](const void* data, std::size_t bytes) { file.write(data, bytes); });
        file.commit();
    }
    /// Writes and flushes. Throws FileError for a stream that is not open or does not take everything.
    void write(std::ostream& out) const {
        std::size_t total = 0;
        each_part([&](const void* data, std::size_t bytes) {
            out.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
            total += bytes;
        });
        if (!out.flush())
            throw FileError(
                message("safetensors: expected a stream that takes ", total, " bytes, received one that failed"));
    }

private:
    struct Item {
        std::string name;
        std::string_view dtype;
        std::vector<Index> shape;
        const void* data;
        std::int64_t bytes;
    };
    template <class F>
    void each_part(F&& f) const {
        // The largest elements first and the header a multiple of 8: all data is aligned for who maps the file.
        std::vector<const Item*> order;
        for (const Item& item : items_) order.push_back(&item);
        std::stable_sort(order.begin(), order.end(), [](const Item* a, const Item* b) {
            return detail::dtype_size(a->dtype) > detail::dtype_size(b->dtype);
        });
        std::string header = "{";
        const auto comma = [&] { return header.size() > 1 ? "," : ""; };
        if (!metadata.empty()) {
            std::string texts;
            for (const auto& [key, text] : metadata)
                texts += (texts.empty() ? "" : ",") + detail::json_quoted(key) + ":" + detail::json_quoted(text);
            header += "\"__metadata__\":{" + texts + "}";
        }
        std::int64_t at = 0;
        for (const Item* item : order) {
            header += message(comma(), detail::json_quoted(item->name), ":{\"dtype\":\"", item->dtype,
                              "\",\"shape\":", detail::shape_text(item->shape), ",\"data_offsets\":[", at, ",",
                              at + item->bytes, "]}");
            at += item->bytes;
        }
        header += '}';
        header.append((8 - header.size() % 8) % 8, ' ');
        const std::uint64_t length = header.size();
        f(&length, sizeof length);
        f(header.data(), header.size());
        for (const Item* item : order) f(item->data, static_cast<std::size_t>(item->bytes));
    }
    std::vector<Item> items_;
};

DEEPREC_END
