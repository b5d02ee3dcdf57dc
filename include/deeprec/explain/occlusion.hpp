/// Explaining a score by leaving things out.
#pragma once

#include <deeprec/explain/explanation.hpp>
#include <deeprec/models/two_tower.hpp>

DEEPREC_BEGIN

namespace detail {
/// Row 0 is the sequence, row i the sequence with padding in place of `list[i - 1]`, the last row padding alone.
inline Tensor<std::int32_t, 2> occluded(const View<const std::int32_t, 2>& ids, const std::vector<Contribution>& list) {
    const Index steps = ids.extent(1), rows = static_cast<Index>(list.size()) + 2;
    Tensor<std::int32_t, 2> all(rows, steps);
    for (Index r = 0; r < rows; ++r) std::copy_n(ids.data(), steps, all.data() + r * steps);
    for (std::size_t i = 0; i < list.size(); ++i) all(static_cast<Index>(i) + 1, list[i].position) = 0;
    std::fill_n(all.data() + (rows - 1) * steps, steps, 0);
    return all;
}
}  // namespace detail

/// The contribution of each event and each token: score - score with padding (id 0) in its place, exact differences of
/// the model's own outputs before the final activation (leave one out, also known as occlusion). Where the embedding
/// has mask_zero, what is replaced is masked. Differences need not add up: two events that say the same have 0 each.
/// `baseline` is the score of padding alone.
///
/// Shapes: user [1, T], item [1, L] ids as the towers take them. Throws ShapeError otherwise, NumericError where a
/// score is not finite.
template <class Model, class User, class Item>
Explanation explain_by_occlusion(const Model& model, const User& user, const Item& item) {
    const auto u = detail::one_sequence("explain_by_occlusion", user);
    const auto v = detail::one_sequence("explain_by_occlusion", item);
    Explanation why{0, 0, detail::contributions_of(u), detail::contributions_of(v), 0};
    const auto users = detail::occluded(u, why.events);
    const auto items = detail::occluded(v, why.tokens);
    typename Model::Cache cache;
    const auto scores = [&](const auto& x) {
        const auto y = model.forward(x, cache, Pass{}.on_logits());
        if (y.last() != 1) throw ShapeError(message("explain_by_occlusion: expected one score, received ", y.last()));
        return std::vector<double>(y.data(), y.data() + y.size());
    };
    const auto fill = [](const std::vector<double>& score, std::vector<Contribution>& list) {
        for (std::size_t i = 0; i < list.size(); ++i) list[i].value = score[0] - score[i + 1];
    };
    const std::vector<double> without_event = scores(Pair{view(users), v, users.dimension(0)});
    why.score = without_event[0];
    fill(without_event, why.events);
    fill(scores(Pair{u, view(items)}), why.tokens);
    const Index none = users.dimension(0) - 1, nothing = items.dimension(0) - 1;
    why.baseline = scores(Pair{view(users).slice(none, none + 1), view(items).slice(nothing, nothing + 1)})[0];
    detail::check_finite("explain_by_occlusion", why);
    detail::sort_contributions(why.events);
    detail::sort_contributions(why.tokens);
    return why;
}

DEEPREC_END
