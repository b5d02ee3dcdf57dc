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
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <deeprec/deeprec.hpp>

#include "support/diversity_table.hpp"
#include "support/recipes.hpp"
#include "support/results_file.hpp"

using namespace deeprec;
using namespace recipes;

// Of the self-attention: that of `deeprec train`, not searched for.
constexpr double attention_rate = 0.001;

struct Options {
    std::string data = "../shared/data", file = "build/results.tsv", openings = "build/test-openings.tsv";
    std::vector<std::string> sets, rows;
    int seeds = 3, threads = 0;
    bool quick = false;
};

// All settings of a recipe, " name=value" each.
std::string settings(const Recipe& recipe) {
    std::ostringstream line;
    each_setting([&](const char* name, auto member) { line << ' ' << name << '=' << recipe.*member; });
    return line.str();
}

// The row of what scores all items; `recipe` says what that is, for the count of openings.
template <class ScoreFunction>
Row rank_test(const Set& set, const World& world, const Options& options, Results& results, const std::string& name,
              const std::string& recipe, int seed, const ScoreFunction& scorer, const Best& best) {
    const long openings = results.openings.open(set.name, recipe, seed);
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
    row.openings = openings;
    row.ranks = Row::text(report);
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
    results.add(rank_test(set, world, options, results, name, name, 0, scorer, {validation, 0, seconds}));
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
        results.add(rank_test(set, world, options, results, name, name, seed, hybrid, {validation, 0, seconds}));
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
    const bool done = results.has(set.name, name, seed);
    if (members.empty()) {
        if (!done) hybrid_row(set, world, options, results, name, seed, trained, seconds);
        return;
    }
    const Member& next = members.front();
    if (done && results.has(set.name, next.name, seed))  // nobody needs it
        return train_hybrid(set, world, options, results, name, seed, members.subspan(1), std::move(trained), seconds);
    train_sequences(world, {set.name + ": " + next.name, next.recipe, seed, options.threads},
                    [&](const auto& index, const Best& best) {
                        if (!results.has(set.name, next.name, seed))
                            results.add(rank_test(set, world, options, results, next.name, settings(next.recipe), seed,
                                                  index, best));
                        trained.push_back(std::cref(index));
                        train_hybrid(set, world, options, results, name, seed, members.subspan(1), trained,
                                     seconds + best.seconds);
                    });
}

