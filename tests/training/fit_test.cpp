#include <deeprec/training/evaluate.hpp>
#include <deeprec/training/fit.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/data/next_item_samples.hpp>
#include <deeprec/layers/activation.hpp>
#include <deeprec/layers/batch_norm.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/losses/regression.hpp>
#include <deeprec/losses/sampled_softmax.hpp>
#include <deeprec/metrics/auc.hpp>
#include <deeprec/metrics/binary.hpp>
#include <deeprec/metrics/log_loss.hpp>
#include <deeprec/metrics/ranking.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/optimizers/sgd.hpp>
#include <deeprec/ranking/item_index.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "training/worlds.hpp"

using namespace deeprec;
using namespace worlds;
using support::message_of;

namespace {

/// Weights and losses after some epochs with so many threads.
struct Trained {
    std::vector<float> weights;
    std::vector<double> losses;
};
Trained train_pairs(int threads, std::uint64_t seed = 7) {
    auto model = two_tower();
    const auto train = pairs(700), valid = pairs(100, 50);
    Adam optimizer{{.learning_rate = 0.01}};
    const History history = fit(
        model, train, BinaryCrossEntropy{}, optimizer,
        {.epochs = 3, .batch_size = 150, .validation = &valid, .threads = threads, .seed = seed});  // the last has 100
    auto losses = history.series("loss");
    for (const double loss : history.series("val_loss")) losses.push_back(loss);
    return {weights(model), losses};
}
/// Leaves the model as it is.
struct Still {
    template <class Model>
    void step(Model&, typename Model::Gradients&, ThreadPool*) {}
};
Sequences walks(std::int32_t users, std::int32_t items) {
    Interactions x;
    for (int user = 1; user <= users; ++user) x.users.add(std::to_string(user));
    for (int item = 1; item <= items; ++item) x.items.add(std::to_string(item));
    for (int user = 1; user <= users; ++user)
        for (int t = 0; t < 6; ++t) x.add(user, (user * 5 + t * (1 + user % 3)) % items + 1);
    return Sequences{x};
}

}  // namespace

TEST_CASE("fit needs no options", "[training]") {
    const auto data = points(40);
    const auto loss = [&](auto&&... options) {
        Sequential model{Dense{1, sigmoid}};
        model.build({4}, Seed{1});
        SGD sgd;
        return fit(model, data, BinaryCrossEntropy{}, sgd, options...).epochs.at(0).at("loss");
    };
    CHECK(loss() == loss(FitOptions<TensorDataset<Tensor<float, 2>, float>>{}));
}

TEST_CASE("The same seed gives the same bits, with any number of threads", "[training][threads]") {
    const Trained one = train_pairs(1);
    CHECK(same_bits(train_pairs(1).weights, one.weights));
    for (const int threads : {2, 3}) {
        const Trained several = train_pairs(threads);
        CHECK(same_bits(several.weights, one.weights));
        CHECK(several.losses == one.losses);
    }
    CHECK(!same_bits(train_pairs(1, 8).weights, one.weights));
    CHECK(one.losses[2] < one.losses[0]);
}

TEST_CASE("Blocks of users that share candidates train to the same bits, with any number of threads",
          "[training][threads]") {
    const Sequences train = walks(60, 29);
    const NegativeSampler sampler(train, Seed{5});
    const auto features = ids(30, 7, 30, 3);
    const auto trained = [&](int threads) {
        auto model = two_tower();
        NextItemSamples data(train.next_item_queries(), features, sampler,
                             {.steps = 8, .negatives = 6, .per_epoch = 250, .block = 8});
        Adam optimizer{{.learning_rate = 0.01}};
        fit(model, data, SampledSoftmax{}, optimizer, {.epochs = 2, .batch_size = 96, .threads = threads, .seed = 1});
        return weights(model);
    };
    const auto one = trained(1);
    CHECK(same_bits(trained(2), one));
    CHECK(same_bits(trained(3), one));
}

