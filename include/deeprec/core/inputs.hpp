/// What a model's forward takes: a view, or one view for each tower.
#pragma once

#include <deeprec/core/tensor.hpp>

DEEPREC_BEGIN

/// Inputs of a two-tower model. Where `item` has G times the samples of `user`, user sample b meets the items
/// b*G to b*G + G-1: the user tower runs once for all of its candidates.
template <class User, class Item>
struct Pair {
    User user;
    Item item;
};
template <class User, class Item>
Pair(User, Item) -> Pair<User, Item>;

/// Number of samples: rows of the batch axis, users for a pair.
template <class T, int Rank>
Index sample_count(const View<T, Rank>& x) {
    return x.extent(0);
}
template <class User, class Item>
Index sample_count(const Pair<User, Item>& x) {
    return sample_count(view(x.user));
}
/// Predictions a sample gives: 1, or the candidates G of a pair.
template <class T, int Rank>
Index candidates_per_sample(const View<T, Rank>&) {
    return 1;
}
template <class User, class Item>
Index candidates_per_sample(const Pair<User, Item>& x) {
    const Index users = view(x.user).extent(0), items = view(x.item).extent(0);
    if (users == 0 ? items != 0 : items == 0 || items % users != 0)
        throw ShapeError(message("TwoTower: expected a multiple of the ", users, " users as items, received ", items));
    return users == 0 ? 1 : items / users;
}

/// Samples `begin` to `end` (not included).
template <class T, int Rank>
View<T, Rank> slice_samples(const View<T, Rank>& x, Index begin, Index end) {
    return x.slice(begin, end);
}
template <class User, class Item>
auto slice_samples(const Pair<User, Item>& x, Index begin, Index end) {
    const Index group = candidates_per_sample(x);
    return Pair{view(x.user).slice(begin, end), view(x.item).slice(begin * group, end * group)};
}

DEEPREC_END
