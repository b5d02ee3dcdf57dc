// The tables of docs/results.md: trains the sequence recommenders on public data sets and ranks them beside simple
// baselines. Every finished row goes into a file, so that a run that was stopped goes on where it was.
// test: --quick
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <deeprec/data/readers/item_attributes.hpp>
#include <deeprec/data/readers/negatives.hpp>
#include <deeprec/data/readers/sequences.hpp>
#include <deeprec/data/synthetic.hpp>
#include <deeprec/deeprec.hpp>

using namespace deeprec;

// What was chosen on the validation queries; docs/results.md says from what.
struct Recipe {
    Index width = 64, hidden = 128, kernel = 3, length = 50;
    double dropout = 0.3, scale = 12, learning_rate = 0.004;
    Index batch_size = 256, epochs = 16, patience = 4;
    bool with_taste = false;
};

struct Set {
    std::string name, path;
    Recipe recipe{};
    bool sampled = false;  // ranks against the shipped negatives
};
const std::vector<Set> sets{
    {"beauty", "s3rec-beauty/Beauty"},
    {"lastfm",
     "s3rec-lastfm/LastFM",
     {.length = 120,
      .dropout = 0.5,
      .learning_rate = 0.002,
      .batch_size = 64,
      .epochs = 45,
      .patience = 8,
      .with_taste = true},
     true},
    {"ml-100k", "movielens-100k/ml-100k", {.learning_rate = 0.002, .batch_size = 64, .epochs = 45, .patience = 8}},
};

struct Options {
    std::string data = "../shared/data", file = "build/results.tsv";
    std::vector<std::string> sets;
    int seeds = 3, threads = 0;
    bool quick = false;
};

struct World {
    LeaveOneOut split;
    std::vector<std::vector<std::int32_t>> attributes;  // of each item
    std::optional<Sequences> negatives;
    std::vector<Query> validation = split.validation_queries(), test = split.test_queries();

    std::int32_t items() const { return split.all().items(); }
    template <class Scorer>
    RankingReport rank(const Scorer& scorer, std::span<const Query> queries, const Options& options) const {
        return evaluate_ranking(scorer, queries, items(),
                                {.threads = options.threads, .negatives = negatives ? &*negatives : nullptr});
    }
};

struct Row {
    std::string set, model;
    int seed = 0;
    double hr = 0, ndcg = 0, validation = 0, epochs = 0, seconds = 0, megabytes = 0;
};

// The rows that are done, in memory and in the file.
class Results {
public:
    explicit Results(std::string file) : file_(std::move(file)) {
        std::ifstream in(file_);
        for (std::string line; std::getline(in, line);) {
            std::istringstream fields(line);
            Row row;
            std::getline(fields, row.set, '\t');
            std::getline(fields, row.model, '\t');
            if (fields >> row.seed >> row.hr >> row.ndcg >> row.validation >> row.epochs >> row.seconds >>
                row.megabytes)
                rows_.push_back(row);
        }
    }
    bool has(const std::string& set, const std::string& model, int seed) const {
        return std::any_of(rows_.begin(), rows_.end(),
                           [&](const Row& row) { return row.set == set && row.model == model && row.seed == seed; });
    }
    void add(Row row) {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        row.megabytes = static_cast<double>(usage.ru_maxrss) / 1024;
        rows_.push_back(row);
        std::printf("  HR@10 %.4f  NDCG@10 %.4f  %.0f s\n", row.hr, row.ndcg, row.seconds);
        if (file_.empty()) return;
        std::ofstream(file_, std::ios::app)
            << row.set << '\t' << row.model << '\t' << row.seed << '\t' << row.hr << '\t' << row.ndcg << '\t'
            << row.validation << '\t' << row.epochs << '\t' << row.seconds << '\t' << row.megabytes << '\n';
    }
    const std::vector<Row>& rows() const { return rows_; }

private:
    std::string file_;
    std::vector<Row> rows_;
};

