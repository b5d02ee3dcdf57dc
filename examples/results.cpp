// The tables of docs/results.md: trains the sequence recommenders on public data sets and ranks them beside simple
// baselines. Every finished row goes into a file, so that a run that was stopped goes on where it was.
// test: --quick
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <deeprec/deeprec.hpp>

#include "support/diversity_table.hpp"
#include "support/recipes.hpp"

using namespace deeprec;
using namespace recipes;

struct Options {
    std::string data = "../shared/data", file = "build/results.tsv";
    std::vector<std::string> sets;
    int seeds = 3, threads = 0;
    bool quick = false;
};

struct Row {
    std::string set, model;
    int seed = 0;
    double hr = 0, ndcg = 0, validation = 0, epochs = 0, seconds = 0, megabytes = 0;
    double cold = 0, cold_hr = 0, warm_hr = 0;  // test queries for items without training events; HR@10 of both kinds
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
                row.megabytes) {
                fields >> row.cold >> row.cold_hr >> row.warm_hr;  // rows of earlier versions end before
                rows_.push_back(row);
            }
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
        std::printf("  HR@10 %.4f  NDCG@10 %.4f  %.0f s;  HR@10 of %.0f cold targets %.4f, of the others %.4f\n",
                    row.hr, row.ndcg, row.seconds, row.cold, row.cold_hr, row.warm_hr);
        if (file_.empty()) return;
        std::ofstream(file_, std::ios::app)
            << row.set << '\t' << row.model << '\t' << row.seed << '\t' << row.hr << '\t' << row.ndcg << '\t'
            << row.validation << '\t' << row.epochs << '\t' << row.seconds << '\t' << row.megabytes << '\t' << row.cold
            << '\t' << row.cold_hr << '\t' << row.warm_hr << '\n';
    }
    const std::vector<Row>& rows() const { return rows_; }

private:
    std::string file_;
    std::vector<Row> rows_;
};

// The row of what scores all items.
template <class ScoreFunction>
Row rank_test(const Set& set, const World& world, const Options& options, const std::string& name, int seed,
              const ScoreFunction& scorer, const Best& best) {
    const RankingReport report = world.rank(scorer, world.test, options.threads);
    const auto counts = world.split.train().item_counts();
    const auto figures = [&](bool cold) {
        return figures_where(report, [&](std::size_t q) {
            return (counts[static_cast<std::size_t>(world.test[q].target)] == 0) == cold;
        });
    };
    if (best.epoch > 0) {
        const auto interval = bootstrap(report);
        const auto parts = by_popularity(report, world.test, world.split.train());
        std::printf(
            "  95%% of resamples: HR@10 %.4f to %.4f, NDCG@10 %.4f to %.4f; HR@10 of head %.4f, torso %.4f, "
            "tail %.4f\n",
            interval.hr.low, interval.hr.high, interval.ndcg.low, interval.ndcg.high, parts.head.hr, parts.torso.hr,
            parts.tail.hr);
    }
    Row row{set.name,    name, seed, report.hr, report.ndcg, best.validation, static_cast<double>(best.epoch),
            best.seconds};
    row.cold = static_cast<double>(figures(true).queries);
    row.cold_hr = figures(true).hr;
    row.warm_hr = figures(false).hr;
    return row;
}

template <class ScoreFunction>
void baseline(const Set& set, const World& world, const Options& options, Results& results, const char* name,
              const ScoreFunction& make) {
    if (results.has(set.name, name, 0)) return;
    std::printf("%s: %s\n", set.name.c_str(), name);
    const Stopwatch watch;
    const auto scorer = make();
    const double seconds = watch.seconds();
    const double validation = world.rank(scorer, world.validation, options.threads).ndcg;
    results.add(rank_test(set, world, options, name, 0, scorer, {validation, 0, seconds}));
}

using ScoreFunction = std::function<void(std::span<const Query>, std::span<float>)>;
struct Member {
    std::string name;
    Recipe recipe;
};

