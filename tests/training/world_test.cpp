#include <deeprec/training/world.hpp>

#include <barrier>
#include <cmath>
#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/models/two_tower.hpp>
#include <deeprec/optimizers/sgd.hpp>
#include <deeprec/training/fit.hpp>

#include "models/sequences.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "training/worlds.hpp"

using namespace deeprec;

namespace {
/// Threads as ranks.
struct Meeting {
    explicit Meeting(int ranks) : size(ranks), all(ranks), given(static_cast<std::size_t>(ranks)) {}
    int size;
    std::barrier<> all;
    std::vector<std::vector<std::byte>> given;
};
class ThreadWorld final : public TrainingWorld {
public:
    ThreadWorld(Meeting& meeting, int rank) : meeting_(&meeting), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return meeting_->size; }
    void sum(float* numbers, Index count) override { sum_all(numbers, count); }
    void sum(double* numbers, Index count) override { sum_all(numbers, count); }
    std::vector<std::vector<std::byte>> gather(std::span<const std::byte> own) override {
        meeting_->given[static_cast<std::size_t>(rank_)].assign(own.begin(), own.end());
        meeting_->all.arrive_and_wait();
        auto all = meeting_->given;
        meeting_->all.arrive_and_wait();
        return all;
    }

private:
    template <class T>
    void sum_all(T* numbers, Index count) {
        const auto all = gather(std::as_bytes(std::span(numbers, static_cast<std::size_t>(count))));
        std::fill_n(numbers, count, T(0));
        for (const auto& rank : all)
            for (Index i = 0; i < count; ++i) numbers[i] += reinterpret_cast<const T*>(rank.data())[i];
    }
    Meeting* meeting_;
    int rank_;
};

/// work(rank, its world) on a thread for each rank; the messages of what they threw.
std::vector<std::string> on_ranks(int ranks, const std::function<void(int, AnyWorld)>& work) {
    Meeting meeting(ranks);
    std::vector<std::string> errors(static_cast<std::size_t>(ranks));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < ranks; ++rank)
        threads.emplace_back([&, rank] {
            try {
                work(rank, ThreadWorld(meeting, rank));
            } catch (const std::exception& error) {
                errors[static_cast<std::size_t>(rank)] = error.what();
            }
        });
    for (std::thread& thread : threads) thread.join();
    return errors;
}
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
