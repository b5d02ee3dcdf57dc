// Indexes with int8 codes beside their vectors, and requests for few of the items: the lists are those of all scores.
#include <deeprec/ranking/item_scan.hpp>

#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <deeprec/core/initializers.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/ranking/item_index.hpp>
#include <deeprec/ranking/recommend.hpp>
#include <deeprec/ranking/scorer_file.hpp>
#include <deeprec/ranking/sequence_index.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {

using ScanIds = std::vector<std::int32_t>;
const ScanIds scan_history{3, 1, 4, 1, 5};

auto scan_model(Index items, Index width, double scale = 0) {
    SequenceRecommender model{items, Sequential{LSTM{width, return_sequences}}, {.width = width, .scale = scale}};
    model.build(6, Seed{5});
    for_each_parameter(model, [](std::string_view name, auto& p) {
        if (name == "bias") fill_uniform(p, 0.3, Seed{7});
    });
    return model;
}
template <class Head>
auto scan_towers(Head head, Index width) {
    TwoTower model{Sequential{Embedding{3001, 4}, Flatten{}, Dense{width}}, Sequential{Dense{width}}, std::move(head)};
    model.build({{5}, {6}}, Seed{3});
    return model;
}
bool same_hits(const std::vector<Hit<float>>& a, const std::vector<Hit<float>>& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof a[0]) == 0);
}
/// The list made from all scores, as a scorer without a way of its own gets it.
template <class Index_>
std::vector<Hit<float>> from_all_scores(const Index_& index, const Query& query, Index k,
                                        const RecommendOptions& options) {
    std::vector<float> scores(static_cast<std::size_t>(index.items()) + 1);
    index(query, std::span(scores));
    return detail::list_of_scores(index, query, scores, k, options);
}
ItemSet one_item_in(std::int32_t items, std::int32_t n) {
    return ItemSet::where(items, [&](std::int32_t item) {
        return mix64(static_cast<std::uint64_t>(item)) % static_cast<std::uint64_t>(n) == 0;
    });
}
/// How many lists differ in a bit, over k, filters and threads.
template <class Index_>
int differing_lists(const Index_& index, ThreadPool& pool) {
    const Query query{1, scan_history, 0};
    const std::int32_t n = index.items();
    int different = 0;
    for (const Index k : {Index{0}, Index{1}, Index{10}, Index{n} + 3})
        for (const std::int32_t share : {1, 3, 40, 1000000}) {
            RecommendOptions options{.exclude_history = share == 3};
            if (share > 1) options.eligible = one_item_in(n, share);
            if (share == 1) options.allow = [](std::int32_t item) { return item % 7 == 2; };
            const auto expected = from_all_scores(index, query, k, options);
            different += !same_hits(recommend(index, query, k, options), expected);
            options.pool = &pool;
            different += !same_hits(recommend(index, query, k, options), expected);
        }
    return different;
}

}  // namespace

TEST_CASE("Lists of a SequenceIndex are those of all its scores, with codes or without", "[item_scan][threads]") {
    ThreadPool pool(3);
    for (const Index items : {1, 40, 2047, 2048, 9001})  // with the padding: one tile, whole ones, one and an item
        for (const Index width : {4, 7, 64}) {
            if (items > 3000 && width == 7) continue;
            const auto model = scan_model(std::max<Index>(items, 5), width, width == 7 ? 12 : 0);
            const SequenceIndex floats{model, 4}, codes{model, {.length = 4, .storage = int8}};
            CAPTURE(items, width);
            CHECK(codes.storage() == ItemStorage::int8);
            CHECK(differing_lists(floats, pool) == 0);
            CHECK(differing_lists(codes, pool) == 0);
            const Query query{1, scan_history, 0}, nothing{2, {}, 0};
            for (const auto& asked : {query, nothing})  // nothing: no vector, the biases alone
                CHECK(same_hits(recommend(codes, asked, 20), recommend(floats, asked, 20)));
            CHECK(same_hits(codes.recommend(scan_history, 9, {.diversity = Mmr{0.4}}),
                            floats.recommend(scan_history, 9, {.diversity = Mmr{0.4}})));
        }
}