TEST_CASE("Negatives that the model in training finds hardest give the same bits, with any number of threads",
          "[training][threads]") {
    const Sequences train = walks(60, 29);
    const NegativeSampler sampler(train, Seed{5});
    const auto features = ids(30, 7, 30, 3);
    const View<const std::int32_t, 2> items{&features(1, 0), {29, 7}};
    const auto trained = [&](int threads, Index hardest_of) {
        auto model = two_tower();
        std::optional index{ItemIndex{model, items, {.first_item = 1}}};
        NextItemSamples data(
            train.next_item_queries(), features, sampler,
            {.steps = 8, .negatives = 3, .per_epoch = 250, .hardest_of = hardest_of, .scorer = [&](auto&&... asked) {
                 (*index)(asked...);
             }});
        auto renew = [&](const EpochEnd&) { index.emplace(model, items, ItemIndexOptions{.first_item = 1}); };
        Adam optimizer{{.learning_rate = 0.01}};
        fit(model, data, BinaryCrossEntropy{}, optimizer,
            {.epochs = 2, .batch_size = 96, .threads = threads, .seed = 1}, renew);
        return weights(model);
    };
    const auto one = trained(1, 4);
    CHECK(same_bits(trained(3, 4), one));
    CHECK(!same_bits(trained(1, 1), one));
}

TEST_CASE("fit learns what can be learnt, and says so", "[training]") {
    auto model = classifier();
    const auto train = points(2000), valid = points(500, 4, 9);
    Adam optimizer{{.learning_rate = 0.02}};
    const History history = fit(model, train, BinaryCrossEntropy{}, optimizer,
                                {.epochs = 10, .batch_size = 50, .validation = &valid, .threads = 1});
    REQUIRE(history.epochs.size() == 10);
    CHECK(!history.stopped_early);
    CHECK(optimizer.iterations() == 400);
    CHECK(history.series("loss").back() < 0.1);
    CHECK(history.series("val_loss").back() < 0.1);
    const Report report = evaluate(model, valid, Auc{}, LogLoss{});
    CHECK(report["auc"] > 0.99);
    CHECK(report["log_loss"] == Approx(history.series("val_loss").back()).epsilon(1e-4));
}

TEST_CASE("The epoch loss weighs batches by their rows", "[training]") {
    auto model = classifier();
    const auto train = points(10);
    const auto before = model;
    Still optimizer;
    const History history = fit(model, train, BinaryCrossEntropy{}, optimizer,
                                {.epochs = 2, .batch_size = 8, .validation = &train, .threads = 1});
    const auto y = predict(before, train.inputs());
    const double expected = BinaryCrossEntropy{}.forward(y, train.targets());
    for (const char* figure : {"loss", "val_loss"})
        for (const double loss : history.series(figure)) CHECK(loss == Approx(expected).epsilon(1e-5));
}

TEST_CASE("Metrics among the callbacks see the predictions of training and validation", "[training][threads]") {
    auto model = classifier();
    const auto before = model;
    const auto train = points(300), valid = points(100, 4, 9);
    for (const int threads : {1, 2}) {
        Still optimizer;
        Auc auc;
        const History history =
            fit(model, train, BinaryCrossEntropy{}, optimizer,
                {.epochs = 2, .batch_size = 170, .validation = &valid, .threads = threads}, BinaryAccuracy{}, auc);
        const Report expected = evaluate(before, train, BinaryAccuracy{}, Auc{}),
                     val_expected = evaluate(before, valid, BinaryAccuracy{}, Auc{});
        for (const EpochLog& log : history.epochs) {
            CHECK(log.at("binary_accuracy") == expected["binary_accuracy"]);
            CHECK(log.at("auc") == Approx(expected["auc"]).epsilon(1e-12));
            CHECK(log.at("val_binary_accuracy") == val_expected["binary_accuracy"]);
            CHECK(log.at("val_auc") == Approx(val_expected["auc"]).epsilon(1e-12));
        }
    }
}

TEST_CASE("Accumulated batches step as one batch of all their samples", "[training]") {
    const auto trained = [](Index batch_size, Index accumulate) {
        auto model = classifier();
        SGD optimizer{{.learning_rate = 0.1, .momentum = 0.5}};
        const History history =
            fit(model, points(50), BinaryCrossEntropy{}, optimizer,
                {.epochs = 2, .batch_size = batch_size, .threads = 1, .shuffle = false, .accumulate = accumulate});
        CHECK(optimizer.iterations() == 2 * ((50 + batch_size * accumulate - 1) / (batch_size * accumulate)));
        auto all = weights(model);
        for (const double loss : history.series("loss")) all.push_back(static_cast<float>(loss));
        return all;
    };
    for (const auto& [batch_size, accumulate] : {std::pair<Index, Index>{10, 2}, {5, 4}, {7, 3}}) {
        const auto one = trained(batch_size * accumulate, 1), several = trained(batch_size, accumulate);
        REQUIRE(one.size() == several.size());
        for (std::size_t i = 0; i < one.size(); ++i) CHECK(several[i] == Approx(one[i]).margin(1e-6));
    }
}

