/// Events of a few users, for tests of sequences and splits.
#pragma once

#include <span>
#include <vector>

#include <deeprec/data/interactions.hpp>

namespace deeprec::test {

using Ids = std::vector<std::int32_t>;
inline Ids ids(std::span<const std::int32_t> span) { return {span.begin(), span.end()}; }

/// Users 1 to 4 with 4, 2, 0 and 3 events, in mixed order.
inline Interactions mixed() {
    Interactions x;
    for (int user = 1; user <= 4; ++user) x.users.add(std::to_string(user));
    for (int item = 1; item <= 9; ++item) x.items.add(std::to_string(item));
    x.add(4, 9, {}, 30);
    x.add(1, 5, {}, 20);
    x.add(1, 2, {}, 10);
    x.add(2, 7, {}, 5);
    x.add(1, 8, {}, 20);  // as late as item 5, which came first
    x.add(4, 1, {}, 10);
    x.add(2, 7, {}, 4);
    x.add(4, 3, {}, 20);
    x.add(1, 1, {}, 15);
    return x;
}

}  // namespace deeprec::test
