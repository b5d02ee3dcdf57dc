#include <deeprec/explain/explain_scorer.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include <deeprec/layers/cumulative_average1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/ranking/bpr_mf.hpp>
#include <deeprec/ranking/item_knn.hpp>
#include <deeprec/ranking/markov.hpp>
#include <deeprec/ranking/popularity.hpp>
#include <deeprec/ranking/window_rules.hpp>
#include <deeprec/training/fit.hpp>
#include <deeprec/training/sequence_trainer.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;

namespace {
constexpr std::int32_t n = 20;
Sequences some_sequences() {
    Interactions events;
    for (int i = 1; i <= n; ++i) events.items.add("i" + std::to_string(i));
    for (int u = 1; u <= 12; ++u) {
        const auto user = events.users.add("u" + std::to_string(u));
        for (int t = 0; t < 5; ++t) events.add(user, 1 + (u * 5 + t * t * 3) % 18);
    }
    return Sequences(events);
}
template <class S>
float score_of(const S& scorer, const Query& query, std::int32_t item) {
    std::vector<float> scores(n + 1);
    scorer(query, std::span(scores));
    return scores[static_cast<std::size_t>(item)];
}
auto sequence_model(double scale) {
    SequenceRecommender model{n, Sequential{GRU{6, return_sequences}}, {.width = 6, .scale = scale}};
    model.build(6, Seed{5});
    std::uint64_t use = 0;
    for_each_parameter(model, [&](std::string_view, auto& p) { fill_uniform(p, 0.8, Seed{++use}); });
    model.parameters_changed();
    return model;
}
const Ids history{3, 17, 4, 3, 9};
const Query query{5, history, 0};
}  // namespace

TEST_CASE("Neighbourhoods and Markov are explained exactly", "[explain scorer]") {
    const Sequences train = some_sequences();
    const auto check = [&](const auto& scorer) {
        for (std::int32_t item = 1; item <= n; ++item) {
            const Explanation why = explain(scorer, query, item);
            CHECK(why.score == Approx(score_of(scorer, query, item)).margin(1e-6));
            CHECK(why.baseline + why.sum() == Approx(why.score).margin(1e-9));
            REQUIRE(why.events.size() == history.size());
            for (const Contribution& c : why.events) CHECK(history[static_cast<std::size_t>(c.position)] == c.id);
            for (std::size_t i = 1; i < why.events.size(); ++i) CHECK(why.events[i - 1].value >= why.events[i].value);
        }
    };
    check(ItemKnn{train, {.age_weight = 0.5, .last = 4}});
    check(WindowRules{train});
    check(Markov{train});
    check(Popularity{train});
    const Markov markov{train};
    std::vector<float> scores(n + 1);
    markov(query, scores);
    const auto best = static_cast<std::int32_t>(std::max_element(scores.begin() + 1, scores.end()) - scores.begin());
    CHECK(explain(markov, query, best).events[0].position == 4);  // the last event alone counts
}

TEST_CASE("A sequence model's contributions add up to the score difference", "[explain scorer]") {
    for (const double scale : {0.0, 8.0}) {
        const auto model = sequence_model(scale);
        const SequenceIndex index{model, 4};
        for (std::int32_t item = 1; item <= n; ++item) {
            const Explanation why = explain(index, query, item);
            CHECK(why.score == score_of(index, query, item));
            CHECK(why.sum() == Approx(why.score - why.baseline).margin(1e-5));
            CHECK(std::abs(why.residual) <= 0.01 * std::abs(why.score - why.baseline) + 1e-5);
            for (const Contribution& c : why.events)
                if (c.position == 0) CHECK(c.value == 0);  // out of the index's reach
        }
        const Explanation empty = explain(index, {1, {}, 0}, 7);
        CHECK(empty.events.empty());
        CHECK(empty.baseline == empty.score);
        const Explanation without = explain_by_occlusion(index, query, 7);
        for (const Contribution& c : without.events) {
            Ids kept = history;
            kept.erase(kept.begin() + c.position);
            CHECK(c.value == Approx(score_of(index, query, 7) - score_of(index, {5, kept, 0}, 7)).margin(1e-6));
        }
    }
}

