#include <deeprec/models/sequence_recommender.hpp>

#include <cmath>
#include <cstring>
#include <vector>

#include "models/sequences.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/layer_battery.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("Padding behind the events changes no bit, and no step reads a later one", "[sequence_recommender]") {
    const auto check = [](auto tower) {
        SequenceRecommender model{
            20, std::move(tower), {.width = 6, .scale = 5, .attributes = sequences::attributes(20)}};
        model.build(9, Seed{3});
        typename decltype(model)::Cache cache;
        Tensor<std::int32_t, 2> ids(2, 9), shorter(1, 4);
        ids.setZero();
        for (Index t = 0; t < 4; ++t) ids(0, t) = shorter(0, t) = static_cast<std::int32_t>(3 * t + 2);
        for (Index t = 0; t < 9; ++t) ids(1, t) = static_cast<std::int32_t>(t + 7);
        const auto padded = model.forward(ids, cache);
        const std::vector<float> all(padded.data(), padded.data() + padded.size());
        const auto alone = model.forward(shorter, cache);
        CHECK(std::memcmp(alone.data(), all.data(), 4 * 6 * sizeof(float)) == 0);
        ids(1, 5) = 1;
        const auto changed = model.forward(ids, cache);
        CHECK(std::memcmp(changed.data() + 9 * 6, all.data() + 9 * 6, 5 * 6 * sizeof(float)) == 0);
        CHECK(std::memcmp(changed.data() + 14 * 6, all.data() + 14 * 6, 6 * sizeof(float)) != 0);
    };
    check(sequences::cnn_tower(6));
    check(sequences::rnn_tower(6));
}

TEST_CASE("An item's vector is its row and the mean of its attributes' rows, cut to length one with a scale",
          "[sequence_recommender]") {
    const std::vector<std::vector<std::int32_t>> lists{{}, {1, 2}, {}, {2, 2, 1}};
    for (const double scale : {0.0, 4.0}) {
        SequenceRecommender model{3, sequences::rnn_tower(2), {.width = 2, .scale = scale, .attributes = lists}};
        model.build(5, Seed{1});
        for_each_parameter(model, [](std::string_view name, auto& p) {
            if (name == "items")
                for (Index i = 2; i < p.size(); ++i) p.data()[i] = static_cast<float>(i);  // rows 0 0, 2 3, 4 5, 6 7
            if (name == "attributes")
                for (Index i = 2; i < p.size(); ++i) p.data()[i] = static_cast<float>(10 * i);  // 0 0, 20 30, 40 50
        });
        const std::vector<float> plain{0, 0, 2 + 30, 3 + 40, 4, 5, 6 + 100.0f / 3, 7 + 130.0f / 3};
        for (std::size_t i = 0; i < 4; ++i) {
            const float length = std::hypot(plain[2 * i], plain[2 * i + 1]), factor = scale == 0 || i == 0 ? 1 : length;
            for (std::size_t j = 0; j < 2; ++j)
                CHECK(model.vectors()[2 * i + j] == Approx(plain[2 * i + j] / factor).epsilon(1e-5));
        }
    }
}

TEST_CASE("A scale gives outputs of that length; without ids the attributes speak alone", "[sequence_recommender]") {
    SequenceRecommender model{
        4, sequences::cnn_tower(3), {.width = 3, .scale = 7, .use_ids = false, .attributes = sequences::attributes(4)}};
    model.build(5, Seed{1});
    battery::check_parameters(model, {{"attributes", {4, 3}},
                                      {"bias", {5}},
                                      {"tower.1.inner.kernel", {3, 3, 3}},
                                      {"tower.1.inner.bias", {3}},
                                      {"tower.2.inner.kernel", {2, 3, 3}},
                                      {"tower.2.inner.bias", {3}},
                                      {"tower.3.kernel", {3, 3}},
                                      {"tower.3.bias", {3}}});
    Tensor<std::int32_t, 2> ids(1, 2);
    ids.setConstant(2);
    decltype(model)::Cache cache;
    const auto h = model.forward(ids, cache);
    for (Index t = 0; t < 2; ++t) CHECK(std::hypot(h(0, t, 0), h(0, t, 1), h(0, t, 2)) == Approx(7));
}

TEST_CASE("SequenceRecommender says what it refuses", "[sequence_recommender]") {
    const auto make = [](Index items, SequenceRecommenderOptions options) {
        return message_of<ArgumentError>([&] { SequenceRecommender{items, sequences::rnn_tower(4), options}; });
    };
    CHECK(make(0, {}) == "SequenceRecommender: expected a positive number of items, received 0");
    CHECK(make(3, {.scale = -1}) == "SequenceRecommender: expected scale >= 0, received -1");
    CHECK(make(3, {.use_ids = false}) == "SequenceRecommender: items need ids or attributes");
    CHECK(make(3, {.attributes = {{}, {1}}}) ==
          "SequenceRecommender: expected attributes of padding and 3 items, received 2 lists");
    CHECK(make(1, {.attributes = {{}, {0}}}) == "SequenceRecommender: expected attributes from 1, received 0");
    SequenceRecommender wide{3, sequences::rnn_tower(5), {.width = 4}};
    CHECK(message_of<ShapeError>([&] { wide.build(7, Seed{}); }) ==
          "SequenceRecommender: expected a tower that gives [7, 4], received [7, 5]");
    SequenceRecommender model{3, sequences::rnn_tower(4), {.width = 4}};
    model.build(2, Seed{});
    Tensor<std::int32_t, 2> ids(1, 2);
    ids.setConstant(4);
    decltype(model)::Cache cache;
    CHECK(message_of<DataError>([&] { model.forward(ids, cache); }) ==
          "SequenceRecommender: expected items up to 3, received 4");
}
