#include <deeprec/ranking/evaluate_ranking.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/ranks.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;

namespace {
/// Item i scores i.
const auto by_number = [](const Query&, std::span<float> scores) {
    for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = static_cast<float>(i);
};
const auto constant = [](const Query&, std::span<float> scores) { std::fill(scores.begin(), scores.end(), 1.0f); };
}  // namespace

TEST_CASE("HR, NDCG, AUC and ranks by hand", "[ranking]") {
    const Ids history{10, 9, 1}, none;
    const std::vector<Query> queries{
        {1, none, 10},    // rank 1 of 10
        {2, history, 7},  // 10 and 9 are gone: rank 2 of 7
        {3, none, 3},     // rank 8 of 10
    };
    const auto report = evaluate_ranking(by_number, queries, 10, {.k = 3, .threads = 1});
    CHECK(report.ranks == std::vector<Index>{1, 2, 8});
    CHECK(report.hr == Approx(2.0 / 3));
    CHECK(report.ndcg == Approx((1 + 1 / std::log2(3)) / 3));
    CHECK(report.auc == Approx((1 + 5.0 / 6 + 2.0 / 9) / 3));
    CHECK(report.protocol.k == 3);
    const auto kept = evaluate_ranking(by_number, queries, 10, {.remove_history = false, .k = 3, .threads = 1});
    CHECK(kept.ranks == std::vector<Index>{1, 4, 8});
    CHECK(kept.hr == Approx(1.0 / 3));
}

TEST_CASE("A target in the history is no candidate where the history is removed", "[ranking]") {
    const Ids history{4, 2};
    const std::vector<Query> queries{{1, history, 4}};
    const auto removed = evaluate_ranking(by_number, queries, 5);
    CHECK(removed.ranks == std::vector<Index>{0});
    CHECK(removed.hr == 0);
    CHECK(removed.auc == 0);
    CHECK(evaluate_ranking(by_number, queries, 5, {.remove_history = false}).ranks == std::vector<Index>{2});
}

TEST_CASE("A constant scorer earns nothing by ties", "[ranking]") {
    constexpr std::int32_t items = 1000;
    std::vector<Query> queries;
    for (std::int32_t item = 1; item <= items; item += 3) queries.push_back({item, {}, item});
    const auto report = evaluate_ranking(constant, queries, items, {.k = 10});
    CHECK(report.hr == Approx(4.0 / static_cast<double>(queries.size())));  // the targets 1, 4, 7 and 10
    CHECK(report.hr < 0.0125);
    CHECK(report.auc == 0.5);
    CHECK(report.ranks[5] == 16);  // ties by the lower item
}

TEST_CASE("Any number of threads reports the same", "[ranking][threads]") {
    std::vector<Query> queries;
    const Ids history{3, 50, 99};
    for (std::int32_t i = 0; i < 57; ++i) queries.push_back({i + 1, history, i * 37 % 99 + 1});
    const auto scorer = [](const Query& query, std::span<float> scores) {
        for (std::size_t i = 0; i < scores.size(); ++i)
            scores[i] = std::sin(static_cast<float>(i) * static_cast<float>(query.user));
    };
    const auto one = evaluate_ranking(scorer, queries, 100, {.threads = 1});
    for (const int threads : {2, 3, 100}) {
        const auto several = evaluate_ranking(scorer, queries, 100, {.threads = threads});
        CHECK(several.ranks == one.ranks);
        CHECK(several.auc == one.auc);
        CHECK(several.hr == one.hr);
        CHECK(several.ndcg == one.ndcg);
    }
}

