// Training on several processes with MPI: each takes its share of every batch, and the weights that come out are those
// of one process with batches so large. Needs MPI (Debian: libopenmpi-dev openmpi-bin).
//
// test: --check
//     mpirun -n 4 build/release/examples/train_on_many --users 5000 --items 20000 --check
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <deeprec/adapters/mpi.hpp>
#include <deeprec/data/synthetic.hpp>
#include <deeprec/deeprec.hpp>

using namespace deeprec;

struct Options {
    std::int32_t users = 300, items = 200;
    Index epochs = 2, batch = 32;
    std::string loss = "all", run;
    bool check = false, slow = false;
    int other_data = -1;  // a rank that reads something else, to see it refused
    double timeout = 600;
};

// Trains with some ranks and returns all weights.
std::vector<float> train(const Options& options, const Sequences& events, AnyWorld world, Index batch) {
    SequenceRecommender model{events.items(),
                              Sequential{Residual{Conv1D{32, 3, relu, {.padding = Padding::causal}}}, Dense{32}},
                              {.width = 32, .scale = 8}};
    model.build(20, Seed{1});
    SequenceSamples samples{events, 20};
    SGD sgd{{.learning_rate = 0.05}};  // equal weights show best where no step divides by a gradient
    FitOptions<SequenceSamples> how{.epochs = options.epochs, .batch_size = batch, .threads = 1, .world = world};
    const auto say = [&](const EpochEnd& e) {
        if (e.training.leads) std::printf("epoch %ld, loss %.4f\n", e.log.epoch + 1, e.log.at("loss"));
        std::fflush(stdout);
    };
    const auto wait = [&](const BatchEnd&) {
        if (options.slow) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    };
    const auto fit_with = [&](const auto& loss) {
        if (options.run.empty()) return fit(model, samples, loss, sgd, how, say);
        how.resume = options.run + "/last.state";
        return fit(model, samples, loss, sgd, how, say, wait, Checkpoint{.directory = options.run, .monitor = "loss"});
    };
    options.loss == "all" ? fit_with(NextItemSoftmax{}) : fit_with(NextItemSampled{{.negatives = 64}});
    std::vector<float> weights;
    for_each_parameter(std::as_const(model), [&](std::string_view, const auto& p) {
        weights.insert(weights.end(), p.data(), p.data() + p.size());
    });
    return weights;
}

// The same with two towers, whose tables have sparse gradients and whose dropout is that of the whole batch.
std::vector<float> train_towers(const Options& options, const Sequences& events, AnyWorld world, Index batch) {
    TwoTower model{Sequential{Embedding{events.items() + 1, 16, {.mask_zero = true}}, GlobalAveragePool1D{},
                              Dense{16, relu}, Dropout{0.2}},
                   Sequential{Embedding{events.items() + 1, 16}, Flatten{}}, Sequential{Dense{1, sigmoid}}};
    model.build({{10}, {1}}, Seed{1});
    Tensor<std::int32_t, 2> features(events.items() + 1, 1);
    for (std::int32_t item = 0; item <= events.items(); ++item) features(item, 0) = item;
    const NegativeSampler sampler{events, Seed{2}};
    NextItemSamples samples{events.next_item_queries(), features, sampler, {.steps = 10, .per_epoch = 2000}};
    SGD sgd{{.learning_rate = 0.05}};
    fit(model, samples, BinaryCrossEntropy{}, sgd,
        FitOptions<NextItemSamples>{.epochs = options.epochs, .batch_size = batch, .threads = 1, .world = world});
    std::vector<float> weights;
    for_each_parameter(std::as_const(model), [&](std::string_view, const auto& p) {
        weights.insert(weights.end(), p.data(), p.data() + p.size());
    });
    return weights;
}

// Whether the weights of all ranks are those of one process alone, to 1e-6.
bool agrees(const char* what, const std::vector<float>& many, const std::vector<float>& one, bool speaks) {
    float largest = 0;
    for (std::size_t i = 0; i < one.size(); ++i) largest = std::max(largest, std::abs(many[i] - one[i]));
    if (speaks) std::printf("%s: weights differ from those of one process by at most %.1e\n", what, largest);
    return largest <= 1e-6f;
}

int main(int argc, char** argv) try {
    Options options;
    CLI::App app{"Trains on the processes that mpirun starts"};
    app.add_option("--users", options.users);
    app.add_option("--items", options.items);
    app.add_option("--epochs", options.epochs);
    app.add_option("--batch", options.batch, "sequences of a step, for each process");
    app.add_option("--loss", options.loss, "all items, or 'sampled' ones");
    app.add_option("--run", options.run, "directory of a checkpoint, from which training goes on");
    app.add_flag("--check", options.check, "train alone too, and compare");
    app.add_flag("--slow", options.slow, "wait between steps");
    app.add_option("--other-data", options.other_data, "a rank that has other data, to see it refused");
    app.add_option("--timeout", options.timeout, "seconds that a process waits for another");
    CLI11_PARSE(app, argc, argv);
    mpi::World world{{.timeout_seconds = options.timeout}};
    const SyntheticWorld people{{.users = options.users, .items = options.items, .mean_events = 20, .min_events = 5},
                                Seed{options.other_data == world.rank() ? 2u : 1u}};
    const Sequences events(people.dataset().interactions);
    const std::uint64_t before = world.bytes_sent();
    const auto sequences = train(options, events, world, options.batch);
    const double sent = static_cast<double>(world.bytes_sent() - before), ranks = world.size();
    // Dense gradients go round in a ring: 2 (N - 1) / N of their bytes a step.
    const Index batch = options.batch * world.size(), samples = SequenceSamples{events, 20}.size();
    const double steps = static_cast<double>((samples + batch - 1) / batch * options.epochs);
    const double dense = steps * 2 * (ranks - 1) / ranks * static_cast<double>(sequences.size() * sizeof(float));
    if (world.rank() == 0)
        std::printf("%d processes; this one sent %.3f MB, dense gradients are %.3f MB\n", world.size(), sent / 1e6,
                    dense / 1e6);
    if (!options.check) return 0;
    const bool counted = options.loss != "all" || (sent >= 0.99 * dense && sent <= 1.02 * dense + 1000);
    options.run.clear();
    const Index whole = options.batch * world.size();
    bool well = agrees("sequences", sequences, train(options, events, {}, whole), world.rank() == 0);
    well &= agrees("two towers", train_towers(options, events, world, options.batch),
                   train_towers(options, events, {}, whole), world.rank() == 0);
    return well && counted ? 0 : 1;
} catch (const Error& error) {
    std::cerr << "train_on_many: " << error.what() << std::endl;
    return 1;
}
