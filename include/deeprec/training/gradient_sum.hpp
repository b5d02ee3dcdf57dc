/// The sum of the gradients of shards.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include <deeprec/core/moving_average.hpp>
#include <deeprec/core/parallel.hpp>
#include <deeprec/core/parameters.hpp>
#include <deeprec/core/sparse_rows.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN
namespace detail {

/// Every number is added up as a binary tree of the shards, (0 + 1) + (2 + 3) ..., whatever the number of threads. They
/// share one pass over all shards, in pieces: each gradient is read once and the sum written once.
template <class Model>
class GradientSum {
    using T = typename Model::Scalar;
    static constexpr Index most = Shards::most_shards, piece = 1 << 14;  // numbers
    template <class Part>
    using OfShards = std::array<Part*, static_cast<std::size_t>(most)>;

public:
    /// shard(0) = shard(0) + ... + shard(count - 1), gradients of `model` (1 <= count <= most_shards). What the other
    /// shards are left with is unspecified. Allocates nothing once it has seen gradients of the same size.
    template <class Shard>
    void operator()(const Model& model, Index count, const Shard& shard, ThreadPool& pool) {
        if (count < 2) return;
        collect(model, count, shard);
        pool.run(static_cast<Index>(tables_.size()), [&](Index i) {
            const auto& table = tables_[static_cast<std::size_t>(i)];
            table[0]->start_sum({table.data() + 1, static_cast<std::size_t>(count - 1)});
        });
        cut_up();
        pool.run(static_cast<Index>(pieces_.size()), [&](Index i) {
            const Piece& p = pieces_[static_cast<std::size_t>(i)];
            if (p.table)
                p.table->finish_sum(p.begin, p.end);
            else
                kernels::add_tree<T>(p.numbers->data(), count, p.begin, p.end);
        });
        add_states(model, count, shard);
    }

private:
    struct Dense {
        OfShards<T> numbers;
        Index size;
    };
    /// Numbers or, of a table, touched rows.
    struct Piece {
        const OfShards<T>* numbers;
        SparseRows<T>* table;
        Index begin, end;
    };

    template <int Rank>
    void collect(std::size_t s, Tensor<T, Rank>& gradient) {
        if (s == 0) dense_.push_back({{}, gradient.size()});
        dense_[dense_at_++].numbers[s] = gradient.data();
    }
    void collect(std::size_t s, SparseRows<T>& gradient) {
        if (s == 0) tables_.emplace_back();
        tables_[table_at_++][s] = &gradient;
    }
    template <class Shard>
    void collect(const Model& model, Index count, const Shard& shard) {
        dense_.clear(), tables_.clear();
        for (Index s = 0; s < count; ++s) {
            dense_at_ = 0, table_at_ = 0;
            for_each_parameter(model, shard(s), [&](std::string_view, const auto&, auto& gradient) {
                collect(static_cast<std::size_t>(s), gradient);
            });
        }
    }
    void cut_up() {
        pieces_.clear();
        const auto cut = [&](const OfShards<T>* numbers, SparseRows<T>* table, Index n, Index step) {
            for (Index i = 0; i < n; i += step) pieces_.push_back({numbers, table, i, std::min(n, i + step)});
        };
        for (const auto& table : tables_)
            cut(nullptr, table[0], static_cast<Index>(table[0]->ids().size()),
                std::max<Index>(piece / table[0]->width(), 1));
        for (const Dense& d : dense_) cut(&d.numbers, nullptr, d.size, piece);
    }
    template <class Shard>
    static void add_states(const Model& model, Index count, const Shard& shard) {
        const auto add = [](std::string_view, const auto&, auto& a, const auto& b) { a.add(b); };
        ParameterVisitor<decltype(add)> visitor(add);
        for (Index stride = 1; stride < count; stride *= 2)
            for (Index s = 0; s + stride < count; s += 2 * stride)
                visit_state(visitor, model, shard(s), shard(s + stride));
    }

    std::vector<Dense> dense_;
    std::vector<OfShards<SparseRows<T>>> tables_;
    std::vector<Piece> pieces_;
    std::size_t dense_at_ = 0, table_at_ = 0;
};

}  // namespace detail
DEEPREC_END
