/// What a recommender does to its catalogue: coverage, concentration, novelty, diversity of its lists.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include <deeprec/metrics/metric.hpp>

DEEPREC_BEGIN

namespace detail {
/// f(item) for each item of a list, once where it is named again. Throws DataError, before any call, for an item
/// outside 1 ... `items`.
template <class F>
void each_item(std::string_view who, std::size_t items, std::span<const std::int32_t> list, F&& f) {
    for (const std::int32_t item : list)
        if (item < 1 || static_cast<std::size_t>(item) > items)
            throw DataError(message(who, ": expected items from 1 to ", items, ", received ", item));
    std::unordered_set<std::int32_t> seen;
    for (const std::int32_t item : list)
        if (seen.insert(item).second) f(static_cast<std::size_t>(item));
}

/// How often each item 1 ... items was recommended. `Rule` gives double result() const.
template <class Rule>
class ItemCountMetric {
public:
    /// Throws ArgumentError unless items is positive.
    explicit ItemCountMetric(std::int32_t items) {
        if (items < 1)
            throw ArgumentError(message(Rule::label, ": expected a positive number of items, received ", items));
        counts_.resize(static_cast<std::size_t>(items), 0);
    }
    /// Adds one list, in which a repeated item counts once. Throws DataError for an item that the catalogue does not
    /// have.
    void update(std::span<const std::int32_t> list) {
        each_item(Rule::label, counts_.size(), list, [&](std::size_t item) { ++counts_[item - 1]; });
    }
    void reset() { counts_.assign(counts_.size(), 0); }
    /// Throws ArgumentError unless both have the same catalogue.
    void merge(const ItemCountMetric& other) {
        if (counts_.size() != other.counts_.size())
            throw ArgumentError(message(Rule::label, ": expected another of ", counts_.size(), " items, received ",
                                        other.counts_.size()));
        for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    }

protected:
    std::vector<std::int64_t> counts_;
};
}  // namespace detail

/// Share of the items 1 ... `items` that are in any list.
class Coverage : public detail::ItemCountMetric<Coverage> {
public:
    using ItemCountMetric::ItemCountMetric;
    static constexpr std::string_view label = "Coverage";
    static constexpr std::string_view name() { return "coverage"; }
    double result() const {
        const auto shown = std::count_if(counts_.begin(), counts_.end(), [](std::int64_t n) { return n > 0; });
        return static_cast<double>(shown) / static_cast<double>(counts_.size());
    }
};

/// Gini index of how often the items are recommended: sum over i of (2 i - n - 1) x_i / (n sum x), x ascending. 0: all
/// equally often; near 1: always the same few. NaN before the first item.
class Gini : public detail::ItemCountMetric<Gini> {
public:
    using ItemCountMetric::ItemCountMetric;
    static constexpr std::string_view label = "Gini";
    static constexpr std::string_view name() { return "gini"; }
    double result() const {
        std::vector<std::int64_t> x = counts_;
        std::sort(x.begin(), x.end());
        const double n = static_cast<double>(x.size());
        double weighted = 0, sum = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            weighted += (2 * static_cast<double>(i + 1) - n - 1) * static_cast<double>(x[i]);
            sum += static_cast<double>(x[i]);
        }
        return detail::ratio(weighted, n * sum);
    }
};

namespace detail {
/// Mean of one figure a list or item.
class Mean {
public:
    double result() const { return ratio(sum_, count_); }
    void reset() { sum_ = count_ = 0; }

protected:
    void add(double value) {
        sum_ += value;
        ++count_;
    }
    void add(const Mean& other) {
        sum_ += other.sum_;
        count_ += other.count_;
    }

private:
    double sum_ = 0, count_ = 0;
};
}  // namespace detail

/// Mean surprise of the recommended items, -log2(share of the interactions) (Zhou et al. 2010). An item that nobody had
/// counts as if it had one interaction.
class Novelty : public detail::Mean {
public:
    static constexpr std::string_view name() { return "novelty"; }
    /// `interactions[i - 1]` of item i. Throws DataError if there are none at all, or a negative
    /// number.
    explicit Novelty(std::vector<std::int64_t> interactions) : interactions_(std::move(interactions)) {
        for (const std::int64_t n : interactions_) {
            if (n < 0) throw DataError(message("Novelty: expected 0 or more interactions of an item, received ", n));
            total_ += static_cast<double>(n);
        }
        if (!(total_ > 0)) throw DataError("Novelty: expected interactions, received none");
    }
    /// Adds one list, in which a repeated item counts once. Throws DataError for an unknown item.
    void update(std::span<const std::int32_t> list) {
        detail::each_item("Novelty", interactions_.size(), list, [&](std::size_t item) {
            add(std::log2(total_ / static_cast<double>(std::max<std::int64_t>(interactions_[item - 1], 1))));
        });
    }
    void merge(const Novelty& other) { add(other); }

private:
    std::vector<std::int64_t> interactions_;
    double total_ = 0;
};

/// Mean over the lists of 1 - cosine of the vectors of two items of the list, over all its pairs (Ziegler et al. 2005).
/// Lists of fewer than two items do not count; a zero vector has cosine 0 with all. Throws
/// NumericError for vectors that are not finite.
class IntraListDiversity : public detail::Mean {
public:
    static constexpr std::string_view name() { return "intra_list_diversity"; }
    /// Adds one list, its items' vectors [n, D]: of different items, though their vectors may be the same.
    template <class T>
    void update(const Tensor<T, 2>& vectors) {
        std::vector<Index> rows;
        for (Index i = 0; i < vectors.dimension(0); ++i) rows.push_back(i);
        add_rows(vectors, rows);
    }
    /// Adds one list, its items [n] and their vectors [n, D]: a repeated item counts once, at its first place. Throws
    /// ShapeError unless there is a vector for each item.
    template <class T>
    void update(std::span<const std::int32_t> items, const Tensor<T, 2>& vectors) {
        if (static_cast<Index>(items.size()) != vectors.dimension(0))
            throw ShapeError(message("IntraListDiversity: expected a vector for each of ", items.size(),
                                     " items, received ", vectors.dimension(0)));
        std::unordered_set<std::int32_t> seen;
        std::vector<Index> rows;
        for (std::size_t i = 0; i < items.size(); ++i)
            if (seen.insert(items[i]).second) rows.push_back(static_cast<Index>(i));
        add_rows(vectors, rows);
    }
    void merge(const IntraListDiversity& other) { add(other); }

private:
    template <class T>
    void add_rows(const Tensor<T, 2>& vectors, const std::vector<Index>& rows) {
        const std::size_t n = rows.size();
        const Index width = vectors.dimension(1);
        if (n < 2) return;
        const auto dot = [&](std::size_t a, std::size_t b) {
            double sum = 0;
            for (Index j = 0; j < width; ++j)
                sum += static_cast<double>(vectors(rows[a], j)) * static_cast<double>(vectors(rows[b], j));
            return sum;
        };
        std::vector<double> norms;
        for (std::size_t i = 0; i < n; ++i) norms.push_back(std::sqrt(dot(i, i)));
        double sum = 0;
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < i; ++j) sum += 1 - detail::ratio(dot(i, j), norms[i] * norms[j], 0);
        if (!std::isfinite(sum))
            throw NumericError("IntraListDiversity: a vector of the list is not finite, or too long");
        add(2 * sum / static_cast<double>(n * (n - 1)));
    }
};

DEEPREC_END
