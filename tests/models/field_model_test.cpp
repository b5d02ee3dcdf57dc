#include <deeprec/models/field_model.hpp>

#include <map>
#include <numeric>

#include <deeprec/data/sequence_fields.hpp>
#include <deeprec/explain/counterfactual.hpp>
#include <deeprec/explain/explain_scorer.hpp>
#include <deeprec/io/model_file.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/ranking/sequence_index.hpp>
#include <deeprec/training/fit.hpp>

#include "models/sequences.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

namespace {

constexpr std::int32_t items = 12, users = 60;

/// People walk along a ring of items. How far the next step goes is what the type of an event says, 1 or 2, and as much
/// again for the users whose age is 1: nothing of it can be told from the items.
struct World {
    Sequences sequences;
    Record events, people;

    template <class T>
    static World make() {
        Interactions x;
        for (std::int32_t item = 1; item <= items; ++item) x.items.add(std::to_string(item));
        const RandomStream random(Seed{9});
        std::uint64_t draw = 0;
        std::vector<std::int32_t> types;
        Tensor<T, 2> age(users + 1, 1);
        for (std::int32_t user = 1; user <= users; ++user) {
            x.users.add(std::to_string(user));
            age(user, 0) = static_cast<T>(random.below(draw++, 2));
            std::int32_t at = static_cast<std::int32_t>(random.below(draw++, items));
            for (int i = 0; i < 8 + user % 5; ++i) {
                x.add(user, at + 1);
                types.push_back(1 + static_cast<std::int32_t>(random.below(draw++, 2)));
                at = (at + types.back() * (age(user, 0) > 0 ? 2 : 1)) % items;
            }
        }
        Tensor<std::int32_t, 1> type(static_cast<Index>(types.size()));
        Tensor<T, 2> noise(type.size(), 2);
        std::copy(types.begin(), types.end(), type.data());
        for (Index i = 0; i < noise.size(); ++i) noise.data()[i] = static_cast<T>(random.uniform(draw++, -1, 1));
        return {Sequences{x}, Record{{"type", type}, {"noise", noise}}, Record{{"age", age}}};
    }
};
/// The share of the events of all users whose item the index puts first.
template <class Index_>
double hits(const Index_& index, const Sequences& sequences) {
    int right = 0, all = 0;
    for (const Query& query : sequences.next_item_queries()) {
        std::vector<float> scores(items + 1);
        index(query, scores);
        right += std::max_element(scores.begin() + 1, scores.end()) - scores.begin() == query.target;
        ++all;
    }
    return static_cast<double>(right) / all;
}

}  // namespace

TEST_CASE("SequenceRecommender: the gradient by fields of events and users is that of the loss",
          "[branches][sequence_recommender]") {
    const World world = World::make<double>();
    const SequenceFields fields{world.sequences, world.events, world.people};
    const SequenceSamples samples{world.sequences, 6, &fields};
    const Index each = GENERATE(2, 4);  // side by side, or added up
    SequenceRecommender model{
        items,
        sequences::double_tower(4),
        {.width = 4,
         .step = Branches{field("type", Embedding<double>{3, each}), field("noise", Dense<double, Tanh>{each})},
         .user = field("age", Dense<double, Tanh>{4})}};
    model.build(6, Seed{5}, fields.events().shape(), fields.users().shape());
    for_each_parameter(model, [](std::string_view name, auto& p) {
        for (Index i = name == "items" ? 4 : 0; i < p.size(); ++i) p.data()[i] = std::sin(static_cast<double>(i) * 1.7);
    });
    std::vector<Index> some(37);  // two shards
    std::iota(some.begin(), some.end(), Index(0));
    const auto batch = samples.batch(some);
    ThreadPool pool(1);
    Trainer<decltype(model), NextItemSoftmax> trainer(model, {}, pool);
    const auto loss = [&] { return trainer.gradient(model, batch, Seed{8}).mean(); };
    loss();
    CHECK(support::allocations_in(loss) == 0);
    std::map<std::string, std::vector<double>> gradients;
    for_each_parameter(std::as_const(model), trainer.gradients(), [&](std::string_view name, const auto&, auto& g) {
        if constexpr (requires { g.dense(); }) {
            const auto all = g.dense();
            gradients[std::string(name)].assign(all.data(), all.data() + all.size());
        } else {
            gradients[std::string(name)].assign(g.data(), g.data() + g.size());
        }
    });
    for (const std::string name : {"step.type.embeddings", "step.noise.kernel", "step.noise.bias", "user.age.kernel",
                                   "user.age.bias", "items"}) {
        REQUIRE(gradients.count(name) == 1);
        double largest = 1e-3, worst = 0;
        for (std::size_t i = name == "items" ? 4 : 0; i < gradients[name].size(); ++i) {
            const auto shifted = [&](double by) {
                for_each_parameter(model, [&](std::string_view n, auto& p) {
                    if (n == name) p.data()[i] += by;
                });
                return loss();
            };
            const double above = shifted(1e-5), slope = (above - shifted(-2e-5)) / 2e-5;
            shifted(1e-5);
            largest = std::max(largest, std::abs(slope));
            worst = std::max(worst, std::abs(slope - gradients[name][i]));
        }
        INFO(name);
        CHECK(worst / largest < 1e-6);
    }
}

