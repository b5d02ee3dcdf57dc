// Training on several processes with MPI: each takes its share of every batch, and the weights that come out are those
// of one process with batches so large. Needs MPI (Debian: libopenmpi-dev openmpi-bin).
//
// test: --check
//     mpirun -n 4 build/release/examples/train_on_many --users 5000 --items 20000 --check
//     mpirun -n 2 build/release/examples/train_on_many --users 5000 --items 20000 --loss sampled --cost
//     mpirun -n 2 build/release/examples/train_on_many --users 5000 --items 100000 --loss sampled --sharded --cost
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <memory>
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
    bool check = false, slow = false, cost = false, sharded = false;
    int other_data = -1;  // a rank that reads something else, to see it refused
    double timeout = 600;
};

double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// What goes through a world: bytes by the formula of its algorithms, calls, and seconds.
struct Traffic {
    double dense = 0, rows = 0, shared = 0, seconds = 0, messages = 0;
};
class Counted final : public TrainingWorld {
public:
    Counted(mpi::World world, std::shared_ptr<Traffic> traffic, bool together)
        : world_(std::move(world)), traffic_(std::move(traffic)), together_(together) {}
    int rank() const override { return world_.rank(); }
    int size() const override { return world_.size(); }
    void sum(float* numbers, Index count) override { sum_any(numbers, count); }
    void sum(double* numbers, Index count) override { sum_any(numbers, count); }
    std::vector<std::vector<std::byte>> gather(std::span<const std::byte> own) override {
        const double start = begin();
        auto all = world_.gather(own);
        traffic_->seconds += seconds_now() - start;
        for (int rank = 0; rank < size(); ++rank)  // all but that of the rank it sends to
            if (rank != (world_.rank() + 1) % size())
                traffic_->rows += static_cast<double>(all[static_cast<std::size_t>(rank)].size());
        traffic_->messages += 2 * (size() - 1);  // sizes first
        return all;
    }
    std::vector<std::vector<std::byte>> exchange(std::vector<std::vector<std::byte>> give) override {
        for (int rank = 0; rank < size(); ++rank)
            if (rank != world_.rank())
                traffic_->shared += static_cast<double>(give[static_cast<std::size_t>(rank)].size());
        const double start = begin();
        auto got = world_.exchange(std::move(give));
        traffic_->seconds += seconds_now() - start;
        traffic_->messages += 2 * (size() - 1);
        return got;
    }
    void leave() override { world_.leave(); }

private:
    // The clock starts when all ranks are there, so that it shows no waiting.
    double begin() {
        double none = 0;
        if (together_) world_.sum(&none, 1);
        return seconds_now();
    }
    template <class T>
    void sum_any(T* numbers, Index count) {
        const double start = begin();
        world_.sum(numbers, count);
        traffic_->seconds += seconds_now() - start;
        traffic_->dense += 2.0 * (size() - 1) / size() * static_cast<double>(count) * sizeof(T);
        traffic_->messages += 2 * (size() - 1);
    }
    mpi::World world_;
    std::shared_ptr<Traffic> traffic_;
    bool together_;
};

// All of a model, but of tables that ranks share out the rows of a part: a sequence model's items, towers' embeddings.
template <class Model>
std::vector<float> weights_of(const Model& model, const TableShard& part = {}) {
    std::vector<float> weights;
    for_each_parameter(model, [&](std::string_view name, const auto& p) {
        const Index width = p.size() / p.dimension(0);
        const bool shared = name == "items" || name == "bias" || name.ends_with(".embeddings");
        for (Index row = 0; row < p.dimension(0); ++row)
            if (!shared || part.owner(row) == part.rank)
                weights.insert(weights.end(), p.data() + row * width, p.data() + (row + 1) * width);
    });
    return weights;
}

// Smooth, for --check: where a relu is near 0 a rounding decides whether it passes a gradient.
auto new_model(Index items, const TableShard& shard = {}) {
    SequenceRecommender model{items,
                              Sequential{Residual{Conv1D{32, 3, tanh, {.padding = Padding::causal}}}, Dense{32}},
                              {.width = 32, .scale = 8, .shard = shard}};
    model.build(20, Seed{1});
    return model;
}

// Trains with some ranks and returns all weights; of the items' rows those of `part`, where one process has all and
// ranks would share them out.
std::vector<float> train(const Options& options, const Sequences& events, AnyWorld world, Index batch,
                         const TableShard& part = {}) {
    auto model = new_model(events.items(), options.sharded ? TableShard{world.rank(), world.size()} : TableShard{});
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
    return weights_of(model, part);
}

