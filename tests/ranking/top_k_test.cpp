#include <deeprec/ranking/top_k.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <deeprec/core/random.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

namespace {
std::vector<Hit<float>> sorted(std::vector<Hit<float>> hits, Index k) {
    std::erase_if(hits, [](const Hit<float>& h) { return std::isnan(h.score); });
    std::sort(hits.begin(), hits.end(),
              [](const auto& a, const auto& b) { return a.score != b.score ? a.score > b.score : a.item < b.item; });
    hits.resize(std::min(hits.size(), static_cast<std::size_t>(k)));
    return hits;
}
}  // namespace

TEST_CASE("TopK is the head of a sorted list, with many ties, NaN and infinities", "[ranking]") {
    const RandomStream random(Seed{1});
    std::uint64_t draw = 0;
    for (const Index n : {0, 1, 5, 100, 1000})
        for (const Index k : {0, 1, 3, 10, 100, 2000})
            for (const int values : {2, 10, 1000}) {
                std::vector<Hit<float>> hits;
                for (Index i = 0; i < n; ++i) {
                    const auto value = static_cast<int>(random.below(draw++, static_cast<std::uint64_t>(values)));
                    float score = static_cast<float>(value);
                    if (random.below(draw++, 10) == 0) score = std::numeric_limits<float>::quiet_NaN();
                    if (random.below(draw++, 50) == 0) score = -std::numeric_limits<float>::infinity();
                    if (random.below(draw++, 50) == 0) score = std::numeric_limits<float>::infinity();
                    hits.push_back({static_cast<std::int32_t>((i * 7919) % 10007), score});  // not in the order of ids
                }
                TopK<float> best(k);
                for (const auto& hit : hits) best.offer(hit.item, hit.score);
                CAPTURE(n, k, values);
                REQUIRE(best.take() == sorted(hits, k));
            }
}

TEST_CASE("TopK refuses a negative k, and takes any other", "[ranking]") {
    TopK<float> all(std::numeric_limits<Index>::max());
    for (const std::int32_t item : {1, 2, 3}) all.offer(item, 0.5f);
    CHECK(all.take().size() == 3);
    CHECK(support::message_of<ArgumentError>([] { TopK<float> best(-1); }) == "TopK: expected k >= 0, received -1");
}