TEST_CASE("Fields of a step that each have the item's width are added to its vector",
          "[branches][sequence_recommender]") {
    const auto step = [] { return Branches{field("type", Embedding{3, 4}), field("noise", Dense{4})}; };
    SequenceRecommender model{items, Dropout{0}, {.width = 4, .step = step()}};
    auto alone = step();
    const RecordShape event{{"type", {}}, {"noise", {2}}};
    model.build(2, Seed{1}, event);
    alone.build({{"type", {2}}, {"noise", {2, 2}}}, Seed{2});
    const auto copy = [&](std::string_view name, const auto& from) {
        for_each_parameter(alone, [&](std::string_view own, auto& to) {
            if (message("step.", own) == name) std::copy(from.data(), from.data() + from.size(), to.data());
        });
    };
    for_each_parameter(std::as_const(model), copy);
    Tensor<std::int32_t, 2> ids(1, 2), type(1, 2);
    Tensor<float, 3> noise(1, 2, 2);
    ids.setValues({{3, 5}});
    type.setValues({{1, 2}});
    noise.setValues({{{1, -2}, {3, 4}}});
    const Record fields{{"type", type}, {"noise", noise}};
    decltype(model)::Cache cache;
    decltype(alone)::Cache cache_of_fields;
    const auto h = model.forward(ids, {.step = view(fields)}, cache);
    const auto parts = alone.apply(view(fields), cache_of_fields, Inference{});
    REQUIRE(parts.last() == 8);
    for (Index t = 0; t < 2; ++t)
        for (Index i = 0; i < 4; ++i)
            CHECK(h(0, t, i) == Approx(model.vectors()[ids(0, t) * 4 + i] + parts.data[t * 8 + i] +
                                       parts.data[t * 8 + 4 + i]));
    SequenceRecommender wide{
        items, Dropout{0}, {.width = 4, .step = Branches{field("type", Embedding{3, 6}), field("noise", Dense{2})}}};
    CHECK_THROWS_WITH(
        wide.build(2, Seed{1}, event),
        "SequenceRecommender: expected fields of the option step that give [2, 4], received [2, 8]");
}

TEST_CASE("A list of fields is to the bit what Branches of the same layers are", "[branches][sequence_recommender]") {
    const World world = World::make<float>();
    const support::TemporaryDirectory folder;
    const auto path = folder.path() / "model.safetensors";
    FieldList step;
    step.add("type", Embedding{3, 12});
    step.add("noise", Dense{4, relu});
    FieldList user;
    user.add("age", Dense{16});
    const auto train = [&](SequenceRecommenderOptions options) {
        options.width = 16;
        SequenceRecommender model{items, sequences::rnn_tower(16), options};
        const SequenceFields fields{world.sequences, world.events, world.people};
        model.build(8, Seed{5}, fields.events().shape(), fields.users().shape());
        Adam adam{{.learning_rate = 0.03f}};
        fit(model, SequenceSamples{world.sequences, 8, &fields}, NextItemSoftmax{}, adam,
            {.epochs = 2, .batch_size = 64, .threads = 2});
        return model;
    };
    const auto listed = train({.step = step, .user = user});
    const auto typed = train({.step = Branches{field("type", Embedding{3, 12}), field("noise", Dense{4, relu})},
                              .user = field("age", Dense{16})});
    const SequenceFields fields{world.sequences, world.events, world.people};
    const Query query = world.sequences.next_item_queries()[20];
    const auto best = SequenceIndex{listed, 8, &fields}.best(query, items);
    CHECK(SequenceIndex{typed, 8, &fields}.best(query, items) == best);
    const auto contributions = explain(SequenceIndex{listed, 8, &fields}, query, 3).events;
    CHECK(explain(SequenceIndex{typed, 8, &fields}, query, 3).events == contributions);
    save(typed, path);
    const auto loaded = load<decltype(listed)>(path);
    CHECK(SequenceIndex{loaded, 8, &fields}.best(query, items) == best);
    save(loaded, folder.path() / "again.safetensors");
    CHECK(SafetensorsReader(folder.path() / "again.safetensors").metadata() == SafetensorsReader(path).metadata());

    // Layers that no list has are the program's to make.
    save(train({.step = Branches{field("type", Embedding{3, 12}), field("noise", Dense{4, tanh})},
                .user = field("age", Dense{16})}),
         path);
    CHECK_THROWS_WITH(load<decltype(listed)>(path),
                      ContainsSubstring("'step.noise' is Dense units=4 activation=tanh use_bias=true; expected layers "
                                        "that a FieldList can have, or load(model, path) into a model with the same "
                                        "options"));
    CHECK_THROWS_WITH(FieldList{}.build({}, Seed{1}), "FieldList: expected fields, received none");
    CHECK_THROWS_AS(step.add("type", Dense{3}), ArgumentError);
}

