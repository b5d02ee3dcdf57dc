#include <deeprec/models/item_attributes.hpp>

#include <utility>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using detail::ItemAttributes;
using support::message_of;

TEST_CASE("Items have shares of their attributes, and are known by them alone where they are cold", "[models]") {
    const ItemAttributes known("Model", 3, {{}, {2, 5}, {}, {1}}, {2, 3});
    CHECK(known.rows() == 6);
    CHECK(known.kind(1) == ItemAttributes::Kind::with_attributes);
    CHECK(known.kind(2) == ItemAttributes::Kind::plain);  // cold, but nothing else says what it is
    CHECK(known.kind(3) == ItemAttributes::Kind::cold);
    CHECK(known.has_cold());
    std::vector<std::pair<std::int32_t, double>> seen;
    for (Index item = 0; item <= 4; ++item)  // 4: beyond the lists
        known.each<double>(item, [&](std::int32_t attribute, double share) { seen.emplace_back(attribute, share); });
    CHECK(seen == std::vector<std::pair<std::int32_t, double>>{{2, 0.5}, {5, 0.5}, {1, 1.0}});

    const ItemAttributes none("Model", 1'000'000'000, {}, {7});
    CHECK(none.rows() == 0);
    CHECK(none.kind(7) == ItemAttributes::Kind::plain);
    CHECK(!none.has_cold());
}

TEST_CASE("Attributes that are none are refused in the name of the model", "[models]") {
    CHECK(message_of<ArgumentError>([] {
              ItemAttributes("Model", 3, {{}, {1}}, {});
          }) == "Model: expected attributes of padding and 3 items, received 2 lists");
    CHECK(message_of<ArgumentError>([] {
              ItemAttributes("Model", 1, {{}, {0}}, {});
          }) == "Model: expected attributes from 1, received 0");
    CHECK(message_of<ArgumentError>([] {
              ItemAttributes("Model", 1, {{}, {1}}, {2});
          }) == "Model: expected cold items from 1 to 1, received 2");
}