TEST_CASE("A score that is NaN stops the evaluation", "[ranking]") {
    const std::vector<Query> queries{{1, {}, 2}};
    for (const std::size_t at : {2u, 4u}) {  // the target's own score, and another's
        const auto scorer = [at](const Query&, std::span<float> scores) {
            std::fill(scores.begin(), scores.end(), 1.0f);
            scores[at] = std::numeric_limits<float>::quiet_NaN();
        };
        CHECK(message_of<NumericError>([&] { evaluate_ranking(scorer, queries, 5); }) ==
              message("evaluate_ranking: the score of item ", at, " is NaN"));
    }
    const auto endless = [](const Query&, std::span<float> scores) {
        std::fill(scores.begin(), scores.end(), std::numeric_limits<float>::infinity());
    };
    CHECK(message_of<NumericError>([&] { evaluate_ranking(endless, queries, 5); }) ==
          "evaluate_ranking: the score of item 1 is infinite");
    const auto never_1 = [](const Query& query, std::span<float> scores) {  // no candidate for the scorer
        by_number(query, scores);
        scores[1] = -std::numeric_limits<float>::infinity();
    };
    CHECK(evaluate_ranking(never_1, queries, 5).ranks[0] == 4);
    const auto only_padding = [](const Query& query, std::span<float> scores) {
        by_number(query, scores);
        scores[0] = std::numeric_limits<float>::quiet_NaN();
    };
    CHECK(evaluate_ranking(only_padding, queries, 5).ranks[0] == 4);
}

TEST_CASE("evaluate_ranking names queries that it cannot use", "[ranking]") {
    const Ids history{2, 9};
    const auto complaint = [](const std::vector<Query>& queries) {
        return message_of<DataError>([&] { evaluate_ranking(by_number, queries, 5); });
    };
    CHECK(complaint({}) == "evaluate_ranking: there are no queries");
    CHECK(complaint({{1, {}, 6}}) == "evaluate_ranking: expected targets from 1 to 5, received 6");
    CHECK(complaint({{1, {}, 0}}) == "evaluate_ranking: expected targets from 1 to 5, received 0");
    CHECK(complaint({{1, history, 1}}) == "evaluate_ranking: expected histories with items from 1 to 5, received 9");
    const std::vector<Query> good{{1, {}, 1}};
    CHECK(message_of<ArgumentError>([&] { evaluate_ranking(by_number, good, 5, {.k = 0}); }) ==
          "evaluate_ranking: expected a positive k, received 0");
}

TEST_CASE("Given negatives, a target is ranked against its user's alone", "[ranking]") {
    Interactions x;
    for (int user = 1; user <= 3; ++user) x.users.add(std::to_string(user));
    for (int item = 1; item <= 10; ++item) x.items.add(std::to_string(item));
    for (const std::int32_t item : {2, 9, 4}) x.add(1, item);
    for (const std::int32_t item : {10, 1}) x.add(2, item);
    const Sequences negatives{x};
    const Ids history{9, 3};
    const std::vector<Query> queries{{1, history, 5}, {2, {}, 7}};  // 9 was taken before: 4, 2; then 10, 1
    const auto report = evaluate_ranking(by_number, queries, 10, {.k = 1, .negatives = &negatives});
    CHECK(report.ranks == std::vector<Index>{1, 2});
    CHECK(report.auc == Approx(0.75));
    const auto kept =
        evaluate_ranking(by_number, queries, 10, {.remove_history = false, .k = 1, .negatives = &negatives});
    CHECK(kept.ranks == std::vector<Index>{2, 2});
    for (const std::int32_t item : {9, 2, 2, 4}) x.add(1, item);  // again: they are candidates once
    for (const std::int32_t item : {10, 10, 1}) x.add(2, item);
    const Sequences repeated{x};
    const Ids twice{9, 3, 9};
    const std::vector<Query> same{{1, twice, 5}, {2, {}, 7}};
    const auto again = evaluate_ranking(by_number, same, 10, {.k = 1, .negatives = &repeated});
    CHECK(again.ranks == report.ranks);
    CHECK(again.auc == report.auc);
    const std::vector<Query> without{{3, {}, 1}};
    CHECK(message_of<DataError>([&] { evaluate_ranking(by_number, without, 10, {.negatives = &negatives}); }) ==
          "evaluate_ranking: user 3 has no negatives");
    CHECK(message_of<DataError>([&] { evaluate_ranking(by_number, queries, 8, {.negatives = &negatives}); }) ==
          "evaluate_ranking: expected histories with items from 1 to 8, received 9");
}

