#include <deeprec/ranking/item_index.hpp>

#include <string>
#include <vector>

#include <deeprec/data/next_item_samples.hpp>
#include <deeprec/data/samples.hpp>
#include <deeprec/explain/counterfactual.hpp>
#include <deeprec/explain/explain_scorer.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/models/branches.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/ranking/recommend.hpp>
#include <deeprec/recommender/recommender_file.hpp>
#include <deeprec/training/fit.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

namespace {
constexpr int n = 40;
/// On a ring of 40 items: by one after a view, by three after a cart; from NZ backwards.
struct Shop {
    EventTable events{{Column("type", ColumnKind::category)}};
    ItemTable items{{Column("name", ColumnKind::category)}};
    UserTable users{{Column("country", ColumnKind::category)}};
    FeatureSpec of_events, of_items, of_users;
    Sequences sequences;
    ServedFields served;
    Record rows;

    Shop() {
        for (int u = 0; u < 80; ++u) {
            const std::string user = "u" + std::to_string(u);
            users.add(user, {u % 2 ? "NZ" : "PE"});
            for (int e = 0, item = u; e < 12; ++e) {
                const bool cart = (u * 7 + e * 5) % 3 == 0;
                events.add(user, "i" + std::to_string(item % n), {}, {cart ? "cart" : "view"});
                item = item + (u % 2 ? n - (cart ? 3 : 1) : cart ? 3 : 1);
            }
        }
        for (int i = 0; i < n; ++i) items.add("i" + std::to_string(i), {"n" + std::to_string(i)});
        align(events, items);
        of_events = FeatureSpec::fit({{.name = "type"}}, events);
        of_items = FeatureSpec::fit({{.name = "name", .min_count = 1}}, items);
        of_users = FeatureSpec::fit({{.name = "country"}}, users);
        sequences = Sequences{events.interactions()};
        served = ServedFields{events, of_events, users, of_users};
        rows = items.samples(of_items);
    }
};
auto towers(const Shop& shop) {
    Sequential history{Branches{field("item", Embedding{n + 1, 12, {.mask_zero = true}}),
                                field("type", Embedding{shop.of_events.rows("type"), 6})},
                       GRU{16}};
    Branches user{history, field("country", Embedding{shop.of_users.rows("country"), 8})};
    return TwoTower{user, Branches{field("name", Embedding{shop.of_items.rows("name"), 12})},
                    Sequential{Dense{24, relu}, Dense{1, sigmoid}}};
}
}  // namespace

TEST_CASE("Records of next items are the same draws as tokens, with fields where the events are", "[data]") {
    const Shop shop;
    const SequenceFields fields{shop.sequences, shop.served.events(), shop.served.users()};
    const NegativeSampler sampler{shop.sequences, Seed{5}};
    Tensor<std::int32_t, 2> tokens(n + 1, 1);
    const auto names = view(shop.rows).get<std::int32_t>(*view(shop.rows).find("name"));
    for (int i = 0; i <= n; ++i) tokens(i, 0) = i == 0 ? 0 : names.data[i - 1];
    for (const NextItemOptions& options :
         {NextItemOptions{.steps = 5, .negatives = 3}, NextItemOptions{.steps = 5, .negatives = 3, .block = 4}}) {
        NextItemSamples by_tokens{shop.sequences.next_item_queries(), tokens, sampler, options};
        NextItemRecords records{shop.sequences.next_item_queries(), shop.rows, sampler, options, &fields};
        for (const Index epoch : {0, 1}) {
            by_tokens.start_epoch(epoch, Seed{3});
            records.start_epoch(epoch, Seed{3});
            const std::vector<Index> indices{0, 7, 100, 2};
            const auto a = by_tokens.batch(indices);
            const auto b = records.batch(indices);
            REQUIRE(b.inputs.block == a.inputs.block);
            REQUIRE(b.inputs.user.batch() == 4);
            const auto items = b.inputs.item.get<std::int32_t>(*b.inputs.item.find("name"));
            const auto history = b.inputs.user.get<std::int32_t>(*b.inputs.user.find("item"));
            const auto types = b.inputs.user.get<std::int32_t>(*b.inputs.user.find("type"));
            const auto countries = b.inputs.user.get<std::int32_t>(*b.inputs.user.find("country"));
            for (Index i = 0; i < a.inputs.item.size(); ++i) CHECK(items.data[i] == a.inputs.item.data()[i]);
            for (Index i = 0; i < a.targets.size(); ++i) CHECK(b.targets.data()[i] == a.targets.data()[i]);
            for (Index i = 0; i < 20; ++i) CHECK(history.data[i] == a.inputs.user.data()[i]);
            const auto queries = shop.sequences.next_item_queries();
            for (std::size_t s = 0; s < 4; ++s) {
                const Query& query = queries[static_cast<std::size_t>(indices[s])];
                const FieldsOfSequence own = fields.of(query);
                const auto all = own.events.get<std::int32_t>(*own.events.find("type"));
                for (Index t = 0; t < 5; ++t) {
                    const Index from = std::ssize(query.history) - 5 + t;
                    CHECK(types.data[static_cast<Index>(s) * 5 + t] == (from < 0 ? 0 : all.data[from]));
                }
                CHECK(countries.data[s] == own.user.get<std::int32_t>(*own.user.find("country")).data[0]);
            }
        }
        CHECK(records.size() == by_tokens.size());
    }
    NextItemRecords clash{shop.sequences.next_item_queries(), shop.rows, sampler, {.history_field = "type"}, &fields};
    CHECK_THROWS_WITH(clash.user_shape(), "a field has the name 'type', which the history has");
    CHECK_THROWS_AS((NextItemRecords{shop.sequences.next_item_queries(), Record{}, sampler}), DataError);
}

