#include <deeprec/metrics/ranking.hpp>

#include <cmath>
#include <limits>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Metrics of a list of recommended items by hand", "[metrics]") {
    const std::vector<std::int32_t> recommended{7, 3, 9, 1}, relevant{3, 1, 5};
    const RankedList list = rank_items(recommended, relevant);
    CHECK(list.relevance == std::vector<double>{0, 1, 0, 1});
    CHECK(hits_at(list, 3) == 1);
    CHECK(precision_at(list, 4) == 0.5);
    CHECK(precision_at(list, 10) == 0.2);
    CHECK(recall_at(list, 4) == Approx(2.0 / 3));
    CHECK(f1_at(list, 4) == Approx(4.0 / 7));
    CHECK(hit_rate_at(list, 1) == 0);
    CHECK(hit_rate_at(list, 2) == 1);
    CHECK(reciprocal_rank_at(list) == 0.5);
    CHECK(reciprocal_rank_at(list, 1) == 0);
    CHECK(average_precision_at(list, 4) == Approx((1.0 / 2 + 2.0 / 4) / 3));
    CHECK(average_precision_at(list, 2) == Approx(1.0 / 2 / 2));
    const double ideal = 1 + 1 / std::log2(3) + 1 / std::log2(4);
    CHECK(ndcg_at(list, 4) == Approx((1 / std::log2(3) + 1 / std::log2(5)) / ideal));
    CHECK(ndcg_at(list, 4, Gain::power) == ndcg_at(list, 4));  // 2^1 - 1 = 1
    CHECK(recall_at(rank_items(recommended, {}), 4) == 0);
    CHECK(ndcg_at(rank_items({}, relevant), 4) == 0);
}

TEST_CASE("The whole list has as many places as items", "[metrics]") {
    const RankedList all = rank_items(std::vector<std::int32_t>{2, 1}, std::vector<std::int32_t>{1, 2});
    CHECK(precision_at(all, whole_list) == 1);
    CHECK(f1_at(all, whole_list) == 1);
    CHECK(precision_at(all, 4) == 0.5);
    PrecisionAtK precision{{.k = whole_list}};
    precision.add(all);
    precision.add(rank_items(std::vector<std::int32_t>{2, 3, 4, 5}, std::vector<std::int32_t>{2}));
    CHECK(precision.result() == (1 + 0.25) / 2);
    CHECK(precision_at(RankedList{}, whole_list) == 0);
}

TEST_CASE("The first none of a list have no metric", "[metrics]") {
    RankedList list = rank_items(std::vector<std::int32_t>{2, 1}, std::vector<std::int32_t>{1});
    list.scores = {1, 1};
    for (const Index k : {Index{-1}, Index{0}}) {
        const auto refused = [&](const char* name, auto at) {
            CHECK(message_of<ArgumentError>([&] { at(); }) == message(name, ": expected a positive k, received ", k));
        };
        refused("hits_at", [&] { hits_at(list, k); });
        refused("precision_at", [&] { precision_at(list, k); });
        refused("recall_at", [&] { recall_at(list, k); });
        refused("f1_at", [&] { f1_at(list, k); });
        refused("hit_rate_at", [&] { hit_rate_at(list, k); });
        refused("ndcg_at", [&] { ndcg_at(list, k); });
        refused("ndcg_tie_averaged_at", [&] { ndcg_tie_averaged_at(list, k); });
        refused("reciprocal_rank_at", [&] { reciprocal_rank_at(list, k); });
        refused("average_precision_at", [&] { average_precision_at(list, k); });
    }
}

TEST_CASE("A list made by hand that has other scores than items, or gains beyond numbers, is refused", "[metrics]") {
    const RankedList longer{{1}, {1}, {3, 2, 1}}, large{{2000}, {2000}, {}};
    CHECK(message_of<DataError>([&] { ndcg_tie_averaged_at(longer, 3); }) ==
          "ndcg_tie_averaged_at: expected a score for each of 1 items, received 3");
    CHECK(message_of<NumericError>([&] { ndcg_at(large, 1, Gain::power); }) ==
          "ndcg_at: the discounted gain is inf");
    CHECK(ndcg_at(large, 1) == 1);
}

