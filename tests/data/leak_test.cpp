// What training may see: nothing that a split holds out. Each part of the pipeline is fitted twice, the second time
// with every held-out event replaced by another, and must come out the same; the same check with a leak planted must
// not.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/data/item_tokens.hpp>
#include <deeprec/data/next_item_samples.hpp>
#include <deeprec/data/sequence_samples.hpp>
#include <deeprec/data/splits.hpp>
#include <deeprec/ranking/bpr_mf.hpp>
#include <deeprec/ranking/item_knn.hpp>
#include <deeprec/ranking/markov.hpp>
#include <deeprec/ranking/popularity.hpp>
#include <deeprec/ranking/window_rules.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;

namespace {

constexpr std::int32_t users = 40, items = 30;

/// Walks over the items, one event an hour.
Interactions events() {
    Interactions x;
    for (std::int32_t item = 1; item <= items; ++item) x.items.add(std::to_string(item));
    const RandomStream random(Seed{2});
    std::uint64_t draw = 0;
    for (std::int32_t user = 1; user <= users; ++user) {
        x.users.add(std::to_string(user));
        const auto n = 6 + random.below(draw++, 6);
        for (std::uint64_t t = 0; t < n; ++t, draw += 2)
            x.add(user, 1 + static_cast<std::int32_t>(random.below(draw, items)), {},
                  static_cast<std::int64_t>(3600 * (t + random.below(draw + 1, 8))));
    }
    return x;
}
/// What a split has, without the mark: how a leak is made that no type and no mark can see.
Sequences unmarked(const Sequences& marked) {
    Interactions x;
    for (std::int32_t item = 1; item <= marked.items(); ++item) x.items.add(std::to_string(item));
    for (std::int32_t user = 1; user <= marked.users(); ++user) {
        x.users.add(std::to_string(user));
        for (const std::int32_t item : marked[user]) x.add(user, item);
    }
    return Sequences{x};
}

/// Scores of every user after the same history.
template <class Scorer>
std::vector<float> scores(const Scorer& scorer) {
    const Ids history{3, 1, 4};
    std::vector<float> all;
    for (std::int32_t user = 1; user <= users; ++user) {
        std::vector<float> of_user(items + 1);
        scorer(Query{user, history, 1}, std::span(of_user));
        all.insert(all.end(), of_user.begin(), of_user.end());
    }
    return all;
}
/// Everything of the pipeline that learns or draws from sequences, by name.
std::map<std::string, std::vector<float>> learned(const Sequences& train) {
    std::map<std::string, std::vector<float>> learned{{"Popularity", scores(Popularity{train})},
                                                      {"Markov", scores(Markov{train})},
                                                      {"ItemKnn", scores(ItemKnn{train})},
                                                      {"WindowRules", scores(WindowRules{train})},
                                                      {"BprMf", scores(BprMf{train, {.width = 4, .epochs = 2}})}};
    const NegativeSampler sampler{train, Seed{1}, 1.0};
    for (std::int32_t user = 1; user <= users; ++user) {
        Ids drawn(20);
        sampler.sample(0, 7, user, 1, drawn);
        for (const std::int32_t item : drawn) learned["NegativeSampler"].push_back(static_cast<float>(item));
    }
    for (std::int32_t item = 1; item <= items; ++item)
        learned["log Q"].push_back(static_cast<float>(sampler.log_probability(item)));

    SequenceSamples samples{train, 5};
    samples.start_epoch(0, Seed{3});
    std::vector<Index> all(static_cast<std::size_t>(samples.size()));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<Index>(i);
    for (const auto sequence : samples.batch(all).sequences)
        for (const std::int32_t item : sequence) learned["SequenceSamples"].push_back(static_cast<float>(item));

    Tensor<std::int32_t, 2> features(items + 1, 1);
    for (std::int32_t item = 0; item <= items; ++item) features(item, 0) = item;
    NextItemSamples pairs{train.next_item_queries(), features, sampler, {.steps = 4}};
    all.resize(static_cast<std::size_t>(pairs.size()));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<Index>(i);
    const auto batch = pairs.batch(all);
    for (const auto* part : {&batch.inputs.user, &batch.inputs.item})
        for (Index i = 0; i < part->size(); ++i)
            learned["NextItemSamples"].push_back(static_cast<float>(part->data()[i]));

    Catalogue catalogue;
    for (std::int32_t item = 1; item <= items; ++item) catalogue.add({"", 0, {"genre" + std::to_string(item / 2)}});
    const ItemTokenizer tokenizer{catalogue, train, {.min_count = 1, .ids = true}};
    for (std::int32_t item = 1; item <= items; ++item)
        for (const std::string& token : {"item:" + std::to_string(item), "genre:genre" + std::to_string(item / 2)})
            learned["ItemTokenizer"].push_back(static_cast<float>(tokenizer.vocabulary().find(token).value_or(0)));
    return learned;
}

}  // namespace

