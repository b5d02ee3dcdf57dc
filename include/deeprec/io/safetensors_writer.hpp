/// Writing files of tensors in the format of io/safetensors.hpp.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/function_ref.hpp>
#include <deeprec/io/replace_file.hpp>
#include <deeprec/io/safetensors_reader.hpp>

DEEPREC_BEGIN

/// Collects tensors and writes them to a file or stream. It looks at the tensors' memory until then. What no reader
/// would take is refused before anything is written, so that nothing is lost.
class SafetensorsWriter {
public:
    using Sink = FunctionRef<void(const void* data, std::size_t bytes)>;
    Metadata metadata;  ///< texts that the file has beside the tensors

    /// Throws ArgumentError for a name that it has already or that is not UTF-8, for the reserved "__metadata__" and
    /// "deeprec.text....", and for a shape that no memory can have.
    template <class T>
    void add(std::string name, std::vector<Index> shape, const T* data) {
        static_assert(detail::dtype_of<T> != "", "safetensors: tensors are of float, double, int32, int64 or uint8");
        if (name == "__metadata__" || name.starts_with(detail::text_tensor))
            throw ArgumentError("safetensors: no tensor can have the name " + detail::shown(name, "'"));
        check_text("the name of tensor ", name, name);
        std::int64_t bytes = std::find(shape.begin(), shape.end(), 0) == shape.end() ? sizeof(T) : 0;
        for (const Index extent : shape) {
            if (extent < 0 || (bytes > 0 && extent > std::numeric_limits<std::int64_t>::max() / bytes))
                throw ArgumentError(message("safetensors: tensor ", detail::shown(name, "'"),
                                            ": expected a shape of a ", "tensor in memory, received ",
                                            detail::shape_text(shape)));
            bytes *= extent;
        }
        if (!names_.insert(name).second)
            throw ArgumentError("safetensors: two tensors have the name " + detail::shown(name, "'"));
        items_.push_back({std::move(name), detail::dtype_of<T>, std::move(shape), data, bytes});
    }
    /// Numbers that the writer keeps until it is gone.
    template <class T>
    void add(std::string name, std::vector<Index> shape, std::vector<T>&& kept) {
        const auto shared = std::make_shared<const std::vector<T>>(std::move(kept));
        add(std::move(name), std::move(shape), shared->data());
        kept_.push_back(shared);
    }
    /// A tensor that is made while it is written: `make(sink)` calls sink(data, bytes) for its parts, in order. `write`
    /// throws ArgumentError where they are not as many bytes as the shape says.
    template <class T>
    void add_parts(std::string name, std::vector<Index> shape, std::function<void(Sink)> make) {
        add<T>(std::move(name), std::move(shape), static_cast<const T*>(nullptr));
        items_.back().make = std::move(make);
    }
    /// All tensors and texts of another, under names that begin with `prefix`: a file in a file.
    DEEPREC_LAZY_DECLARED void add(const std::string& prefix, const SafetensorsWriter& part);
    /// Replaces the file whole or not at all (see FileReplacement). Throws FileError, ArgumentError for metadata that
    /// are not UTF-8 and for names and short metadata of more than 100 MB.
    DEEPREC_LAZY_DECLARED void write(const std::filesystem::path& path) const;
    /// Writes and flushes. Throws FileError for a stream that is not open or does not take everything, ArgumentError as
    /// above.
    DEEPREC_LAZY_DECLARED void write(std::ostream& out) const;

private:
    struct Item {
        std::string name;
        std::string_view dtype;
        std::vector<Index> shape;
        const void* data;
        std::int64_t bytes;
        std::function<void(Sink)> make{};  // in place of data
    };
    DEEPREC_LAZY_DECLARED static void check_text(std::string_view what, const std::string& name,
                                                 const std::string& text);
    static bool is_long(const std::string& text) { return text.size() > detail::longest_text; }
    /// Tensors and long texts, the largest elements first: with a header of a multiple of 8, all data is aligned for
    /// who maps the file.
    DEEPREC_LAZY_DECLARED std::vector<Item> in_order() const;
    DEEPREC_LAZY_DECLARED std::string header_of(const std::vector<Item>& order) const;
    template <class F>
    static void each_part(const std::vector<Item>& order, const std::string& header, F&& f) {
        const std::uint64_t length = header.size();
        f(&length, sizeof length);
        f(header.data(), header.size());
        for (const Item& item : order) {
            if (!item.make) {
                f(item.data, static_cast<std::size_t>(item.bytes));
                continue;
            }
            std::int64_t made = 0;
            item.make([&](const void* data, std::size_t bytes) {
                f(data, bytes);
                made += static_cast<std::int64_t>(bytes);
            });
            if (made != item.bytes)
                throw ArgumentError(message("safetensors: tensor ", detail::shown(item.name, "'"), ": expected ",
                                            item.bytes, " bytes in parts, received ", made));
        }
    }
    std::vector<Item> items_;
    std::set<std::string> names_;
    std::vector<std::shared_ptr<const void>> kept_;
};

