#include <deeprec/recommender/served_fields.hpp>

#include <string>
#include <vector>

#include <deeprec/data/field_layers.hpp>
#include <deeprec/data/sequence_samples.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/ranking/markov.hpp>
#include <deeprec/recommender/from_tables.hpp>
#include <deeprec/recommender/recommender_file.hpp>
#include <deeprec/training/fit.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using Texts = std::vector<std::string>;

namespace {
constexpr Index width = 8;
std::string sku(int item) { return "SKU-" + std::to_string(item); }
/// From item i on to i + 1 after a view and to i + 3 after a cart, on a ring of 12; 20 people, 15 events each.
EventTable shop_events() {
    EventTable events({Column("type", ColumnKind::category), Column("price", ColumnKind::number)});
    for (int u = 0; u < 20; ++u)
        for (int e = 0, item = u; e < 15; ++e) {
            const bool cart = (u * 7 + e * 5) % 3 == 0;
            events.add("u" + std::to_string(u), sku(item % 12 + 1), 1'700'000'000 + 3600 * (u + e * e),
                       {cart ? "cart" : "view", static_cast<double>(item % 12)});
            item += cart ? 3 : 1;
        }
    return events;
}
UserTable shop_users() {
    UserTable users({Column("country", ColumnKind::category)});
    for (int u = 0; u < 20; ++u) users.add("u" + std::to_string(u), {u % 2 ? "NZ" : "PE"});
    return users;
}
FeatureSpec event_features(const EventTable& events) {
    return FeatureSpec::fit({{.name = "type"},
                             {.name = "price", .kind = FeatureKind::number},
                             {.name = "gap", .kind = FeatureKind::gap},
                             {.name = "hour", .kind = FeatureKind::hour}},
                            events);
}
using Model = SequenceRecommender<Sequential<GRU<float, ReturnSequences>>>;
struct Shop {
    EventTable events = shop_events();
    UserTable users = shop_users();
    FeatureSpec of_events = event_features(events), of_users = FeatureSpec::fit({{.name = "country"}}, users);
    ServedFields served{events, of_events, users, of_users};
    Sequences sequences{events.interactions()};
    SequenceFields fields{sequences, served.events(), served.users()};
    Model model{12,
                Sequential{GRU{width, return_sequences}},
                {.width = width, .step = field_layers(of_events, width), .user = field_layers(of_users, width)}};
    Shop() {
        model.build(15, Seed{5}, fields.events().shape(), fields.users().shape());
        Adam adam{{.learning_rate = 0.02f}};
        fit(model, SequenceSamples{sequences, 15, &fields}, NextItemSoftmax{}, adam, {.epochs = 150, .batch_size = 20});
    }
    Recommender<Model> made() const { return {model, events, served}; }
    /// What the model itself says of a user's first events.
    std::vector<Hit<float>> expected(std::int32_t user, std::size_t count, Index k) const {
        return SequenceIndex{model, 15, &fields}.best({user, sequences[user].first(count), 0}, k);
    }
};
const Shop& shop() {
    static const Shop shop;
    return shop;
}
std::vector<Hit<float>> by_id(const KeyHits& hits, const Vocabulary& items) {
    std::vector<Hit<float>> found;
    for (const KeyHit& hit : hits) found.push_back({items.at(hit.key), hit.score});
    return found;
}
/// A request with all that the log says of a user's first events.
KeyQuery request(const std::string& user, int count) {
    KeyQuery query;
    const EventTable& events = shop().events;
    for (const Index row : events.by_user_and_time()) {
        if (events.users.key(events.user[row]) != user || count-- <= 0) continue;
        query.history.push_back(events.items.key(events.item[row]));
        query.events.push_back({{"type", std::string(events.column("type").text(row))},
                                {"price", static_cast<double>(events.column("price").number(row))},
                                {"time", static_cast<double>(events.time[row])}});
    }
    return query;
}
}  // namespace

