#include <deeprec/models/sequence_recommender.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include <deeprec/data/samples.hpp>
#include <deeprec/data/sequence_samples.hpp>
#include <deeprec/io/model_file.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/optimizers/sgd.hpp>
#include <deeprec/ranking/sequence_index.hpp>
#include <deeprec/recommender/from_tables.hpp>
#include <deeprec/recommender/grow.hpp>
#include <deeprec/recommender/recommender_file.hpp>
#include <deeprec/training/fit.hpp>
#include <deeprec/training/next_item_sampled.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

namespace {
constexpr int n = 24;
constexpr bool is_new(int item) { return item % 7 == 5; }  // 5, 12 and 19 are not in training
/// Items lie on a circle; `first` to `last` of them, with the place as a vector and a price.
ItemTable ring(int first, int last) {
    ItemTable items({Column("place", ColumnKind::vector), Column("price", ColumnKind::number)});
    for (int i = first; i <= last; ++i) {
        const float angle = 6.2831853f * static_cast<float>(i) / n;
        items.add("i" + std::to_string(i),
                  {std::vector<float>{std::cos(angle), std::sin(angle)}, i % 5 ? Cell(0.5 * i) : Cell()});
    }
    return items;
}
const FeatureSpec& spec() {
    static const FeatureSpec spec = FeatureSpec::fit(
        {{.name = "place", .kind = FeatureKind::vector}, {.name = "price", .kind = FeatureKind::number}}, ring(1, n));
    return spec;
}
/// People go around, to the next item that training knows.
Interactions events() {
    Interactions x;
    for (int i = 1; i <= n; ++i) x.items.add("i" + std::to_string(i));
    for (int u = 0; u < 60; ++u) {
        const auto user = x.users.add("u" + std::to_string(u));
        for (int e = 0, item = u; e < 10; ++item)
            if (!is_new(item % n + 1)) x.add(user, item % n + 1), ++e;
    }
    return x;
}
using Tower = Sequential<Conv1D<float, Linear>, Dense<float, Linear>>;
using Model = SequenceRecommender<Tower>;
Model model_of(const Tensor<float, 2>& features, double scale = 8, double id_dropout = 0.5) {
    SequenceRecommenderOptions options{.width = 12, .scale = scale, .id_dropout = id_dropout};
    options.features = features;
    for (int item = 1; item <= n; ++item)
        if (is_new(item)) options.cold.push_back(item);
    Model model{n, Tower{Conv1D{12, 2, linear, {.padding = Padding::causal}}, Dense{12}}, options};
    model.build(8, Seed{3});
    return model;
}
Tensor<float, 2> features() { return item_features(spec(), ring(1, n)).features; }
template <class M>
std::vector<float> kernel_of(const M& model) {
    std::vector<float> kernel;
    const auto fields = detail::named_fields(model);
    for (const auto& p : fields.parameters())
        if (p.path == "feature_kernel") kernel.assign(p.values, p.values + p.size());
    return kernel;
}
}  // namespace

TEST_CASE("Numbers of items become part of their vectors, with the gradient by the matrix", "[sequence_recommender]") {
    const auto x = features();
    CHECK(x.dimension(0) == n + 1);
    CHECK(x.dimension(1) == 5);  // place, price and a flag each
    for (const double scale : {0.0, 8.0}) {
        SequenceRecommenderOptions options{.width = 12, .scale = scale};
        options.features = x;
        options.cold = {n};
        SequenceRecommender model{n, Sequential{Dense<double, Linear>{12}}, options};
        model.build(8, Seed{3});
        const auto fields = detail::named_fields(model);
        double* kernel = nullptr;
        for (const auto& p : fields.parameters())
            if (p.path == "feature_kernel") kernel = p.values;
        REQUIRE(kernel);
        std::vector<double> dv((n + 1) * 12);
        for (std::size_t i = 0; i < dv.size(); ++i) dv[i] = std::sin(static_cast<double>(i));
        const auto loss = [&] {
            model.parameters_changed();
            double sum = 0;
            for (std::size_t i = 12; i < dv.size(); ++i) sum += std::sin(static_cast<double>(i)) * model.vectors()[i];
            return sum;
        };
        loss();
        auto gradients = model.zero_gradients();
        model.vectors_backward(dv.data(), gradients);
        for (Index i = 0; i < 5 * 12; ++i) {
            const double before = kernel[i];
            kernel[i] = before + 1e-6;
            const double up = loss();
            kernel[i] = before - 1e-6;
            const double down = loss();
            kernel[i] = before;
            CHECK(gradients.feature_kernel.data()[i] == Approx((up - down) / 2e-6).margin(1e-5).epsilon(1e-5));
        }
    }
    // By rows, with all items once as negatives, a step is that of the softmax over all items.
    const Sequences train(events());
    auto whole = model_of(x, 8, 0), sampled = model_of(x, 8, 0);
    const auto start = kernel_of(whole);
    SGD rate{{.learning_rate = 0.5}};
    fit(whole, SequenceSamples{train, 8}, NextItemSoftmax{}, rate, {.epochs = 1, .batch_size = 60});
    SGD other{{.learning_rate = 0.5}};
    fit(sampled, SequenceSamples{train, 8}, NextItemSampled{{.negatives = n}}, other, {.epochs = 1, .batch_size = 60});
    const auto a = kernel_of(whole), b = kernel_of(sampled);
    for (std::size_t i = 0; i < a.size(); ++i)
        CHECK(a[i] - start[i] == Approx(b[i] - start[i]).margin(1e-5).epsilon(1e-3));
    CHECK(a != start);
}