TEST_CASE("class_weight multiplies the samples' weights in training", "[training]") {
    const auto plain = points(60), valid = points(20, 4, 9);
    Tensor<float, 1> w(60), both(60);
    for (Index i = 0; i < 60; ++i) {
        w(i) = static_cast<float>(1 + i % 3);
        both(i) = w(i) * (plain.targets()(i, 0) > 0.5f ? 3.0f : 0.5f);
    }
    const auto trained = [&](const auto& data, std::vector<double> class_weight) {
        auto model = classifier();
        SGD optimizer{{.learning_rate = 0.1}};
        const History history = fit(model, data, BinaryCrossEntropy{}, optimizer,
                                    {.epochs = 2,
                                     .batch_size = 25,
                                     .validation = &valid,
                                     .threads = 1,
                                     .class_weight = std::move(class_weight)});
        auto all = weights(model);
        for (const char* figure : {"loss", "val_loss"})
            for (const double loss : history.series(figure)) all.push_back(static_cast<float>(loss));
        return all;
    };
    const TensorDataset weighted{plain.inputs(), plain.targets(), w}, expected{plain.inputs(), plain.targets(), both};
    CHECK(same_bits(trained(weighted, {0.5, 3}), trained(expected, {})));
    CHECK(same_bits(trained(plain, {1, 1}), trained(plain, {})));
    CHECK(message_of<DataError>([&] { trained(plain, {1}); }) ==
          "fit: class_weight has 1 classes, received the target 1");
}

TEST_CASE("Samples come in a new order each epoch, or in the given one", "[training]") {
    struct Recorder {
        TensorDataset<Tensor<float, 2>, float> data;
        std::vector<Index>* seen;
        std::vector<std::pair<Index, std::uint64_t>>* epochs;
        Index size() const { return data.size(); }
        auto batch(std::span<const Index> indices) const {
            seen->insert(seen->end(), indices.begin(), indices.end());
            return data.batch(indices);
        }
        void start_epoch(Index epoch, Seed seed) { epochs->emplace_back(epoch, seed.value); }
    };
    const auto orders = [](bool shuffle, std::uint64_t seed, Index block = 0) {
        std::vector<Index> seen;
        std::vector<std::pair<Index, std::uint64_t>> epochs;
        Recorder data{points(50), &seen, &epochs};
        auto model = classifier();
        Adam optimizer;
        fit(model, data, BinaryCrossEntropy{}, optimizer,
            {.epochs = 2, .batch_size = 7, .threads = 1, .seed = seed, .shuffle = shuffle, .shuffle_block = block});
        REQUIRE(seen.size() == 100);
        REQUIRE(epochs.size() == 2);
        CHECK(epochs[0].first == 0);
        CHECK(epochs[1].first == 1);
        CHECK(epochs[0].second != epochs[1].second);
        return std::pair{std::vector<Index>(seen.begin(), seen.begin() + 50),
                         std::vector<Index>(seen.begin() + 50, seen.end())};
    };
    const auto all = deeprec::detail::all_indices(50);
    const auto [first, second] = orders(true, 1);
    CHECK(first != second);
    CHECK(first != all);
    for (auto order : {first, second}) {
        std::sort(order.begin(), order.end());
        CHECK(order == all);
    }
    CHECK(orders(true, 1).first == first);
    CHECK(orders(true, 2).first != first);
    CHECK(orders(false, 1) == std::pair{all, all});
    CHECK(orders(false, 1, 5) == std::pair{all, all});
    const auto [block_first, block_second] = orders(true, 1, 5);
    CHECK(block_first != block_second);
    for (auto order : {block_first, block_second}) {
        std::sort(order.begin(), order.end());
        CHECK(order == all);
    }
    CHECK(message_of<ArgumentError>([&] { orders(true, 1, -1); }) ==
          "fit: expected a shuffle_block >= 0, received -1");
}

