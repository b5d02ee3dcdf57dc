#include <deeprec/data/next_item_samples.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <deeprec/data/splits.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {

constexpr std::int32_t n_users = 12, n_items = 40;

/// User u takes six items from u on, every third: 1, 4, 7 ... for user 1.
struct World {
    Sequences train;
    NegativeSampler sampler;
    Tensor<std::int32_t, 2> features{n_items + 1, 3};
    World() : train(events()), sampler(train, Seed{5}) {
        for (Index item = 0; item <= n_items; ++item)
            for (Index j = 0; j < 3; ++j) features(item, j) = static_cast<std::int32_t>(100 * item + j);
    }
    static Sequences events() {
        Interactions x;
        for (int user = 1; user <= n_users; ++user) x.users.add(std::to_string(user));
        for (int item = 1; item <= n_items; ++item) x.items.add(std::to_string(item));
        for (int user = 1; user <= n_users; ++user)
            for (int t = 0; t < 6; ++t) x.add(user, user + 3 * t);
        return Sequences{x};
    }
    NextItemSamples samples(NextItemOptions options) const {
        return {train.next_item_queries(), features, sampler, options};
    }
    bool took(std::int32_t user, std::int32_t item) const {
        const auto ids = train[user];
        return std::find(ids.begin(), ids.end(), item) != ids.end();
    }
};
std::vector<Index> first(Index n) {
    std::vector<Index> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), Index(0));
    return order;
}
/// The item of each candidate of a batch.
template <class Batch>
std::vector<std::int32_t> candidates(const Batch& batch) {
    std::vector<std::int32_t> items;
    for (Index row = 0; row < batch.inputs.item.extent(0); ++row) {
        const std::int32_t item = batch.inputs.item(row, 0) / 100;
        for (Index j = 0; j < 3; ++j) REQUIRE(batch.inputs.item(row, j) == 100 * item + j);
        items.push_back(item);
    }
    return items;
}

}  // namespace

TEST_CASE("A sample is a history, its target and negatives that the user did not take", "[data]") {
    const World world;
    const auto queries = world.train.next_item_queries();
    const NextItemSamples data = world.samples({.steps = 4, .negatives = 5});
    REQUIRE(data.size() == n_users * 5);
    const auto batch = data.batch(first(data.size()));
    REQUIRE(batch.inputs.user.shape() == Shape{60, 4});
    REQUIRE(batch.inputs.item.shape() == Shape{60 * 6, 3});
    REQUIRE(batch.targets.shape() == Shape{60, 6});
    CHECK(batch.inputs.block == 1);
    CHECK(batch.weights == nullptr);
    const auto items = candidates(batch);
    for (Index s = 0; s < 60; ++s) {
        const Query& query = queries[static_cast<std::size_t>(s)];
        std::vector<std::int32_t> padded(4);
        pad_last(query.history, padded);
        for (Index t = 0; t < 4; ++t) REQUIRE(batch.inputs.user(s, t) == padded[static_cast<std::size_t>(t)]);
        REQUIRE(items[static_cast<std::size_t>(6 * s)] == query.target);
        for (Index j = 0; j < 6; ++j) REQUIRE(batch.targets(s, j) == (j == 0 ? 1 : 0));
        for (Index j = 1; j < 6; ++j) REQUIRE(!world.took(query.user, items[static_cast<std::size_t>(6 * s + j)]));
    }
}

TEST_CASE("Samples of a block share candidates, each user's own items left out", "[data]") {
    const World world;
    const auto queries = world.train.next_item_queries();
    const NextItemSamples data = world.samples({.steps = 4, .negatives = 7, .block = 10});
    const auto batch = data.batch(first(60));
    REQUIRE(batch.inputs.block == 10);
    REQUIRE(batch.inputs.user.shape() == Shape{60, 4});
    REQUIRE(batch.inputs.item.shape() == Shape{6 * 17, 3});
    REQUIRE(batch.targets.shape() == Shape{60, 17});
    const auto items = candidates(batch);
    for (Index s = 0; s < 60; ++s) {
        const Query& query = queries[static_cast<std::size_t>(s)];
        for (Index j = 0; j < 17; ++j) {
            const std::int32_t item = items[static_cast<std::size_t>(s / 10 * 17 + j)];
            const bool own = j == s % 10;
            if (own) REQUIRE(item == query.target);
            REQUIRE(batch.targets(s, j) == (own ? 1 : world.took(query.user, item) ? left_out<> : 0));
        }
    }
}