TEST_CASE("Towers of named fields train, rank, explain and are served", "[recommender]") {
    const Shop shop;
    const SequenceFields fields{shop.sequences, shop.served.events(), shop.served.users()};
    const NegativeSampler sampler{shop.sequences, Seed{5}};
    NextItemRecords samples{shop.sequences.next_item_queries(), shop.rows, sampler, {.steps = 6}, &fields};
    auto model = towers(shop);
    using Model = decltype(model);
    model.build({samples.user_shape(), samples.item_shape()}, Seed{42});
    Adam adam{{.learning_rate = 0.02f}};
    fit(model, samples, BinaryCrossEntropy{}, adam, {.epochs = 30, .batch_size = 32, .threads = 2});
    const ItemIndex index{model, shop.rows, {.first_item = 1, .fields = &fields}};

    int hits = 0, asked = 0;
    for (const Query& query : shop.sequences.next_item_queries()) {
        ++asked;
        hits += recommend(index, query, 1)[0].item == query.target;
    }
    INFO(hits << " of " << asked);
    CHECK(hits > 0.7 * asked);  // chance is 0.025

    // What the model itself says of the same record.
    const Query query = shop.sequences.next_item_queries()[20];
    std::vector<float> scores(n + 1);
    index(query, scores);
    detail::QueryRecords record;
    record.add(query, fields.of(query), 6);
    Model::Cache cache;
    const auto expected = model.forward(Pair{record.all(6, "item"), view(shop.rows), 1}, cache, Pass{}.on_logits());
    for (Index item = 1; item <= n; ++item)
        CHECK(scores[static_cast<std::size_t>(item)] == Approx(expected(item - 1, 0)).margin(1e-4));

    const auto best = recommend(index, query, n);
    const Explanation why = explain(index, query, best[0].item);
    CHECK(why.events.size() == query.history.size());
    CHECK(counterfactual(index, query, best[0].item, 1).found);

    const auto shared = std::make_shared<const Model>(model);
    const Recommender made{ItemIndex{shared, shop.rows, {.first_item = 1}}, shop.events, shop.served};
    const support::TemporaryDirectory folder;
    save(made, folder.path() / "shop.deeprec");
    const AnyRecommender same = load_recommender<ItemIndex<Model>>(folder.path() / "shop.deeprec");
    const Query whole{5, shop.sequences[5], 0};
    const auto list = index.best(whole, n);
    const auto by_id = [&](const KeyHits& keyed) {
        std::vector<Hit<float>> found;
        for (const KeyHit& hit : keyed) found.push_back({made.items().at(hit.key), hit.score});
        return found;
    };
    const std::string user = made.users().key(5);
    CHECK(by_id(made.recommend({.user = user}, n)) == list);
    CHECK(by_id(same.recommend({.user = user}, n)) == list);
    KeyQuery asks{.history = made.history(user)};
    asks.about_user = {{"country", std::string(shop.users.column("country").text(4))}};
    for (const Index row : shop.events.by_user_and_time())
        if (shop.events.user[row] == 5)
            asks.events.push_back({{"type", std::string(shop.events.column("type").text(row))}});
    CHECK(by_id(same.recommend(asks, n)) == list);
    asks.events.back()["type"] = "hover";
    CHECK(by_id(same.recommend(asks, n)) != list);
    CHECK_THROWS_WITH((ItemIndex{model, shop.rows, {.first_item = 1}}(query, scores)),
                      ContainsSubstring("expected the field 'type'"));
}
