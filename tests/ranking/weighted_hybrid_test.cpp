#include <deeprec/ranking/weighted_hybrid.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <deeprec/core/random.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
constexpr std::int32_t items = 40;

/// A score for each user and item, scale * (truth + noise of its own) + offset.
struct Opinion {
    std::uint64_t stream;
    double truth = 0, noise = 1;
    float scale = 1, offset = 0;
    static double taste(std::int32_t user, std::int32_t item) {
        return RandomStream(Seed{7}).normal(static_cast<std::uint64_t>(user * (items + 1) + item));
    }
    void operator()(const Query& query, std::span<float> scores) const {
        const RandomStream random(derive(Seed{8}, stream));
        for (std::int32_t item = 1; item <= items; ++item) {
            const double own = random.normal(static_cast<std::uint64_t>(query.user * (items + 1) + item));
            scores[static_cast<std::size_t>(item)] =
                scale * static_cast<float>(truth * taste(query.user, item) + noise * own) + offset;
        }
    }
};
/// Each user's target is the item of most taste, plus noise in who is who.
std::vector<Query> queries(std::int32_t from, std::int32_t to) {
    std::vector<Query> all;
    for (std::int32_t user = from; user < to; ++user) {
        std::int32_t best = 1;
        for (std::int32_t item = 2; item <= items; ++item)
            if (Opinion::taste(user, item) > Opinion::taste(user, best)) best = item;
        all.push_back({user, {}, best});
    }
    return all;
}
}  // namespace

TEST_CASE("A hybrid standardises each member's scores and adds them by weight", "[hybrid]") {
    const auto fixed = [](std::vector<float> values) {
        return [values](const Query&, std::span<float> scores) {
            std::copy(values.begin(), values.end(), scores.begin());
        };
    };
    WeightedHybrid hybrid{fixed({0, 1, 2, 3}), fixed({0, 500, 500, 200}), fixed({0, 0.1f, 0.1f, 0.1f})};
    hybrid.set_weights(std::vector{2.0, 1.0, 5.0});
    std::vector<float> scores(4);
    hybrid(Query{1, {}, 1}, scores);
    const double up = 1 / std::sqrt(2.0 / 3), share = 1 / std::sqrt(2.0);
    CHECK(scores[1] == Approx(-2 * up + share));
    CHECK(scores[2] == Approx(share));
    CHECK(scores[3] == Approx(2 * up - 2 * share));
}

TEST_CASE("Small symmetric equations are solved to the last bits", "[hybrid]") {
    const std::array<double, 3> x{1, -2, 0.5};
    const std::array<std::array<double, 3>, 3> lower{{{4, 0, 0}, {1, 3, 0}, {-2, 0.5, 5}}};
    std::array<double, 3> b{};
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t j = 0; j < 3; ++j) b[i] += (i >= j ? lower[i][j] : lower[j][i]) * x[j];
    const auto solved = detail::solve_symmetric(lower, b);
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(solved[i] - x[i]) < 1e-15);
}

TEST_CASE("Weights are found whatever the scales, noise gets none, and the hybrid beats its best member", "[hybrid]") {
    const Opinion good{1, 1, 1}, fair{2, 1, 2, 1000, -5e4f}, noise{3, 0, 1, 0.001f, 0};
    WeightedHybrid hybrid{good, fair, noise};
    const auto held_out = queries(0, 600), test = queries(600, 1600);
    const WeightedHybridFit fit = hybrid.fit(held_out, items);
    CHECK(fit.queries == 600);
    CHECK(fit.loss < std::log(double{items}) - 1);
    const auto w = hybrid.weights();
    CHECK(w[0] > 1.5 * w[1]);
    CHECK(w[1] > 0.2);
    CHECK(std::abs(w[2]) < 0.15);
    const double best = evaluate_ranking(good, test, items).ndcg;
    CHECK(evaluate_ranking(hybrid, test, items).ndcg > best + 0.02);
}

TEST_CASE("The weights found are where the likelihood is highest", "[hybrid]") {
    const auto held_out = queries(0, 300);
    WeightedHybrid hybrid{Opinion{1, 1, 1}, Opinion{2, 1, 2}};
    const double best = hybrid.fit(held_out, items).loss;
    const auto w = hybrid.weights();
    // -log P(target) with other weights, computed from the hybrid's scores; the penalty moves the best little.
    const auto loss_at = [&](double a, double b) {
        hybrid.set_weights(std::vector{a, b});
        double sum = 0;
        for (const Query& query : held_out) {
            std::vector<float> scores(items + 1);
            hybrid(query, scores);
            double total = 0;
            for (std::int32_t item = 1; item <= items; ++item)
                total +=
                    std::exp(scores[static_cast<std::size_t>(item)] - scores[static_cast<std::size_t>(query.target)]);
            sum += std::log(total);
        }
        return sum / static_cast<double>(held_out.size());
    };
    CHECK(loss_at(w[0], w[1]) == Approx(best).epsilon(1e-5));
    const auto penalised = [&](double a, double b) {
        return loss_at(a, b) + (a * a + b * b) / 2 / static_cast<double>(held_out.size());
    };
    const double here = penalised(w[0], w[1]);
    for (const double d : {-0.05, 0.05}) {
        CHECK(penalised(w[0] + d, w[1]) > here);
        CHECK(penalised(w[0], w[1] + d) > here);
    }
}

