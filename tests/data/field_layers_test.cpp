#include <deeprec/data/field_layers.hpp>

#include <string>
#include <vector>

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
