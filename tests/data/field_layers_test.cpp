#include <deeprec/data/field_layers.hpp>

#include <string>
#include <vector>

#include <deeprec/core/record.hpp>
#include <deeprec/data/samples.hpp>

#include "support/catch.hpp"

using namespace deeprec;

TEST_CASE("Each feature gets the layer that reads it", "[data]") {
    const std::vector<FeatureRow> rows{{{"city", "Rome"}, {"age", 31}, {"likes", std::vector<std::string>{"a", "b"}}},
                                       {{"city", "Oslo"}, {"age", 40}, {"likes", std::vector<std::string>{"a"}}}};
    const FeatureSpec spec = FeatureSpec::fit({{.name = "city", .min_count = 1},
                                               {.name = "age", .kind = FeatureKind::number},
                                               {.name = "likes", .kind = FeatureKind::bag, .min_count = 1}},
                                              rows);
    FieldList<float> layers = field_layers(spec, 6);
    CHECK(layers.build({{"city", {}}, {"likes", {2}}, {"age", {2}}}, Seed{1}) == Shape{18});
    CHECK(layers.each_gives({6}));
    FieldList<float>::Gradients none;
    Fields<float> fields(Fields<float>::With::names);
    detail::list_fields(layers, none, fields);
    std::vector<std::string> found;
    for (const auto& p : fields.parameters()) found.push_back(message(p.path, " ", p.shape));
    CHECK(found == std::vector<std::string>{"city.embeddings [4, 6]", "likes.embeddings [4, 6]", "age.kernel [2, 6]",
                                            "age.bias [6]"});
    CHECK_THROWS_WITH(field_layers(FeatureSpec{}, 6),
                      "field_layers: expected a spec with features, received one without");
}

TEST_CASE("What is missing has weights that are trained, whatever its kind", "[data]") {
    EventTable events{{Column{"city", ColumnKind::category}, Column{"likes", ColumnKind::categories},
                       Column{"age", ColumnKind::number}}};
    events.add("a", "x", 100, {"Rome", std::vector<std::string>{"jazz"}, 31.0});
    events.add("b", "x", 200, {{}, {}, {}});
    const FeatureSpec spec =
        FeatureSpec::fit({{.name = "city", .min_count = 1},
                          {.name = "likes", .kind = FeatureKind::bag, .min_count = 1, .missing = true},
                          {.name = "age", .kind = FeatureKind::number},
                          {.name = "range", .kind = FeatureKind::bucket, .buckets = 2, .field = "age"}},
                         events);
    FieldList<float> layers = field_layers(spec, 2);
    const Record x = events.samples(spec);
    layers.build(x.shape(), Seed{1});
    FieldList<float>::Cache cache;
    auto gradients = layers.zero_gradients();
    const auto y = layers.forward(x, cache, Training{});
    Tensor<float, 2> dy(2, 8);
    dy.setZero();
    for (Index i = 0; i < 8; ++i) dy(1, i) = 1;  // of the event without anything
    layers.backward(dy, cache, gradients);
    Fields<float> fields(Fields<float>::With::names);
    detail::list_fields(layers, gradients, fields);
    int trained = 0;
    for (const auto& p : fields.parameters()) {
        CAPTURE(p.path);
        if (p.rows) {
            const float* const row =
                p.rows->find(p.path == "likes.embeddings" ? static_cast<std::int32_t>(spec.rows("likes")) - 1 : 0);
            REQUIRE(row);
            CHECK(row[0] == 1);
            ++trained;
        } else if (p.path == "age.kernel") {
            CHECK((p.gradient[0] == 0 && p.gradient[2] == 1));  // the number, the flag
            ++trained;
        }
    }
    CHECK(trained == 4);
    CHECK(y.extent(0) == 2);
}
