#include <deeprec/ranking/diversity.hpp>

#include <cmath>
#include <vector>

#include <deeprec/ranking/recommend.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;

namespace {
/// Item i of n scores n - i; items are similar that are equal modulo 3, their category.
struct Falling {
    std::int32_t n = 30;
    std::int32_t items() const { return n; }
    void operator()(const Query&, std::span<float> scores) const {
        for (std::int32_t i = 1; i <= n; ++i) scores[static_cast<std::size_t>(i)] = static_cast<float>(n - i);
    }
    double similarity(std::int32_t a, std::int32_t b) const { return a % 3 == b % 3 ? 1 : 0; }
};
std::vector<Ids> thirds(std::int32_t n) {
    std::vector<Ids> categories(1);
    for (std::int32_t i = 1; i <= n; ++i) categories.push_back({i <= n / 3 ? 0 : i <= 2 * n / 3 ? 1 : 2});
    return categories;
}
Ids best(const Query& query, Index k, Diversity rule, std::span<const std::int32_t> exclude = {}) {
    Ids items;
    for (const auto& hit : recommend(Falling{}, query, k, {.exclude = exclude, .diversity = rule}))
        items.push_back(hit.item);
    return items;
}
}  // namespace

TEST_CASE("Scores that differ by rounding alone do not outweigh difference", "[diversity]") {
    struct Near {
        std::int32_t items() const { return 3; }
        void operator()(const Query&, std::span<float> scores) const {
            scores[3] = 0.3f;
            scores[2] = std::nextafter(scores[3], 1.0f);
            scores[1] = std::nextafter(scores[2], 1.0f);
        }
        double similarity(std::int32_t a, std::int32_t b) const { return (a < 3) == (b < 3) ? 1 : 0; }
    };
    Ids items;
    for (const auto& hit : recommend(Near{}, {}, 2, {.diversity = Mmr{0.3}})) items.push_back(hit.item);
    CHECK(items == Ids{1, 3});
}

TEST_CASE("Mmr trades score for difference", "[diversity]") {
    CHECK(best({}, 4, Mmr{0}) == Ids{1, 2, 3, 4});
    CHECK(best({}, 6, Mmr{0.5}) == Ids{1, 2, 3, 4, 5, 6});  // three kinds, then all are alike again
    const auto pairs = [](std::int32_t a, std::int32_t b) { return (a - 1) / 2 == (b - 1) / 2 ? 1.0 : 0.0; };
    CHECK(best({}, 4, Mmr{0.5, pairs}) == Ids{1, 3, 5, 7});
    CHECK(best({}, 4, Mmr{0.5, pairs, 4}) == Ids{1, 3, 2, 4});  // among four candidates
    CHECK(best({}, 40, Mmr{1}).size() == 30);
    CHECK(message_of<ArgumentError>([] { best({}, 2, Mmr{1.5}); }) ==
          "Mmr: expected a strength from 0 to 1 and 0 or more candidates, received 1.5 and 0");
    CHECK(message_of<NumericError>([] {
              best({}, 2, Mmr{0.3, [](auto, auto) { return std::nan(""); }});
          }).starts_with("Mmr: the similarity of items 1 and 1 is "));
}