TEST_CASE("A batch that is no multiple of the block falls back to a smaller block", "[data]") {
    const World world;
    const NextItemSamples data = world.samples({.steps = 4, .negatives = 2, .block = 4});
    for (const auto& [samples, block] : {std::pair<Index, Index>{8, 4}, {6, 3}, {10, 2}, {7, 1}, {3, 3}, {1, 1}}) {
        const auto batch = data.batch(first(samples));
        CAPTURE(samples);
        CHECK(batch.inputs.block == block);
        CHECK(batch.targets.shape() == Shape{samples, block + 2});
        CHECK(candidates_per_user(samples, batch.inputs.item.extent(0), block) == block + 2);
    }
}

TEST_CASE("A held-out target that is drawn for another sample of the block is left out", "[data]") {
    const World world;
    const LeaveOneOut split(world.train);
    const NegativeSampler sampler(split.train(), Seed{5});
    const auto queries = split.validation_queries();
    // users 1 and 4 share most items: 13 is the target of user 1 and in the train part of user 4
    const NextItemSamples data({queries[0], queries[3], queries[0]}, world.features, sampler,
                               {.steps = 4, .negatives = 1, .block = 3});
    const auto batch = data.batch(first(3));
    CHECK(batch.targets(0, 0) == 1);
    CHECK(batch.targets(0, 2) == left_out<>);  // the same target again, which its train part does not have
    CHECK(batch.targets(2, 0) == left_out<>);
    CHECK(queries[0].target == 13);
    CHECK(batch.targets(1, 0) == left_out<>);
}

TEST_CASE("Negatives depend on sampler, epoch and sample, not on the batch", "[data]") {
    const World world;
    NextItemSamples data = world.samples({.steps = 4, .negatives = 5});
    const auto negatives_of = [&](const NextItemSamples& source, std::vector<Index> indices, std::size_t at) {
        const auto items = candidates(source.batch(indices));
        return std::vector<std::int32_t>(items.begin() + static_cast<std::ptrdiff_t>(6 * at),
                                         items.begin() + static_cast<std::ptrdiff_t>(6 * at + 6));
    };
    const auto before = negatives_of(data, {17}, 0);
    CHECK(negatives_of(data, {3, 8, 17}, 2) == before);
    data.start_epoch(0, Seed{1});
    const auto epoch_0 = negatives_of(data, {17}, 0);
    CHECK(epoch_0 != before);  // validation shows others than the first epoch
    data.start_epoch(1, Seed{1});
    CHECK(negatives_of(data, {17}, 0) != epoch_0);
    data.start_epoch(0, Seed{99});
    CHECK(negatives_of(data, {17}, 0) == epoch_0);
}

TEST_CASE("The hardest negatives are those that the scorer puts highest among the draws", "[data]") {
    const World world;
    const auto queries = world.train.next_item_queries();
    const auto hardness = [](const Query& query, std::int32_t item) {
        return item == 9 ? NAN : static_cast<float>((7 * item + query.user) % 11);
    };
    const auto scorer = [&](const Query& query, std::span<float> scores) {
        REQUIRE(scores.size() == n_items + 1);
        for (std::int32_t item = 1; item <= n_items; ++item)
            scores[static_cast<std::size_t>(item)] = hardness(query, item);
    };
    NextItemSamples data = world.samples({.steps = 4, .negatives = 5, .hardest_of = 6, .scorer = scorer});
    data.start_epoch(0, Seed{1});
    const auto items = candidates(data.batch(first(60)));
    for (std::size_t s = 0; s < 60; ++s) {
        std::vector<std::int32_t> drawn(30);
        world.sampler.sample(1, s, queries[s].user, queries[s].target, drawn);
        CHECK(items[6 * s] == queries[s].target);
        for (std::size_t j = 0; j < 5; ++j) {
            float highest = -1;
            for (std::size_t k = 0; k < 6; ++k) {
                const float own = hardness(queries[s], drawn[6 * j + k]);
                if (own == own) highest = std::max(highest, own);
            }
            REQUIRE(!world.took(queries[s].user, items[6 * s + 1 + j]));
            REQUIRE(hardness(queries[s], items[6 * s + 1 + j]) == highest);
        }
    }
    CHECK(support::allocations_in([&] { data.batch(std::vector<Index>{3}); }) == 1);  // that of the indices

    NextItemSamples easy = world.samples({.steps = 4, .negatives = 5, .scorer = scorer});
    const auto plain = candidates(world.samples({.steps = 4, .negatives = 5}).batch(first(60)));
    CHECK(candidates(easy.batch(first(60))) == plain);
}