TEST_CASE("A hybrid's weights and scores have the same bits for any number of threads", "[hybrid][threads]") {
    const auto held_out = queries(0, 200);
    const auto with = [&](int threads) {
        WeightedHybrid hybrid{Opinion{1, 1, 1}, Opinion{2, 1, 2}};
        hybrid.fit(held_out, items, {.threads = threads});
        return hybrid.weights();
    };
    CHECK(with(1) == with(2));
    CHECK(with(1) == with(3));
}

TEST_CASE("Wrong use of a hybrid is refused", "[hybrid]") {
    const Opinion good{1, 1, 1};
    WeightedHybrid hybrid{good, good};
    CHECK(message_of<ArgumentError>([&] { hybrid.set_weights(std::vector{1.0}); }) ==
          "WeightedHybrid: expected 2 finite weights, received 1");
    CHECK(message_of<DataError>([&] { hybrid.fit({}, items); }) == "WeightedHybrid: there are no queries");
    std::vector<float> one(1);
    CHECK(message_of<ShapeError>([&] {
              hybrid(Query{1, {}, 1}, one);
          }) == "WeightedHybrid: expected scores of padding and all items for each of 1 queries, received 1");
    CHECK(message_of<ShapeError>([&] { hybrid(std::span<const Query>{}, one); }) ==
          "WeightedHybrid: expected scores of padding and all items for each of 0 queries, received 1");
    const std::vector<Query> wrong{{1, {}, items + 1}};
    CHECK(message_of<DataError>([&] { hybrid.fit(wrong, items); }) ==
          "WeightedHybrid: expected targets from 1 to 40, received 41");
    const std::vector<std::int32_t> history{3};
    const std::vector<Query> taken{{1, history, 3}};
    CHECK(message_of<DataError>([&] { hybrid.fit(taken, items); }) ==
          "WeightedHybrid: no query has a target among its candidates");
    const auto broken = [](const Query&, std::span<float> scores) {
        scores[2] = std::numeric_limits<float>::quiet_NaN();
    };
    WeightedHybrid with_nan{good, broken};
    CHECK(message_of<NumericError>([&] { with_nan.fit(queries(0, 2), items); }) ==
          "WeightedHybrid: member 1 gave scores that are not finite, the first is that of item 2");
    std::vector<float> scores(items + 1);
    CHECK(message_of<NumericError>([&] { with_nan(queries(0, 1)[0], scores); }) ==
          "WeightedHybrid: member 1 gave scores that are not finite, the first is that of item 2");
    CHECK(message_of<ArgumentError>([&] {
              hybrid.set_weights(std::vector{1.0, std::nan("")});
          }) == "WeightedHybrid: expected finite weights of at most 1e30, received nan for member 1");
    CHECK_THROWS_AS(hybrid.set_weights(std::vector{1e31, 1.0}), ArgumentError);
    CHECK(hybrid.weights() == std::vector{1.0, 1.0});
    // Members that always agree share the weight.
    hybrid.fit(queries(0, 100), items);
    CHECK(hybrid.weights()[0] == Approx(hybrid.weights()[1]));
}

namespace {
/// Gives its scores, and says nothing of items from `first_unknown` on.
struct Partial {
    std::vector<float> values;
    std::int32_t first_unknown;
    void operator()(const Query&, std::span<float> scores) const {
        std::copy(values.begin(), values.end(), scores.begin());
    }
    bool knows(std::int32_t item) const { return item < first_unknown; }
};
}  // namespace

TEST_CASE("Members that know an item speak for those that do not", "[hybrid]") {
    // The first knows items 1 and 2, the second 1 to 3, and item 4 is nobody's.
    WeightedHybrid hybrid{Partial{{0, 1, 3, -90, 80}, 3}, Partial{{0, 5, 5, 8, -70}, 4}};
    hybrid.set_weights(std::vector{2.0, 1.0});
    std::vector<float> scores(5);
    hybrid(Query{1, {}, 1}, scores);
    const double deviation = std::sqrt(2.0);
    CHECK(scores[1] == Approx(-2 - 1 / deviation));
    CHECK(scores[2] == Approx(2 - 1 / deviation));
    CHECK(scores[3] == Approx(3 * 2 / deviation));
    CHECK(scores[4] == 0);
    CHECK(hybrid.knows(3));
    CHECK(!hybrid.knows(4));
}

TEST_CASE("Cold items keep the chance that their best member gives them", "[hybrid]") {
    // Items 31 to 40 are cold: the neighbourhood knows the others alone, the content knows all.
    struct Warm : Opinion {
        bool knows(std::int32_t item) const { return item <= 30; }
    };
    const Opinion content{1, 1, 1.5};
    const Warm neighbourhood{{2, 1, 1}};
    const auto all = queries(0, 3000);
    std::vector<Query> warm, cold;
    for (const Query& query : all) (query.target > 30 ? cold : warm).push_back(query);
    WeightedHybrid hybrid{content, neighbourhood};
    hybrid.fit(std::span(warm).first(600), items);
    const RankingProtocol protocol{.k = 5};
    const double alone = evaluate_ranking(content, cold, items, protocol).hr;
    CHECK(alone > 0.2);
    CHECK(evaluate_ranking(hybrid, cold, items, protocol).hr >= alone);
    const std::span later = std::span(warm).subspan(600);
    CHECK(evaluate_ranking(hybrid, later, items, protocol).hr > evaluate_ranking(content, later, items, protocol).hr);
}
