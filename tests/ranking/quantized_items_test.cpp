#include <deeprec/ranking/quantized_items.hpp>

#include <cstring>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <deeprec/core/random.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity(), nan_value = std::numeric_limits<float>::quiet_NaN();

struct Numbers {
    explicit Numbers(std::uint64_t seed) : random(Seed{seed}) {}
    float normal() { return static_cast<float>(random.normal(next++)); }
    std::uint64_t below(std::uint64_t n) { return random.below(next++, n); }
    RandomStream random;
    std::uint64_t next = 0;
};

/// Rows of one kind; `numbers` gives the randomness.
using Fill = void (*)(Numbers& numbers, float* row, Index width);
void normal(Numbers& n, float* row, Index width) {
    std::generate_n(row, width, [&] { return n.normal(); });
}
void whole(Numbers& n, float* row, Index width) {  // ties
    std::generate_n(row, width, [&] { return static_cast<float>(n.below(3)) - 1; });
}
void clustered(Numbers& n, float* row, Index width) {  // differences far below those of the codes
    for (Index k = 0; k < width; ++k) row[k] = 1 + static_cast<float>(k % 7) + 1e-6f * n.normal();
}
void any_length(Numbers& n, float* row, Index width) {  // scores stay finite, which those of odd rows need not
    const float length = std::ldexp(1.0f, static_cast<int>(n.below(210)) - 150);
    std::generate_n(row, width, [&] { return length * n.normal(); });
}
void one_large(Numbers& n, float* row, Index width) {  // codes of the others are 0
    std::generate_n(row, width, [&] { return 1e-3f * n.normal(); });
    row[n.below(static_cast<std::uint64_t>(width))] = 1;
}
void subnormal(Numbers& n, float* row, Index width) {
    std::generate_n(row, width, [&] { return 1e-42f * n.normal(); });
}
void mixed(Numbers& n, float* row, Index width) {
    const Fill fills[] = {normal, whole, any_length, one_large, subnormal};
    const auto kind = n.below(9);
    fills[kind % 5](n, row, width);
    const float odd[] = {nan_value, infinity, -infinity, 3e38f};
    if (kind == 8) row[n.below(static_cast<std::uint64_t>(width))] = odd[n.below(4)];
    if (kind == 7) std::fill_n(row, width, 0.0f);
}

bool same_bits(const std::vector<Hit<float>>& a, const std::vector<Hit<float>>& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof a[0]) == 0);
}
/// What a search finds; nothing where it refuses numbers that are not finite.
template <class F>
std::optional<std::vector<Hit<float>>> found(F&& search) {
    try {
        return search();
    } catch (const NumericError&) {
        return std::nullopt;
    }
}
/// How many of the queries differ from top_k_scan.
int differences(Fill items_of, Fill query_of, Index count, Index width, std::uint64_t seed) {
    Numbers numbers(seed);
    std::vector<float> items(static_cast<std::size_t>(count * width)), query(static_cast<std::size_t>(width));
    for (Index i = 0; i < count; ++i) items_of(numbers, items.data() + i * width, width);
    const QuantizedItems quantized(items.data(), count, width);
    const auto third = [](std::int32_t item) { return item % 3 == 1; };
    int different = 0;
    for (const Index k : {Index{1}, Index{10}, count / 2, count + 7}) {
        query_of(numbers, query.data(), width);
        const auto differs = [&](const auto& accept) {
            const auto expected =
                found([&] { return top_k_scan(query.data(), items.data(), count, width, k, accept); });
            const auto received = found([&] { return quantized.top_k(query.data(), k, accept); });
            return expected.has_value() != received.has_value() || (expected && !same_bits(*expected, *received));
        };
        different += differs(AcceptAll{}) + differs(third);
    }
    return different;
}

}  // namespace

TEST_CASE("QuantizedItems finds what top_k_scan finds, bit for bit", "[ranking][quantized_items]") {
    const Fill kinds[] = {normal, whole, clustered, any_length, one_large, subnormal, mixed};
    std::uint64_t seed = 0;
    for (const Fill items : kinds)
        for (const Fill query : kinds)
            for (const Index count : {0, 1, 17, 700}) {
                const Index width = 1 + static_cast<Index>(Numbers(1000 + ++seed).below(130));
                CAPTURE(items == kinds[0], query == kinds[0], count, width, seed);
                CHECK(differences(items, query, count, width, seed) == 0);
            }
    for (Index width = 1; width <= 130; ++width) {
        CAPTURE(width);
        CHECK(differences(normal, normal, 150, width, ++seed) == 0);
        CHECK(differences(mixed, mixed, 150, width, ++seed) == 0);
    }
    for (const Fill items : {normal, clustered, mixed}) CHECK(differences(items, normal, 9001, 24, ++seed) == 0);
}

