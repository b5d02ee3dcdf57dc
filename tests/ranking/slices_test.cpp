#include <deeprec/ranking/slices.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
RankingReport report_of(std::vector<Index> ranks, Index k = 10) {
    RankingReport report;
    report.protocol.k = k;
    report.ranks = std::move(ranks);
    return report;
}
}  // namespace

TEST_CASE("Figures of some queries", "[ranking]") {
    const auto report = report_of({1, 3, 0, 11});
    const auto f = figures_where(report, [](std::size_t q) { return q < 3; });
    CHECK(f.queries == 3);
    CHECK(f.hr == Approx(2.0 / 3));
    CHECK(f.ndcg == Approx((1 + 0.5) / 3));
    CHECK(figures_where(report, [](std::size_t) { return false; }).hr == 0);
}

TEST_CASE("Head, torso and tail have a third of the events each; what training never saw is cold", "[ranking]") {
    Interactions x;
    x.users.add("u");
    for (int item = 1; item <= 7; ++item) x.items.add(std::to_string(item));
    for (const std::int32_t item : {2, 2, 2, 2, 2, 3, 3, 1, 1, 4, 5, 6}) x.add(1, item);  // 12 events; 7 is cold
    const std::vector<Query> queries{{1, {}, 2}, {1, {}, 3}, {1, {}, 1}, {1, {}, 6}, {1, {}, 7}, {1, {}, 2}};
    const auto rows = by_popularity(report_of({1, 1, 20, 2, 0, 20}), queries, Sequences{x});
    CHECK(rows.head.queries == 2);
    CHECK(rows.head.hr == Approx(0.5));
    CHECK(rows.torso.queries == 2);
    CHECK(rows.torso.hr == Approx(0.5));
    CHECK(rows.tail.queries == 1);
    CHECK(rows.tail.ndcg == Approx(1 / std::log2(3.0)));
    CHECK(rows.cold.queries == 1);
    CHECK(message_of<DataError>([&] { by_popularity(report_of({1}), queries, Sequences{x}); }) ==
          "by_popularity: expected a rank for each of 6 queries, received 1");
    for (const std::int32_t target : {1000000, 8, 0, -1}) {
        const std::vector<Query> unknown{{1, {}, target}};
        CHECK(message_of<DataError>([&] { by_popularity(report_of({1}), unknown, Sequences{x}); }) ==
              message("by_popularity: expected targets from 1 to 7, received ", target));
    }
}

TEST_CASE("A bootstrap interval is about two standard errors wide on each side", "[ranking]") {
    std::vector<Index> ranks;
    for (Index q = 0; q < 2000; ++q) ranks.push_back(q % 5 == 0 ? 1 : 0);
    const auto intervals = bootstrap(report_of(ranks), 0.95, 2000, Seed{4});
    const double error = std::sqrt(0.2 * 0.8 / 2000);
    CHECK(std::abs(intervals.hr.low - (0.2 - 1.96 * error)) < 0.2 * error);
    CHECK(std::abs(intervals.hr.high - (0.2 + 1.96 * error)) < 0.2 * error);
    CHECK(intervals.ndcg.low == Approx(intervals.hr.low));  // every hit is at rank 1
    const auto again = bootstrap(report_of(ranks), 0.95, 2000, Seed{4});
    CHECK(again.ndcg.high == intervals.ndcg.high);
    CHECK_THROWS_AS(bootstrap(report_of({})), DataError);
    CHECK_THROWS_AS(bootstrap(report_of({1}), 1.0), ArgumentError);
}

TEST_CASE("Two models are compared on the same queries", "[ranking]") {
    const RankingReport a = report_of({1, 11, 3, 0}), b = report_of({1, 1, 2, 0});
    const RankingComparison c = compare(a, b);
    CHECK(c.hr.difference == Approx(0.25));
    CHECK(c.ndcg.difference == Approx((1 + 1 / std::log2(3.0) - 0.5) / 4));
    CHECK(c.hr.p == 1);      // one query differs, either way
    CHECK(c.ndcg.p == 0.5);  // two of four patterns: both up, both down
    CHECK(compare(b, a).ndcg.difference == -c.ndcg.difference);
    CHECK(compare(a, a).ndcg.p == 1);
    // of seeds the mean counts: query 2 is found by one of two
    const std::vector<RankingReport> one{a}, both{a, b};
    CHECK(compare(one, both).hr.difference == Approx(0.125));

    CHECK(message_of<DataError>([&] {
              compare(a, report_of({1, 2, 3}));
          }) == "compare: expected ranks of the same 4 queries cut at 10, received 3 cut at 10");
    CHECK(message_of<DataError>([&] { compare(a, report_of({1, 2, 3, 4}, 5)); }).ends_with("received 4 cut at 5"));
    CHECK(message_of<DataError>([&] { compare(std::span<const RankingReport>(), both); }) ==
          "compare: expected reports of both models");
    CHECK(message_of<DataError>([&] { compare(report_of({}), report_of({})); }) ==
          "paired_test: there are no differences");
}