namespace {
/// Histories of which one event, of 1 to 4, says what comes last: item 30 + that. The others, of 5 to 30, say nothing,
/// and a history may end after any event, so that no place in it says more than another.
struct PlantedHistories {
    Interactions events;
    std::vector<Ids> histories;
    Ids targets;
    std::vector<Index> causes;

    PlantedHistories(int users, std::uint64_t seed) {
        const RandomStream random(Seed{seed});
        std::uint64_t next = 0;
        const auto draw = [&](std::int32_t low, std::int32_t high) {
            return low + static_cast<std::int32_t>(random.below(next++, static_cast<std::uint64_t>(high - low + 1)));
        };
        for (int i = 1; i <= 34; ++i) events.items.add("i" + std::to_string(i));
        for (int u = 1; u <= users; ++u) {
            Ids past{draw(5, 30), draw(5, 30)};
            while (past.size() < 10 && draw(1, 6) > 1) past.push_back(draw(5, 30));
            causes.push_back(draw(0, static_cast<std::int32_t>(past.size()) - 1));
            std::int32_t& cause = past[static_cast<std::size_t>(causes.back())];
            cause = draw(1, 4);
            targets.push_back(30 + cause);
            const auto user = events.users.add("u" + std::to_string(u));
            for (const std::int32_t item : past) events.add(user, item);
            events.add(user, targets.back());
            histories.push_back(std::move(past));
        }
    }
};

}  // namespace

TEST_CASE("The event that caused what comes next ranks first", "[explain scorer]") {
    const PlantedHistories train(1500, 1), test(200, 2);
    SequenceRecommender model{34, Sequential{GRU{32, return_sequences}, Dense{16}}, {.width = 16, .scale = 8}};
    model.build(10, Seed{42});
    const Sequences sequences(train.events);
    SequenceSamples samples{sequences, 10};
    Adam adam{{.learning_rate = 5e-3}};
    fit(model, samples, NextItemSoftmax{}, adam, {.epochs = 15, .batch_size = 64, .threads = 1, .seed = 7});
    const SequenceIndex index{model};
    int understood = 0, first = 0;
    for (std::size_t u = 0; u < test.histories.size(); ++u) {
        const Query asked{1, test.histories[u], 0};
        std::vector<float> scores(35);
        index(asked, std::span(scores));
        if (std::max_element(scores.begin() + 31, scores.end()) != scores.begin() + test.targets[u]) continue;
        ++understood;
        first += explain(index, asked, test.targets[u]).events.front().position == test.causes[u];
    }
    std::printf("explain: 200 targets, %d understood, the event that caused them first %d times\n", understood, first);
    CHECK(understood >= 190);
    CHECK(first >= 0.95 * understood);
}

