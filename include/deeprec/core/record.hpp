/// Named tensors with one batch axis: what a model with several inputs reads. Names, types and shapes are known at run
/// time, so that all records are of one type.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <deeprec/core/block.hpp>
#include <deeprec/core/buffer.hpp>

DEEPREC_BEGIN

/// What a tensor of a record holds; `unknown` where only a shape was given.
enum class ElementType : std::uint8_t { unknown, int32, float32, float64 };
/// Of tensors of T.
template <class T>
inline constexpr ElementType element_type = std::is_same_v<T, std::int32_t> ? ElementType::int32
                                            : std::is_same_v<T, float>      ? ElementType::float32
                                            : std::is_same_v<T, double>     ? ElementType::float64
                                                                            : ElementType::unknown;

/// The shape of a sample of one field: `{"tags", {50, 4}}`, `{"age", {1}}`, of one id a sample `{"country", {}}`.
struct FieldShape {
    std::string name;                         ///< of the field
    Shape shape;                              ///< of a sample, without the batch axis; of one id `{}`
    ElementType type = ElementType::unknown;  ///< of the numbers, where a tensor has said it
    friend bool operator==(const FieldShape&, const FieldShape&) = default;
};
/// What a model of named fields is built for: `model.build({{"item", {50}}, {"age", {1}}}, Seed{42})`.
using RecordShape = std::vector<FieldShape>;

/// One tensor of a record.
struct FieldView {
    std::string_view name;                    ///< of the field
    ElementType type = ElementType::unknown;  ///< of the numbers
    Shape sample;                             ///< without the batch axis
    const std::byte* data = nullptr;          ///< row-major, sample by sample

    /// Bytes of one sample.
    Index row_bytes() const { return sample.size() * (type == ElementType::float64 ? 8 : 4); }
};

/// In place of an element type: the input is a record, whose tensors have types of their own.
struct Named {};

/// Samples `begin` to `end` (not included) of named tensors in memory that others own. Slicing copies nothing.
template <>
struct Block<const Named> {
    using Sample = RecordShape;
    using Element = const Named;
    static constexpr int rank = any_rank;

    std::span<const FieldView> fields;  ///< the tensors, with all their samples
    Index begin = 0, end = 0;           ///< the samples of this view

    /// Samples.
    Index batch() const { return end - begin; }
    /// Samples, on whatever axis is asked for: fields have shapes of their own.
    Index extent(int) const { return batch(); }
    /// Samples of these samples. Throws ShapeError unless 0 <= from <= to <= batch().
    Block slice(Index from, Index to) const {
        if (from < 0 || to < from || to > batch())
            throw ShapeError(message("Record: expected samples of 0 to ", batch(), ", received ", from, " to ", to));
        return {fields, begin + from, begin + to};
    }
    /// Null where there is no such field.
    const FieldView* find(std::string_view name) const {
        for (const FieldView& field : fields)
            if (field.name == name) return &field;
        return nullptr;
    }
    /// The tensor of a field, whose type is T.
    template <class T>
    Block<const T> get(const FieldView& field) const {
        Shape shape{batch()};
        for (int axis = 0; axis < field.sample.rank(); ++axis) shape.push_back(field.sample[axis]);
        return {reinterpret_cast<const T*>(field.data + begin * field.row_bytes()), shape};
    }
};
using RecordView = Block<const Named>;
inline RecordView view(const RecordView& x) { return x; }

namespace detail {
RecordShape shape_of(const RecordView& x);
/// Throws ShapeError unless `received`, the shapes that a model is to be built for, are of the fields that it reads.
void check_fields(std::string_view model, const RecordShape& reads, const RecordShape& received);
/// Throws ShapeError unless the record has the fields that a built model reads, and no others: of their types and
/// ranks, numbers with as many features. Steps and bags may have other lengths.
void check_fields(std::string_view model, const RecordShape& reads, const RecordView& x);

#if DEEPREC_BODIES
/// "'item' ids [50], 'age' float [1]"
DEEPREC_FUNCTION std::string listed(const RecordShape& fields, bool with_shapes = true) {
    constexpr std::string_view types[] = {"", " ids", " float", " double"};
    std::string list;
    for (const FieldShape& f : fields) {
        list += message(list.empty() ? "'" : ", '", f.name, "'", types[static_cast<std::size_t>(f.type)]);
        if (with_shapes) list += message(" ", f.shape);
    }
    return list.empty() ? "nothing" : list;
}
DEEPREC_FUNCTION RecordShape shape_of(const RecordView& x) {
    RecordShape shape;
    for (const FieldView& f : x.fields) shape.push_back({std::string(f.name), f.sample, f.type});
    return shape;
}
DEEPREC_FUNCTION void check_fields(std::string_view model, const RecordShape& reads, const RecordShape& received) {
    const auto refuse = [&](std::string_view why, const std::string& name) {
        throw ShapeError(message(model, ": ", why, " '", name, "'; the model reads ", listed(reads, false),
                                 ", received ", listed(received)));
    };
    const auto count = [](const RecordShape& list, const std::string& name) {
        return std::count_if(list.begin(), list.end(), [&](const FieldShape& f) { return f.name == name; });
    };
    for (const FieldShape& f : reads)
        if (count(received, f.name) != 1) refuse("expected one shape of the field", f.name);
    for (const FieldShape& f : received)
        if (count(reads, f.name) == 0) refuse("nothing reads the field", f.name);
}
DEEPREC_FUNCTION void check_fields(std::string_view model, const RecordShape& reads, const RecordView& x) {
    if (reads.empty()) throw ArgumentError(message(model, ": the model reads nothing yet; build it first"));
    const auto refuse = [&](std::string_view why, std::string_view name) {
        throw ShapeError(message(model, ": ", why, " '", name, "'; the model reads ", listed(reads), ", received ",
                                 listed(shape_of(x))));
    };
    for (const FieldShape& f : reads) {
        const FieldView* const found = x.find(f.name);
        if (!found) {
            refuse("expected the field", f.name);
        } else if (found->type != f.type) {
            refuse("expected another type of the field", f.name);
        } else if (found->sample.rank() != f.shape.rank()) {
            refuse("expected another rank of the field", f.name);
        } else if (f.type != ElementType::int32 && found->sample.back() != f.shape.back()) {
            refuse("expected another number of features of the field", f.name);
        }
    }
    if (x.fields.size() == reads.size()) return;
    for (const FieldView& field : x.fields)
        if (std::none_of(reads.begin(), reads.end(), [&](const FieldShape& f) { return f.name == field.name; }))
            refuse("nothing reads the field", field.name);
}
#endif
}  // namespace detail