TEST_CASE("Nothing that is learned depends on a held-out event, and a planted leak shows", "[data]") {
    const auto check = [](const Split& split) {
        REQUIRE(split.test_queries().size() > 20);
        const Split other = split.scrambled(Seed{5});
        CHECK(learned(split.train()) == learned(other.train()));
        const auto leak = learned(unmarked(split.all())), scrambled_leak = learned(unmarked(other.all()));
        for (const auto& [name, values] : leak) {
            INFO(name);
            if (name != "ItemTokenizer") CHECK(values != scrambled_leak.at(name));  // every item is in both
            CHECK((name == "ItemTokenizer" || values != learned(split.train()).at(name)));
        }
    };
    const Interactions x = events();
    check(LeaveOneOut{Sequences{x}});
    check(RatioSplit{Sequences{x}, {.validation = 0.2, .test = 0.2}});
    check(TimeSplit{x, time_quantile(x, 0.6), time_quantile(x, 0.8)});
}

TEST_CASE("A word that only a held-out item has is in no vocabulary", "[data]") {
    Interactions x;
    Catalogue catalogue;
    for (const char* title : {"Alpha", "Beta", "Gamma"}) {
        x.items.add(title);
        catalogue.add({title, 0, {}});
    }
    x.users.add("ann");
    for (const std::int32_t item : {1, 2, 1, 3}) x.add(1, item);  // 3 is the test target
    const LeaveOneOut split{Sequences{x}};
    const ItemTokenizer tokenizer{catalogue, split.train(), {.min_count = 1}};
    CHECK(tokenizer.vocabulary().find("word:alpha"));
    CHECK(tokenizer.vocabulary().find("word:beta"));
    CHECK(!tokenizer.vocabulary().find("word:gamma"));
    const ItemTokenizer leak{catalogue, unmarked(split.all()), {.min_count = 1}};
    CHECK(leak.vocabulary().find("word:gamma"));
}

TEST_CASE("What learns refuses the sequences that have held-out events", "[data]") {
    const LeaveOneOut split{Sequences{events()}};
    const Sequences copy = split.all(), sets = copy.distinct();
    const Catalogue catalogue{items};
    const auto refused = [](const char* who, const auto& make) {
        CHECK(message_of<DataError>(make) ==
              std::string(who) +
                  ": these sequences have the events that a split holds out, expected the split's train()");
    };
    for (const Sequences* leak : {&copy, &sets}) {
        refused("Sequences::item_counts", [&] { Popularity{*leak}; });
        refused("Sequences::item_counts", [&] { Markov{*leak}; });
        refused("Sequences::item_counts", [&] { ItemKnn{*leak}; });
        refused("WindowRules", [&] { WindowRules{*leak}; });
        refused("BprMf", [&] { BprMf{*leak}; });
        refused("NegativeSampler", [&] { NegativeSampler(*leak, Seed{}); });
        refused("SequenceSamples", [&] { SequenceSamples{*leak}; });
        refused("Sequences::next_item_queries", [&] { leak->next_item_queries(); });
        refused("Sequences::item_counts", [&] { ItemTokenizer(catalogue, *leak); });
    }
    CHECK_NOTHROW(Markov{split.train()});
    CHECK_NOTHROW(Markov{Sequences{events()}});  // everything, once the figures are known
}
