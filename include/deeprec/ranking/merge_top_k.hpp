/// One list of items that several processes share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include <deeprec/ranking/top_k.hpp>
#include <deeprec/training/world.hpp>

DEEPREC_BEGIN

/// The best k of the items of all ranks, best first, ties by the lower item, on every rank: what one index of all items
/// gives, where `best_of_own()` gives the best k of this rank's items, by the numbers that they have in all:
///
///     const QuantizedItems own{vectors + first * width, last - first, width};  // of this rank
///     merge_top_k(world, 100, [&] {
///         auto hits = own.top_k(query, 100);
///         for (auto& hit : hits) hit.item += first;
///         return hits;
///     });
///
/// All ranks call it for one request: `request` is a number that tells it from others. Each sends its k hits to the
/// others. Throws ArgumentError, on every rank, where one has another k or request; where `best_of_own` throws on some
/// ranks, the others throw Error with its words.
template <class BestOfOwn>
auto merge_top_k(const AnyWorld& world, Index k, const BestOfOwn& best_of_own, std::uint64_t request = 0)
    -> decltype(best_of_own()) {
    using Found = typename decltype(best_of_own())::value_type;
    struct Asked {
        Index k;
        std::uint64_t request;
    } const asked{k, request};
    if (!world) return best_of_own();
    const auto all = detail::gather_work(*world, [&] {
        const auto own = best_of_own();
        std::vector<std::byte> bytes(sizeof asked + own.size() * sizeof(Found));
        std::memcpy(bytes.data(), &asked, sizeof asked);
        if (!own.empty()) std::memcpy(bytes.data() + sizeof asked, own.data(), own.size() * sizeof(Found));
        return bytes;
    });
    TopK<decltype(Found::score)> best(k);
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
        Asked theirs, first;
        std::memcpy(&theirs, all[rank].data(), sizeof theirs);
        std::memcpy(&first, all[0].data(), sizeof first);
        if (theirs.k != first.k || theirs.request != first.request)
            throw ArgumentError(message("merge_top_k: the ranks of a world answer one request, but rank ", rank,
                                        " was asked for ", theirs.k, " items of request ", theirs.request,
                                        ", rank 0 for ", first.k, " of ", first.request));
        for (std::size_t at = sizeof asked; at < all[rank].size(); at += sizeof(Found)) {
            Found hit;
            std::memcpy(&hit, all[rank].data() + at, sizeof hit);
            best.offer(hit.item, hit.score);
        }
    }
    return best.take();
}

DEEPREC_END
