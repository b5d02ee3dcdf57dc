/// Orders of samples, and walks over them in batches.
#pragma once

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN

/// Puts the elements into an order that depends on the seed, and on the order before, alone (Fisher-Yates).
template <class Element>
void shuffle(std::vector<Element>& elements, Seed seed) {
    const RandomStream random(seed);
    for (std::size_t i = elements.size(); i > 1; --i) std::swap(elements[i - 1], elements[random.below(i, i)]);
}

namespace detail {
inline std::vector<Index> all_indices(Index n) {
    std::vector<Index> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), Index(0));
    return order;
}
/// f(std::span of indices) for each batch; the last may be smaller.
template <class F>
void each_batch(std::span<const Index> order, Index batch_size, F&& f) {
    const Index n = static_cast<Index>(order.size());
    for (Index begin = 0; begin < n; begin += batch_size)
        f(order.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(std::min(batch_size, n - begin))));
}
}  // namespace detail

DEEPREC_END
