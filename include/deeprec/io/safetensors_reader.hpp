/// Reading files of tensors in the format of io/safetensors.hpp.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <istream>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <deeprec/core/shape.hpp>
#include <deeprec/io/dtypes.hpp>
#include <deeprec/io/json_header.hpp>
#include <deeprec/io/within_memory.hpp>

DEEPREC_BEGIN

static_assert(std::endian::native == std::endian::little, "deeprec: safetensors files are little-endian");

/// Texts stored beside the tensors, by name.
using Metadata = std::map<std::string, std::string>;

namespace detail {
/// Metadata of more than `longest_text` bytes are tensors with this before their names.
inline constexpr std::string_view text_tensor = "deeprec.text.";
inline constexpr std::size_t longest_text = std::size_t{1} << 16;

inline std::string shape_text(const std::vector<Index>& shape) {
    std::string text = "[";
    for (const Index extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
    return text + "]";
}
}  // namespace detail

/// What the header says about a tensor.
struct TensorEntry {
    std::string dtype;                ///< "F32", "F64", "I32", ... as the format names them
    std::vector<Index> shape;         ///< empty for a scalar
    std::int64_t begin = 0, end = 0;  ///< offsets of its bytes, from `data_begin()`
    friend bool operator==(const TensorEntry&, const TensorEntry&) = default;
};

/// A file of tensors, open for reading. The header is checked whole before anything else happens: FormatError (with the
/// file, the tensor, what was expected and what was received) for a wrong length, text that is not such a header, a
/// name that occurs twice, shapes that disagree with the offsets, gaps, overlaps, missing or additional bytes. Nothing
/// is allocated that the file is not large enough to hold. Tensors of types that nobody asks for do no harm, known here
/// or not.
class SafetensorsReader {
public:
    static constexpr std::int64_t largest_header = 100'000'000;  ///< as the format's own implementation

    /// Throws FileError where there is no file to read.
    DEEPREC_LAZY_DECLARED explicit SafetensorsReader(const std::filesystem::path& path);
    /// From any stream; `name` is for messages.
    DEEPREC_LAZY_DECLARED SafetensorsReader(std::unique_ptr<std::istream> stream, std::string name);
    /// The tensors and texts of this file whose names begin with `prefix`, by the rest of their names: a file in a
    /// file. It reads through this one's stream: use one of the two at a time.
    DEEPREC_LAZY_DECLARED SafetensorsReader part(const std::string& prefix) const;