TEST_CASE("QuantizedItems finds the same with any number of threads", "[ranking][quantized_items][threads]") {
    Numbers numbers(1);
    const Index count = 30000, width = 10;
    for (const Fill fill : {normal, whole, clustered}) {
        std::vector<float> items(count * width), query(width);
        for (Index i = 0; i < count; ++i) fill(numbers, items.data() + i * width, width);
        normal(numbers, query.data(), width);
        for (const int threads : {1, 2, 3}) {
            ThreadPool pool(threads);
            const QuantizedItems quantized(items.data(), count, width, &pool);
            for (const Index k : {Index{0}, Index{100}, Index{20000}}) {
                CAPTURE(threads, k);
                CHECK(same_bits(quantized.top_k(query.data(), k, AcceptAll{}, &pool),
                                top_k_scan(query.data(), items.data(), count, width, k)));
            }
        }
    }
}

TEST_CASE("Few items are scored with their vectors", "[ranking][quantized_items]") {
    Numbers numbers(1);
    const Index count = 20000, width = 64;
    std::vector<float> items(count * width), query(width);
    normal(numbers, query.data(), width);
    const auto rescored = [&](Fill fill) {
        for (Index i = 0; i < count; ++i) fill(numbers, items.data() + i * width, width);
        Index n = 0;
        QuantizedItems(items.data(), count, width).top_k(query.data(), 10, AcceptAll{}, nullptr, &n);
        return n;
    };
    CHECK(rescored(normal) < 300);
    CHECK(rescored(clustered) > count / 2);
    query[0] = nan_value;
    CHECK_THROWS_AS(rescored(normal), NumericError);
    std::fill(query.begin(), query.end(), 1e-30f);
    CHECK(rescored(normal) == count);  // left to top_k_scan
}

TEST_CASE("QuantizedItems names what it cannot use", "[ranking][quantized_items]") {
    CHECK(message_of<ArgumentError>([] { QuantizedItems(nullptr, 0, 1048577); }) ==
          "QuantizedItems: expected 0 or more rows of 0 to 1048576 numbers, received 0 of 1048577");
    CHECK(message_of<ArgumentError>([] { QuantizedItems(nullptr, -5, 4); }) ==
          "QuantizedItems: expected 0 or more rows of 0 to 1048576 numbers, received -5 of 4");
    CHECK(message_of<ArgumentError>([] { QuantizedItems(nullptr, 5, -4); }) ==
          "QuantizedItems: expected 0 or more rows of 0 to 1048576 numbers, received 5 of -4");
    const float x = 1;
    CHECK_THROWS_AS(QuantizedItems(&x, 1, 1).top_k(&x, -1), ArgumentError);
}

TEST_CASE("Numbers that are not finite are refused by QuantizedItems, the first that may be recommended by name",
          "[ranking][quantized_items][threads]") {
    Numbers numbers(1);
    const Index count = 10000, width = 7;
    std::vector<float> items(count * width), query(width);
    for (Index i = 0; i < count; ++i) normal(numbers, items.data() + i * width, width);
    normal(numbers, query.data(), width);
    ThreadPool two(2);
    for (const float value : {nan_value, infinity, -infinity})
        for (ThreadPool* pool : {static_cast<ThreadPool*>(nullptr), &two}) {
            for (const std::size_t bad : {9000u, 60u}) items[bad * width + 3] = value;
            const QuantizedItems quantized(items.data(), count, width, pool);
            const auto refused = [&](auto accept) {
                return message_of<NumericError>([&] { quantized.top_k(query.data(), 5, accept, pool); });
            };
            CAPTURE(value, pool == nullptr);
            CHECK(refused(AcceptAll{}) == "QuantizedItems: the score of item 60 is not finite");
            CHECK(refused([](std::int32_t i) { return i > 60; }) ==
                  "QuantizedItems: the score of item 9000 is not finite");
            CHECK(refused([](std::int32_t i) { return i != 60 && i != 9000; }).empty());
            CHECK_THROWS_AS(quantized.top_k(query.data(), 0), NumericError);
            const float before = std::exchange(query[2], value);
            CHECK(refused(AcceptAll{}).find("number 2 of the query is ") != std::string::npos);
            query[2] = before;
        }
}
