/// The sum of the gradients of shards.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include <deeprec/core/parallel.hpp>
#include <deeprec/core/parameters.hpp>
#include <deeprec/kernels/simd/vector.hpp>

DEEPREC_BEGIN
namespace detail {

/// sum += other, of the gradients of one parameter or what moves one state.
template <class T>
void add_gradient(const Parameter<T>& sum, const Parameter<T>& other) {
    if (sum.rows)
        sum.rows->add(*other.rows);
    else if (sum.moves)
        sum.moves->add(*other.moves);
    else if (sum.gradient)
        kernels::add<T>(other.gradient, sum.gradient, sum.size());
}

/// Every number is added up as a binary tree of the shards, (0 + 1) + (2 + 3) ..., whatever the number of threads. They
/// share one pass over all shards, in pieces: each gradient is read once and the sum written once.
template <class T>
class GradientSum {
    static constexpr Index most = Shards::most_shards, piece = 1 << 14;  // numbers
    template <class Part>
    using OfShards = std::array<Part*, static_cast<std::size_t>(most)>;

public:
    /// The first shard's gradients = the sum over all shards (at most most_shards), lists of one model. What the other
    /// shards are left with is unspecified. Allocates nothing once it has seen gradients of the same size.
    void operator()(std::span<const ParameterList<T>> shards, ThreadPool& pool);

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

    /// Gradient number i of all shards; what moves a state is small and added at once.
    void collect(std::span<const ParameterList<T>> shards, std::size_t i);
    void cut(const OfShards<T>* numbers, SparseRows<T>* table, Index n, Index step) {
        for (Index i = 0; i < n; i += step) pieces_.push_back({numbers, table, i, std::min(n, i + step)});
    }

    std::vector<Dense> dense_;
    std::vector<OfShards<SparseRows<T>>> tables_;
    std::vector<Piece> pieces_;
};

template <class T>
void GradientSum<T>::operator()(std::span<const ParameterList<T>> shards, ThreadPool& pool) {
    if (shards.size() < 2) return;
    const Index count = static_cast<Index>(shards.size());
    dense_.clear(), tables_.clear(), pieces_.clear();
    for (std::size_t i = 0; i < shards[0].size(); ++i) collect(shards, i);
    pool.run(static_cast<Index>(tables_.size()), [&](Index i) {
        const auto& table = tables_[static_cast<std::size_t>(i)];
        table[0]->start_sum({table.data() + 1, static_cast<std::size_t>(count - 1)});
    });
    for (const auto& table : tables_)
        cut(nullptr, table[0], static_cast<Index>(table[0]->ids().size()),
            std::max<Index>(piece / table[0]->width(), 1));
    for (const Dense& d : dense_) cut(&d.numbers, nullptr, d.size, piece);
    pool.run(static_cast<Index>(pieces_.size()), [&](Index i) {
        const Piece& p = pieces_[static_cast<std::size_t>(i)];
        if (p.table)
            p.table->finish_sum(p.begin, p.end);
        else
            kernels::add_tree<T>(p.numbers->data(), count, p.begin, p.end);
    });
}

template <class T>
void GradientSum<T>::collect(std::span<const ParameterList<T>> shards, std::size_t i) {
    const Parameter<T>& first = shards[0][i];
    if (first.rows) {
        auto& table = tables_.emplace_back();
        for (std::size_t s = 0; s < shards.size(); ++s) table[s] = shards[s][i].rows;
    } else if (first.gradient) {
        auto& dense = dense_.emplace_back(Dense{{}, first.size()});
        for (std::size_t s = 0; s < shards.size(); ++s) dense.numbers[s] = shards[s][i].gradient;
    } else if (first.moves) {
        for (std::size_t stride = 1; stride < shards.size(); stride *= 2)
            for (std::size_t s = 0; s + stride < shards.size(); s += 2 * stride)
                shards[s][i].moves->add(*shards[s + stride][i].moves);
    }
}

}  // namespace detail
DEEPREC_END