// The same with two towers, whose tables have sparse gradients and whose dropout is that of the whole batch.
std::vector<float> train_towers(const Options& options, const Sequences& events, AnyWorld world, Index batch,
                                const TableShard& part = {}) {
    const TableShard shard = options.sharded ? TableShard{world.rank(), world.size()} : TableShard{};
    TwoTower model{Sequential{Embedding{events.items() + 1, 16, {.mask_zero = true, .shard = shard}},
                              GlobalAveragePool1D{}, Dense{16, tanh}, Dropout{0.2}},
                   Sequential{Embedding{events.items() + 1, 16, {.shard = shard}}, Flatten{}},
                   Sequential{Dense{1, sigmoid}}};
    model.build({{10}, {1}}, Seed{1});
    Tensor<std::int32_t, 2> features(events.items() + 1, 1);
    for (std::int32_t item = 0; item <= events.items(); ++item) features(item, 0) = item;
    const NegativeSampler sampler{events, Seed{2}};
    NextItemSamples samples{events.next_item_queries(), features, sampler, {.steps = 10, .per_epoch = 2000}};
    SGD sgd{{.learning_rate = 0.05}};
    fit(model, samples, BinaryCrossEntropy{}, sgd,
        FitOptions<NextItemSamples>{.epochs = options.epochs, .batch_size = batch, .threads = 1, .world = world});
    return weights_of(model, part);
}

// Whether the weights of all ranks are those of one process alone, to 1e-6.
bool agrees(const char* what, const std::vector<float>& many, const std::vector<float>& one, bool speaks) {
    float largest = 0;
    for (std::size_t i = 0; i < one.size(); ++i) largest = std::max(largest, std::abs(many[i] - one[i]));
    if (speaks) std::printf("%s: weights differ from those of one process by at most %.1e\n", what, largest);
    return largest <= 1e-6f;
}