TEST_CASE("Ties go to the lower item with codes too", "[item_scan]") {
    auto model = scan_model(500, 6);
    for_each_parameter(model, [](std::string_view name, auto& p) {
        if (name == "bias") std::fill_n(p.data(), p.size(), 1e3f);
        if (name == "items")  // three kinds of items
            for (Index i = 6; i < p.size(); ++i) p.data()[i] = static_cast<float>(i / 6 % 3) - 1;
    });
    const SequenceIndex floats{model, 4}, codes{model, {.length = 4, .storage = int8}};
    for (const Index k : {1, 5, 170, 400}) {
        const auto hits = codes.recommend(scan_history, k);
        CHECK(same_hits(hits, floats.recommend(scan_history, k)));
        for (std::size_t i = 1; i < hits.size(); ++i)
            CHECK((hits[i - 1].score > hits[i].score || hits[i - 1].item < hits[i].item));
    }
}

TEST_CASE("Scores that are not finite are refused with codes, the first that may be recommended by name",
          "[item_scan]") {
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    const auto with = [](const std::string& broken, Index at, float value) {
        auto model = scan_model(200, 4);
        for_each_parameter(model, [&](std::string_view name, auto& p) {
            if (name == broken) p.data()[at] = value;
        });
        return model;
    };
    const auto refused = [](const auto& model, const RecommendOptions& options = {}) {
        const SequenceIndex codes{model, {.storage = int8}};
        return message_of<NumericError>([&] { codes.recommend(scan_history, 3, options); });
    };
    CHECK(refused(with("bias", 150, nan)) == "SequenceIndex: the score of item 150 is NaN");
    CHECK(refused(with("bias", 20, -infinity)) == "SequenceIndex: the score of item 20 is infinite");
    CHECK(refused(with("items", 4 * 77 + 2, nan)) == "SequenceIndex: the score of item 77 is NaN");
    CHECK(refused(with("bias", 150, nan), {.allow = [](std::int32_t item) { return item != 150; }}).empty());
    CHECK(refused(with("bias", 150, nan), {.eligible = ItemSet(200, ScanIds{1, 2, 3, 4, 5})}).empty());
    CHECK(refused(with("tower.0.bias", 0, nan)) == "SequenceIndex: the score of item 1 is NaN");
    auto large = with("bias", 9, 3e38f);  // finite, and above what bounds hold for
    CHECK(SequenceIndex(large, {.storage = int8}).recommend(scan_history, 1)[0].item == 9);
}

TEST_CASE("Lists of an ItemIndex with codes are those of all its scores", "[item_scan][threads]") {
    ThreadPool pool(2);
    const auto check = [&](const auto& model) {
        Tensor<float, 2> items(3000, 6);
        fill_uniform(items, 2, Seed{9});
        const ItemIndex floats{model, items, {.first_item = 1, .threads = 1}};
        ItemIndex codes{model, items, {.first_item = 1, .threads = 1, .storage = int8}};
        CHECK(differing_lists(floats, pool) == 0);
        CHECK(differing_lists(codes, pool) == 0);
        Tensor<std::int32_t, 2> user(1, 5);
        std::copy(scan_history.begin(), scan_history.end(), user.data());
        const ItemIndex from_0{model, items, {.threads = 1, .storage = int8}};
        auto hits = from_0.recommend(user, 30);
        for (auto& hit : hits) ++hit.item;
        CHECK(same_hits(hits, floats.recommend(user, 30)));
        ItemIndex more = floats;
        codes.add_items(3000, items);
        more.add_items(3000, items);
        CHECK(same_hits(codes.recommend(user, 30), more.recommend(user, 30)));
    };
    check(scan_towers(Dot{}, 20));
    check(scan_towers(Cosine{.temperature = 0.05f}, 20));
    const auto concatenation = scan_towers(Sequential{Dense{1}}, 4);
    Tensor<float, 2> items(20, 6);
    CHECK(message_of<ArgumentError>([&] { ItemIndex(concatenation, items, {.storage = int8}); }) ==
          "ItemIndex: expected float32 storage, int8 is for the heads Dot and Cosine of models of float");
}

TEST_CASE("Indexes keep their storage in files", "[item_scan]") {
    const support::TemporaryDirectory folder;
    const auto model = scan_model(300, 8);
    const auto path = folder.path() / "index.safetensors";
    save(SequenceIndex{model, {.length = 4, .storage = int8}}, path);
    using Kept = SequenceIndex<std::remove_const_t<decltype(model)>>;
    const auto same = load<Kept>(path);
    CHECK(same.storage() == ItemStorage::int8);
    CHECK(same.length() == 4);
    CHECK(same_hits(same.recommend(scan_history, 20), SequenceIndex(model, 4).recommend(scan_history, 20)));
    save(SequenceIndex{model, 4}, path);
    CHECK(load<Kept>(path).storage() == ItemStorage::float32);
}