auto convolutions(const Recipe& r) {
    return Residual{Sequential{Conv1D{r.hidden, r.kernel, relu, {.padding = Padding::causal}}, Dropout{r.dropout},
                               Conv1D{r.hidden, r.kernel, relu, {.padding = Padding::causal, .dilation_rate = 2}},
                               Dropout{r.dropout}, Dense{r.width}}};
}
auto recurrence(const Recipe& r) {
    return Residual{Sequential{LSTM{r.hidden, return_sequences}, Dropout{r.dropout}, Dense{r.width}}};
}
// The taste on the whole, beside the order of the last events.
auto taste(const Recipe& r) { return Residual{Sequential{CumulativeAverage1D{}, Dense{r.width}}}; }

template <class Scorer>
void baseline(const Set& set, const World& world, const Options& options, Results& results, const char* name,
              const Scorer& make) {
    if (results.has(set.name, name, 0)) return;
    std::printf("%s: %s\n", set.name.c_str(), name);
    const auto start = std::chrono::steady_clock::now();
    const auto scorer = make();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double validation = world.rank(scorer, world.validation, options).ndcg;
    const RankingReport report = world.rank(scorer, world.test, options);
    results.add({set.name, name, 0, report.hr, report.ndcg, validation, 0, seconds});
}

// Trains with a validation after each epoch, keeps the weights of the best one and ranks the test queries with them.
// `index` makes of the model what scores all items.
template <class Model, class Samples, class Loss, class MakeIndex>
void fit_and_rank(const Set& set, const World& world, const Options& options, Results& results, const std::string& name,
                  int seed, Model& model, Samples& samples, const Loss& loss, const Recipe& recipe,
                  const MakeIndex& index) {
    const auto begin = std::chrono::steady_clock::now();
    const auto seconds = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    OnEpochEnd validate{[&](const Model&, EpochLog& log) {
        log.set("val_ndcg", world.rank(index(model), world.validation, options).ndcg);
        std::printf("\r%s: %s, seed %d: epoch %ld of at most %ld, loss %.3f, validation NDCG@10 %.4f, %.0f s   ",
                    set.name.c_str(), name.c_str(), seed, log.epoch + 1, static_cast<long>(recipe.epochs),
                    log.at("loss"), log.at("val_ndcg"), seconds());
        std::fflush(stdout);
    }};
    EarlyStopping stopping{.monitor = "val_ndcg",
                           .patience = static_cast<long>(recipe.patience),
                           .mode = EarlyStopping::Mode::max,
                           .restore_best_weights = true};
    Adam adam{{.learning_rate = recipe.learning_rate}};
    fit(model, samples, loss, adam,
        FitOptions<Samples>{.epochs = recipe.epochs,
                            .batch_size = recipe.batch_size,
                            .threads = options.threads,
                            .seed = static_cast<std::uint64_t>(seed)},
        validate, stopping);
    std::printf("\n");
    const double taken = seconds();
    const RankingReport report = world.rank(index(model), world.test, options);
    const auto interval = bootstrap(report);
    const auto parts = by_popularity(report, world.test, world.split.train());
    std::printf(
        "  95%% of resamples: HR@10 %.4f to %.4f, NDCG@10 %.4f to %.4f; HR@10 of head %.4f, torso %.4f, tail %.4f\n",
        interval.hr.low, interval.hr.high, interval.ndcg.low, interval.ndcg.high, parts.head.hr, parts.torso.hr,
        parts.tail.hr);
    results.add({set.name, name, seed, report.hr, report.ndcg, stopping.best_value,
                 static_cast<double>(stopping.best_epoch + 1), taken});
}

template <class Tower>
void train(const Set& set, const World& world, const Options& options, Results& results, const std::string& name,
           int seed, const Tower& order, bool with_attributes) {
    if (results.has(set.name, name, seed)) return;
    const Recipe& recipe = set.recipe;
    SequenceRecommenderOptions model_options{.width = recipe.width, .scale = recipe.scale};
    if (with_attributes) model_options.attributes = world.attributes;
    const auto train_with = [&](auto tower) {
        SequenceRecommender model{world.items(), std::move(tower), model_options};
        model.build(recipe.length, Seed{static_cast<std::uint64_t>(seed)});
        SequenceSamples samples{world.split.train(), recipe.length};
        fit_and_rank(set, world, options, results, name, seed, model, samples, NextItemSoftmax{}, recipe,
                     [&](const auto& trained) {
                         return SequenceIndex{trained, recipe.length};
                     });
    };
    if (recipe.with_taste)
        train_with(Sequential{Dropout{recipe.dropout}, taste(recipe), order});
    else
        train_with(Sequential{Dropout{recipe.dropout}, order});
}

