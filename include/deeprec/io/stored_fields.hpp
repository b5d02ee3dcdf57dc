/// What a thing that is no model keeps in a file, listed once for writing and reading.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/record.hpp>
#include <deeprec/core/tensor.hpp>
#include <deeprec/io/model_file.hpp>

DEEPREC_BEGIN

/// Writes to a file's tensors, or reads from them, whatever `fields(StoredFields&)` of a thing names:
///
///     void fields(StoredFields& f) {
///         f.kind("Popularity");
///         f.list("counts", counts_);
///         f.require(!counts_.empty(), "expected counts of padding and items");     // when reading
///     }
///
/// Numbers are tensors without axes, lists have one axis, texts and kinds are metadata. Names of a part begin with the
/// part's. What is read and does not fit is a FormatError with the file and the name.
class StoredFields {
public:
    DEEPREC_LAZY explicit StoredFields(SafetensorsWriter& to) : to_(&to) {}
    DEEPREC_LAZY explicit StoredFields(SafetensorsReader& from)
        : from_(&from), used_(std::make_shared<std::set<std::string>>()) {}

    /// Whether the thing is read; else it is written.
    bool reading() const { return from_ != nullptr; }

    /// What the thing is; when reading, FormatError for another.
    DEEPREC_LAZY void kind(std::string_view expected) {
        std::string found(expected);
        text("deeprec.kind", found);
        if (found != expected) fail("expected the kind ", expected, ", received ", detail::shown(found, "'"));
    }
    /// A text of the metadata.
    DEEPREC_LAZY void text(std::string_view name, std::string& value) {
        if (to_) {
            to_->metadata[at(name)] = value;
            return;
        }
        const auto found = from_->metadata().find(at(name));
        if (found == from_->metadata().end()) fail("expected the text '", at(name), "', the file has none");
        value = found->second;
    }
    /// Whether the file that is read has a tensor of this name.
    bool has(std::string_view name) const { return reading() && from_->tensors().count(at(name)) > 0; }
    /// A number; when reading, FormatError unless it is finite.
    template <class V>
    void number(std::string_view name, V& value) {
        if (to_) return to_->add(at(name), {}, &value);
        from_->read(use(name), {}, &value);
        check_finite(name, &value, 1);
    }
    /// Numbers, of which there may be any number in the file; when reading, FormatError unless they are finite.
    template <class V>
    void list(std::string_view name, std::vector<V>& values) {
        if (to_) return to_->add(at(name), {std::ssize(values)}, values.data());
        const std::vector<Index> shape = shape_of(name, 1);
        from_->check<V>(at(name), shape);
        values.resize(static_cast<std::size_t>(shape[0]));
        from_->read(at(name), shape, values.data());
        check_finite(name, values.data(), shape[0]);
    }
    /// A list that is gone before the file is written.
    template <class V>
    void kept_list(std::string_view name, std::vector<V>& values) {
        if (to_) return to_->add(at(name), {std::ssize(values)}, std::vector<V>(values));
        list(name, values);
    }
    /// As many as the thing has.
    template <class V, std::size_t N>
    void list(std::string_view name, std::array<V, N>& values) {
        if (to_) return to_->add(at(name), {static_cast<Index>(N)}, values.data());
        from_->read(use(name), {static_cast<Index>(N)}, values.data());
        check_finite(name, values.data(), static_cast<Index>(N));
    }
    /// The same with rows and columns.
    template <class V>
    void matrix(std::string_view name, Tensor<V, 2>& values) {
        if (to_) return to_->add(at(name), {values.dimension(0), values.dimension(1)}, values.data());
        const std::vector<Index> shape = shape_of(name, 2);
        from_->check<V>(at(name), shape);
        values.resize(shape[0], shape[1]);
        from_->read(at(name), shape, values.data());
        check_finite(name, values.data(), values.size());
    }
    /// [rows, columns], the columns being known.
    template <class V>
    void matrix(std::string_view name, Index& rows, Index columns, Buffer<V>& values) {
        if (to_) return to_->add(at(name), {rows, columns}, values.data());
        const std::vector<Index> shape = shape_of(name, 2);
        require(shape[1] == columns, "tensor '", at(name), "': expected ", columns, " columns, received ", shape[1]);
        from_->check<V>(at(name), shape);
        rows = shape[0];
        from_->read(at(name), shape, values.need(rows * columns));
        check_finite(name, values.data(), rows * columns);
    }
    /// A tensor for each field of a record; when reading, of those that `value` has, ids [N] or [N, n] and numbers
    /// [N, F], and with the rows that the file has.
    DEEPREC_LAZY_DECLARED void record(std::string_view name, Record& value);
    /// Texts as the bytes of all and where each ends: any number of any bytes, while metadata are UTF-8 below 100 MB.
    DEEPREC_LAZY_DECLARED void texts(std::string_view name, std::vector<std::string>& values);
    /// A built model, by all that `save(model, path)` would write. When writing, throws ArgumentError for one that
    /// `load<Model>` could not make again.
    template <class Model>
    void model(std::string_view name, std::shared_ptr<const Model>& value) {
        const std::string prefix = at(name) + ".";
        if (to_) {
            auto fields = detail::named_fields(*value);
            const SafetensorsWriter part = detail::collect(fields, {});
            if constexpr (requires { Model::has_parts_of_any_type; })
                Model::check_parts([&](const std::string& path) {
                    const auto found = part.metadata.find(detail::option_key(path));
                    return found == part.metadata.end() ? nullptr : &found->second;
                });
            return to_->add(prefix, part);
        }
        SafetensorsReader part = from_->part(prefix);
        for (const auto& [tensor, entry] : part.tensors()) used_->insert(prefix + tensor);
        value = std::make_shared<const Model>(load<Model>(part));
    }
    /// Another thing with `fields(StoredFields&)`.
    template <class Part>
    void part(std::string_view name, Part& thing) {
        StoredFields part_fields = inner(name);
        thing.fields(part_fields);
    }
    /// The fields of a part.
    DEEPREC_LAZY StoredFields inner(std::string_view name) const {
        StoredFields fields(*this);
        fields.prefix_ = at(name) + ".";
        return fields;
    }

