#include <deeprec/core/order.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/files.hpp"

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

TEST_CASE("A shuffle by blocks is a permutation whose runs lie in few places, and numbers go anywhere", "[order]") {
    const Index n = 50'003, block = 100;
    const auto sorted = deeprec::detail::all_indices(n);
    auto one = sorted, same = sorted, other = sorted;
    std::reverse(same.begin(), same.end());  // the order before does not matter
    shuffle_blocks(one, block, Seed{1});
    shuffle_blocks(same, block, Seed{1});
    shuffle_blocks(other, block, Seed{2});
    CHECK(one == same);
    CHECK(one != other);
    auto put_back = one;
    std::sort(put_back.begin(), put_back.end());
    CHECK(put_back == sorted);
    double moved = 0;
    Index fewest = n;
    for (std::size_t begin = 0; begin < one.size(); begin += 128) {
        std::set<Index> blocks;
        const std::size_t end = std::min(one.size(), begin + 128);
        for (std::size_t i = begin; i < end; ++i) {
            blocks.insert(one[i] / block);
            moved += std::abs(static_cast<double>(one[i]) - static_cast<double>(i));
        }
        CHECK(blocks.size() <= 128);
        if (end - begin == 128) fewest = std::min(fewest, static_cast<Index>(blocks.size()));
    }
    CHECK(fewest >= 40);  // of 64 from which 128 samples come, 55 are expected
    CHECK(moved / (static_cast<double>(n) * static_cast<double>(n)) == Approx(1.0 / 3).epsilon(0.1));  // as a shuffle
    std::vector<Index> none, single{0}, all = deeprec::detail::all_indices(60);
    shuffle_blocks(none, block, Seed{1});
    shuffle_blocks(single, block, Seed{1});
    CHECK(single == std::vector<Index>{0});
    int first[3] = {};  // where blocks of one fit in a window, every order is as likely
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
        std::vector<Index> three{0, 1, 2};
        shuffle_blocks(three, 1, Seed{seed});
        ++first[three[0]];
    }
    for (const int count : first) CHECK(std::abs(count - 1000) < 130);  // 5 standard deviations
    CHECK(support::message_of<ArgumentError>([&] { shuffle_blocks(all, 0, Seed{1}); }) ==
          "shuffle_blocks: expected a positive block, received 0");
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
