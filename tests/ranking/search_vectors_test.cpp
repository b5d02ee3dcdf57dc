/// Vectors for engines of nearest neighbours: their inner products are the scores, and hnswlib finds what the indexes
/// do.
#include <numeric>
#include <vector>

#include <deeprec/core/initializers.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/ranking/item_index.hpp>
#include <deeprec/ranking/sequence_index.hpp>

#include "models/sequences.hpp"
#include "support/catch.hpp"

#if __has_include(<hnswlib/hnswlib.h>)
#include <hnswlib/hnswlib.h>
#define DEEPREC_HNSWLIB 1
#endif

using namespace deeprec;

namespace {

/// The list of an index is what the vectors give: by their inner products, and from hnswlib. Items begin at `first`.
void check_found(const std::vector<Hit<float>>& hits, const Tensor<float, 2>& items, const float* query,
                 std::int32_t first) {
    REQUIRE(hits.size() == 10);
    const Index width = items.dimension(1);
    for (const auto& hit : hits) {
        const double product = std::inner_product(query, query + width, &items(hit.item - first, 0), 0.0);
        CHECK(product == Approx(hit.score).epsilon(1e-5).margin(1e-6));
    }
#if DEEPREC_HNSWLIB
    hnswlib::InnerProductSpace space(static_cast<std::size_t>(width));
    const auto count = static_cast<std::size_t>(items.dimension(0));
    hnswlib::BruteforceSearch<float> exact(&space, count);
    hnswlib::HierarchicalNSW<float> graph(&space, count, 16, 200);
    graph.setEf(200);
    for (Index i = 0; i < items.dimension(0); ++i) {
        exact.addPoint(&items(i, 0), static_cast<std::size_t>(i + first));
        graph.addPoint(&items(i, 0), static_cast<std::size_t>(i + first));
    }
    const auto found = [&](const auto& engine) {
        auto queue = engine.searchKnn(query, 10);  // the worst first; distances are 1 - inner product
        std::vector<std::int32_t> order;
        for (; !queue.empty(); queue.pop()) {
            order.insert(order.begin(), static_cast<std::int32_t>(queue.top().second));
            const auto& hit = hits[queue.size() - 1];
            CHECK(1 - queue.top().first == Approx(hit.score).epsilon(1e-5).margin(1e-5));
        }
        return order;
    };
    std::vector<std::int32_t> wanted;
    for (const auto& hit : hits) wanted.push_back(hit.item);
    CHECK(found(exact) == wanted);
    CHECK(found(graph) == wanted);
#else
    WARN("Not tested: hnswlib is not there (Debian: libhnswlib-dev)");
#endif
}

template <class Head>
void check_towers(Head head) {
    TwoTower model{Sequential{Dense{7, tanh}}, Sequential{Dense{7, tanh}}, head};
    model.build({{5}, {4}}, Seed{3});
    Tensor<float, 2> items(500, 4), user(1, 5);
    fill_uniform(items, 2, Seed{11});
    fill_uniform(user, 2, Seed{12});
    const ItemIndex index{model, items, {.first_item = 3, .threads = 1}};
    const auto query = index.search_query(user);
    check_found(index.recommend(user, 10), index.search_vectors(), query.data(), 3);
}

}  // namespace

TEST_CASE("Vectors of a sequence model for other engines give its scores and lists", "[ranking]") {
    SequenceRecommender model{400, sequences::cnn_tower(6), {.width = 6, .scale = 4}};
    model.build(8, Seed{2});
    for_each_parameter(model, [](std::string_view name, auto& p) {
        if (name == "bias") fill_uniform(p, 1, Seed{5});
    });
    const SequenceIndex index{model, 4};
    const std::vector<std::int32_t> history{5, 1, 9, 30}, other{7};
    const std::vector<Query> queries{{1, history, 0}, {2, other, 0}};
    const auto vectors = index.search_vectors(), asked = index.search_queries(queries);
    CHECK(vectors.dimensions()[1] == 7);
    for (Index q = 0; q < 2; ++q)
        check_found(index.recommend(queries[static_cast<std::size_t>(q)].history, 10), vectors, &asked(q, 0), 1);
}

TEST_CASE("Vectors of two towers for other engines give their scores and lists", "[ranking]") {
    check_towers(Dot{});
    check_towers(Dot{.normalize = true});
    check_towers(Cosine{.temperature = 0.05f});
}

TEST_CASE("An index without inner products has no vectors for other engines", "[ranking]") {
    using Towers = decltype(TwoTower{Sequential{Dense{7}}, Sequential{Dense{7}}, Sequential{Dense{1}}});
    using Products = decltype(TwoTower{Sequential{Dense{7}}, Sequential{Dense{7}}, Dot{}});
    const auto has_vectors = [](const auto& index) {
        return requires { index.search_vectors(); };
    };
    CHECK(has_vectors(ItemIndex<Products>{}));
    CHECK(!has_vectors(ItemIndex<Towers>{}));
}