// The row of two or four trained models, neighbourhoods and factors in one, weighed on validation queries.
void hybrid_row(const Set& set, const World& world, const Options& options, Results& results, const std::string& name,
                int seed, const std::vector<ScoreFunction>& trained, double seconds) {
    const auto weigh = [&](const auto&... models) {
        const Stopwatch watch;
        const Sequences& events = world.split.train();
        WeightedHybrid hybrid{models..., ItemKnn{events}, ItemKnn{events, {.age_weight = 0.8}}, WindowRules{events},
                              BprMf{events}};
        const auto held_out = std::span(world.validation).first(std::min<std::size_t>(4000, world.validation.size()));
        hybrid.fit(held_out, world.items(), world.protocol(options.threads));
        seconds += watch.seconds();
        std::printf("%s: %s, seed %d: weights", set.name.c_str(), name.c_str(), seed);
        for (const double weight : hybrid.weights()) std::printf(" %.3f", weight);
        std::printf("\n");
        const double validation = world.rank(hybrid, world.validation, options.threads).ndcg;
        results.add(rank_test(set, world, options, name, seed, hybrid, {validation, 0, seconds}));
    };
    if (trained.size() == 2)
        weigh(trained[0], trained[1]);
    else
        weigh(trained.at(0), trained.at(1), trained.at(2), trained.at(3));
}

// The rows of `members` and then that of their hybrid, which needs all of them at once: models of different types, so
// each is trained within the call that has the ones before.
void train_hybrid(const Set& set, const World& world, const Options& options, Results& results, const std::string& name,
                  int seed, std::span<const Member> members, std::vector<ScoreFunction> trained = {},
                  double seconds = 0) {
    if (results.has(set.name, name, seed)) return;
    if (members.empty()) return hybrid_row(set, world, options, results, name, seed, trained, seconds);
    const Member& next = members.front();
    train_sequences(world, {set.name + ": " + next.name, next.recipe, seed, options.threads},
                    [&](const auto& index, const Best& best) {
                        if (!results.has(set.name, next.name, seed))
                            results.add(rank_test(set, world, options, next.name, seed, index, best));
                        trained.push_back(std::cref(index));
                        train_hybrid(set, world, options, results, name, seed, members.subspan(1), trained,
                                     seconds + best.seconds);
                    });
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
    const auto index = [&](const auto& trained) {
        return ItemIndex{trained, all, {.first_item = 1, .threads = options.threads}};
    };
    const Best best = fit_best(world, {set.name + ": " + name, recipe, seed, options.threads}, model, samples,
                               BinaryCrossEntropy{}, index);
    results.add(rank_test(set, world, options, name, seed, index(model), best));
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
    for (int seed = 1; seed <= options.seeds; ++seed) {
        const auto recipe = [&](const char* tower, bool attributes, bool cold, double id_dropout, bool ids = true) {
            Recipe r = set.recipe;
            r.tower = tower, r.attributes = attributes, r.cold = cold, r.id_dropout = id_dropout, r.ids = ids;
            return r;
        };
        const std::vector<Member> plain{{"CNN", recipe("cnn", false, false, 0)},
                                        {"RNN", recipe("rnn", false, false, 0)}};
        train_hybrid(set, world, options, results, "weighted hybrid without attributes", seed, plain);
        if (world.attributes.empty()) continue;
        const std::vector<Member> with_attributes{{"CNN + attributes", recipe("cnn", true, false, 0)},
                                                  {"RNN + attributes", recipe("rnn", true, false, 0)},
                                                  {"RNN + attributes, id dropout", recipe("rnn", true, true, 0.1)},
                                                  {"RNN, content only", recipe("rnn", true, true, 0, false)}};
        train_hybrid(set, world, options, results, "weighted hybrid", seed, with_attributes);
    }
}

// Mean and spread (largest less smallest) over the seeds.
void print_table(const std::string& set, const std::vector<Row>& rows) {
    std::printf(
        "\n| %s | HR@10 | NDCG@10 | validation NDCG@10 | seeds | epochs | seconds | peak MB | cold HR@10 (queries) |\n"
        "|---|---|---|---|---|---|---|---|---|\n",
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
            sum.cold += row.cold, sum.cold_hr += row.cold_hr;
            low = std::min(low, row.hr), high = std::max(high, row.hr);
            low_ndcg = std::min(low_ndcg, row.ndcg), high_ndcg = std::max(high_ndcg, row.ndcg);
        }
        std::printf("| %s | %.4f ± %.4f | %.4f ± %.4f | %.4f | %.0f | %.0f | %.1f | %.0f | ", first.model.c_str(),
                    sum.hr / n, (high - low) / 2, sum.ndcg / n, (high_ndcg - low_ndcg) / 2, sum.validation / n, n,
                    sum.epochs / n, sum.seconds / n, sum.megabytes);
        if (sum.cold > 0) std::printf("%.4f (%.0f)", sum.cold_hr / n, sum.cold / n);
        std::printf(" |\n");
    }
}