TEST_CASE("A loss that stops being finite stops the training", "[training]") {
    auto model = classifier();
    Tensor<float, 2> x(20, 4), y(20, 1);
    x.setZero();
    y.setZero();
    x(15, 2) = std::numeric_limits<float>::quiet_NaN();
    const TensorDataset data{x, y};
    Adam optimizer;
    CHECK(message_of<NumericError>([&] {
              fit(model, data, BinaryCrossEntropy{}, optimizer,
                  {.epochs = 3, .batch_size = 10, .threads = 1, .shuffle = false});
          }) ==
          "fit: the loss became NaN in step 1 (epoch 1): the input of Dense '0' has a number that is not finite; try a "
          "smaller learning rate or clipping");
    CHECK(optimizer.iterations() == 1);  // the bad step was not made
    for (const float w : weights(model)) CHECK(std::isfinite(w));
}

TEST_CASE("A loss that is not finite names the layer that made it", "[training][threads]") {
    const auto error = [](auto model, const auto& data, const auto& loss) {
        Adam optimizer;
        return message_of<NumericError>(
            [&] { fit(model, data, loss, optimizer, {.batch_size = 300, .threads = 3, .shuffle = false}); });
    };
    Tensor<float, 2> x(300, 4), y(300, 1);
    x.setConstant(1e20f);
    y.setZero();
    Sequential model{Dense{4}, Sequential{Dense{4}, Activation{relu}}, Dense{1}};
    model.build({4}, Seed{1});
    for_each_parameter(model, [](std::string_view name, auto& p) {
        std::fill_n(p.data(), p.size(), name == "1.0.kernel" ? 1e30f : name.ends_with("bias") ? 0.f : 0.5f);
    });
    const std::string begins = "fit: the loss became ", step = " in step 0 (epoch 1): ";
    CHECK(error(model, TensorDataset{x, y}, MeanSquaredError{}) ==
          begins + "infinite" + step +
              "the output of Dense '1.0' has a number that is not finite; try a smaller learning rate or clipping");
    x.setZero();
    y(299, 0) = std::numeric_limits<float>::quiet_NaN();
    CHECK(error(model, TensorDataset{x, y}, MeanSquaredError{}) ==
          begins + "NaN" + step +
              "the outputs of all layers are finite: the loss, its targets or their weights made it; try a smaller "
              "learning rate or clipping");

    TwoTower towers{Dense{4}, Sequential{Dense{4}, Dense{4}}, Dot{}};
    towers.build({{4}, {4}}, Seed{1});
    for_each_parameter(towers, [](std::string_view name, auto& p) {
        std::fill_n(p.data(), p.size(), name == "item.1.kernel" ? 1e30f : name.ends_with("bias") ? 0.f : 0.5f);
    });
    x.setConstant(1e20f);
    y.setZero();
    CHECK(error(towers, TensorDataset{Pair{x, x}, y}, MeanSquaredError{}).find("the output of Dense 'item.1' has") !=
          std::string::npos);
}

TEST_CASE("A gradient that is not finite is refused before the weights change", "[training]") {
    Sequential model{LSTM{4}, Dense{1, sigmoid}};
    model.build({3, 2}, Seed{1});
    Tensor<float, 3> x(20, 3, 2);
    Tensor<float, 2> y(20, 1);
    x.setZero();
    y.setZero();
    x(15, 1, 1) = std::numeric_limits<float>::infinity();  // saturates the gates: the loss is finite
    Adam optimizer;
    for (const Index accumulate : {1, 2}) {
        model.build({3, 2}, Seed{1});
        const auto before = weights(model);
        CAPTURE(accumulate);
        CHECK(message_of<NumericError>([&] {
                  fit(model, TensorDataset{x, y}, BinaryCrossEntropy{}, optimizer,
                      {.batch_size = 20, .threads = 1, .shuffle = false, .accumulate = accumulate});
              }) ==
              "fit: the gradient of 0.kernel has a number that is not finite in step 1 (epoch 1), while the loss is "
              "finite; the weights are those before this step; try a smaller learning rate or clipping");
        CHECK(optimizer.iterations() == 0);
        CHECK(weights(model) == before);
    }
}

