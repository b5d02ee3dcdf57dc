/// A small recommender whose model reads fields of events and users.
#pragma once

#include <string>
#include <utility>

#include <deeprec/data/field_layers.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/recommender/recommender_file.hpp>

namespace fuzz {

using FieldModel = deeprec::SequenceRecommender<deeprec::Sequential<deeprec::Dense<float, deeprec::Linear>>>;

inline deeprec::Recommender<FieldModel> field_shop() {
    using namespace deeprec;
    EventTable events({Column("type", ColumnKind::category), Column("price", ColumnKind::number)});
    UserTable users({Column("tags", ColumnKind::categories)});
    for (int e = 0; e < 12; ++e)
        events.add(e % 3 ? "ann" : "bob", std::string(1, static_cast<char>('a' + e % 4)), 1'700'000'000 + 60 * e,
                   {e % 2 ? "view" : "cart", static_cast<double>(e)});
    users.add("bob", {std::vector<std::string>{"x", "y"}});
    users.add("ann", {std::vector<std::string>{"x"}});
    const FeatureSpec of_events = FeatureSpec::fit(
        {{.name = "type"}, {.name = "price", .kind = FeatureKind::number}, {.name = "gap", .kind = FeatureKind::gap}},
        events);
    const FeatureSpec of_users = FeatureSpec::fit({{.name = "tags", .kind = FeatureKind::bag, .min_count = 1}}, users);
    ServedFields served{events, of_events, users, of_users};
    FieldModel model{events.items.size(),
                     Sequential{Dense{4}},
                     {.width = 4, .step = field_layers(of_events, 4), .user = field_layers(of_users, 4)}};
    RecordShape of_event = served.events().shape();
    model.build(5, Seed{1}, of_event, served.users().shape());
    return {std::move(model), events, std::move(served)};
}

}  // namespace fuzz