    /// When reading, throws FormatError with what is expected unless it holds.
    template <class... Parts>
    void require(bool holds, const Parts&... expected) const {
        if (reading() && !holds) fail(expected...);
    }
    /// Throws FormatError with the file, the part and these words.
    template <class... Parts>
    [[noreturn]] void fail(const Parts&... parts) const {
        throw FormatError(message(from_->name(), ": ", prefix_, prefix_.empty() ? "" : " ", message(parts...)));
    }
    /// When all is read: throws FormatError for a tensor that nobody asked for.
    DEEPREC_LAZY void check_all_used() const {
        for (const auto& [name, entry] : from_->tensors())
            if (!used_->count(name))
                fail("tensor ", detail::shown(name, "'"), " of ", detail::shape_text(entry.shape),
                     ": nothing of this name is expected");
    }

private:
    std::string at(std::string_view name) const { return prefix_ + std::string(name); }
    DEEPREC_LAZY std::string use(std::string_view name) {
        used_->insert(at(name));
        return at(name);
    }
    DEEPREC_LAZY std::vector<Index> shape_of(std::string_view name, std::size_t rank) {
        const auto found = from_->tensors().find(use(name));
        if (found == from_->tensors().end()) fail("expected a tensor '", at(name), "', the file has none");
        if (found->second.shape.size() != rank)
            fail("tensor '", at(name), "': expected ", rank, " axes, received ",
                 detail::shape_text(found->second.shape));
        return found->second.shape;
    }
    template <class V>
    void check_finite(std::string_view name, const V* values, Index n) const {
        if constexpr (std::floating_point<V>)
            for (Index begin = 0; begin < n; begin += 1024) {
                const Index end = std::min<Index>(n, begin + 1024);
                bool finite = true;  // without a branch for each number
                for (Index i = begin; i < end; ++i) finite &= std::abs(values[i]) <= std::numeric_limits<V>::max();
                for (Index i = begin; !finite && i < end; ++i)
                    if (!std::isfinite(values[i]))
                        fail("tensor '", at(name), "': expected finite numbers, received ", values[i], " at ", i);
            }
    }

    SafetensorsWriter* to_ = nullptr;
    SafetensorsReader* from_ = nullptr;
    std::string prefix_;
    std::shared_ptr<std::set<std::string>> used_;
};

/// What names in `void fields(StoredFields&)` all that it keeps.
template <class Thing>
concept Stored = requires(Thing& thing, StoredFields& f) { thing.fields(f); };

#if DEEPREC_BODIES
DEEPREC_LAZY_FUNCTION void StoredFields::record(std::string_view name, Record& value) {
    std::vector<Record::Field> read;
    for (const FieldView& field : value.fields()) {
        const std::string own = message(name, ".", field.name);
        const Index width = field.sample.rank() > 0 ? field.sample[0] : 1;
        const auto stored = [&]<class V, int Rank>(Tensor<V, Rank> to) {
            std::vector<Index> shape{value.size()};
            if (Rank == 2) shape.push_back(width);
            if (to_) return to_->add(at(own), shape, reinterpret_cast<const V*>(field.data));
            shape[0] = shape_of(own, Rank)[0];
            from_->check<V>(at(own), shape);
            if constexpr (Rank == 2)
                to.resize(shape[0], width);
            else
                to.resize(shape[0]);
            from_->read(at(own), shape, to.data());
            check_finite(own, to.data(), to.size());
            read.emplace_back(std::string(field.name), std::move(to));
        };
        if (field.type != ElementType::int32)
            stored(Tensor<float, 2>());
        else if (field.sample.rank() > 0)
            stored(Tensor<std::int32_t, 2>());
        else
            stored(Tensor<std::int32_t, 1>());
    }
    if (to_) return;
    try {
        value = Record(std::move(read));
    } catch (const ShapeError& error) {  // other numbers of rows
        fail(error.what());
    }
}
DEEPREC_LAZY_FUNCTION void StoredFields::texts(std::string_view name, std::vector<std::string>& values) {
    const std::string bytes_name = std::string(name) + ".bytes", ends_name = std::string(name) + ".ends";
    std::vector<std::uint8_t> bytes;
    std::vector<std::int64_t> ends;
    if (to_) {
        for (const std::string& text : values) {
            bytes.insert(bytes.end(), text.begin(), text.end());
            ends.push_back(std::ssize(bytes));
        }
        to_->add(at(bytes_name), {std::ssize(bytes)}, std::move(bytes));
        to_->add(at(ends_name), {std::ssize(ends)}, std::move(ends));
        return;
    }
    list(bytes_name, bytes);
    list(ends_name, ends);
    values.clear();
    std::int64_t begin = 0;
    for (const std::int64_t end : ends) {
        if (end < begin || end > std::ssize(bytes))
            fail("tensor '", at(ends_name), "': expected ends from ", begin, " to ", bytes.size(), ", received ", end);
        values.emplace_back(bytes.begin() + begin, bytes.begin() + end);
        begin = end;
    }
    require(begin == std::ssize(bytes), "tensor '", at(bytes_name), "': expected ", begin, " bytes, received ",
            bytes.size());
}
#endif

DEEPREC_END