TEST_CASE("Moving statistics and weights that stop being finite are refused", "[training]") {
    Sequential model{BatchNorm{}, Dense{1, sigmoid}};
    model.build({4}, Seed{1});
    Tensor<float, 2> x(40, 4), y(40, 1);
    for (Index i = 0; i < x.size(); ++i) x.data()[i] = i / 4 % 2 ? 3e19f : -3e19f;  // their variance is infinite
    y.setZero();
    Adam adam;
    CHECK_THROWS_WITH(fit(model, TensorDataset{x, y}, BinaryCrossEntropy{}, adam, {.epochs = 20, .threads = 1}),
                      ContainsSubstring("0.") && ContainsSubstring("is not finite"));
    for_each_state(model, [](std::string_view, const auto& state) {
        for (Index i = 0; i < state.size(); ++i) CHECK(std::isfinite(state.data()[i]));
    });

    Sequential line{Dense{1}};
    line.build({4}, Seed{1});
    x.setConstant(1e4f);
    SGD sgd{{.learning_rate = 1e35}};
    CHECK_THROWS_WITH(
        fit(line, TensorDataset{x, y}, MeanSquaredError{}, sgd, {.epochs = 1, .batch_size = 40}),
        "fit: 0.kernel has a number that is not finite after the last step, 1 (epoch 1); try a smaller learning "
        "rate or clipping");
}

TEST_CASE("fit names options and data that it cannot use", "[training]") {
    auto model = classifier();
    const auto data = points(20), none = points(0);
    Adam optimizer;
    const BinaryCrossEntropy loss;
    CHECK(message_of<ArgumentError>([&] { fit(model, data, loss, optimizer, {.epochs = -1}); }) ==
          "fit: expected epochs >= 0, received -1");
    CHECK(message_of<ArgumentError>([&] { fit(model, data, loss, optimizer, {.batch_size = 0}); }) ==
          "fit: expected a positive batch_size, received 0");
    CHECK(message_of<ArgumentError>([&] { fit(model, data, loss, optimizer, {.accumulate = 0}); }) ==
          "fit: expected a positive accumulate, received 0");
    CHECK(message_of<ArgumentError>([&] {
              fit(model, data, loss, optimizer, {.class_weight = {1, -1}});
          }) == "fit: expected class weights >= 0, received -1");
    CHECK(message_of<ArgumentError>([&] { fit(model, data, loss, optimizer, {.threads = -1}); }) ==
          "ThreadPool: expected 0 (all cores) or more threads, received -1");
    CHECK(message_of<DataError>([&] { fit(model, none, loss, optimizer, {}); }) ==
          "fit: the training data has no samples");
    CHECK(message_of<DataError>([&] { fit(model, data, loss, optimizer, {.validation = &none}); }) ==
          "fit: the validation data has no samples");
    CHECK_THROWS_AS(fit(model, points(20, 5), loss, optimizer, {}), ShapeError);
    Tensor<float, 2> x(6, 4), y(6, 2);
    x.setZero();
    y.setZero();
    CHECK(message_of<ShapeError>([&] {
              fit(model, TensorDataset{x, y}, loss, optimizer, {});
          }) == "fit: the model gives 1 outputs a sample, the targets have 2");
    CHECK(fit(model, data, loss, optimizer, {.epochs = 0}).epochs.empty());
    CHECK(optimizer.iterations() == 0);
}

TEST_CASE("predict gives forward's bits, in any batches on any threads", "[training][threads]") {
    const auto model = two_tower();
    const auto data = pairs(333);
    decltype(model)::Cache cache;
    const auto whole = model.forward(data.inputs().user, data.inputs().item, cache);
    const std::vector<float> expected(whole.data(), whole.data() + whole.size());
    for (const Index batch_size : {1, 7, 64, 333, 1000})
        for (const int threads : {1, 2, 3}) {
            const auto y = predict(model, data.inputs(), {.batch_size = batch_size, .threads = threads});
            CAPTURE(batch_size, threads);
            CHECK(y.dimension(0) == 333);
            CHECK(y.dimension(1) == 1);
            CHECK(same_bits(numbers(y), expected));
        }
    const auto vectors = predict(model.item, data.inputs().item);
    CHECK(vectors.dimension(0) == 333);
    CHECK(vectors.dimension(1) == model.item.output_shape()[0]);
}

TEST_CASE("predict keeps the blocks of users that share candidates", "[training][threads]") {
    const auto model = two_tower();
    const Index block = 6, blocks = 9, candidates = 5;
    const Pair x{ids(block * blocks, 8, 40, 1), ids(blocks * candidates, 7, 30, 2), block};
    decltype(model)::Cache cache;
    const auto whole = model.forward(Pair{view(x.user), view(x.item), block}, cache);
    const std::vector<float> expected(whole.data(), whole.data() + whole.size());
    REQUIRE(expected.size() == 54 * 5);
    for (const Index batch_size : {1, 10, 54, 1000})
        CHECK(same_bits(numbers(predict(model, x, {.batch_size = batch_size, .threads = 2})), expected));
    CHECK_THROWS_AS(predict(model, Pair{x.user, x.item, Index{0}}), ShapeError);
    CHECK_THROWS_AS(predict(model, Pair{x.user, x.item, Index{7}}), ShapeError);
}