// The tutorial's own recipe, for comparison: a head over both towers' outputs and binary cross-entropy on single pairs.
// An item's features are its id and its attributes.
void train_tutorial(const Set& set, const World& world, const Options& options, Results& results, int seed) {
    const std::string name = "tutorial's CNN";
    if (results.has(set.name, name, seed)) return;
    const Recipe recipe{.learning_rate = 0.001, .batch_size = 128, .epochs = 12, .patience = 3};
    constexpr Index tokens = 14;
    const std::int32_t items = world.items();
    Tensor<std::int32_t, 2> features(items + 1, tokens);
    features.setZero();
    std::int32_t largest = items;
    for (std::int32_t item = 1; item <= items; ++item) {
        features(item, 0) = item;
        if (world.attributes.empty()) continue;
        Index column = 1;
        for (const std::int32_t attribute : world.attributes[static_cast<std::size_t>(item)])
            if (column < tokens) largest = std::max(largest, features(item, column++) = items + attribute);
    }
    const auto tower = [&](Index ids) {
        return Sequential{Embedding{ids, recipe.width}, Conv1D{64, 3, relu}, MaxPool1D{2},
                          Conv1D{64, 3, relu},          MaxPool1D{2},        Flatten{}};
    };
    TwoTower model{tower(items + 1), tower(largest + 1), Sequential{Dense{100, relu}, Dense{1, sigmoid}}};
    const Seed start{static_cast<std::uint64_t>(seed)};
    model.build({{recipe.length}, {tokens}}, start);
    const NegativeSampler sampler{world.split.train(), start};
    NextItemSamples samples(world.split.train().next_item_queries(), features, sampler,
                            {.steps = recipe.length, .negatives = 4, .per_epoch = 50000});
    const View<const std::int32_t, 2> all{&features(1, 0), {items, tokens}};
    fit_and_rank(set, world, options, results, name, seed, model, samples, BinaryCrossEntropy{}, recipe,
                 [&](const auto& trained) {
                     return ItemIndex{trained, all, {.first_item = 1, .threads = options.threads}};
                 });
}

void run(const Set& set, const World& world, const Options& options, Results& results) {
    const Sequences& events = world.split.train();
    const auto simple = [&](const char* name, const auto& make) { baseline(set, world, options, results, name, make); };
    simple("popularity", [&] { return Popularity{events}; });
    simple("Markov", [&] { return Markov{events}; });
    simple("item-kNN", [&] { return ItemKnn{events}; });
    simple("item-kNN, 0.8^age", [&] { return ItemKnn{events, {.age_weight = 0.8}}; });
    simple("window rules", [&] { return WindowRules{events}; });
    simple("BPR-MF", [&] { return BprMf{events}; });
    train_tutorial(set, world, options, results, 1);
    for (const bool attributes : {false, true})
        for (int seed = 1; seed <= options.seeds && (!attributes || !world.attributes.empty()); ++seed) {
            const std::string more = attributes ? " + attributes" : "";
            train(set, world, options, results, "CNN" + more, seed, convolutions(set.recipe), attributes);
            train(set, world, options, results, "RNN" + more, seed, recurrence(set.recipe), attributes);
        }
}