TEST_CASE("Candidates are ordered by score, left out ones are none", "[metrics]") {
    const double scores[]{1, 5, 1, 9};
    const double relevance[]{1, 0, 2, -1};
    const RankedList list = rank_candidates(scores, relevance, 4);
    CHECK(list.relevance == std::vector<double>{0, 1, 2});
    CHECK(list.ideal == std::vector<double>{2, 1});
    const double low = 1 / std::log2(3) + 0.5 * 2, high = 2 / std::log2(3) + 0.5 * 1;
    const double ideal = 2 + 1 / std::log2(3);
    CHECK(ndcg_at(list, 3) == Approx(low / ideal));
    CHECK(ndcg_tie_averaged_at(list, 3) == Approx((low + high) / 2 / ideal));
    const double broken[]{1, std::nan("")};
    CHECK(message_of<NumericError>([&] { rank_candidates(broken, relevance, 2); }) ==
          "rank_candidates: the score of candidate 1 is NaN");
    const double unknown[]{1, std::nan(""), 0, 0};
    CHECK(message_of<NumericError>([&] { rank_candidates(scores, unknown, 4); }) ==
          "rank_candidates: the relevance of candidate 1 is nan");
}

TEST_CASE("Ranking metrics are means over users, whose values they keep", "[metrics]") {
    Tensor<double, 2> scores(2, 3), relevance(2, 3);
    scores.setValues({{3, 2, 1}, {1, 2, 3}});
    relevance.setValues({{1, 0, 0}, {1, 0, 0}});
    Mrr metric{{.k = 3}}, other = metric;
    CHECK(metric.name() == "mrr@3");
    CHECK(Ndcg{{.k = whole_list}}.name() == "ndcg");
    CHECK(std::isnan(metric.result()));
    metric.update(scores, relevance);
    CHECK(metric.values() == std::vector<double>{1, 1.0 / 3});
    CHECK(metric.result() == Approx(2.0 / 3));
    const double weights[]{3, 1};
    other.update(scores, relevance, weights);
    CHECK(other.result() == Approx((3 + 1.0 / 3) / 4));
    metric.merge(other);
    CHECK(metric.values().size() == 4);
    CHECK(metric.result() == Approx((4 + 2.0 / 3) / 6));
    metric.reset();
    CHECK(metric.values().empty());
    CHECK(message_of<ArgumentError>([] { Ndcg{{.k = 0}}; }) == "ndcg: expected a positive k, received 0");
    CHECK(message_of<ShapeError>([&] { metric.update(scores, Tensor<double, 2>(3, 2)); }) ==
          "mrr: expected relevance of the scores' shape [2, 3], received [3, 2]");
    for (const double wrong : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
        const double pair[]{1, wrong};
        CHECK(message_of<DataError>([&] { Mrr{}.update(scores, relevance, pair); }) ==
              message("mrr: expected finite weights of at least 0, received ", wrong, " for user 1"));
    }
}

TEST_CASE("A repeated item counts once, at its first place, and takes its others in vain", "[metrics]") {
    using Ids = std::vector<std::int32_t>;
    const RankedList list = rank_items(Ids{1, 1, 1, 2}, Ids{1});
    CHECK(list.relevance == std::vector<double>{1, 0, 0, 0});
    CHECK(recall_at(list, 4) == 1);
    CHECK(ndcg_at(list, 4) == 1);
    CHECK(average_precision_at(list, 4) == 1);
    CHECK(precision_at(list, 4) == 0.25);
    CHECK(f1_at(list, 4) == Approx(0.4));
    CHECK(recall_at(rank_items(Ids{1, 1}, Ids{1, 2}), 2) == 0.5);
    CHECK(reciprocal_rank_at(rank_items(Ids{3, 3, 1, 1}, Ids{1})) == Approx(1.0 / 3));
    const RankedList twice = rank_items(Ids{5, 1, 2}, Ids{1, 2, 1, 1, 2});
    CHECK(twice.ideal == std::vector<double>{1, 1});
    CHECK(recall_at(twice, 3) == 1);
    CHECK(average_precision_at(twice) == Approx((1.0 / 2 + 2.0 / 3) / 2));
}

TEST_CASE("Lists that are not in the order of their scores have ties of equal scores alone", "[metrics]") {
    const RankedList reranked{{0, 1, 0}, {1}, {1, 3, 2}};
    CHECK(ndcg_tie_averaged_at(reranked, 3) == Approx(1 / std::log2(3)));
}