TEST_CASE("A recommender serves what its model reads of events and users", "[recommender]") {
    const auto made = shop().made();
    const std::int32_t user = made.users().at("u7");
    // A user that is known by what is known of them, and a request with the same fields.
    CHECK(by_id(made.recommend({.user = "u7"}, 12), made.items()) == shop().expected(user, 15, 12));
    KeyQuery query = request("u7", 9);
    query.user = "u7";
    CHECK(by_id(made.recommend(query, 12), made.items()) == shop().expected(user, 9, 12));
    query.user = "";
    query.about_user = {{"country", "NZ"}};
    CHECK(by_id(made.recommend(query, 12), made.items()) == shop().expected(user, 9, 12));
    // Carts go on by three, views by one.
    for (const bool cart : {true, false}) {
        query.events.back()["type"] = cart ? "cart" : "view";
        const int last = std::stoi(query.history.back().substr(4));
        CHECK(made.recommend(query, 1)[0].key == sku((last - 1 + (cart ? 3 : 1)) % 12 + 1));
    }
    // An unknown key goes with its row; without rows everything is missing.
    KeyQuery more = query;
    more.history.insert(more.history.begin() + 3, "SKU-none");
    more.events.insert(more.events.begin() + 3, FeatureRow{{"type", "cart"}});
    const KeyHits with_unknown = made.recommend(more, 12);
    CHECK(with_unknown.unknown == Texts{"SKU-none"});
    CHECK(by_id(with_unknown, made.items()) == by_id(made.recommend(query, 12), made.items()));
    query.events.assign(9, {});
    const auto missing = by_id(made.recommend(query, 12), made.items());
    query.events.clear();
    CHECK(by_id(made.recommend(query, 12), made.items()) == missing);
    query.about_user.clear();
    CHECK(by_id(made.recommend(query, 12), made.items()) != missing);
    CHECK(made.recommend({.user = "u7"}, 3, {.reasons = 2})[0].because.size() > 0);
    const Explanation why = made.explain({.user = "u7"}, "SKU-3");
    const Query all{user, shop().sequences[user], 0};
    CHECK(why.events == explain(SequenceIndex{shop().model, 15, &shop().fields}, all, made.items().at("SKU-3")).events);
    for (const std::string name : {"type", "price", "gap", "hour", "country"})
        CHECK(std::any_of(why.events.begin(), why.events.end(), [&](const auto& c) { return c.field == name; }));
    CHECK_THROWS_AS(made.explain({.user = "u7"}, "SKU-none"), DataError);
    const KeyHits popular = made.recommend({.user = "nobody"}, 1);  // and why popularity puts it there
    CHECK(popular.fallback);
    CHECK(made.explain({.user = "nobody"}, popular[0].key).score == Approx(static_cast<double>(popular[0].score)));
    const FeatureRow whole{{"time", 1700000000}, {"member", true}, {"type", "cart"}, {"none", {}}};
    CHECK(std::get<double>(whole.at("time")) == Approx(1.7e9));
    CHECK(std::get<std::string>(whole.at("type")) == "cart");

    CHECK_THROWS_WITH(made.recommend({.history = {"SKU-1"}, .events = {{}, {}}}, 3),
                      "recommend: expected fields of the 1 events of the history, received 2 rows");
    CHECK_THROWS_WITH(made.recommend({.history = {"SKU-1"}, .events = {{{"colour", "red"}}}}, 3),
                      "FeatureSpec: a row has 'colour', which is no feature of the spec");
    CHECK_THROWS_WITH(made.recommend({.history = {"SKU-1", "SKU-2"}, .events = {{{"time", 9.0}}, {{"time", 8.0}}}}, 3),
                      "FeatureSpec: expected events oldest first, row 2 has the time 8 after 9");
    CHECK_THROWS_AS(made.recommend({.history = {"SKU-1"}, .events = {{{"type", 3.0}}}}, 3), DataError);
    const Recommender bare{Markov{shop().sequences}, shop().events};
    CHECK_THROWS_WITH(bare.recommend({.history = {"SKU-1"}, .events = {{{"type", "cart"}}}}, 3),
                      "recommend: there are fields of events, but the model reads none");
    CHECK_THROWS_WITH(bare.recommend({.about_user = {{"country", "NZ"}}}, 3),
                      "recommend: there are fields of the user, but the model reads none");
}

