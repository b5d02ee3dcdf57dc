#include <deeprec/core/order.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("A shuffle is a permutation that depends on the seed and the order before", "[order]") {
    const auto sorted = deeprec::detail::all_indices(100);
    CHECK(sorted.front() == 0);
    CHECK(sorted.back() == 99);
    auto one = sorted, same = sorted, other = sorted;
    shuffle(one, Seed{1});
    shuffle(same, Seed{1});
    shuffle(other, Seed{2});
    CHECK(one == same);
    CHECK(one != other);
    CHECK(one != sorted);
    CHECK(std::is_permutation(one.begin(), one.end(), sorted.begin()));
    CHECK(std::is_permutation(other.begin(), other.end(), sorted.begin()));
    shuffle(one, Seed{1});
    CHECK(one != same);
    std::vector<std::string> none, single{"a"};
    shuffle(none, Seed{1});
    shuffle(single, Seed{1});
    CHECK(none.empty());
    CHECK(single == std::vector<std::string>{"a"});
}

TEST_CASE("Every order of a shuffle is as likely", "[order]") {
    int counts[6] = {};
    for (std::uint64_t seed = 0; seed < 6000; ++seed) {
        std::vector<int> three{0, 1, 2};
        shuffle(three, Seed{seed});
        ++counts[three[0] * 2 + (three[1] > three[2])];
    }
    for (const int count : counts) CHECK(std::abs(count - 1000) < 150);  // 5 standard deviations
}

TEST_CASE("Batches are runs of an order, the last may be smaller", "[order]") {
    const std::vector<Index> order{5, 3, 1, 4, 2};
    std::vector<std::vector<Index>> batches;
    const auto keep = [&](std::span<const Index> batch) { batches.emplace_back(batch.begin(), batch.end()); };
    deeprec::detail::each_batch(order, 2, keep);
    CHECK(batches == std::vector<std::vector<Index>>{{5, 3}, {1, 4}, {2}});
    batches.clear();
    deeprec::detail::each_batch(order, 5, keep);
    CHECK(batches == std::vector<std::vector<Index>>{order});
    batches.clear();
    deeprec::detail::each_batch({}, 2, keep);
    CHECK(batches.empty());
    CHECK(deeprec::detail::all_indices(0).empty());
}