TEST_CASE("SequenceRecommender learns what only the fields tell, and serves with them",
          "[branches][sequence_recommender][threads]") {
    const World world = World::make<float>();
    const SequenceFields fields{world.sequences, world.events, world.people};
    const auto make = [] {
        return SequenceRecommender{items,
                                   sequences::rnn_tower(16),
                                   {.width = 16,
                                    .step = Branches{field("type", Embedding{3, 12}), field("noise", Dense{4})},
                                    .user = field("age", Dense{16})}};
    };
    auto model = make();
    std::vector<float> before;
    for (const int threads : {1, 3}) {
        model.build(8, Seed{5}, fields.events().shape(), fields.users().shape());
        Adam adam{{.learning_rate = 0.03f}};
        fit(model, SequenceSamples{world.sequences, 8, &fields}, NextItemSoftmax{}, adam,
            {.epochs = 40, .batch_size = 64, .threads = threads});
        std::vector<float> scores(items + 1);
        SequenceIndex{model, 8, &fields}(world.sequences.next_item_queries()[20], scores);
        if (threads == 1)
            before = scores;
        else
            CHECK(scores == before);
    }
    SequenceRecommender ids_alone{items, sequences::rnn_tower(16), {.width = 16}};
    ids_alone.build(8, Seed{5});
    Adam adam{{.learning_rate = 0.03f}};
    fit(ids_alone, SequenceSamples{world.sequences, 8}, NextItemSoftmax{}, adam, {.epochs = 40, .batch_size = 64});
    const SequenceIndex index{model, 8, &fields};
    const double with = hits(index, world.sequences), without = hits(SequenceIndex{ids_alone, 8}, world.sequences);
    INFO("with fields " << with << ", ids alone " << without);
    CHECK(with > 0.95);
    CHECK(without < 0.75);

    // A request has its fields with it.
    const auto history = world.sequences[7].first(6);
    const FieldsOfSequence own = fields.of(7, 0, 6);
    std::vector<float> scores(items + 1);
    index(Query{7, history, 0}, scores);
    const auto best = SequenceIndex{model, 8}.recommend(history, own, 3);
    CHECK(best[0].score == scores[static_cast<std::size_t>(best[0].item)]);

    const support::TemporaryDirectory folder;
    save(model, folder.path() / "model.safetensors");
    auto same = make();
    same.build(8, Seed{1}, fields.events().shape(), fields.users().shape());
    auto unbuilt = make();
    load(unbuilt, folder.path() / "model.safetensors");
    CHECK(SequenceIndex{unbuilt, 8}.recommend(history, own, 3) == best);
    load(same, folder.path() / "model.safetensors");
    CHECK(SequenceIndex{same, 8}.recommend(history, own, 3) == best);
    const auto typed = load<decltype(same)>(folder.path() / "model.safetensors");
    CHECK(SequenceIndex{typed, 8}.recommend(history, own, 3) == best);

    // Fields are those of the user's first events, and never put beside others.
    const std::vector<std::int32_t> without_the_first(history.begin() + 1, history.end());
    const Query other{7, without_the_first, 0};
    const FieldsOfSequence nothing{};
    std::vector<float> both(2 * (items + 1));
    CHECK_THROWS_WITH(
        index(other, scores),
        ContainsSubstring("SequenceFields: expected the first 5 events of user 7 as the history, event "));
    CHECK_THROWS_AS(recommend(index, other, 3), DataError);
    CHECK_THROWS_WITH(index(std::array{Query{7, history, 0, &own}, Query{7, {}, 0, &nothing}}, both),
                      ContainsSubstring("SequenceIndex: expected the same fields of all queries, received 'type' ids"));

    // A query's own fields go before those of the index, whatever the history is; leaving events out takes theirs out.
    const FieldsOfSequence last = {own.events.slice(1, 6), own.user};
    std::vector<float> by_query(items + 1), by_hand(items + 1);
    index(Query{7, without_the_first, 0, &last}, by_query);
    for (const auto& hit : SequenceIndex{model, 8}.recommend(without_the_first, last, items))
        CHECK(by_query[static_cast<std::size_t>(hit.item)] == hit.score);
    const Explanation why = explain_by_occlusion(index, Query{7, history, 0}, best[0].item);
    for (const Contribution& c : why.events) {
        std::vector<std::int32_t> left(history.begin(), history.end());
        left.erase(left.begin() + c.position);
        Tensor<std::int32_t, 1> types(5);
        Tensor<float, 2> noises(5, 2);
        for (Index t = 0, row = 0; t < 6; ++t)
            if (t != c.position) {
                types(row) = own.events.get<std::int32_t>(*own.events.find("type")).data[t];
                const auto noise = own.events.get<float>(*own.events.find("noise"));
                std::copy_n(noise.data + 2 * t, 2, noises.data() + 2 * row++);
            }
        const Record kept{{"type", types}, {"noise", noises}};
        const FieldsOfSequence fields_left{view(kept), own.user};
        index(Query{7, left, 0, &fields_left}, by_hand);
        CHECK(c.value == why.score - static_cast<double>(by_hand[static_cast<std::size_t>(best[0].item)]));
    }
    const Counterfactual without_some = counterfactual(index, Query{7, history, 0}, best[0].item, 1);
    CHECK((without_some.found && !without_some.events.empty()));
    const SequenceFields of_users{world.sequences, Record{}, world.people};
    CHECK(of_users.of(other).user.begin == 7);  // goes with any history

    const SequenceIndex bare{model, 8};
    CHECK_THROWS_WITH(bare.recommend(history, 3),
                      "SequenceRecommender: expected the field 'type'; the model reads 'type' ids [8], 'noise' float "
                      "[8, 2], received nothing");
    CHECK_THROWS_WITH(bare.recommend(history.first(5), own, 3),
                      "SequenceIndex: expected fields of the 5 events of the history, received 6 rows");
    CHECK_THROWS_WITH((SequenceIndex{ids_alone, 8, &fields}(Query{7, history, 0}, scores)),
                      "SequenceRecommender: there are fields, but the option step is empty");
    CHECK_THROWS_WITH(same.build(8, Seed{1}), ContainsSubstring("expected one shape of the field 'type'"));
    auto narrow = SequenceRecommender{items, sequences::rnn_tower(16), {.width = 16, .user = field("age", Dense{3})}};
    CHECK_THROWS_WITH(narrow.build(8, Seed{1}, {}, {{"age", {1}}}),
                      "SequenceRecommender: expected fields of the option user that give [16], received [3]");
    CHECK_THROWS_AS(
        (SequenceRecommender{items, sequences::rnn_tower(16), {.width = 16, .user = field("age", Dense<double>{16})}}),
        ArgumentError);
}

TEST_CASE("SequenceFields are found by user and place", "[branches]") {
    const World world = World::make<float>();
    const SequenceFields fields{world.sequences, world.events, world.people};
    const FieldsOfSequence own = fields.of(2, 1, 3);
    const Index first = static_cast<Index>(world.sequences[1].size());
    CHECK(own.events.batch() == 3);
    CHECK(own.events.begin == first + 1);
    CHECK(own.user.begin == 2);
    CHECK_THROWS_WITH(fields.of(2, 1, 60), "SequenceFields: there are no events 1 to 61 of user 2");
    CHECK_THROWS_AS(fields.of(users + 1, 0, 1), DataError);
    CHECK_THROWS_WITH(
        (SequenceFields{world.sequences, world.people}),
        ContainsSubstring("SequenceFields: expected a row for each of") && ContainsSubstring("events, received 61"));
}
