/// The best k of a stream of scored items.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/errors.hpp>
#include <deeprec/core/shape.hpp>

DEEPREC_BEGIN

/// A recommended item.
template <class T>
struct Hit {
    std::int32_t item = 0;  ///< id, from 1 in a catalogue
    T score = 0;            ///< the higher the better
    friend bool operator==(const Hit& a, const Hit& b) { return a.item == b.item && detail::equal(a.score, b.score); }
};

/// Keeps the k highest scores, ties by the lower item number. Most items of a long scan fail the one comparison with
/// the k-th best and cost nothing more. NaN never enters.
template <class T>
class TopK {
public:
    /// Throws ArgumentError for a negative k.
    explicit TopK(Index k) { restart(k); }
    /// Nothing is offered yet, and k may be another. Throws ArgumentError for a negative k.
    void restart(Index k) {
        if (k < 0) throw ArgumentError(message("TopK: expected k >= 0, received ", k));
        k_ = static_cast<std::size_t>(k);
        heap_.clear();
        heap_.reserve(std::min(k_, std::size_t{1} << 16));  // k may be "all of them", and more than there are
    }
    /// The best so far, in no order.
    const std::vector<Hit<T>>& found() const { return heap_; }
    /// Takes the item if it is among the best k so far.
    void offer(std::int32_t item, T score) {
        if (std::isnan(score)) return;
        if (heap_.size() < k_) {
            heap_.push_back({item, score});
            std::push_heap(heap_.begin(), heap_.end(), better);
        } else if (k_ > 0 && better({item, score}, heap_.front())) {
            std::pop_heap(heap_.begin(), heap_.end(), better);
            heap_.back() = {item, score};
            std::push_heap(heap_.begin(), heap_.end(), better);
        }
    }
    /// A score that an item offered later, with a higher number, must exceed to enter. -Inf may enter before k others
    /// have, but never exceeds it.
    T threshold() const {
        if (k_ == 0) return std::numeric_limits<T>::infinity();
        return heap_.size() < k_ ? -std::numeric_limits<T>::infinity() : heap_.front().score;
    }
    /// Best first; empties the collection.
    std::vector<Hit<T>> take() {
        std::sort_heap(heap_.begin(), heap_.end(), better);
        return std::move(heap_);
    }

private:
    static bool better(const Hit<T>& a, const Hit<T>& b) {
        return a.score > b.score || (!(a.score < b.score) && a.item < b.item);
    }
    std::size_t k_ = 0;
    std::vector<Hit<T>> heap_;  // the worst in front
};

DEEPREC_END
