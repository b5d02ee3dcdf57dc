/// Gradient of a table of which one batch touches few rows.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <deeprec/core/tensor.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN

/// Rows of a [rows, width] table that received a gradient. Adding, clearing and stepping cost the touched rows only.
/// Order is that of the first touch, so equal inputs give equal bits.
template <class T>
class SparseRows {
public:
    SparseRows() = default;
    SparseRows(Index rows, Index width) : rows_(rows), width_(width), slot_(static_cast<std::size_t>(rows), -1) {}

    Index rows() const { return rows_; }
    /// Numbers of a row.
    Index width() const { return width_; }
    Index size() const { return rows() * width_; }
    /// Touched rows, in the order of their first touch.
    const std::vector<std::int32_t>& ids() const { return ids_; }
    /// Values of the i-th touched row.
    const T* values(std::size_t i) const { return values_.data() + static_cast<Index>(i) * width_; }
    T* values(std::size_t i) { return values_.data() + static_cast<Index>(i) * width_; }

    /// Values of row `id`, null if it was not touched.
    const T* find(Index id) const {
        const std::int32_t slot = slot_[static_cast<std::size_t>(id)];
        return slot < 0 ? nullptr : values(static_cast<std::size_t>(slot));
    }
    /// The accumulator of row `id`, zero at its first touch. The caller checks the range of `id`.
    T* row(std::int32_t id) {
        const std::int32_t slot = slot_[static_cast<std::size_t>(id)];
        if (slot >= 0) return values(static_cast<std::size_t>(slot));
        T* const fresh = append(id);
        std::fill_n(fresh, width_, T(0));
        return fresh;
    }
    /// Row `id` += value[0 .. width): a copy at its first touch. The caller checks the range of `id`.
    void add(std::int32_t id, const T* value) {
        const std::int32_t slot = slot_[static_cast<std::size_t>(id)];
        if (slot < 0)
            kernels::copy<T>(value, append(id), width_);
        else
            kernels::add<T>(value, values(static_cast<std::size_t>(slot)), width_);
    }
    /// Adds all rows of `other`.
    void add(const SparseRows& other) {
        for (std::size_t i = 0; i < other.ids_.size(); ++i) add(other.ids_[i], other.values(i));
    }
    /// The rows of at most 7 `others` join those of this table. Each row's values are what `finish_sum` then makes of
    /// those that all tables had; until then they are not valid.
    void start_sum(std::span<SparseRows* const> others);
    /// Adds up rows [begin, end) of the tables of `start_sum`, as a binary tree: (this + first) + (second + third) ...
    /// Different rows may be added up at the same time. The values of the other tables are lost.
    void finish_sum(Index begin, Index end);
    /// From now on rows up to `rows` may be touched, though the table have fewer: of other rows, such as those that a
    /// batch got of a table of which a part is here.
    void reach(Index rows) {
        const auto needed = static_cast<std::size_t>(rows);
        if (slot_.size() < needed) slot_.resize(std::max(needed, 2 * slot_.size()), -1);
    }
    /// Forgets all rows; their memory stays.
    void setZero() {
        for (const std::int32_t id : ids_) slot_[static_cast<std::size_t>(id)] = -1;
        ids_.clear();
    }
    /// The same gradient as a full table.
    Tensor<T, 2> dense() const {
        Tensor<T, 2> table(rows(), width_);
        table.setZero();
        for (std::size_t i = 0; i < ids_.size(); ++i) std::copy_n(values(i), width_, &table(ids_[i], 0));
        return table;
    }

private:
    /// Where a table of a sum has a row (null: where this one has it), and the place in `later_` of the next that has
    /// it, -1 if there is none.
    struct Place {
        T* values;
        std::int32_t table, next;
    };
    /// The sum of those that are not null, in one of them.
    T* add_parts(std::array<T*, 8>& part) const {
        for (std::size_t stride = 1; stride < part.size(); stride *= 2)
            for (std::size_t s = 0; s < part.size(); s += 2 * stride) {
                T *&left = part[s], *const right = part[s + stride];
                if (left && right)
                    kernels::add<T>(right, left, width_);
                else if (right)
                    left = right;
            }
        return part[0];
    }
    /// Memory for the values of a row that has none yet.
    T* append(std::int32_t id) {
        append_id(id);
        make_room(ids_.size());
        return values(ids_.size() - 1);
    }
    void append_id(std::int32_t id) {
        slot_[static_cast<std::size_t>(id)] = static_cast<std::int32_t>(ids_.size());
        ids_.push_back(id);
    }
    void make_room(std::size_t rows) {
        const std::size_t needed = rows * static_cast<std::size_t>(width_);
        if (values_.size() < needed) values_.resize(std::max(needed, 2 * values_.size()));
    }

    Index rows_ = 0, width_ = 0;
    std::vector<std::int32_t> slot_;  // where a row's values are, -1 = untouched
    std::vector<std::int32_t> ids_;
    std::vector<Place> places_, later_;  // of a sum
    std::vector<T, detail::AlignedAllocator<T>> values_;
};

template <class T>
void SparseRows<T>::start_sum(std::span<SparseRows* const> others) {
    places_.clear(), later_.clear();
    for (std::size_t i = 0; i < ids_.size(); ++i) places_.push_back({nullptr, 0, -1});
    for (std::size_t table = 1; table <= others.size(); ++table) {
        SparseRows& other = *others[table - 1];
        for (std::size_t i = 0; i < other.ids_.size(); ++i) {
            const Place here{other.values(i), static_cast<std::int32_t>(table), -1};
            const std::int32_t slot = slot_[static_cast<std::size_t>(other.ids_[i])];
            if (slot < 0) {
                append_id(other.ids_[i]);
                places_.push_back(here);
                continue;
            }
            std::int32_t* end = &places_[static_cast<std::size_t>(slot)].next;
            while (*end >= 0) end = &later_[static_cast<std::size_t>(*end)].next;
            *end = static_cast<std::int32_t>(later_.size());
            later_.push_back(here);
        }
    }
    make_room(ids_.size());
}

template <class T>
void SparseRows<T>::finish_sum(Index begin, Index end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
        Place* place = &places_[i];
        T* sum = place->values ? place->values : values(i);
        if (place->next >= 0) {
            std::array<T*, 8> part{};
            part[static_cast<std::size_t>(place->table)] = sum;
            while (place->next >= 0) {
                place = &later_[static_cast<std::size_t>(place->next)];
                part[static_cast<std::size_t>(place->table)] = place->values;
            }
            sum = add_parts(part);
        }
        if (sum != values(i)) kernels::copy<T>(sum, values(i), width_);
    }
}

DEEPREC_END
