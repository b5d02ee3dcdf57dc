/// What a model's forward takes: a view, a record of named ones, or one of these for each tower.
#pragma once

#include <deeprec/core/record.hpp>

DEEPREC_BEGIN

/// Inputs of a two-tower model: who meets what.
///
/// Users come in blocks of `block` samples (1 = each on its own) and every block has its own G candidates, so `item`
/// has users / block * G samples. Each user of a block meets each of the block's candidates: user b meets the G items
/// from b / block * G on. Towers run once for each user and once for each candidate, however often they meet. As many
/// items as users in blocks of 1 is the plain case: one pair a sample.
template <class User, class Item>
struct Pair {
    User user;        ///< what the user tower reads, [B, ...]
    Item item;        ///< what the item tower reads, [B / block * G, ...]
    Index block = 1;  ///< users that share their candidates
};
template <class User, class Item>
Pair(User, Item) -> Pair<User, Item>;
template <class User, class Item>
Pair(User, Item, Index) -> Pair<User, Item>;

/// How many candidates each user meets. Throws ShapeError unless the users fill their blocks and the items divide
/// evenly.
inline Index candidates_per_user(Index users, Index items, Index block) {
    const Index blocks = block > 0 ? users / block : 0;
    if (block < 1 || blocks * block != users || (blocks == 0 ? items != 0 : items == 0 || items % blocks != 0))
        throw ShapeError(message("TwoTower: expected users in whole blocks of ", block,
                                 " and as many items for each block, received ", users, " users and ", items,
                                 " items"));
    return blocks == 0 ? 1 : items / blocks;
}

/// Number of samples: rows of the batch axis, users for a pair.
template <class T, int Rank>
Index sample_count(const View<T, Rank>& x) {
    return x.extent(0);
}
inline Index sample_count(const RecordView& x) { return x.batch(); }
template <class User, class Item>
Index sample_count(const Pair<User, Item>& x) {
    return sample_count(view(x.user));
}
/// Samples that must stay together when a batch is cut.
template <class T, int Rank>
Index sample_block(const View<T, Rank>&) {
    return 1;
}
inline Index sample_block(const RecordView&) { return 1; }
template <class User, class Item>
Index sample_block(const Pair<User, Item>& x) {
    return x.block < 1 ? 1 : x.block;  // `slice_samples` refuses a block that cannot be
}
/// Steps of a sample: of ids the length, of numbers the extents between the first and the last.
template <class T, int Rank>
Index sample_steps(const View<T, Rank>& x) {
    const Index numbers = std::is_same_v<std::remove_const_t<T>, std::int32_t> ? x.size() : x.rows();
    return numbers / std::max<Index>(x.extent(0), 1);
}
/// Those of the longest field.
inline Index sample_steps(const RecordView& x) {
    Index most = 1;
    for (const FieldView& f : x.fields)
        most = std::max(most, f.type == ElementType::int32 ? f.sample.size() : f.sample.rank() > 1 ? f.sample[0] : 1);
    return most;
}
template <class User, class Item>
Index sample_steps(const Pair<User, Item>& x) {
    return sample_steps(view(x.user));
}

/// Samples `begin` to `end` (not included), whole blocks.
template <class T, int Rank>
View<T, Rank> slice_samples(const View<T, Rank>& x, Index begin, Index end) {
    return x.slice(begin, end);
}
inline RecordView slice_samples(const RecordView& x, Index begin, Index end) { return x.slice(begin, end); }
template <class User, class Item>
auto slice_samples(const Pair<User, Item>& x, Index begin, Index end) {
    const auto user = view(x.user);
    const auto item = view(x.item);
    const Index candidates = candidates_per_user(user.extent(0), item.extent(0), x.block);
    return Pair{user.slice(begin, end), item.slice(begin / x.block * candidates, end / x.block * candidates), x.block};
}

DEEPREC_END