TEST_CASE("An event's share is that of its item's id, attributes and features", "[explain scorer]") {
    SequenceRecommenderOptions options{.width = 6};
    options.attributes.assign(n + 1, {});
    for (std::int32_t i = 1; i <= n; ++i)
        for (std::int32_t a = 0; a < i % 3; ++a)
            options.attributes[static_cast<std::size_t>(i)].push_back(1 + (i + a) % 5);
    options.features.resize(n + 1, 2);
    fill_uniform(options.features, 1, Seed{3});
    options.cold = {17};
    const auto fill = [](auto& model) {
        model.build(6, Seed{5});
        std::uint64_t use = 0;
        for_each_parameter(model, [&](std::string_view name, auto& p) {
            if (name != "features") fill_uniform(p, 0.8, Seed{++use});
        });
        model.parameters_changed();
    };
    const auto sums = [&](const Explanation& why) {  // of each event its parts less its value
        std::vector<double> gap(history.size());
        for (const Contribution& c : why.events) gap[static_cast<std::size_t>(c.position)] -= c.value;
        for (const Contribution& c : why.parts) gap[static_cast<std::size_t>(c.position)] += c.value;
        return gap;
    };
    for (const double scale : {0.0, 8.0}) {
        options.scale = scale;
        SequenceRecommender model{n, Sequential{GRU{6, return_sequences}}, options};
        fill(model);
        const SequenceIndex index{model};
        for (std::int32_t item = 1; item <= n; ++item) {
            const Explanation why = explain(index, query, item);
            for (const double gap : sums(why)) CHECK(gap == Approx(0).margin(1e-6));
            // 3 twice with its features alone and its id, 17 (cold) with two attributes, 4 with one, 9 with none
            CHECK(why.parts.size() == 3 + 4 + 4 + 3 + 3);
            for (const Contribution& c : why.parts) {
                CHECK((c.field == "id" || c.field == "attribute" || c.field == "feature"));
                if (c.position == 1) CHECK(c.field != "id");
                if (c.field == "id") CHECK(c.id == history[static_cast<std::size_t>(c.position)]);
            }
            for (std::size_t i = 1; i < why.parts.size(); ++i) CHECK(why.parts[i - 1].value >= why.parts[i].value);
        }
        const Explanation both = explain(WeightedHybrid{index, ItemKnn{some_sequences()}}, query, 7);
        CHECK(both.parts == both.members[0].parts);
        for (const double gap : sums(both.members[0])) CHECK(gap == Approx(0).margin(1e-6));
        CHECK(explain(SequenceIndex{model, 2}, query, 7).parts.size() == 3 + 3);  // of what it reads
    }
    // Of a tower that averages the share of a part is its product with the item's vector, over the number of events.
    options.scale = 0;
    SequenceRecommender mean{n, Sequential{CumulativeAverage1D{}}, options};
    fill(mean);
    const Explanation why = explain(SequenceIndex{mean}, query, 7);
    std::vector<float> attributes;
    for_each_parameter(mean, [&](std::string_view name, const auto& p) {
        if (name == "attributes") attributes.assign(p.data(), p.data() + p.size());
    });
    int seen = 0;
    for (const Contribution& c : why.parts) {
        if (c.field != "attribute") continue;
        ++seen;
        double product = 0;
        for (Index j = 0; j < 6; ++j)
            product += static_cast<double>(attributes[static_cast<std::size_t>(6 * c.id + j)]) *
                       static_cast<double>(mean.vectors()[6 * 7 + j]);
        const auto event = static_cast<std::size_t>(history[static_cast<std::size_t>(c.position)]);
        const auto of = options.attributes[event].size();
        CHECK(c.value == Approx(product / 5 / static_cast<double>(of)).margin(1e-6));
    }
    CHECK(seen == 3);
    const auto of_ids = sequence_model(0);
    CHECK(explain(SequenceIndex{of_ids}, query, 7).parts.empty());
}

TEST_CASE("A hybrid is explained by member, then by event", "[explain scorer]") {
    const Sequences train = some_sequences();
    const auto model = sequence_model(0);
    WeightedHybrid hybrid{SequenceIndex{model}, ItemKnn{train},
                          WeightedHybrid{Markov{train}, BprMf{train, {.width = 3, .epochs = 2}}}};
    hybrid.set_weights(std::vector{0.5, 2.0, -1.0});
    for (const std::int32_t item : {2, 7, 19, 20}) {  // training had neither 19 nor 20
        const Explanation why = explain(hybrid, query, item);
        CHECK(why.score == Approx(score_of(hybrid, query, item)).margin(1e-4));
        REQUIRE(why.members.size() == 3);
        double scores = 0, sums = 0;
        for (const Explanation& member : why.members) {
            scores += member.score;
            sums += member.sum();
        }
        CHECK(scores == Approx(why.score).margin(1e-9));
        CHECK(sums == Approx(why.sum()).margin(1e-9));
        CHECK(why.members[2].members.size() == (item > 18 ? 0 : 2));  // of what it does not know it says nothing
        CHECK((why.members[1].score == 0) == (item > 18));
    }
}

TEST_CASE("What has no explanation is refused", "[explain scorer]") {
    const Markov markov{some_sequences()};
    CHECK(message_of<DataError>([&] { explain(markov, query, 0); }) ==
          "explain: expected an item from 1 to 20, received 0");
    CHECK(message_of<ArgumentError>([&] { explain(markov, query, 1, {.max_points = 0}); }) ==
          "explain: expected a positive tolerance and max_points >= 1, received 0.002 and 0");
    const Ids strange{21};
    CHECK(message_of<DataError>([&] {
              explain(ItemKnn{some_sequences()}, {1, strange, 0}, 1);
          }) == "ItemKnn: expected a history of items 1 to 20, received 21");
}