// Whether ranks that share the queries report what one process does, and ranks that share the items find what one does.
bool serves_alike(const Sequences& events, AnyWorld world) {
    const auto items = static_cast<std::int32_t>(std::max(events.items(), 10'000));  // each of four ranks has some
    const auto model = new_model(items);
    const LeaveOneOut split{events};
    const auto queries = split.test_queries();
    const SequenceIndex whole{model, 20}, shared{model, {.length = 20, .storage = int8, .world = world}};
    const RankingReport one = evaluate_ranking(whole, queries, items, {.threads = 1}),
                        many = evaluate_ranking(whole, queries, items, {.threads = 1, .world = world});
    bool same = one.ranks == many.ranks && std::vector{one.auc, one.ndcg} == std::vector{many.auc, many.ndcg};
    for (std::size_t q = 0; q < std::min<std::size_t>(queries.size(), 50); ++q)
        same &= recommend(shared, queries[q], 10, {.exclude_history = true}) ==
                recommend(whole, queries[q], 10, {.exclude_history = true});
    if (world.rank() == 0)
        std::printf("evaluation and lists of all processes: %s\n", same ? "those of one" : "NOT those of one");
    return same;
}

// Times a training, and says what it would take on N machines by its parts: what a rank computes for a batch of its
// own, bytes over the speed of the network, 30 us for each message. Adding up the rows of N ranks, and what ranks wait
// for each other, are not in it.
void show_cost(const Options& options, const Sequences& events, const mpi::World& world) {
    const auto traffic = std::make_shared<Traffic>();
    const AnyWorld counted = Counted(world, traffic, true);
    const double start = seconds_now();
    train(options, events, counted, options.batch);
    const Index batch = options.batch * world.size(), samples = SequenceSamples{events, 20}.size();
    const double steps = static_cast<double>((samples + batch - 1) / batch * options.epochs), ranks = world.size();
    const double step = (seconds_now() - start) / steps, exchange = traffic->seconds / steps;
    // Here: of one number, and of 64 MB.
    mpi::World own = world;
    std::vector<float> much(std::size_t{1} << 24);
    double one = 0, delay = seconds_now();
    for (int i = 0; i < 1000; ++i) own.sum(&one, 1);
    delay = (seconds_now() - delay) / 1000 / (2 * (ranks - 1));
    double speed = seconds_now();
    for (int i = 0; i < 5; ++i) own.sum(much.data(), static_cast<Index>(much.size()));
    speed = 2 * (ranks - 1) / ranks * static_cast<double>(much.size() * sizeof(float)) * 5 / (seconds_now() - speed);
    if (world.rank() != 0) return;
    const double dense = traffic->dense / steps * ranks / (2 * (ranks - 1)), messages = traffic->messages / steps,
                 rows = traffic->rows / steps / (ranks - 1), compute = step - exchange;
    std::printf("a step of %ld sequences a rank, %.0f ranks: %.2f ms, %.2f ms of them exchange\n",
                static_cast<long>(options.batch), ranks, 1000 * step, 1000 * exchange);
    const double shared = traffic->shared / steps * ranks / (ranks - 1);  // as if other ranks had all rows
    std::printf("dense gradients %.3f MB, rows of a rank %.3f MB, rows shared out %.3f MB, %.0f messages\n",
                dense / 1e6, rows / 1e6, shared / 1e6, messages);
    std::printf("here: %.2f GB/s and %.1f us a message, which makes %.2f ms of exchange\n", speed / 1e9, 1e6 * delay,
                1000 * ((traffic->dense + traffic->rows + traffic->shared) / steps / speed + messages * delay));
    std::printf("| machines | 10 Gbit/s | 100 Gbit/s |\n|---|---|---|\n");
    for (const double n : {2., 4., 8., 16., 32., 64.}) {
        std::printf("| %.0f |", n);
        for (const double gigabits : {10., 100.}) {
            const double bytes = 2 * (n - 1) / n * dense + (n - 1) * rows + (n - 1) / n * shared;
            const double all = compute + bytes / (gigabits * 1e9 / 8) + messages / (ranks - 1) * (n - 1) * 30e-6;
            std::printf(" %.0f %% |", 100 * compute / all);
        }
        std::printf("\n");
    }
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
    app.add_flag("--cost", options.cost, "time it, and say what it would take on more machines (two ranks or more)");
    app.add_flag("--sharded", options.sharded, "each process keeps its part of the items; with --loss sampled");
    app.add_flag("--slow", options.slow, "wait between steps");
    app.add_option("--other-data", options.other_data, "a rank that has other data, to see it refused");
    app.add_option("--timeout", options.timeout, "seconds that a process waits for another");
    CLI11_PARSE(app, argc, argv);
    mpi::World world{{.timeout_seconds = options.timeout}};
    const SyntheticWorld people{{.users = options.users, .items = options.items, .mean_events = 20, .min_events = 5},
                                Seed{options.other_data == world.rank() ? 2u : 1u}};
    const Sequences events(people.dataset().interactions);
    if (options.cost && world.size() == 1) throw ArgumentError("--cost: expected two ranks or more, received one");
    if (options.cost) return show_cost(options, events, world), 0;
    const std::uint64_t before = world.bytes_sent();
    const auto traffic = std::make_shared<Traffic>();
    const auto sequences = train(options, events, Counted(world, traffic, false), options.batch);
    const double sent = static_cast<double>(world.bytes_sent() - before);
    // Dense gradients go round in a ring, 2 (N - 1) / N of their bytes a step, and the rows of each rank to all others.
    // Rows that ranks share out go to those that ask, and their gradients back.
    const double formula = traffic->dense + traffic->rows + traffic->shared;
    if (world.rank() == 0)
        std::printf("%d processes; this one sent %.3f MB; by the formula dense gradients are %.3f MB, rows %.3f MB, "
                    "rows shared out %.3f MB\n",
                    world.size(), sent / 1e6, traffic->dense / 1e6, traffic->rows / 1e6, traffic->shared / 1e6);
    if (!options.check) return 0;
    const bool counted = std::abs(sent - formula) <= 0.01 * formula + 20 * traffic->messages;
    options.run.clear();
    const Index whole = options.batch * world.size();
    const TableShard part{world.rank(), world.size()};
    bool well = agrees("sequences", sequences, train(options, events, {}, whole, options.sharded ? part : TableShard{}),
                       world.rank() == 0);
    options.sharded = false;
    well &= agrees("two towers", train_towers(options, events, world, options.batch),
                   train_towers(options, events, {}, whole), world.rank() == 0);
    options.sharded = true, options.loss = "sampled";
    well &= agrees("items shared out", train(options, events, world, options.batch),
                   train(options, events, {}, whole, part), world.rank() == 0);
    well &= agrees("tables of towers shared out", train_towers(options, events, world, options.batch),
                   train_towers(options, events, {}, whole, part), world.rank() == 0);
    well &= serves_alike(events, world);
    return well && counted ? 0 : 1;
} catch (const Error& error) {
    std::cerr << "train_on_many: " << error.what() << std::endl;
    return 1;
}