TEST_CASE("At least so many of some categories, as far as there are", "[diversity]") {
    const auto categories = thirds(30);
    CHECK(best({}, 5, Quotas{{}, categories}) == Ids{1, 2, 3, 4, 5});
    CHECK(best({}, 5, Quotas{{{2, 2}, {1, 1}}, categories}) == Ids{1, 2, 11, 21, 22});
    CHECK(best({}, 5, Quotas{{{0, 5}}, categories}) == Ids{1, 2, 3, 4, 5});
    CHECK(best({}, 4, Quotas{{{2, 1}}, categories}, Ids{1, 21}) == Ids{2, 3, 4, 22});
    CHECK(best({}, 4, Quotas{{{7, 2}}, categories}) == Ids{1, 2, 3, 4});  // there are none
    std::vector<Ids> twice = categories;
    twice[1] = {2, 2};  // is one item of category 2
    CHECK(best({}, 3, Quotas{{{2, 2}}, twice}) == Ids{1, 2, 21});
    twice[2] = {-4};
    CHECK(message_of<DataError>([&] { best({}, 3, Quotas{{{2, 2}}, twice}); }) == "Quotas: item 2 has the category -4");
    CHECK(best({}, 12, Quotas{{{2, 12}}, categories}).size() == 12);      // there are ten
    CHECK(best({}, 2, Quotas{{{1, 1}, {2, 1}}, categories}) == Ids{11, 21});
    CHECK(best({}, 0, Quotas{{{1, 1}}, categories}).empty());
    CHECK(message_of<ArgumentError>([&] {
              best({}, 2, Quotas{{{0, 2}, {1, 1}}, categories});
          }) == "Quotas: expected no more than the 2 items of the list, received 3");
    CHECK(message_of<ArgumentError>([&] {
              best({}, 2, Quotas{{{4, -1}}, categories});
          }) == "Quotas: expected 0 or more items of category 4, received -1");
}

TEST_CASE("At most so many of one category, and the list is full all the same", "[diversity]") {
    const auto categories = thirds(30);
    CHECK(best({}, 5, MaxPerCategory{2, categories}) == Ids{1, 2, 11, 12, 21});
    CHECK(best({}, 8, MaxPerCategory{2, categories}) == Ids{1, 2, 11, 12, 21, 22, 3, 4});
    CHECK(best({}, 30, MaxPerCategory{1, categories}).size() == 30);
    const Ids gone{1, 11};
    CHECK(best({}, 3, MaxPerCategory{1, categories}, gone) == Ids{2, 12, 21});
    CHECK(best({}, 0, MaxPerCategory{1, categories}).empty());
    CHECK(message_of<ArgumentError>([&] {
              best({}, 2, MaxPerCategory{0, categories});
          }) == "MaxPerCategory: expected most >= 1, received 0");
    CHECK(message_of<DataError>([] { best({}, 2, MaxPerCategory{1}); }) ==
          "MaxPerCategory: item 1 has no list of categories, there are 0 lists with that of padding");
}

TEST_CASE("A calibrated list has the history's categories in their shares", "[diversity]") {
    const auto categories = thirds(30);
    const Ids history{3, 25, 4, 5};  // three quarters of category 0, one of 2
    const Query query{0, history, 0};
    Ids shares(3, 0);
    for (const std::int32_t item : best(query, 8, Calibrated{0.9, categories, 30}))
        ++shares[static_cast<std::size_t>(categories[static_cast<std::size_t>(item)][0])];
    CHECK(shares == Ids{6, 0, 2});
    CHECK(best(query, 3, Calibrated{0, categories}) == Ids{1, 2, 3});
    CHECK(best({}, 3, Calibrated{0.9, categories}) == Ids{1, 2, 3});  // no history to go by
}

TEST_CASE("A category that an item names twice counts once, and its number costs no memory", "[diversity]") {
    const std::int32_t large = 2147483647;
    std::vector<Ids> categories(31, Ids{0});
    categories[1] = categories[2] = {large, large};
    categories[3] = {large};
    CHECK(best({}, 4, MaxPerCategory{2, categories}) == Ids{1, 2, 4, 5});
    const Ids history{3, 30};  // half of each kind
    const Query query{0, history, 0};
    categories[30] = {0, 0, 0};
    CHECK(best(query, 4, Calibrated{0.9, categories, 30}) == Ids{1, 4, 2, 5});
    categories[1] = {7, large, 7, 7};  // half of what it is
    categories[2] = {7, large};
    CHECK(best(query, 2, Calibrated{0.9, categories, 30}) == best(query, 2,
                                                                  Calibrated{0.9,
                                                                             [&] {
                                                                                 categories[1] = {7, large};
                                                                                 return ItemCategories(categories);
                                                                             }(),
                                                                             30}));
    categories[2] = {-1};
    CHECK(message_of<DataError>([&] {
              best({}, 2, MaxPerCategory{1, categories});
          }) == "MaxPerCategory: item 2 has the category -1");
}