#if DEEPREC_BODIES
DEEPREC_LAZY_FUNCTION void SafetensorsWriter::write(const std::filesystem::path& path) const {
    const auto order = in_order();
    const std::string header = header_of(order);
    FileReplacement file(path);
    each_part(order, header, [&](const void* data, std::size_t bytes) { file.write(data, bytes); });
    file.commit();
}

DEEPREC_LAZY_FUNCTION void SafetensorsWriter::write(std::ostream& out) const {
    const auto order = in_order();
    const std::string header = header_of(order);
    std::size_t total = 0;
    each_part(order, header, [&](const void* data, std::size_t bytes) {
        out.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
        total += bytes;
    });
    if (!out.flush())
        throw FileError(
            message("safetensors: expected a stream that takes ", total, " bytes, received one that failed"));
}

DEEPREC_LAZY_FUNCTION void SafetensorsWriter::add(const std::string& prefix, const SafetensorsWriter& part) {
    for (Item item : part.items_) {
        item.name = prefix + item.name;
        if (!names_.insert(item.name).second)
            throw ArgumentError("safetensors: two tensors have the name " + detail::shown(item.name, "'"));
        items_.push_back(std::move(item));
    }
    for (const auto& [key, text] : part.metadata)
        if (!metadata.emplace(prefix + key, text).second)
            throw ArgumentError("safetensors: two metadata have the name " + detail::shown(prefix + key, "'"));
    kept_.insert(kept_.end(), part.kept_.begin(), part.kept_.end());
}

DEEPREC_LAZY_FUNCTION void SafetensorsWriter::check_text(std::string_view what, const std::string& name,
                                                         const std::string& text) {
    const std::size_t bad = detail::find_not_utf8(text);
    if (bad != std::string::npos)
        throw ArgumentError(message("safetensors: expected UTF-8 in ", what, detail::shown(name, "'"),
                                    ", received byte ", int{static_cast<unsigned char>(text[bad])}, " at ", bad));
}

DEEPREC_LAZY_FUNCTION std::vector<SafetensorsWriter::Item> SafetensorsWriter::in_order() const {
    std::vector<Item> order = items_;
    for (const auto& [key, text] : metadata) {
        check_text("the metadata key ", key, key);
        check_text("the metadata ", key, text);
        if (is_long(text))
            order.push_back({std::string(detail::text_tensor) + key,
                             "U8",
                             {static_cast<Index>(text.size())},
                             text.data(),
                             static_cast<std::int64_t>(text.size())});
    }
    std::stable_sort(order.begin(), order.end(), [](const Item& a, const Item& b) {
        return detail::dtype_bits(a.dtype) > detail::dtype_bits(b.dtype);
    });
    return order;
}

DEEPREC_LAZY_FUNCTION std::string SafetensorsWriter::header_of(const std::vector<Item>& order) const {
    std::string header = "{", largest;
    std::size_t largest_bytes = 0;
    const auto add = [&](const std::string& what, const std::string& entry) {
        if (header.back() != '{') header += ',';
        header += entry;
        if (entry.size() <= largest_bytes) return;
        largest_bytes = entry.size();
        largest = what;
    };
    if (!metadata.empty()) {
        header += "\"__metadata__\":{";
        for (const auto& [key, text] : metadata) {
            if (is_long(text)) continue;
            add("metadata " + detail::shown(key, "'"), detail::json_quoted(key) + ":" + detail::json_quoted(text));
        }
        header += '}';
    }
    std::int64_t at = 0;
    for (const Item& item : order) {
        add("tensor " + detail::shown(item.name, "'"),
            message(detail::json_quoted(item.name), ":{\"dtype\":\"", item.dtype, "\",\"shape\":",
                    detail::shape_text(item.shape), ",\"data_offsets\":[", at, ",", at + item.bytes, "]}"));
        at += item.bytes;
    }
    header += '}';
    header.append((8 - header.size() % 8) % 8, ' ');
    if (header.size() > static_cast<std::size_t>(SafetensorsReader::largest_header))
        throw ArgumentError(message("safetensors: expected a header of at most ", SafetensorsReader::largest_header,
                                    " bytes, received names and metadata of ", header.size(), ", the largest is ",
                                    largest, " with ", largest_bytes));
    return header;
}
#endif

DEEPREC_END
