#include <deeprec/models/sequence_recommender.hpp>

#include <cmath>
#include <cstring>
#include <memory>
#include <sstream>
#include <vector>

#include <sys/resource.h>

#include <deeprec/io/model_file.hpp>
#include <deeprec/ranking/sequence_index.hpp>

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

TEST_CASE("A step drops ids of items with attributes, cold items with attributes never have one",
          "[sequence_recommender]") {
    const std::int32_t n = 400;
    SequenceRecommender model{
        n,
        sequences::rnn_tower(2),
        {.width = 2, .attributes = sequences::attributes(n), .id_dropout = 0.3, .cold = {4, 5, 9}}};
    model.build(5, Seed{1});
    const auto attributes = sequences::attributes(n);
    const float *items = nullptr, *rows = nullptr;
    for_each_parameter(std::as_const(model), [&](std::string_view name, const auto& p) {
        if (name == "items") items = p.data();
        if (name == "attributes") rows = p.data();
    });
    /// Whether the vector is that of the attributes alone; else it must be that with the id.
    const auto is_content = [&](const float* vectors, std::int32_t item) {
        const auto& own = attributes[static_cast<std::size_t>(item)];
        float content = 0;
        for (const std::int32_t a : own) content += rows[2 * a] / static_cast<float>(own.size());
        const bool alone = std::abs(vectors[2 * item] - content) < 1e-6f;
        if (!alone) REQUIRE(vectors[2 * item] == Approx(items[2 * item] + content).margin(1e-6));
        return alone;
    };
    decltype(model)::Vectors drawn, again, other;
    model.draw_vectors(Seed{1}, drawn);
    model.draw_vectors(Seed{1}, again);
    model.draw_vectors(Seed{2}, other);
    int dropped = 0, both = 0;
    for (std::int32_t item = 1; item <= n; ++item) {
        const bool cold = item == 5 || item == 9, now = is_content(drawn.rows.data(), item);
        CAPTURE(item);
        CHECK(model.is_cold(item) == cold);
        CHECK(is_content(model.vectors(), item) == cold);
        CHECK(is_content(again.rows.data(), item) == now);
        if (cold || attributes[static_cast<std::size_t>(item)].empty()) CHECK(now == cold);
        dropped += now;
        both += now && is_content(other.rows.data(), item);
    }
    CHECK(dropped == Approx(0.3 * 300).margin(4 * std::sqrt(0.21 * 300)));
    CHECK(both == Approx(0.09 * 300).margin(4 * std::sqrt(0.09 * 300)));
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

TEST_CASE("A recommender comes back whole from its file", "[sequence_recommender][io]") {
    const auto saved = [](const auto& model) {
        std::ostringstream out;
        save(model, out);
        return out.str();
    };
    const auto loaded = [](const auto& model, std::string bytes, const std::string& from = "",
                           const std::string& to = "") {
        if (!from.empty()) {
            const std::size_t at = bytes.find(from);
            REQUIRE(at != std::string::npos);
            bytes.replace(at, from.size(), to);
            std::uint64_t header = 0;
            std::memcpy(&header, bytes.data(), 8);
            header += to.size() - from.size();
            std::memcpy(bytes.data(), &header, 8);
        }
        SafetensorsReader file(std::make_unique<std::istringstream>(std::move(bytes)), "model.safetensors");
        return load<decltype(model)>(file);
    };
    const auto comes_back = [&](auto tower, SequenceRecommenderOptions options) {
        SequenceRecommender model{7, std::move(tower), std::move(options)};
        model.build(5, Seed{3});
        const auto again = loaded(model, saved(model));
        CHECK(saved(again) == saved(model));
        CHECK(again.steps() == 5);
        CHECK(again.options().attributes == model.options().attributes);
        Tensor<std::int32_t, 2> ids(2, 5);
        for (Index i = 0; i < ids.size(); ++i) ids.data()[i] = static_cast<std::int32_t>(i % 8);
        typename decltype(model)::Cache a, b;
        CHECK(battery::detail::same_bits(model.forward(ids, a), again.forward(ids, b)));
        CHECK(std::memcmp(model.vectors(), again.vectors(), 8 * 4 * sizeof(float)) == 0);
        CHECK((model.bias() == nullptr) == (again.bias() == nullptr));
    };
    comes_back(sequences::cnn_tower(4, 0.3), {.width = 4});
    comes_back(sequences::cnn_tower(4),
               {.width = 4, .scale = 0.1, .use_bias = false, .use_ids = false, .attributes = sequences::attributes(7)});
    comes_back(sequences::cnn_tower(4),
               {.width = 4, .attributes = sequences::attributes(7), .id_dropout = 0.25, .cold = {3, 5}});
    auto empty_at_both_ends = sequences::attributes(7);
    empty_at_both_ends.back().clear();
    empty_at_both_ends[1].clear();
    comes_back(sequences::cnn_tower(4), {.width = 4, .scale = 12, .attributes = empty_at_both_ends});

    SequenceRecommender model{7, sequences::cnn_tower(4), {.width = 4, .attributes = sequences::attributes(7)}};
    model.build(5, Seed{3});
    const std::string bytes = saved(model);
    CHECK(bytes.find("\"SequenceRecommender items=7 steps=5 width=4 scale=0 use_bias=true use_ids=true "
                     "attributes=;2;3,1;1,2,3;;3;1,2;2,3,1 id_dropout=0 cold=\"") != std::string::npos);
    const auto refuse = [&](const std::string& from, const std::string& to, const std::string& why) {
        const std::string text = message_of<FormatError>([&] { loaded(model, bytes, from, to); });
        INFO(text << " should contain " << why);
        CHECK(text.find(why) != std::string::npos);
    };
    refuse("items=7", "items=8", "expected attributes of padding and 8 items, received 8 lists");
    refuse("items=7", "items=0", "expected a positive number of items, received 0");
    refuse("width=4", "width=5", "Residual: expected Conv1D to keep the shape [5, 5], received [5, 4]");
    refuse("1,2;2", "1,9;2", "tensor 'attributes': expected F32 [10, 4], received F32 [4, 4]");
    refuse("1,2;2", "1,0;2", "expected attributes from 1, received 0");
    refuse("1,2;2", "1,,;2", "attributes: expected a number");
    refuse("id_dropout=0", "id_dropout=1", "expected id_dropout from 0 to below 1, received 1");
    refuse("use_ids=true", "use_ids=nope", "expected true or false");
    refuse("Dense units=4", "Dense units=9",
           "SequenceRecommender: expected a tower that gives [5, 4], received [5, 9]");

    SequenceRecommender plain{7, sequences::cnn_tower(4), {.width = 4}};
    plain.build(5, Seed{3});
    const auto peak = [] {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        return usage.ru_maxrss;  // in KiB
    };
    const auto before = peak();
    const auto refuse_plain = [&](const std::string& from, const std::string& to, const std::string& why) {
        const std::string text = message_of<FormatError>([&] { loaded(plain, saved(plain), from, to); });
        INFO(text << " should contain " << why);
        CHECK(text.find(why) != std::string::npos);
    };
    refuse_plain("items=7", "items=2147483647", "tensor 'items': expected F32 [2147483648, 4], received F32 [8, 4]");
    refuse_plain("use_ids=true", "use_ids=false", "items need ids, attributes or features");
    refuse_plain("width=4 scale=0 use_bias=true use_ids=true attributes=",
                 "width=2147483647 scale=0 use_bias=true use_ids=false attributes=;;;;;;;",
                 "items need ids, attributes or features");
    CHECK(peak() - before < 100 * 1024);  // refused before anything has those sizes
}

TEST_CASE("SequenceRecommender says what it refuses", "[sequence_recommender]") {
    const auto make = [](Index items, SequenceRecommenderOptions options) {
        return message_of<ArgumentError>([&] { SequenceRecommender{items, sequences::rnn_tower(4), options}; });
    };
    CHECK(make(0, {}) == "SequenceRecommender: expected a positive number of items, received 0");
    CHECK(make(3, {.scale = -1}) == "SequenceRecommender: expected scale >= 0, received -1");
    CHECK(make(3, {.use_ids = false}) == "SequenceRecommender: items need ids, attributes or features");
    CHECK(make(1, {.use_ids = false, .attributes = {{}, {}}}) ==
          "SequenceRecommender: items need ids, attributes or features");
    CHECK(make(3, {.attributes = {{}, {1}}}) ==
          "SequenceRecommender: expected attributes of padding and 3 items, received 2 lists");
    CHECK(make(1, {.attributes = {{}, {0}}}) == "SequenceRecommender: expected attributes from 1, received 0");
    CHECK(make(1, {.id_dropout = 1}) == "SequenceRecommender: expected id_dropout from 0 to below 1, received 1");
    CHECK(make(1, {.id_dropout = NAN}).find("received nan") != std::string::npos);
    CHECK(make(1, {.id_dropout = -0.1}).find("received -0.1") != std::string::npos);
    CHECK(make(3, {.cold = {4}}) == "SequenceRecommender: expected cold items from 1 to 3, received 4");
    const SequenceRecommender some{3, sequences::rnn_tower(4)};
    CHECK(!some.is_cold(0));
    CHECK(!some.is_cold(3));
    for (const Index item : {Index(-1), Index(4), Index(100000)})
        CHECK(message_of<DataError>([&] { some.is_cold(item); }) ==
              message("SequenceRecommender: expected items up to 3, received ", item));
    SequenceRecommender wide{3, sequences::rnn_tower(5), {.width = 4}};
    CHECK(message_of<ShapeError>([&] { wide.build(7, Seed{}); }) ==
          "SequenceRecommender: expected a tower that gives [7, 4], received [7, 5]");
    SequenceRecommender strided{3, Sequential{Conv1D{4, 1, linear, {.strides = 2}}}, {.width = 4}};
    strided.build(1, Seed{});  // one step stays one step
    Tensor<std::int32_t, 2> longer(2, 8);
    longer.setConstant(1);
    decltype(strided)::Cache strided_cache;
    CHECK(message_of<ShapeError>([&] { strided.forward(longer, strided_cache); }) ==
          "SequenceRecommender: expected a tower that gives [2, 8, 4], received [2, 4, 4]");
    SequenceRecommender model{3, sequences::rnn_tower(4), {.width = 4}};
    model.build(2, Seed{});
    Tensor<std::int32_t, 2> ids(1, 2);
    ids.setConstant(4);
    decltype(model)::Cache cache;
    CHECK(message_of<DataError>([&] { model.forward(ids, cache); }) ==
          "SequenceRecommender: expected items up to 3, received 4");
    ids.setConstant(3);
    model.forward(ids, cache, Training{1});
    Tensor<float, 3> dh(2, 2, 4);
    dh.setZero();
    auto gradients = model.zero_pass_gradients();
    CHECK(message_of<ShapeError>([&] { model.backward(dh, cache, gradients); }) ==
          "SequenceRecommender: expected a gradient of [1, 2, 4], received [2, 2, 4]");
}

TEST_CASE("SequenceRecommender wants to be built first", "[sequence_recommender]") {
    Tensor<std::int32_t, 2> ids(1, 2);
    ids.setConstant(3);
    for (const auto& options : {SequenceRecommenderOptions{.width = 4},
                                {.width = 4, .scale = 2},
                                {.width = 4, .use_ids = false, .attributes = sequences::attributes(3)}}) {
        SequenceRecommender model{3, sequences::rnn_tower(4), options};
        decltype(model)::Cache cache;
        decltype(model)::Vectors drawn;
        const std::string text = "SequenceRecommender: the model has no item vectors; build it first";
        CHECK(message_of<ArgumentError>([&] { model.forward(ids, cache); }) == text);
        CHECK(message_of<ArgumentError>([&] { model.vectors(); }) == text);
        CHECK(message_of<ArgumentError>([&] { model.draw_vectors(Seed{1}, drawn); }) == text);
        CHECK(message_of<ArgumentError>([&] { SequenceIndex{model}; }) == text);
    }
}
