#include <deeprec/ranking/sequence_index.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <vector>

#include <deeprec/data/splits.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/ranking/evaluate_ranking.hpp>
#include <deeprec/ranking/markov.hpp>
#include <deeprec/training/fit.hpp>
#include <deeprec/training/sequence_trainer.hpp>

#include "models/sequences.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/ranks.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;

TEST_CASE("Scores are the tower's last output against every item, alone or in a block", "[sequence_index]") {
    SequenceRecommender model{30, sequences::cnn_tower(6), {.width = 6, .scale = 4}};
    model.build(8, Seed{2});
    for_each_parameter(model, [](std::string_view name, auto& p) {
        if (name == "bias") std::iota(p.data(), p.data() + p.size(), 0.0f);
    });
    const SequenceIndex index{model, 4};
    const Ids ids{5, 1, 9, 30, 2, 2}, two{7, 8}, none;
    const std::vector<Query> queries{{1, ids, 1}, {2, two, 1}, {3, none, 1}};
    std::vector<float> block(3 * 31), alone(31);
    index(std::span<const Query>(queries), std::span(block));
    for (std::size_t q = 0; q < 3; ++q) {
        index(queries[q], std::span(alone));
        CHECK(std::memcmp(alone.data(), block.data() + q * 31, 31 * sizeof(float)) == 0);
    }
    Tensor<std::int32_t, 2> last(1, 4);
    std::copy(ids.end() - 4, ids.end(), last.data());
    decltype(model)::Cache cache;
    const auto h = model.forward(last, cache);
    for (std::size_t item = 1; item <= 30; ++item) {
        double score = static_cast<double>(item);
        for (std::size_t j = 0; j < 6; ++j)
            score += static_cast<double>(h.data()[3 * 6 + j]) * static_cast<double>(model.vectors()[item * 6 + j]);
        CHECK(block[item] == Approx(score).epsilon(1e-5));
        CHECK(block[2 * 31 + item] == static_cast<float>(item));  // nothing known: the bias alone
    }
}

TEST_CASE("Recommendations are the best allowed items, best first", "[sequence_index]") {
    SequenceRecommender model{5, sequences::rnn_tower(4), {.width = 4}};
    model.build(8, Seed{2});
    for_each_parameter(model, [](std::string_view name, auto& p) {
        if (name == "bias") std::iota(p.data(), p.data() + p.size(), 0.0f);
    });
    const SequenceIndex index{model};
    const Ids seen{5, 2};
    const auto hits = index.recommend(seen, 9, {.exclude = seen, .allow = [](std::int32_t item) { return item != 3; }});
    REQUIRE(hits.size() == 2);
    CHECK(hits[0].item == 4);
    CHECK(hits[1].item == 1);
    CHECK(message_of<ArgumentError>([&] { SequenceIndex(model, 0); }) ==
          "SequenceIndex: expected a positive length, received 0");
    std::vector<float> few(4);
    CHECK(message_of<ShapeError>([&] {
              index(Query{1, seen, 1}, std::span(few));
          }) == "SequenceIndex: expected 6 scores for each of 1 queries, received 4");
}

TEST_CASE("A request to a sequence index has the same bits on any number of threads", "[sequence_index][threads]") {
    for (const Index items : {30, 2048, 6145}) {  // with the padding: one range, one and an item, three and some
        SequenceRecommender model{items, sequences::rnn_tower(4), {.width = 4}};
        model.build(8, Seed{2});
        const SequenceIndex index{model, 3};
        const Ids seen{5, 2};
        const auto alone = index.recommend(seen, items, {.exclude = seen});
        CHECK(static_cast<Index>(alone.size()) == items - 2);
        for (const int threads : {1, 2, 3}) {
            ThreadPool pool(threads);
            CAPTURE(items, threads);
            CHECK(index.recommend(seen, items, {.exclude = seen, .pool = &pool}) == alone);
        }
    }
}

TEST_CASE("Trained on walks whose stride shows in two steps alone, towers rank what a Markov chain cannot",
          "[sequence_index][threads]") {
    const LeaveOneOut split{sequences::walks(400, 40)};
    const auto test = split.test_queries();
    const RankingProtocol one{.k = 1};
    const double markov = evaluate_ranking(Markov{split.train()}, test, 40, one).hr;
    CHECK(markov < 0.75);
    const auto hr_of = [&](auto tower) {
        SequenceRecommender model{40, std::move(tower), {.width = 16, .scale = 12}};
        model.build(20, Seed{1});
        SequenceSamples samples{split.train()};
        Adam adam{{.learning_rate = 1e-2}};
        fit(model, samples, NextItemSoftmax{}, adam, FitOptions<SequenceSamples>{.epochs = 25, .batch_size = 64});
        return evaluate_ranking(SequenceIndex{model}, test, 40, one).hr;
    };
    CHECK(hr_of(sequences::cnn_tower(16)) > 0.97);
    CHECK(hr_of(sequences::rnn_tower(16)) > 0.97);
}