TEST_CASE("predict of nothing is empty, and bad options have names", "[training]") {
    const auto model = classifier();
    CHECK(predict(model, Tensor<float, 2>(0, 4)).size() == 0);
    CHECK(message_of<ArgumentError>([&] { predict(model, Tensor<float, 2>(3, 4), {.batch_size = 0}); }) ==
          "predict: expected a positive batch_size, received 0");
    CHECK_THROWS_AS(predict(model, Tensor<float, 2>(3, 5)), ShapeError);
}

TEST_CASE("evaluate shows every sample to every metric, with weights", "[training]") {
    const auto model = classifier();
    const auto plain = points(2500);  // several batches
    Tensor<float, 1> w(2500);
    for (Index i = 0; i < 2500; ++i) w(i) = static_cast<float>(i % 3);
    const TensorDataset weighted{plain.inputs(), plain.targets(), w};
    const auto y = predict(model, plain.inputs());
    Auc auc;
    LogLoss log_loss;
    auc.update(y, plain.targets(), w.data());
    log_loss.update(y, plain.targets(), w.data());
    const Report report = evaluate(model, weighted, Auc{}, LogLoss{});
    CHECK(report["auc"] == auc.result());
    CHECK(report["log_loss"] == Approx(log_loss.result()).epsilon(1e-12));
    CHECK(evaluate(model, plain, Auc{})["auc"] != auc.result());
    CHECK(message_of<ArgumentError>([&] { report["ndcg"]; }) == "Report: no figure named 'ndcg'");
    std::ostringstream out;
    out << Report{{{"auc", 0.5}, {"log_loss", 2}}};
    CHECK(out.str() == "auc 0.5  log_loss 2");
}

TEST_CASE("predict and evaluate in a row keep threads and memory with a Predictor", "[training][threads]") {
    const auto model = classifier();
    const auto data = points(2500);
    const auto expected = numbers(predict(model, data.inputs()));
    const Index some[] = {7, 8, 9}, others[] = {7, 9, 8};
    CHECK(data.batch(some).inputs.data() == data.inputs().data() + 7 * 4);  // rows in a row are not copied
    CHECK(data.batch(others).inputs.data() != data.inputs().data() + 7 * 4);
    for (const int threads : {1, 2}) {
        Predictor predictor{model, {.threads = threads}};
        const auto first = predict(predictor, data.inputs());
        const Report figures = evaluate(predictor, data, BinaryAccuracy{});
        CHECK(same_bits(numbers(first), expected));
        CHECK(figures["binary_accuracy"] == evaluate(model, data, BinaryAccuracy{})["binary_accuracy"]);
        // of 79 slices nothing is made anew
        CHECK(support::allocations_in([&] { predictor.views(view(data.inputs())); }) == 0);
        CHECK(support::allocations_in([&] { predict(predictor, data.inputs()); }) == 1);  // the result
        const long of_evaluate = support::allocations_in([&] { evaluate(predictor, data, BinaryAccuracy{}); });
        CHECK(of_evaluate <= 4);  // the numbers of the samples, and the report
    }
}

TEST_CASE("evaluate takes samples that share candidates", "[training]") {
    const Sequences train = walks(40, 29);
    const NegativeSampler sampler(train, Seed{5});
    const auto features = ids(30, 7, 30, 3);
    const auto queries = train.next_item_queries();
    const NextItemSamples alone(queries, features, sampler, {.steps = 8, .negatives = 6});
    const NextItemSamples sharing(queries, features, sampler, {.steps = 8, .negatives = 6, .block = 8});
    const auto model = two_tower();
    for (const auto* data : {&alone, &sharing}) {
        const double auc = evaluate(model, *data, Auc{})["auc"];
        CHECK(auc > 0);
        CHECK(auc < 1);
        const double ndcg = evaluate(model, *data, Ndcg{})[Ndcg{}.name()];  // the candidates of a user are one list
        CHECK(ndcg > 0);
        CHECK(ndcg < 1);
    }
    auto trained = two_tower();
    Adam adam;
    CHECK(message_of<DataError>([&] { fit(trained, sharing, BinaryCrossEntropy{}, adam, {.epochs = 1}); }) ==
          "BinaryCrossEntropy: expected targets in [0, 1], received -1");
}