    const std::string& name() const { return name_; }
    /// All texts, long ones too.
    const Metadata& metadata() const { return metadata_; }
    /// What the header says of each tensor, by name.
    const std::map<std::string, TensorEntry>& tensors() const { return tensors_; }
    /// Where in the file the bytes of tensors begin: what `TensorEntry::begin` counts from.
    std::int64_t data_begin() const { return data_; }
    /// Throws FormatError unless the file has this tensor with the dtype of T (float, double, std::int32_t,
    /// std::int64_t or std::uint8_t), or one that may be converted to it, and this shape.
    template <class T>
    void check(const std::string& tensor, const std::vector<Index>& shape, Convert convert = Convert::no) const {
        static_assert(detail::dtype_of<T> != "", "safetensors: tensors are of float, double, int32, int64 or uint8");
        const auto found = tensors_.find(tensor);
        if (found == tensors_.end()) fail("expected a tensor " + detail::shown(tensor, "'") + ", the file has none");
        const TensorEntry& entry = found->second;
        const bool converted = convert == Convert::yes && std::is_floating_point_v<T> &&
                               detail::with_float_dtype(entry.dtype, [](auto, auto) {});
        if ((entry.dtype != detail::dtype_of<T> && !converted) || entry.shape != shape)
            fail(tensor, message("expected ", detail::dtype_of<T>, " ", detail::shape_text(shape), ", received ",
                                 entry.dtype, " ", detail::shape_text(entry.shape)));
    }
    /// The elements, row-major. Throws as `check`, FileError where the file cannot be read, NumericError for a number
    /// that is finite and out of T's range.
    template <class T>
    void read(const std::string& tensor, const std::vector<Index>& shape, T* to, Convert convert = Convert::no) {
        check<T>(tensor, shape, convert);
        read_elements(tensor, tensors_.at(tensor), to);
    }
    /// `count` elements from number `first` alone. Throws as `read`, and ArgumentError for elements that are none.
    template <class T>
    void read_some(const std::string& tensor, const std::vector<Index>& shape, Index first, Index count, T* to,
                   Convert convert = Convert::no) {
        check<T>(tensor, shape, convert);
        TensorEntry some = tensors_.at(tensor);
        const std::int64_t bytes = static_cast<std::int64_t>(detail::dtype_bits(some.dtype) / 8);
        const std::int64_t all = (some.end - some.begin) / bytes;
        if (first < 0 || count < 0 || first > all - count)
            throw ArgumentError(message("safetensors: tensor ", detail::shown(tensor, "'"), ": expected some of its ",
                                        all, " elements, received a wish for ", count, " from ", first));
        some.begin += first * bytes;
        some.end = some.begin + count * bytes;
        read_elements(tensor, some, to);
    }

private:
    [[noreturn]] void fail(const std::string& what) const { throw FormatError(name_ + ": " + what); }
    [[noreturn]] void fail(const std::string& tensor, const std::string& what) const {
        fail("tensor " + detail::shown(tensor, "'") + ": " + what);
    }
    template <class T>
    void read_elements(const std::string& tensor, const TensorEntry& entry, T* to) {
        if (entry.dtype == detail::dtype_of<T>)
            read_bytes(data_ + entry.begin, to, static_cast<std::size_t>(entry.end - entry.begin));
        else if constexpr (std::is_floating_point_v<T>)
            detail::with_float_dtype(entry.dtype, [&](auto stored, const auto& value_of) {
                read_converted<decltype(stored)>(tensor, entry, to, value_of);
            });
    }
    DEEPREC_LAZY_DECLARED void read_bytes(std::int64_t from, void* to, std::size_t bytes);
    template <class Stored, class T, class Value>
    void read_converted(const std::string& tensor, const TensorEntry& entry, T* to, const Value& value_of) {
        constexpr std::int64_t most = 4096, size = sizeof(Stored);
        std::vector<Stored> some(most);
        const std::int64_t count = (entry.end - entry.begin) / size;
        for (std::int64_t first = 0; first < count; first += most) {
            const std::int64_t n = std::min<std::int64_t>(most, count - first);
            read_bytes(data_ + entry.begin + first * size, some.data(), static_cast<std::size_t>(n * size));
            for (std::int64_t i = 0; i < n; ++i) {
                const auto value = value_of(some[static_cast<std::size_t>(i)]);
                to[first + i] = static_cast<T>(value);
                if (std::isfinite(value) && !std::isfinite(to[first + i]))
                    throw NumericError(message(name_, ": tensor ", detail::shown(tensor, "'"), ": number ", first + i,
                                               " is ", value, ", beyond what ", detail::dtype_of<T>, " can hold"));
            }
        }
    }
    DEEPREC_LAZY_DECLARED void parse(const std::string& header);
    DEEPREC_LAZY_DECLARED TensorEntry parse_entry(detail::JsonReader& json, const std::string& name) const;
    /// What the shape needs of the `available` bytes; of a type that is not known, the bytes that it has.
    DEEPREC_LAZY_DECLARED std::int64_t bytes_of(const std::string& name, const TensorEntry& entry,
                                                std::int64_t available) const;
    /// Tensors cover the `available` bytes one after the other, each with the bytes that its shape needs.
    DEEPREC_LAZY_DECLARED void check_layout(std::int64_t available) const;
    /// Makes metadata of the tensors that are long texts.
    DEEPREC_LAZY_DECLARED void take_texts();

    SafetensorsReader() = default;

    std::shared_ptr<std::istream> stream_;
    std::string name_;
    std::int64_t data_ = 0;  // where it begins
    Metadata metadata_;
    std::map<std::string, TensorEntry> tensors_;
};

#if DEEPREC_BODIES
DEEPREC_LAZY_FUNCTION SafetensorsReader::SafetensorsReader(const std::filesystem::path& path)
    : SafetensorsReader(std::make_unique<std::ifstream>(path, std::ios::binary), path.string()) {}

DEEPREC_LAZY_FUNCTION SafetensorsReader::SafetensorsReader(std::unique_ptr<std::istream> stream, std::string name)
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
    std::string header(length, ' ');
    read_bytes(8, header.data(), header.size());
    data_ = 8 + static_cast<std::int64_t>(length);
    detail::within_memory(name_, [&] {
        parse(header);
        check_layout(size - data_);
        take_texts();
    });
}