TEST_CASE("A scorer that takes many queries at once gives the same ranks", "[ranking]") {
    struct Blocks {
        void operator()(std::span<const Query> queries, std::span<float> scores) const {
            for (std::size_t q = 0; q < queries.size(); ++q)
                for (std::size_t i = 0; i <= 100; ++i)
                    scores[q * 101 + i] =
                        static_cast<float>((i * 37 + static_cast<std::size_t>(queries[q].user)) % 101);
        }
        void operator()(const Query& query, std::span<float> scores) const { (*this)(std::span(&query, 1), scores); }
    };
    const auto one_by_one = [](const Query& query, std::span<float> scores) { Blocks{}(query, scores); };
    std::vector<Query> queries;
    for (std::int32_t user = 1; user <= 150; ++user) queries.push_back({user, {}, user % 100 + 1});
    const auto blocks = evaluate_ranking(Blocks{}, queries, 100, {.threads = 3});
    CHECK(blocks.ranks == evaluate_ranking(one_by_one, queries, 100, {.threads = 1}).ranks);
}

TEST_CASE("Ranks report what one process reports, to the bit", "[ranking][threads]") {
    constexpr std::int32_t items = 50;
    const RandomStream random(Seed{3});
    std::vector<Query> queries;
    for (std::uint64_t q = 0; q < 131; ++q)
        queries.push_back(
            {static_cast<std::int32_t>(q) + 1, {}, static_cast<std::int32_t>(random.below(q, items)) + 1});
    const auto scorer = [&](const Query& query, std::span<float> scores) {
        const RandomStream own(Seed{static_cast<std::uint64_t>(query.user)});
        for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = static_cast<float>(own.below(i, 20));
    };
    struct InBlocks {
        decltype(scorer) one;
        void operator()(const Query& query, std::span<float> scores) const { one(query, scores); }
        void operator()(std::span<const Query> asked, std::span<float> scores) const {
            for (std::size_t i = 0; i < asked.size(); ++i)
                one(asked[i], scores.subspan(i * (items + 1), items + 1));
        }
    };
    const auto check = [&](const auto& any, std::span<const Query> some) {
        const RankingReport one = evaluate_ranking(any, some, items, {.k = 5, .threads = 1});
        for (const int ranks : {1, 2, 3}) {
            std::vector<RankingReport> reports(static_cast<std::size_t>(ranks));
            const auto errors = support::on_ranks(ranks, [&](int rank, AnyWorld world) {
                reports[static_cast<std::size_t>(rank)] =
                    evaluate_ranking(any, some, items, {.k = 5, .threads = 2, .world = world});
            });
            CHECK(errors == std::vector<std::string>(static_cast<std::size_t>(ranks)));
            for (const RankingReport& report : reports) {
                CHECK(report.ranks == one.ranks);
                CHECK(std::vector{report.auc, report.hr, report.ndcg} == std::vector{one.auc, one.hr, one.ndcg});
            }
        }
    };
    check(scorer, queries);
    check(InBlocks{scorer}, queries);
    check(scorer, std::span(queries).first(2));  // fewer than ranks
}

TEST_CASE("Ranks with other queries are refused, and no rank waits for one whose scorer fails", "[ranking][threads]") {
    const std::vector<Query> queries{{1, {}, 3}, {2, {}, 4}, {3, {}, 5}};
    const auto others = support::on_ranks(2, [&](int rank, AnyWorld world) {
        evaluate_ranking(constant, std::span(queries).first(rank == 1 ? 2 : 3), 9, {.world = world});
    });
    CHECK(others[0] ==
          "evaluate_ranking: the ranks of a world answer the same queries, but rank 1 has queries 2, rank 0 has 3");
    CHECK(others[1] == others[0]);
    const auto bad = [](const Query& query, std::span<float> scores) {
        std::fill(scores.begin(), scores.end(), query.user == 3 ? NAN : 1.0f);
    };
    const auto failed = support::on_ranks(2, [&](int, AnyWorld world) {
        evaluate_ranking(bad, queries, 9, {.threads = 1, .world = world});
    });
    CHECK(failed[1] == "evaluate_ranking: the score of item 1 is NaN");
    CHECK(failed[0] == "rank 1: " + failed[1]);
}