TEST_CASE("A sequence index names the first item that may be recommended and has no finite score", "[sequence_index]") {
    const auto check = [](const std::string& broken, Index at, float value, const std::string& complaint) {
        SequenceRecommender model{5, sequences::rnn_tower(4), {.width = 4}};
        model.build(8, Seed{2});
        for_each_parameter(model, [&](std::string_view name, auto& p) {
            if (name == broken || (broken == "tower" && name.starts_with(broken))) p.data()[at] = value;
        });
        const SequenceIndex index{model};
        const Ids seen{5, 2};
        CHECK(message_of<NumericError>([&] { index.recommend(seen, 3); }) ==
              "SequenceIndex: the score of item " + complaint);
        return index.recommend(seen, 3, {.allow = [](std::int32_t item) { return item == 2; }}).size();
    };
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    CHECK(check("bias", 4, nan, "4 is NaN") == 1);
    CHECK(check("bias", 1, -infinity, "1 is infinite") == 1);
    CHECK(check("bias", 3, infinity, "3 is infinite") == 1);
    CHECK_THROWS_AS(check("tower", 0, nan, "1 is NaN"), NumericError);  // of every item, 2 too
}

TEST_CASE("Ranks that share the items give the lists of one index, whatever the filters", "[sequence_index][threads]") {
    for (const Index items : {1500, 9001}) {  // with the padding: fewer runs than ranks, four and some
        SequenceRecommender model{items, sequences::rnn_tower(4), {.width = 4}};
        model.build(8, Seed{2});
        for_each_parameter(model, [](std::string_view name, auto& p) {  // many ties, across the ranks too
            for (Index i = 0; name == "bias" && i < p.size(); ++i) p.data()[i] = static_cast<float>(i % 7);
        });
        std::vector<std::int32_t> listed;
        for (std::int32_t item = 3; item <= items; item += 2) listed.push_back(item);
        const auto all = static_cast<std::int32_t>(items);
        const ItemSet many(all, listed), few(all, std::span(listed).first(20));
        const Ids seen{5, 2, 7}, none;
        ThreadPool pool(2);
        const auto lists = [&](const auto& index, ThreadPool* threads) {
            const std::function<bool(std::int32_t)> odd = [](std::int32_t item) { return item % 3 == 0; };
            std::vector<std::vector<Hit<float>>> made;
            for (const Ids& history : {seen, none})
                for (const RecommendOptions& options : std::vector<RecommendOptions>{
                         {.exclude = seen, .pool = threads},
                         {.exclude_history = true, .eligible = many, .pool = threads},
                         {.eligible = few},
                         {.allow = odd, .pool = threads},
                         {.diversity = Mmr{.strength = 0.5, .candidates = 60}},
                     })
                    made.push_back(index.recommend(history, 50, options));
            return made;
        };
        const auto one = lists(SequenceIndex{model, 3}, nullptr);
        for (const ItemStorage storage : {ItemStorage::float32, int8})
            for (const int ranks : {1, 2, 3}) {
                std::vector<decltype(lists(SequenceIndex{model, 3}, nullptr))> made(static_cast<std::size_t>(ranks));
                const auto errors = support::on_ranks(ranks, [&](int rank, AnyWorld world) {
                    const SequenceIndex index{model, {.length = 3, .storage = storage, .world = world}};
                    made[static_cast<std::size_t>(rank)] = lists(index, rank == 0 && ranks > 1 ? &pool : nullptr);
                    std::vector<float> shared(static_cast<std::size_t>(items) + 1), whole(shared);
                    index(Query{1, seen, 1}, std::span(shared));
                    SequenceIndex{model, 3}(Query{1, seen, 1}, std::span(whole));
                    if (shared != whole) throw DataError("other scores");
                });
                CHECK(errors == std::vector<std::string>(static_cast<std::size_t>(ranks)));
                for (const auto& own : made) CHECK(own == one);
            }
    }
}

TEST_CASE("Ranks refuse other requests, and a score of one of them that is not finite", "[sequence_index][threads]") {
    SequenceRecommender model{5000, sequences::rnn_tower(4), {.width = 4}};
    model.build(8, Seed{2});
    const auto asked = [&](Index k, const Ids& other) {
        return support::on_ranks(2, [&](int rank, AnyWorld world) {
            const SequenceIndex index{model, {.world = world}};
            index.recommend(rank == 1 ? other : Ids{5, 2}, rank == 1 ? k : 3);
        });
    };
    CHECK(asked(3, {5, 2}) == std::vector<std::string>(2));
    const std::string begin = "merge_top_k: the ranks of a world answer one request, but rank 1 was asked for ";
    CHECK(asked(4, {5, 2})[0].starts_with(begin + "4 items of request "));
    CHECK(asked(3, {5, 1})[1].starts_with(begin + "3 items of request "));
    for_each_parameter(model, [](std::string_view name, auto& p) {
        if (name == "bias") p.data()[4000] = INFINITY;
    });
    const auto failed = asked(3, {5, 2});
    CHECK(failed[1] == "SequenceIndex: the score of item 4000 is infinite");
    CHECK(failed[0] == "rank 1: " + failed[1]);
}