// The row of one model alone.
void train_row(const Set& set, const World& world, const Options& options, Results& results, const Member& member,
               int seed) {
    if (results.has(set.name, member.name, seed)) return;
    train_sequences(world, {set.name + ": " + member.name, member.recipe, seed, options.threads},
                    [&](const auto& index, const Best& best) {
                        results.add(rank_test(set, world, options, results, member.name, settings(member.recipe), seed,
                                              index, best));
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
    results.add(rank_test(set, world, options, results, name, name, seed, index(model), best));
}

void run(const Set& set, const World& world, const Options& options, Results& results) {
    const Sequences& events = world.split.train();
    const auto simple = [&](const char* name, const auto& make) { baseline(set, world, options, results, name, make); };
    simple("popularity", [&] { return Popularity{events}; });
    simple("recent popularity", [&] { return Popularity::recent(world.train_events); });
    simple("Markov", [&] { return Markov{events}; });
    simple("item-kNN", [&] { return ItemKnn{events}; });
    simple("item-kNN, 0.8^age", [&] { return ItemKnn{events, {.age_weight = 0.8}}; });
    simple("window rules", [&] { return WindowRules{events}; });
    simple("BPR-MF", [&] { return BprMf{events}; });
    train_tutorial(set, world, options, results, 1);
    for (int seed = 1; seed <= options.seeds; ++seed) {
        const auto recipe = [&](const char* tower, bool attributes, bool cold, double id_dropout, bool ids = true) {
            Recipe r = set.recipe_of(tower);
            r.tower = tower, r.attributes = attributes, r.cold = cold, r.id_dropout = id_dropout, r.ids = ids;
            if (r.tower == "cnn") r.hidden = 2 * r.width;
            return r;
        };
        Recipe self_attention = recipe("attention", false, false, 0);
        self_attention.with_taste = false;
        self_attention.learning_rate = attention_rate;
        train_row(set, world, options, results, {"self-attention", self_attention}, seed);
        const std::vector<Member> plain{{"CNN", recipe("cnn", false, false, 0)},
                                        {"RNN", recipe("rnn", false, false, 0)}};
        train_hybrid(set, world, options, results, "weighted hybrid without attributes", seed, plain);
        for (const Member& member : plain) {
            if (!world.fields) break;
            Recipe r = member.recipe;
            r.fields = true;
            train_row(set, world, options, results, {member.name + " + fields", r}, seed);
        }
        if (world.attributes.empty()) continue;
        const std::vector<Member> with_attributes{{"CNN + attributes", recipe("cnn", true, false, 0)},
                                                  {"RNN + attributes", recipe("rnn", true, false, 0)},
                                                  {"RNN + attributes, id dropout", recipe("rnn", true, true, 0.1)},
                                                  {"RNN, content only", recipe("rnn", true, true, 0, false)}};
        train_hybrid(set, world, options, results, "weighted hybrid", seed, with_attributes);
    }
}

// The row that a row is compared with, query by query: the same without what it adds, or the next simpler thing.
std::string beside(const std::string& model) {
    const std::map<std::string, std::string> others{{"recent popularity", "popularity"},
                                                    {"Markov", "popularity"},
                                                    {"item-kNN", "popularity"},
                                                    {"item-kNN, 0.8^age", "item-kNN"},
                                                    {"window rules", "item-kNN, 0.8^age"},
                                                    {"BPR-MF", "item-kNN"},
                                                    {"tutorial's CNN", "window rules"},
                                                    {"self-attention", "window rules"},
                                                    {"CNN", "self-attention"},
                                                    {"RNN", "self-attention"},
                                                    {"CNN + fields", "CNN"},
                                                    {"RNN + fields", "RNN"},
                                                    {"CNN + attributes", "CNN"},
                                                    {"RNN + attributes", "RNN"},
                                                    {"RNN + attributes, id dropout", "RNN + attributes"},
                                                    {"RNN, content only", "RNN + attributes"},
                                                    {"weighted hybrid without attributes", "RNN"},
                                                    {"weighted hybrid", "RNN + attributes"}};
    const auto other = others.find(model);
    return other == others.end() ? "" : other->second;
}

// What its figures go by, below the table of a set.
void print_protocol(const Set& set, const World& world) {
    std::printf(
        "\nProtocol: %s, %ld events train, %zu queries validate, %zu test; candidates: %s, less the items of the "
        "history; ties rank the lower id first; epoch: the best validation NDCG@10, after %ld without a better one "
        "training ends; recipe: docs/results.md says what was chosen by what; p: two-sided sign-flip test over the "
        "test queries, of the means over seeds%s; test opened: how often, for the same recipe and seed.\n",
        set.by_time ? "split by time at 80 and 90 % of the events, every later event of a user is a query after all "
                      "before it"
                    : "leave one out",
        static_cast<long>(world.split.train().size()), world.validation.size(), world.test.size(),
        set.sampled ? "the target and its user's 99 shipped negatives"
                    : message("all ", world.items(), " items").c_str(),
        static_cast<long>(set.recipe.patience),
        set.by_time ? " (a user's queries are not independent, so it is too small)" : "");
}

// `results search`: one run of a recipe and one line about it, of the validation queries alone, so that choices are
// made without the test in sight. A test set opens once for a recipe and seed: throws ArgumentError for a second time,
// unless that is asked for.
struct Search {
    int seed = 1;
    bool test = false, again = false;
    std::string file = "build/search.log";
};
void search(const Set& set, const World& world, const Recipe& recipe, const Options& options, const Search& how,
            Openings& openings) {
    if (const long opened = openings.count(set.name, settings(recipe), how.seed); how.test && !how.again && opened > 0)
        throw ArgumentError(message("--test: the test set of ", set.name, " was opened ", opened,
                                    opened == 1 ? " time" : " times", " for this recipe and seed ", how.seed,
                                    "; expected a recipe that was not tested yet, or --again"));
    train_sequences(world, {set.name, recipe, how.seed, options.threads}, [&](const auto& index, const Best& best) {
        std::ostringstream line;
        line << std::fixed << std::setprecision(4);
        const auto figures = [&](const char* name, std::span<const Query> queries) {
            const RankingReport report = world.rank(index, queries, options.threads);
            line << name << report.hr << ' ' << report.ndcg;
        };
        line << "epoch " << best.epoch;
        figures(" val ", world.validation);
        if (how.test) {
            figures(" test ", world.test);
            line << " opened " << openings.open(set.name, settings(recipe), how.seed);
        }
        line << std::defaultfloat << " total " << std::lround(best.seconds) << "s | set=" << set.name
             << " seed=" << how.seed << settings(recipe);
        std::cout << line.str() << std::endl;
        if (!how.file.empty()) std::ofstream(how.file, std::ios::app) << line.str() << '\n';
    });
}

// Made-up people, small: both towers must beat popularity by far.
int quick(Options options) {
    options.seeds = 1;
    const World world = synthetic_world();
    const Set& set = synthetic_set;
    Results results{"", ""};
    run(set, world, options, results);
    print_table(set.name, results, beside);
    print_protocol(set, world);
    Search how{.test = true, .file = ""};
    try {  // the row RNN has opened it
        search(set, world, set.recipe, options, how, results.openings);
        return 1;
    } catch (const ArgumentError& error) {
        std::printf("%s\n", error.what());
        const std::string refusal = "was opened 1 time for this recipe and seed 1;";
        if (std::string(error.what()).find(refusal) == std::string::npos) return 1;
    }
    how.again = true;
    search(set, world, set.recipe, options, how, results.openings);
    if (results.openings.count(set.name, settings(set.recipe), how.seed) != 2) return 1;
    const auto hr = [&](const std::string& model) { return results.rows(set.name, model).at(0).hr; };
    return hr("CNN") > 1.5 * hr("popularity") && hr("RNN") > 1.5 * hr("popularity") ? 0 : 1;
}

int main(int argc, char** argv) try {
    Options options;
    CLI::App app{"Trains and ranks the sequence recommenders of docs/results.md"};
    app.add_option("--data", options.data, "directory with s3rec-beauty, s3rec-lastfm and movielens-100k");
    app.add_option("--set", options.sets,
                   "beauty, lastfm, lastfm-all, ml-100k, ml-100k-by-time or the PATH of PATH.txt; may be repeated; "
                   "default: all five");
    app.add_option("--row", options.rows, "a row by its name, such as RNN; may be repeated; default: all");
    app.add_option("--seeds", options.seeds, "runs of each model");
    app.add_option("--threads", options.threads, "0 = all cores");
    app.add_option("--results", options.file, "where finished rows are kept; delete it to start again");
    app.add_option("--openings", options.openings,
                   "where it is counted how often the test set was opened for a recipe");
    app.add_flag("--quick", options.quick, "a small run on synthetic data");
    Search how;
    Recipe given;
    CLI::App& searching = *app.add_subcommand("search", "one run of each set's recipe with the settings given instead");
    searching.fallthrough();
    each_setting([&](const char* name, auto member) { searching.add_option(message("--", name), given.*member); });
    searching.add_option("--seed", how.seed);
    searching.add_flag("--test", how.test, "the test figures too, once for a recipe and seed");
    searching.add_flag("--again", how.again, "with --test: even where they were seen before");
    searching.add_option("--log", how.file, "where the line is added");
    CLI::App& diversity = *app.add_subcommand("diversity", "the table of diversity in docs/guide/06-serve.md");
    diversity.fallthrough();
    CLI11_PARSE(app, argc, argv);
    if (diversity.parsed()) {
        diversity_table(options.quick ? synthetic_world() : read_world(set_named("ml-100k"), options.data),
                        options.threads);
        return 0;
    }
    if (options.quick) return quick(options);
    std::vector<Set> chosen = options.sets.empty() ? sets : std::vector<Set>{};
    for (const std::string& name : options.sets) {
        const auto known = std::find_if(sets.begin(), sets.end(), [&](const Set& set) { return set.name == name; });
        if (known == sets.end() && !std::filesystem::exists(name + ".txt"))
            throw ArgumentError(
                "--set: expected beauty, lastfm, lastfm-all, ml-100k, ml-100k-by-time or the path of a "
                "set, received " +
                name + ", but there is no " + name + ".txt");
        chosen.push_back(known == sets.end() ? own_set(name) : *known);
    }
    for (const std::filesystem::path file : {options.file, options.openings, how.file})
        if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
    Results results{options.file, options.openings, options.rows};
    for (const Set& set : chosen) {
        const World world = read_world(set, options.data);
        if (searching.parsed()) {
            Recipe recipe = set.recipe_of(given.tower);
            each_setting([&](const char* name, auto member) {
                if (searching.count(message("--", name)) > 0) recipe.*member = given.*member;
            });
            search(set, world, recipe, options, how, results.openings);
            continue;
        }
        run(set, world, options, results);
        print_table(set.name, results, beside);
        print_protocol(set, world);
    }
    return 0;
} catch (const Error& error) {
    std::cerr << "results: " << error.what() << '\n';
    return 1;
}