namespace detail {
/// Samples of a record one by one, in memory that the next call uses again.
class RecordRows {
public:
    /// Sample i is sample rows[i] of `x`.
    DEEPREC_LAZY RecordView operator()(const RecordView& x, std::span<const Index> rows) {
        views_.assign(x.fields.begin(), x.fields.end());
        if (bytes_.size() < views_.size()) bytes_.resize(views_.size());
        for (std::size_t f = 0; f < views_.size(); ++f) {
            const Index size = views_[f].row_bytes();
            std::byte* to = bytes_[f].need(static_cast<Index>(rows.size()) * size);
            views_[f].data = to;
            for (const Index row : rows) to = std::copy_n(x.fields[f].data + (x.begin + row) * size, size, to);
        }
        return {views_, 0, static_cast<Index>(rows.size())};
    }

private:
    std::vector<FieldView> views_;
    std::vector<Buffer<std::byte>> bytes_;
};
}  // namespace detail

/// Owns named tensors of the same number of samples: `Record{{"item", ids}, {"price", prices}}`.
///
/// Fields are ids of std::int32_t, [B], [B, T] or [B, T, n], and numbers, float or double, [B, F] or [B, T, F]. Copies
/// of a record share its tensors, which nothing changes. Throws ShapeError for numbers of samples that differ,
/// ArgumentError for two fields of one name.
class Record {
public:
    /// A name and its tensor, which `std::move` spares a copy of.
    class Field {
    public:
        template <class T, int Rank>
        Field(std::string name, Tensor<T, Rank> tensor) : name_(std::move(name)) {
            static_assert(element_type<T> != ElementType::unknown,
                          "Record: a field holds ids of std::int32_t, or numbers, float or double");
            static_assert(Rank <= 3 && Rank >= (std::is_same_v<T, std::int32_t> ? 1 : 2),
                          "Record: ids are [B], [B, T] or [B, T, n], numbers [B, F] or [B, T, F]");
            auto kept = std::make_shared<const Tensor<T, Rank>>(std::move(tensor));
            view_.type = element_type<T>;
            for (int axis = 1; axis < Rank; ++axis) view_.sample.push_back(kept->dimension(axis));
            view_.data = reinterpret_cast<const std::byte*>(kept->data());
            samples_ = kept->dimension(0);
            memory_ = std::move(kept);
        }
        /// A copy of what a view looks at.
        template <class T, int Rank>
        Field(std::string name, const View<T, Rank>& x)
            : Field(std::move(name), Tensor<std::remove_const_t<T>, Rank>(x)) {}

    private:
        friend Record;
        std::string name_;
        FieldView view_;
        Index samples_ = 0;
        std::shared_ptr<const void> memory_;
    };

    Record() : Record(std::vector<Field>{}) {}
    Record(std::initializer_list<Field> fields) : Record(std::vector<Field>(fields)) {}
    /// For a number of fields that is known at run time.
    explicit Record(std::vector<Field> fields);

    /// Number of samples.
    Index size() const { return samples_; }
    /// Samples `begin` to `end` (not included), in the same memory.
    RecordView slice(Index begin, Index end) const { return view(*this).slice(begin, end); }
    std::span<const FieldView> fields() const { return *views_; }
    /// Of a sample, for `build`.
    RecordShape shape() const { return detail::shape_of(view(*this)); }

    friend RecordView view(const Record& x) { return {x.fields(), 0, x.size()}; }

private:
    std::shared_ptr<const std::vector<Field>> owners_;  // names stay where they are when a record is copied
    std::shared_ptr<const std::vector<FieldView>> views_;
    Index samples_ = 0;
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION Record::Record(std::vector<Field> fields)
    : owners_(std::make_shared<const std::vector<Field>>(std::move(fields))) {
    auto views = std::make_shared<std::vector<FieldView>>();
    for (const Field& f : *owners_) {
        for (const FieldView& other : *views)
            if (other.name == f.name_) throw ArgumentError(message("Record: two fields have the name '", f.name_, "'"));
        if (f.samples_ != owners_->front().samples_)
            throw ShapeError(message("Record: expected as many samples in each field, received ",
                                     owners_->front().samples_, " of '", owners_->front().name_, "' and ", f.samples_,
                                     " of '", f.name_, "'"));
        views->push_back(f.view_);
        views->back().name = f.name_;
        samples_ = f.samples_;
    }
    views_ = std::move(views);
}
#endif

DEEPREC_END
