/// What an explanation is made of.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/tensor.hpp>

DEEPREC_BEGIN

/// What one id of a sequence did, or one step of a field.
struct Contribution {
    Index position = 0;   ///< step of the sequence, from 0; 0 for a field without steps
    std::int32_t id = 0;  ///< what stands there, never padding; 0 for numbers and bags
    double value = 0;     ///< positive: it speaks for the item
    std::string field{};  ///< of a tower of named fields, and the kind of a part; else empty
    friend bool operator==(const Contribution& a, const Contribution& b) {
        return a.position == b.position && a.id == b.id && detail::equal(a.value, b.value) && a.field == b.field;
    }
};

/// Why a model scores an item for a user as it does.
struct Explanation {
    double score = 0;                    ///< before the final activation
    double baseline = 0;                 ///< the same without any event or token
    std::vector<Contribution> events;    ///< of the user's sequence, the largest value first
    std::vector<Contribution> tokens;    ///< of the item's sequence, the largest value first
    double residual = 0;                 ///< integrated gradients: what the sum lacked before it was shared out
    std::vector<Explanation> members{};  ///< of a hybrid: what each member adds, in the hybrid's scale
    /// Of events whose items have attributes or features: what the item's own vector adds (`field` is "id", `id` the
    /// item), each of its attributes ("attribute", its number) and each feature ("feature", its column from 0). Those
    /// of a position add up to the value of its event; the largest value first.
    std::vector<Contribution> parts{};
    /// All values of events and tokens together; `parts` are shares of those.
    double sum() const {
        double total = 0;
        for (const auto* part : {&events, &tokens})
            for (const Contribution& c : *part) total += c.value;
        return total;
    }
};

namespace detail {
/// A contribution of 0 for each id that is not padding.
DEEPREC_LAZY std::vector<Contribution> contributions_of(const View<const std::int32_t, 2>& ids) {
    std::vector<Contribution> found;
    for (Index t = 0; t < ids.extent(1); ++t)
        if (ids.data()[t] != 0) found.push_back({t, ids.data()[t], 0, {}});
    return found;
}
/// Throws NumericError for a value that is not finite.
inline void check_finite(std::string_view who, std::string_view what, double value) {
    if (!std::isfinite(value)) throw NumericError(message(who, ": ", what, " is ", value));
}
/// Throws NumericError unless all values are finite.
inline void check_finite(std::string_view who, const Explanation& why) {
    check_finite(who, "the score", why.score);
    check_finite(who, "the score of padding alone", why.baseline);
    for (const auto* list : {&why.events, &why.tokens})
        for (const Contribution& c : *list)
            check_finite(who,
                         message("what ", list == &why.events ? "event " : "token ", c.id, " at position ", c.position,
                                 " adds to the score"),
                         c.value);
}
/// The largest value first; equal ones in the order of the sequence.
DEEPREC_LAZY void sort_contributions(std::vector<Contribution>& list) {
    std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.value > b.value; });
}
template <class X>
View<const std::int32_t, 2> one_sequence(std::string_view what, const X& x) {
    static_assert(std::is_same_v<ElementOf<X>, std::int32_t> && rank_of<X> == 2,
                  "explain: sequences are [1, steps] ids");
    const auto ids = view(x);
    if (ids.extent(0) != 1) throw ShapeError(message(what, ": expected one sequence, received ", ids.extent(0)));
    return ids;
}
}  // namespace detail

DEEPREC_END
