#include <cstdio>
#include <utility>

#include <deeprec/data/sequence_fields.hpp>
#include <deeprec/explain/explain_scorer.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/ranking/popularity.hpp>
#include <deeprec/training/fit.hpp>

#include "support/catch.hpp"

using namespace deeprec;

namespace {

constexpr std::int32_t told_items = 4, told_users = 300, told_events = 10, told_ids = 20;

/// Each event tells the item that comes after the next one, in one of its two fields: 1..4 there, noise in the other.
/// Items tell nothing.
struct ToldWorld {
    Sequences sequences;
    Record events, people;
    std::vector<std::string> field;  // of each event, user by user

    static ToldWorld make() {
        Interactions x;
        for (std::int32_t item = 1; item <= told_items; ++item) x.items.add(std::to_string(item));
        const RandomStream random(Seed{4});
        std::uint64_t next = 0;
        const auto draw = [&](std::int32_t low, std::int32_t high) {
            return low + static_cast<std::int32_t>(random.below(next++, static_cast<std::uint64_t>(high - low + 1)));
        };
        Tensor<std::int32_t, 1> viewed(told_users * told_events), bought(told_users * told_events);
        Tensor<float, 2> age(told_users, 1);
        std::vector<std::string> field;
        for (std::int32_t user = 1; user <= told_users; ++user) {
            x.users.add(std::to_string(user));
            age(user - 1, 0) = static_cast<float>(draw(1, 3));
            std::int32_t told = draw(1, told_items), before = draw(1, told_items);
            for (std::int32_t t = 0; t < told_events; ++t) {
                x.add(user, before);
                const Index row = std::ssize(field);
                field.push_back(draw(0, 1) ? "viewed" : "bought");
                const std::int32_t tells = draw(1, told_items);
                viewed(row) = field.back() == "viewed" ? tells : draw(told_items + 1, told_ids);
                bought(row) = field.back() == "bought" ? tells : draw(told_items + 1, told_ids);
                before = std::exchange(told, tells);
            }
        }
        return {Sequences{x}, Record{{"viewed", viewed}, {"bought", bought}}, Record{{"age", age}}, field};
    }
};

}  // namespace

TEST_CASE("Fields of a sequence: contributions add up, the field and step that told an item come first",
          "[explain scorer][branches]") {
    const ToldWorld world = ToldWorld::make();
    const SequenceFields fields{world.sequences, world.events, world.people};
    SequenceRecommender model{
        told_items,
        Sequential{Conv1D{24, 3, relu, {.padding = Padding::causal}}, Dense{16}},
        {.width = 16,
         .step = Branches{field("viewed", Embedding{told_ids + 1, 8}), field("bought", Embedding{told_ids + 1, 8})},
         .user = field("age", Dense{16})}};
    model.build(10, Seed{5}, fields.events().shape(), fields.users().shape());
    Adam adam{{.learning_rate = 0.01}};
    fit(model, SequenceSamples{world.sequences, 10, &fields}, NextItemSoftmax{}, adam,
        {.epochs = 20, .batch_size = 32, .threads = 1});
    const SequenceIndex index{model, 6, &fields};
    int understood = 0, first = 0, asked = 0;
    for (std::int32_t user = 1; user <= 100; ++user, ++asked) {
        const auto events = world.sequences[user];
        const Query query{user, events.first(8), events[8]};
        std::vector<float> scores(told_items + 1);
        index(query, scores);
        const auto best = std::max_element(scores.begin() + 1, scores.end()) - scores.begin();
        if (best != query.target) continue;
        ++understood;
        const Explanation why = explain(index, query, query.target);
        CHECK(why.score == scores[static_cast<std::size_t>(query.target)]);
        CHECK(why.sum() == Approx(why.score - why.baseline).margin(1e-4));
        CHECK(std::abs(why.residual) <= 0.01 * std::abs(why.score - why.baseline) + 1e-4);
        CHECK(why.events.size() == 8 + 2 * 6 + 1);  // the history, what the index reads of the fields, the user
        first += why.events[0].position == 6 &&
                 why.events[0].field == world.field[static_cast<std::size_t>((user - 1) * told_events + 6)];
    }
    std::printf("explain: %d of %d predicted; the true field and step first in %d\n", understood, asked, first);
    CHECK(understood >= 0.95 * asked);
    CHECK(first >= 0.95 * understood);

    // A member of a hybrid: its fields stand behind the events of the history.
    WeightedHybrid hybrid{SequenceIndex{model, 6, &fields}, Popularity{world.sequences}};
    const Query query{1, world.sequences[1].first(8), 0};
    const Explanation both = explain(hybrid, query, 2);
    CHECK(both.events.size() == 8 + 2 * 6 + 1);
    CHECK(both.sum() == Approx(both.members[0].sum() + both.members[1].sum()).margin(1e-6));
}