TEST_CASE("Items that training does not have are ranked by their numbers, kept and grown", "[sequence_recommender]") {
    const Sequences train(events());
    auto model = model_of(features());
    Adam adam{{.learning_rate = 0.02f}};
    SequenceSamples samples{train, 8};
    fit(model, samples, NextItemSoftmax{}, adam, {.epochs = 80, .batch_size = 60});
    const SequenceIndex index{model, 8};
    // A new item is where its place is: between the last item and the one that followed in training.
    for (const std::int32_t item : {5, 12, 19}) {
        const std::vector<std::int32_t> history{item - 4, item - 3, item - 2, item - 1};
        const auto hits = index.recommend(history, n, {.exclude = history});
        const auto at = [&](std::int32_t wanted) {
            return std::find_if(hits.begin(), hits.end(), [&](const auto& hit) { return hit.item == wanted; }) -
                   hits.begin();
        };
        INFO(item << " is at " << at(item) << ", its successor at " << at(item + 1));
        CHECK(at(item + 1) == 0);
        CHECK(at(item) < 5);
        CHECK(model.is_cold(item));
    }
    CHECK_FALSE(model.is_cold(20));
    const std::vector<std::int32_t> history{8, 9, 10};

    const support::TemporaryDirectory folder;
    save(model, folder.path() / "model.safetensors");
    const auto same = load<Model>(folder.path() / "model.safetensors");
    CHECK(SequenceIndex{same, 8}.recommend(history, n) == index.recommend(history, n));
    CHECK(same.is_cold(19));

    // The same by a bundle, and with new items: as if they had been there.
    Dataset data{events(), Catalogue{}, {}};
    Recommender shop{model, data};
    const auto before = shop.recommend({.history = {"i4", "i5"}}, n);
    const ItemTable more = ring(1, n + 3);
    CHECK(add_items(shop, more, spec()) == 3);
    const auto after = shop.recommend({.history = {"i4", "i5"}}, n + 3);
    std::map<std::string, float> scores;
    for (const auto& hit : after) scores[hit.key] = hit.score;
    for (const auto& hit : before) CHECK(scores.at(hit.key) == hit.score);
    CHECK(std::isfinite(scores.at("i25")));
    save(shop, folder.path() / "shop.deeprec");
    const AnyRecommender kept = load_recommender<Model>(folder.path() / "shop.deeprec");
    CHECK(kept.recommend({.history = {"i4", "i5"}}, 3)[0].key == after[0].key);
    AnyRecommender any = shop.any();
    CHECK(add_items(any, ring(1, n + 4), spec()) == 1);

    CHECK_THROWS_WITH(model.add_items(1),
                      "SequenceRecommender: expected features [1, 5] of new items, received [0, 0]");
    CHECK_THROWS_AS(model.add_items(2, {}, {}, Tensor<float, 2>(1, 5)), ArgumentError);
    Tensor<float, 2> not_finite(1, 5);
    not_finite(0, 3) = std::numeric_limits<float>::infinity();
    CHECK_THROWS_WITH(model.add_items(1, {}, {}, not_finite),
                      "SequenceRecommender: expected finite features, that of item 25 is inf");
    // The option has what the model has, so that it can be built again, grown and from a file too.
    auto again = load<Model>(folder.path() / "model.safetensors");
    again.add_items(2, {}, {}, Tensor<float, 2>(2, 5));
    CHECK(again.options().features.dimension(0) == n + 3);
    CHECK(again.options().features(7, 1) == features()(7, 1));
    again.build(8, Seed{3});
    Model anew{n + 2, Tower{Conv1D{12, 2, linear, {.padding = Padding::causal}}, Dense{12}}, again.options()};
    anew.build(8, Seed{3});
    CHECK(SequenceIndex{again, 8}.recommend(history, n) == SequenceIndex{anew, 8}.recommend(history, n));
    // A built model with other numbers has those of the file from then on.
    Tensor<float, 2> zeros(n + 1, 5);
    Model other = model_of(zeros);
    load(other, folder.path() / "model.safetensors");
    CHECK(SequenceIndex{other, 8}.recommend(history, n) == index.recommend(history, n));
    other.build(8, Seed{3});
    const Model fresh = model_of(features());
    CHECK(SequenceIndex{other, 8}.recommend(history, n) == SequenceIndex{fresh, 8}.recommend(history, n));
    grow(model, adam, n + 1, {}, Tensor<float, 2>(1, 5));
    CHECK(model.items() == n + 1);
    CHECK_THROWS_WITH(model_of(Tensor<float, 2>(n, 5)),
                      "SequenceRecommender: expected features of padding and 24 items, received 24 rows");
    Tensor<float, 2> bad = features();
    bad(7, 2) = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_WITH(model_of(bad), "SequenceRecommender: expected finite features, that of item 7 is nan");
    CHECK_THROWS_WITH(item_attributes(spec(), ring(1, n)),
                      ContainsSubstring("item_attributes: expected features with ids, received the numbers 'place'"));
}
