#include <deeprec/training/world.hpp>

#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/models/two_tower.hpp>
#include <deeprec/optimizers/sgd.hpp>
#include <deeprec/metrics/auc.hpp>
#include <deeprec/metrics/log_loss.hpp>
#include <deeprec/training/evaluate.hpp>
#include <deeprec/training/fit.hpp>

#include "models/sequences.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/ranks.hpp"
#include "training/worlds.hpp"

using namespace deeprec;
using support::on_ranks;

namespace {
double farthest(const std::vector<float>& a, const std::vector<float>& b) {
    double most = a.size() == b.size() ? 0 : INFINITY;
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
        most = std::max(most, static_cast<double>(std::abs(a[i] - b[i])));
    return most;
}
/// train(world, batch_size, where the weights go), whether ranks of shares make of it what one makes.
template <class Train>
void ranks_agree_with_one(int ranks, Index batch, const Train& train) {
    std::vector<float> one;
    train(AnyWorld{}, batch * ranks, one);
    std::vector<std::vector<float>> weights(static_cast<std::size_t>(ranks));
    const auto errors = on_ranks(
        ranks, [&](int rank, AnyWorld world) { train(world, batch, weights[static_cast<std::size_t>(rank)]); });
    CHECK(errors == std::vector<std::string>(static_cast<std::size_t>(ranks)));
    for (const auto& own : weights) {
        CHECK(worlds::same_bits(own, weights[0]));
        CHECK(farthest(own, one) < 1e-6);
    }
}
/// Of a program that was compiled with another version of the library.
class OtherVersion final : public TrainingWorld {
public:
    explicit OtherVersion(AnyWorld world) : world_(std::move(world)) {}
    int rank() const override { return world_.rank(); }
    int size() const override { return world_.size(); }
    void sum(float* numbers, Index count) override { world_->sum(numbers, count); }
    void sum(double* numbers, Index count) override { world_->sum(numbers, count); }
    std::vector<std::vector<std::byte>> gather(std::span<const std::byte> own) override {
        std::string text(reinterpret_cast<const char*>(own.data()), own.size());
        const std::size_t at = text.find(std::string("the version") + '\0' + version + '\0');
        if (at != text.npos) text.replace(at + 12, std::string_view(version).size(), "9.9.9");
        return world_->gather(std::as_bytes(std::span(text)));
    }
    std::vector<std::vector<std::byte>> exchange(std::vector<std::vector<std::byte>> give) override {
        return world_->exchange(std::move(give));
    }

private:
    AnyWorld world_;
};
auto small_pair_model() {
    TwoTower model{Sequential{Embedding{40, 6}, Flatten{}, Dense{8, relu}, Dropout{0.3}},
                   Sequential{Embedding{30, 5}, Flatten{}}, Sequential{Dense{1, sigmoid}}};
    model.build({{8}, {7}}, Seed{42});
    return model;
}
}  // namespace

TEST_CASE("Ranks with shares of a batch train as one with the whole, dropout and sparse rows too", "[world][threads]") {
    for (const int ranks : {2, 3})
        for (const Index accumulate : {1, 2})
            ranks_agree_with_one(ranks, 24, [&](AnyWorld world, Index batch, std::vector<float>& weights) {
                auto model = small_pair_model();
                auto data = worlds::pairs(200);  // the last batch is smaller
                SGD sgd{{.learning_rate = 0.05}};
                const History history =
                    fit(model, data, BinaryCrossEntropy{}, sgd,
                        {.epochs = 2, .batch_size = batch, .threads = 1, .accumulate = accumulate, .world = world});
                weights = worlds::weights(model);
                for (const double loss : history.series("loss")) weights.push_back(static_cast<float>(loss));
            });
}

TEST_CASE("Ranks train a sequence recommender as one, against all items and against sampled ones", "[world][threads]") {
    const Sequences train = sequences::walks(61, 30);
    const auto trained = [&](const auto& loss) {
        ranks_agree_with_one(2, 16, [&](AnyWorld world, Index batch, std::vector<float>& weights) {
            SequenceRecommender model{30, sequences::cnn_tower(6), {.width = 6, .scale = 4}};
            model.build(6, Seed{2});
            SequenceSamples samples{train, 6};
            SGD sgd{{.learning_rate = 0.05}};
            fit(model, samples, loss, sgd,
                FitOptions<SequenceSamples>{.epochs = 2, .batch_size = batch, .threads = 1, .world = world});
            weights = worlds::weights(model);
        });
    };
    trained(NextItemSoftmax{});
    trained(NextItemSampled{{.negatives = 7}});
}