// Mean and spread (largest less smallest) over the seeds.
void print_table(const std::string& set, const std::vector<Row>& rows) {
    std::printf(
        "\n| %s | HR@10 | NDCG@10 | validation NDCG@10 | seeds | epochs | seconds | peak MB |\n"
        "|---|---|---|---|---|---|---|---|\n",
        set.c_str());
    std::vector<std::string> done;
    for (const Row& first : rows) {
        if (first.set != set || std::find(done.begin(), done.end(), first.model) != done.end()) continue;
        done.push_back(first.model);
        Row sum;
        double n = 0, low = 1, high = 0, low_ndcg = 1, high_ndcg = 0;
        for (const Row& row : rows) {
            if (row.set != set || row.model != first.model) continue;
            ++n;
            sum.hr += row.hr, sum.ndcg += row.ndcg, sum.validation += row.validation, sum.epochs += row.epochs;
            sum.seconds += row.seconds, sum.megabytes = std::max(sum.megabytes, row.megabytes);
            low = std::min(low, row.hr), high = std::max(high, row.hr);
            low_ndcg = std::min(low_ndcg, row.ndcg), high_ndcg = std::max(high_ndcg, row.ndcg);
        }
        std::printf("| %s | %.4f ± %.4f | %.4f ± %.4f | %.4f | %.0f | %.0f | %.1f | %.0f |\n", first.model.c_str(),
                    sum.hr / n, (high - low) / 2, sum.ndcg / n, (high_ndcg - low_ndcg) / 2, sum.validation / n, n,
                    sum.epochs / n, sum.seconds / n, sum.megabytes);
    }
}

// Made-up people, small: both towers must beat popularity by far.
int quick(Options options) {
    options.seeds = 1;
    const SyntheticWorld synthetic{{.users = 400, .items = 300, .mean_events = 30, .min_events = 8}, Seed{1}};
    const Dataset data = synthetic.dataset();
    const World world{LeaveOneOut{Sequences(data.interactions)}, {}, std::nullopt};
    const Set set{"synthetic", "", {.width = 32, .hidden = 32, .learning_rate = 0.01, .batch_size = 64, .epochs = 6}};
    Results results{""};
    run(set, world, options, results);
    print_table(set.name, results.rows());
    const auto hr = [&](const std::string& model) {
        for (const Row& row : results.rows())
            if (row.model == model) return row.hr;
        return 0.0;
    };
    return hr("CNN") > 1.5 * hr("popularity") && hr("RNN") > 1.5 * hr("popularity") ? 0 : 1;
}

int main(int argc, char** argv) try {
    Options options;
    CLI::App app{"Trains and ranks the sequence recommenders of docs/results.md"};
    app.add_option("--data", options.data, "directory with s3rec-beauty, s3rec-lastfm and movielens-100k");
    app.add_option("--set", options.sets, "beauty, lastfm or ml-100k; may be repeated; default: all");
    app.add_option("--seeds", options.seeds, "runs of each model");
    app.add_option("--threads", options.threads, "0 = all cores");
    app.add_option("--results", options.file, "where finished rows are kept; delete it to start again");
    app.add_flag("--quick", options.quick, "a small run on synthetic data");
    CLI11_PARSE(app, argc, argv);
    if (options.quick) return quick(options);
    for (const std::string& name : options.sets)
        if (std::none_of(sets.begin(), sets.end(), [&](const Set& set) { return set.name == name; }))
            throw ArgumentError("--set: expected beauty, lastfm or ml-100k, received " + name);
    if (const auto folder = std::filesystem::path(options.file).parent_path(); !folder.empty())
        std::filesystem::create_directories(folder);
    Results results{options.file};
    for (const Set& set : sets) {
        if (!options.sets.empty() &&
            std::find(options.sets.begin(), options.sets.end(), set.name) == options.sets.end())
            continue;
        const std::filesystem::path base = std::filesystem::path(options.data) / set.path;
        const Dataset data = read_sequences(base.string() + ".txt");
        World world{LeaveOneOut{Sequences(data.interactions)},
                    read_item_attributes(base.string() + "_item2attributes.json", data.interactions.items),
                    std::nullopt};
        if (set.sampled) world.negatives = read_negatives(base.string() + "_sample.txt", data.interactions);
        run(set, world, options, results);
        print_table(set.name, results.rows());
    }
    return 0;
} catch (const Error& error) {
    std::cerr << "results: " << error.what() << '\n';
    return 1;
}