// `results search`: one run of a recipe and one line about it, of the validation queries alone, so that choices are
// made without the test in sight.
struct Search {
    int seed = 1;
    bool test = false;
    std::string file = "build/search.log";
};
void search(const Set& set, const World& world, const Recipe& recipe, const Options& options, const Search& how) {
    train_sequences(world, {set.name, recipe, how.seed, options.threads}, [&](const auto& index, const Best& best) {
        std::ostringstream line;
        line << std::fixed << std::setprecision(4);
        const auto figures = [&](const char* name, std::span<const Query> queries) {
            const RankingReport report = world.rank(index, queries, options.threads);
            line << name << report.hr << ' ' << report.ndcg;
        };
        line << "epoch " << best.epoch;
        figures(" val ", world.validation);
        if (how.test) figures(" test ", world.test);
        line << std::defaultfloat << " total " << std::lround(best.seconds) << "s | set=" << set.name
             << " seed=" << how.seed;
        each_setting([&](const char* name, auto member) { line << ' ' << name << '=' << recipe.*member; });
        std::cout << line.str() << std::endl;
        if (!how.file.empty()) std::ofstream(how.file, std::ios::app) << line.str() << '\n';
    });
}

// Made-up people, small: both towers must beat popularity by far.
int quick(Options options) {
    options.seeds = 1;
    const World world = synthetic_world();
    const Set& set = synthetic_set;
    Results results{""};
    run(set, world, options, results);
    print_table(set.name, results.rows());
    search(set, world, set.recipe, options, {.file = ""});
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
    app.add_option("--set", options.sets,
                   "beauty, lastfm, ml-100k or the PATH of PATH.txt; may be repeated; default: all three");
    app.add_option("--seeds", options.seeds, "runs of each model");
    app.add_option("--threads", options.threads, "0 = all cores");
    app.add_option("--results", options.file, "where finished rows are kept; delete it to start again");
    app.add_flag("--quick", options.quick, "a small run on synthetic data");
    Search how;
    Recipe given;
    CLI::App& searching = *app.add_subcommand("search", "one run of each set's recipe with the settings given instead");
    searching.fallthrough();
    each_setting([&](const char* name, auto member) { searching.add_option(message("--", name), given.*member); });
    searching.add_option("--seed", how.seed);
    searching.add_flag("--test", how.test, "the test figures too");
    searching.add_option("--log", how.file, "where the line is added");
    CLI::App& diversity = *app.add_subcommand("diversity", "the table of diversity in docs/guide/06-serve.md");
    diversity.fallthrough();
    CLI11_PARSE(app, argc, argv);
    if (diversity.parsed()) {
        diversity_table(options.quick ? synthetic_world() : read_world(sets[2], options.data), options.threads);
        return 0;
    }
    if (options.quick) return quick(options);
    std::vector<Set> chosen = options.sets.empty() ? sets : std::vector<Set>{};
    for (const std::string& name : options.sets) {
        const auto known = std::find_if(sets.begin(), sets.end(), [&](const Set& set) { return set.name == name; });
        if (known == sets.end() && !std::filesystem::exists(name + ".txt"))
            throw ArgumentError("--set: expected beauty, lastfm, ml-100k or the path of a set, received " + name +
                                ", but there is no " + name + ".txt");
        chosen.push_back(known == sets.end() ? own_set(name) : *known);
    }
    for (const std::filesystem::path file : {options.file, how.file})
        if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
    Results results{options.file};
    for (const Set& set : chosen) {
        const World world = read_world(set, options.data);
        if (searching.parsed()) {
            Recipe recipe = set.recipe;
            each_setting([&](const char* name, auto member) {
                if (searching.count(message("--", name)) > 0) recipe.*member = given.*member;
            });
            search(set, world, recipe, options, how);
            continue;
        }
        run(set, world, options, results);
        print_table(set.name, results.rows());
    }
    return 0;
} catch (const Error& error) {
    std::cerr << "results: " << error.what() << '\n';
    return 1;
}