TEST_CASE("per_epoch shows a new choice of different queries each epoch", "[data]") {
    const World world;
    NextItemSamples data = world.samples({.steps = 6, .negatives = 1, .per_epoch = 20});
    REQUIRE(data.size() == 20);
    const auto chosen = [&] {
        const auto batch = data.batch(first(20));
        std::vector<std::vector<std::int32_t>> rows;
        const auto items = candidates(batch);
        for (Index s = 0; s < 20; ++s) {
            rows.push_back({items[static_cast<std::size_t>(2 * s)]});
            for (Index t = 0; t < 6; ++t) rows.back().push_back(batch.inputs.user(s, t));
        }
        CHECK(std::set(rows.begin(), rows.end()).size() == 20);
        return rows;
    };
    data.start_epoch(0, Seed{1});
    const auto one = chosen();
    data.start_epoch(1, Seed{2});
    const auto two = chosen();
    CHECK(one != two);
    data.start_epoch(0, Seed{1});
    CHECK(chosen() == one);
    CHECK(world.samples({.negatives = 1, .per_epoch = 1000}).size() == 60);
}

TEST_CASE("Batches of samples reuse their memory", "[data]") {
    const World world;
    const NextItemSamples data = world.samples({.steps = 4, .negatives = 5, .block = 4});
    const auto indices = first(32), fewer = first(8);
    data.batch(indices);
    CHECK(support::allocations_in([&] {
              data.batch(fewer);
              data.batch(indices);
          }) == 0);
}

TEST_CASE("NextItemSamples names what it cannot use", "[data]") {
    const World world;
    const auto queries = world.train.next_item_queries();
    CHECK(message_of<ArgumentError>([&] { world.samples({.steps = 0}); }).find("received 0, 4, 0 and 1") !=
          std::string::npos);
    CHECK(message_of<ArgumentError>([&] { world.samples({.negatives = 0}); }).find("received 50, 0, 0 and 1") !=
          std::string::npos);
    CHECK(message_of<ArgumentError>([&] { world.samples({.block = 0}); }).find("received 50, 4, 0 and 0") !=
          std::string::npos);
    const auto none = [](const Query&, std::span<float>) {};
    const auto hard = [&](NextItemOptions options) {
        return message_of<ArgumentError>([&] { world.samples(options); });
    };
    CHECK(hard({.hardest_of = 0, .scorer = none}) ==
          "NextItemSamples: expected hardest_of >= 1, above 1 with a scorer and block 1, received 0 with a scorer and "
          "block 1");
    CHECK(hard({.hardest_of = 2}).find("received 2 without a scorer and block 1") != std::string::npos);
    CHECK(hard({.block = 2, .hardest_of = 2, .scorer = none}).find("received 2 with a scorer and block 2") !=
          std::string::npos);
    CHECK(message_of<DataError>([&] { NextItemSamples({}, world.features, world.sampler); }) ==
          "NextItemSamples: there are no queries");
    CHECK(message_of<DataError>([&] {
              NextItemSamples({{1, {}, 41}}, world.features, world.sampler);
          }) == "NextItemSamples: a target is item 41, the features have items 1 to 40");
    const Tensor<std::int32_t, 2> few(30, 3);
    CHECK(message_of<DataError>([&] { NextItemSamples(queries, few, world.sampler); }) ==
          "NextItemSamples: the sampler draws items up to 40, the features have items 1 to 29");
    const auto data = world.samples({});
    CHECK(message_of<DataError>([&] { data.batch(std::vector<Index>{60}); }) ==
          "NextItemSamples: expected indices below 60, received 60");
}