DEEPREC_LAZY_FUNCTION void SafetensorsReader::read_bytes(std::int64_t from, void* to, std::size_t bytes) {
    stream_->clear();
    stream_->seekg(from);
    stream_->read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    if (!*stream_ || stream_->gcount() != static_cast<std::streamsize>(bytes))
        throw FileError(message("cannot read ", bytes, " bytes at ", from, " of ", name_));
}

DEEPREC_LAZY_FUNCTION void SafetensorsReader::parse(const std::string& header) {
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

DEEPREC_LAZY_FUNCTION SafetensorsReader SafetensorsReader::part(const std::string& prefix) const {
    SafetensorsReader inner;
    inner.stream_ = stream_;
    inner.name_ = name_ + ": " + prefix;
    inner.data_ = data_;
    for (const auto& [name, entry] : tensors_)
        if (name.starts_with(prefix)) inner.tensors_.emplace(name.substr(prefix.size()), entry);
    for (const auto& [key, text] : metadata_)
        if (key.starts_with(prefix)) inner.metadata_.emplace(key.substr(prefix.size()), text);
    return inner;
}

DEEPREC_LAZY_FUNCTION TensorEntry SafetensorsReader::parse_entry(detail::JsonReader& json,
                                                                 const std::string& name) const {
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

DEEPREC_LAZY_FUNCTION std::int64_t SafetensorsReader::bytes_of(const std::string& name, const TensorEntry& entry,
                                                               std::int64_t available) const {
    const std::uint64_t known = detail::dtype_bits(entry.dtype), bits = std::max<std::uint64_t>(known, 1);
    const std::int64_t own = entry.end - entry.begin;
    if (known == 0 && own < 0) return own;  // which no layout has
    const std::uint64_t room = static_cast<std::uint64_t>(known == 0 ? own : available);
    const std::uint64_t most = room / bits * 8 + room % bits * 8 / bits;  // elements
    const bool empty = std::find(entry.shape.begin(), entry.shape.end(), 0) != entry.shape.end();
    std::uint64_t count = empty ? 0 : 1;
    for (const std::int64_t extent : entry.shape) {
        if (!empty && count > most / static_cast<std::uint64_t>(extent))
            fail(name, message("a shape of ", detail::shape_text(entry.shape), " needs more than the ", room,
                               " bytes of data that the file has"));
        count *= static_cast<std::uint64_t>(extent);
    }
    if (known == 0) return own;  // no type has less than a bit for an element
    if (count % 8 * bits % 8 != 0)
        fail(name, message("expected whole bytes, received ", count, " elements of ", bits, " bits"));
    return static_cast<std::int64_t>(count / 8 * bits + count % 8 * bits / 8);
}

DEEPREC_LAZY_FUNCTION void SafetensorsReader::check_layout(std::int64_t available) const {
    std::vector<std::pair<const std::string*, const TensorEntry*>> order;
    for (const auto& [name, entry] : tensors_) order.emplace_back(&name, &entry);
    std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
        return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
    });
    std::int64_t at = 0;
    for (const auto& [name, entry] : order) {
        const std::int64_t bytes = bytes_of(*name, *entry, available);
        if (entry->begin != at || entry->end < at || entry->end - at != bytes || entry->end > available)
            fail(*name, message("expected data_offsets [", at, ", ", at + bytes, "] within ", available,
                                " bytes of data, received [", entry->begin, ", ", entry->end, "]"));
        at = entry->end;
    }
    if (at != available) fail(message("expected ", at, " bytes of data, received ", available));
}

DEEPREC_LAZY_FUNCTION void SafetensorsReader::take_texts() {
    for (auto item = tensors_.begin(); item != tensors_.end();) {
        const auto& [name, entry] = *item;
        if (!name.starts_with(detail::text_tensor)) {
            ++item;
            continue;
        }
        if (entry.dtype != "U8") fail(name, "expected the bytes of a text as U8, received " + entry.dtype);
        std::string text(static_cast<std::size_t>(entry.end - entry.begin), ' ');
        read_bytes(data_ + entry.begin, text.data(), text.size());
        if (const std::size_t bad = detail::find_not_utf8(text); bad != text.npos)
            fail(name,
                 message("expected UTF-8, received byte ", int{static_cast<unsigned char>(text[bad])}, " at ", bad));
        if (!metadata_.emplace(name.substr(detail::text_tensor.size()), std::move(text)).second)
            fail(name, "the metadata have this text too");
        item = tensors_.erase(item);
    }
}
#endif

DEEPREC_END
