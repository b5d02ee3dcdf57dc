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
void shuffle(std::span<Element> elements, Seed seed) {
    const RandomStream random(seed);
    for (std::size_t i = elements.size(); i > 1; --i) std::swap(elements[i - 1], elements[random.below(i, i)]);
}
/// The same for a vector.
template <class Element>
void shuffle(std::vector<Element>& elements, Seed seed) {
    shuffle(std::span(elements), seed);
}

/// An order of 0 ... n - 1, n the size of `order`, in which what is near in memory is used at nearly the same time: the
/// numbers in blocks of `block`, the blocks in a random order, and 64 blocks at a time shuffled among each other.
/// Depends on the seed alone. A run of the order has numbers of at most 128 places; where `block` times 64 is n or more
/// it is a shuffle of all. Throws ArgumentError unless `block` is positive.
inline void shuffle_blocks(std::vector<Index>& order, Index block, Seed seed) {
    if (block < 1) throw ArgumentError(message("shuffle_blocks: expected a positive block, received ", block));
    const Index n = static_cast<Index>(order.size());
    block = std::min(block, std::max<Index>(n, 1));
    constexpr std::size_t together = 64;
    std::vector<Index> places(static_cast<std::size_t>((n + block - 1) / block));
    std::iota(places.begin(), places.end(), Index(0));
    shuffle(places, derive(seed, 0));
    std::size_t begin = 0, end = 0;
    for (std::size_t b = 0; b < places.size(); ++b) {
        for (Index i = places[b] * block; i < std::min(n, (places[b] + 1) * block); ++i) order[end++] = i;
        if ((b + 1) % together != 0 && b + 1 < places.size()) continue;
        shuffle(std::span(order).subspan(begin, end - begin), derive(seed, b + 1));
        begin = end;
    }
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