TEST_CASE("A recommender with fields is a file, and grows", "[recommender]") {
    const auto made = shop().made();
    const support::TemporaryDirectory folder;
    save(made, folder.path() / "shop.deeprec");
    AnyRecommender same = load_recommender<Model>(folder.path() / "shop.deeprec");
    const auto typed = load<Recommender<Model>>(folder.path() / "shop.deeprec");
    KeyQuery query = request("u3", 11);
    query.about_user = {{"country", "PE"}};
    const auto best = by_id(made.recommend(query, 12), made.items());
    CHECK(by_id(same.recommend(query, 12), made.items()) == best);
    CHECK(by_id(typed.recommend(query, 12), made.items()) == best);
    CHECK(by_id(same.recommend({.user = "u3"}, 12), made.items()) ==
          by_id(made.recommend({.user = "u3"}, 12), made.items()));

    // New events and users, by tables. What is known of them is what a request would say.
    EventTable later({Column("type", ColumnKind::category), Column("price", ColumnKind::number)});
    later.add("new", "SKU-4", 1'800'000'000, {"cart", 3.0});
    later.add("u3", "SKU-9", 1'800'000'060, {"view", {}});
    later.add("new", "SKU-7", 1'800'003'600, {"view", 6.0});
    add_events(same, later);
    const KeyQuery as_request{.history = {"SKU-4", "SKU-7"},
                              .events = {{{"type", "cart"}, {"price", 3.0}, {"time", 1.8e9}},
                                         {{"type", "view"}, {"price", 6.0}, {"time", 1.8e9 + 3600}}}};
    CHECK(by_id(same.recommend({.user = "new"}, 12), same.items()) ==
          by_id(same.recommend(as_request, 12), same.items()));
    CHECK(same.history("u3").size() == 16);
    UserTable who({Column("country", ColumnKind::category)});
    who.add("new", {"NZ"});
    who.add("silent", {"PE"});
    who.add("u4", {{}});
    set_users(same, who);
    KeyQuery from_there = as_request;
    from_there.about_user = {{"country", "NZ"}};
    CHECK(by_id(same.recommend({.user = "new"}, 12), same.items()) ==
          by_id(same.recommend(from_there, 12), same.items()));
    CHECK(same.recommend({.user = "silent"}, 3).fallback);
    CHECK(by_id(same.recommend({.user = "u4"}, 12), same.items()) ==
          by_id(made.recommend({.user = "u4"}, 12), made.items()));
    same.add_events({{"u4", "SKU-2"}});  // of which nothing is known
    KeyQuery known = request("u4", 15);
    save(same, folder.path() / "later.deeprec");
    const AnyRecommender again = load_recommender<Model>(folder.path() / "later.deeprec");
    for (const std::string user : {"new", "u3", "u4", "u19"})
        CHECK(by_id(again.recommend({.user = user}, 12), same.items()) ==
              by_id(same.recommend({.user = user}, 12), same.items()));

    // Nothing is written that could not be read.
    SequenceRecommender odd{12,
                            Sequential{GRU{width, return_sequences}},
                            {.width = width, .user = field("country", Sequential{Embedding{4, 3}, Dense{width}})}};
    odd.build(15, Seed{5}, {}, shop().fields.users().shape());
    const Recommender unsaved{odd, shop().events, ServedFields{shop().events, {}, shop().users, shop().of_users}};
    CHECK(unsaved.recommend({.user = "u7"}, 3).size() == 3);
    CHECK_THROWS_WITH(
        save(unsaved, folder.path() / "shop.deeprec"),
        ContainsSubstring("save: 'user.country' is Sequential input_shape=; expected layers that a FieldList"));
    CHECK(load<Recommender<Model>>(folder.path() / "shop.deeprec").items().size() == 12);

    CHECK_THROWS_WITH(same.add_events({{"u1", "SKU-1"}}, made.served_fields().users()),
                      ContainsSubstring("Recommender: events: expected the fields of the spec, 'gap' ids []"));
    CHECK_THROWS_WITH(same.add_events({{"u1", "SKU-1"}}, made.served_fields().events()),
                      "Recommender: expected fields of the 1 new events, received 300 rows");
    CHECK_THROWS_WITH((Recommender{shop().model, shop().events}),
                      "Recommender: its model reads fields of events and fields of users, expected those with their "
                      "specs and no others: ServedFields{events, of_events, users, of_users}");
    SequenceRecommender plain{12, Sequential{GRU{width, return_sequences}}, {.width = width}};
    plain.build(15, Seed{5});
    CHECK_THROWS_WITH((Recommender{plain, shop().events, shop().served}),
                      ContainsSubstring("its model reads no fields of events and no fields of users"));
    // A feature of the user's key is known where the request has the key.
    const FeatureSpec of_key = FeatureSpec::fit({{.name = "who", .kind = FeatureKind::id, .field = "key"},
                                                 {.name = "country"}},
                                                shop().users);
    const ServedFields by_key{shop().events, {}, shop().users, of_key};
    SequenceRecommender personal{12,
                                 Sequential{GRU{width, return_sequences}},
                                 {.width = width, .user = field_layers(of_key, width)}};
    personal.build(15, Seed{5}, {}, by_key.users().shape());
    const Recommender knows{personal, shop().events, by_key};
    CHECK(by_id(knows.recommend({.user = "u4", .about_user = {{"country", "PE"}}}, 12), knows.items()) ==
          by_id(knows.recommend({.user = "u4"}, 12), knows.items()));
    CHECK_THROWS_WITH((Recommender{shop().model, later, shop().served}), ContainsSubstring("one of 12"));
    const FeatureSpec of_keys = FeatureSpec::fit({{.name = "item"}}, shop().events);
    CHECK_THROWS_WITH((ServedFields{shop().events, of_keys}),
                      ContainsSubstring("expected features of the events' columns, received one of 'item'"));
}