TEST_CASE("A rank with other data, options or weights is refused everywhere, with both values", "[world][threads]") {
    const auto errors = [&](Index rows, double rate, float weight) {
        return on_ranks(2, [&](int rank, AnyWorld world) {
            auto model = worlds::classifier();
            if (rank == 1) for_each_parameter(model, [&](std::string_view, auto& p) { p.data()[0] += weight; });
            auto data = worlds::points(rank == 1 ? rows : 64);
            SGD sgd{{.learning_rate = rank == 1 ? rate : 0.1}};
            fit(model, data, BinaryCrossEntropy{}, sgd, {.threads = 1, .world = world});
        });
    };
    const std::string begin = "fit: the ranks of a world train one model alike, but rank 1 has ";
    const auto samples = errors(65, 0.1, 0), rates = errors(64, 0.2, 0), weights = errors(64, 0.1, 1);
    CHECK(samples[0] == begin + "samples 65, rank 0 has 64");
    CHECK(samples[1] == samples[0]);
    CHECK(rates[0] == begin + "the learning rate 0.2, rank 0 has 0.1");
    CHECK(weights[1].starts_with(begin + "weights with the fingerprint "));
}

TEST_CASE("A rank with another version of the library is refused everywhere, with both", "[world][threads]") {
    const auto errors = on_ranks(2, [&](int rank, AnyWorld world) {
        auto model = worlds::classifier();
        auto data = worlds::points(64);
        SGD sgd;
        if (rank == 1) world = OtherVersion(world);
        fit(model, data, BinaryCrossEntropy{}, sgd, {.threads = 1, .world = world});
    });
    CHECK(errors[0] == message("fit: the ranks of a world train one model alike, but rank 1 has the version 9.9.9, "
                               "rank 0 has ",
                               version));
    CHECK(errors[1] == errors[0]);
}

TEST_CASE("Where one rank stops, all do", "[world][threads]") {
    std::vector<std::size_t> epochs(2);
    const auto errors = on_ranks(2, [&](int rank, AnyWorld world) {
        auto model = worlds::classifier();
        auto data = worlds::points(64);
        SGD sgd{{.learning_rate = 0.1}};
        const History history =
            fit(model, data, BinaryCrossEntropy{}, sgd, {.epochs = 5, .batch_size = 8, .threads = 1, .world = world},
                [&](const EpochEnd& e) {
                    if (rank == 1 && e.log.epoch == 1) e.stop();
                });
        epochs[static_cast<std::size_t>(rank)] = history.epochs.size();
    });
    CHECK(errors == std::vector<std::string>(2));
    CHECK(epochs == std::vector<std::size_t>{2, 2});
}

TEST_CASE("Ranks evaluate to the figures of one, to the bit", "[world][threads]") {
    const auto pairs = small_pair_model();
    const auto classes = worlds::classifier();
    Sequential steps{Embedding{40, 4, {.mask_zero = true}}, Dense{1, sigmoid}};  // a figure a step, under a mask
    steps.build({8}, Seed{4});
    Tensor<float, 2> each_step(2100, 8);
    fill_uniform(each_step, 1, Seed{5});
    const auto same = [&](const auto& model, const auto& data) {
        const Report one = evaluate(model, data, Auc{}, LogLoss{});
        REQUIRE(std::isfinite(one["log_loss"]));
        for (const int ranks : {2, 3}) {
            std::vector<std::vector<double>> figures(static_cast<std::size_t>(ranks));
            const auto errors = on_ranks(ranks, [&](int rank, AnyWorld world) {
                const auto own = data;  // a source has memory for one caller
                const Report report = evaluate(model, own, {.world = world}, Auc{}, LogLoss{});
                for (const auto& [name, value] : report.figures)
                    figures[static_cast<std::size_t>(rank)].push_back(value);
            });
            CHECK(errors == std::vector<std::string>(static_cast<std::size_t>(ranks)));
            for (const auto& own : figures) CHECK(own == std::vector<double>{one["auc"], one["log_loss"]});
        }
    };
    for (const Index samples : {700, 2100}) {  // fewer batches than ranks, and a last one that is smaller
        same(pairs, worlds::pairs(samples));
        same(classes, worlds::points(samples));
    }
    same(steps, TensorDataset{worlds::ids(2100, 8, 40, 3), each_step});
}

TEST_CASE("Ranks do not evaluate other data or other weights, and none waits for one that failed", "[world][threads]") {
    const auto errors = [&](Index rows, std::uint64_t seed, float weight) {
        return on_ranks(2, [&](int rank, AnyWorld world) {
            auto model = worlds::classifier();
            if (rank == 1) for_each_parameter(model, [&](std::string_view, auto& p) { p.data()[0] += weight; });
            evaluate(model, worlds::points(rank == 1 ? rows : 64, 4, rank == 1 ? seed : 1), {.world = world}, Auc{});
        });
    };
    const std::string begin = "evaluate: the ranks of a world evaluate one model alike, but rank 1 has ";
    CHECK(errors(65, 1, 0)[0] == begin + "samples 65, rank 0 has 64");
    CHECK(errors(64, 2, 0)[1].starts_with(begin + "data with the fingerprint "));
    CHECK(errors(64, 1, 1)[1].starts_with(begin + "weights with the fingerprint "));
    CHECK(errors(64, 1, 0) == std::vector<std::string>(2));

    const auto failed = on_ranks(3, [&](int rank, AnyWorld world) {
        detail::gather_work(*world, [&]() -> std::vector<std::byte> {
            if (rank > 0) throw DataError(message("there is no row ", rank));
            return {};
        });
    });
    CHECK(failed == std::vector<std::string>{"rank 1: there is no row 1", "there is no row 1", "there is no row 2"});
}
