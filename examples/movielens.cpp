// The whole of deeprec in one program: read ratings, train the tutorial's two-tower CNN and RNN and the sequence CNN
// and RNN, compare them with simple baselines under full ranking, recommend films to three people with a hybrid of the
// best, and keep that as a bundle that `deeprec serve` puts on a page.
// test: --quick
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <deeprec/data/readers/read_dataset.hpp>
#include <deeprec/data/synthetic.hpp>
#include <deeprec/deeprec.hpp>
#include <deeprec/recommender/recommender_file.hpp>

#include "support/text.hpp"

using namespace deeprec;

constexpr Index tokens = 14, vector_width = 64;  // features of an item, numbers of a vector

struct Options {
    std::string data, bundle;
    std::uint64_t seed = 42;
    int threads = 0;
    Index steps = 50, tower_epochs = 3, sequence_epochs = 30, samples = 6000;
    Index negatives = 64, block = 32;
    bool pointwise = false, quick = false;
};

double seconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// What all models train on. Vocabulary, counts and samplers see the train part only.
struct World {
    std::int32_t items() const { return split.all().items(); }
    template <class Scorer>
    RankingReport rank(const Scorer& scorer, const std::vector<Query>& queries) const {
        return evaluate_ranking(scorer, queries, items(), {.threads = options.threads});
    }

    const Dataset& data;
    const Options& options;
    LeaveOneOut split{Sequences(data.interactions)};
    ItemTokenizer tokenizer{data.items, split.train(), {.length = tokens, .ids = true}};
    Tensor<std::int32_t, 2> features = tokenizer.table(data.items);
    NegativeSampler sampler{split.train(), Seed{options.seed}};
    std::vector<Query> validation = split.validation_queries(), test = split.test_queries();
};

// The table of all models.
class Results {
public:
    explicit Results(const World& world) : world_(world) {}
    /// A network says its best NDCG@10 on the validation films, by which `best_network` chooses.
    template <class Scorer>
    void add(const std::string& name, const Scorer& scorer, double seconds = 0, Index parameters = 0,
             double validation = -1) {
        rows_.push_back({name, world_.rank(scorer, world_.test), seconds, parameters, validation});
    }
    void print() const {
        std::printf("%-22s %7s %7s %8s %16s %8s %11s\n", "model", "AUC", "HR@10", "NDCG@10", "95 %", "seconds",
                    "parameters");
        for (const Row& row : rows_) {
            const Interval sure = bootstrap(row.report).ndcg;
            std::printf("%s %7.4f %7.4f %8.4f %7.4f to %.4f %7.0f %11ld\n", text::fit(row.name, 22).c_str(),
                        row.report.auc, row.report.hr, row.report.ndcg, sure.low, sure.high, row.seconds,
                        static_cast<long>(row.parameters));
        }
    }
    const std::string& best_network() const {
        return std::max_element(rows_.begin(), rows_.end(),
                                [](const Row& a, const Row& b) { return a.validation < b.validation; })
            ->name;
    }
    RankingComparison less_markov(const std::string& name, const char* what) const {
        const RankingComparison less = compare(of("first-order Markov"), of(name));
        const auto print = [&](const char* metric, const PairedTest& test) {
            std::printf("    %s %+.4f (95 %%: %+.4f to %+.4f, p = %.4f)\n", metric, test.difference, test.interval.low,
                        test.interval.high, test.p);
        };
        std::printf("  %s, %s\n", name.c_str(), what);
        print("HR@10  ", less.hr);
        print("NDCG@10", less.ndcg);
        return less;
    }
    const RankingReport& of(const std::string& name) const {
        for (const Row& row : rows_)
            if (row.name == name) return row.report;
        throw ArgumentError("there is no row " + name);
    }

private:
    struct Row {
        std::string name;
        RankingReport report;
        double seconds = 0;
        Index parameters = 0;
        double validation = -1;
    };
    const World& world_;
    std::vector<Row> rows_;
};

struct Trained {
    double seconds = 0, validation = 0;
};
// Fits with a validation after each epoch and brings back the weights of the best one.
template <class Model, class Samples, class Loss, class MakeIndex>
Trained fit_best(const std::string& name, const World& world, Model& model, Samples& samples, const Loss& loss,
                 FitOptions<Samples> options, double learning_rate, const MakeIndex& index) {
    std::printf("\n%s: %ld parameters\n", name.c_str(), static_cast<long>(parameter_count(model)));
    Adam optimizer{{.learning_rate = learning_rate}};
    EarlyStopping stop{
        .monitor = "val_ndcg@10", .patience = 5, .mode = EarlyStopping::Mode::max, .restore_best_weights = true};
    options.threads = world.options.threads;
    options.seed = world.options.seed;
    const auto start = std::chrono::steady_clock::now();
    fit(
        model, samples, loss, optimizer, options,
        [&](const EpochEnd& e) { e.log.set("val_ndcg@10", world.rank(index(model), world.validation).ndcg); }, stop,
        ProgressBar{});
    return {seconds_since(start), stop.best_value};
}

// The tutorial's recommender: a tower for the user's events, one for the film's words, an MLP on both.
template <class Tower>
void train_towers(const std::string& name, const World& world, Results& results, const Tower& user, const Tower& item) {
    const Options& o = world.options;
    TwoTower model{user, item, Sequential{Dense{100, relu}, Dense{1, sigmoid}}};
    model.build({{o.steps}, {tokens}}, Seed{o.seed});
    // Positives are next items; a block of people shares its negatives, drawn anew each epoch, never a person's own.
    NextItemSamples samples(world.split.train().next_item_queries(), world.features, world.sampler,
                            {.steps = o.steps, .negatives = o.negatives, .per_epoch = o.samples, .block = o.block});
    const auto index = [&](const auto& trained) {
        const View<const std::int32_t, 2> items{&world.features(1, 0), {world.items(), tokens}};
        return ItemIndex{trained, items, {.first_item = 1, .threads = o.threads}};
    };
    const auto fit_with = [&](const auto& loss) {
        return fit_best(name, world, model, samples, loss, {.epochs = o.tower_epochs, .batch_size = 128}, 2e-3, index);
    };
    const Trained trained = o.pointwise ? fit_with(BinaryCrossEntropy{}) : fit_with(SampledSoftmax{});
    results.add(name, index(model), trained.seconds, parameter_count(model), trained.validation);
}

// Reads a user's events in order; every next event is a target, against all films.
template <class Tower>
auto train_sequences(const std::string& name, const World& world, Results& results, Tower tower) {
    const Options& o = world.options;
    using Model = SequenceRecommender<Tower>;
    const auto model = std::make_shared<Model>(world.items(), std::move(tower),
                                               SequenceRecommenderOptions{.width = vector_width, .scale = 12});
    model->build(o.steps, Seed{o.seed});
    SequenceSamples samples{world.split.train(), o.steps};
    const Trained trained = fit_best(name, world, *model, samples, NextItemSoftmax{},
                                     {.epochs = o.sequence_epochs, .batch_size = 64}, 2e-3, [&](const auto& now) {
                                         return SequenceIndex{now, o.steps};
                                     });
    SequenceIndex<Model> index(std::shared_ptr<const Model>(model), o.steps);
    results.add(name, index, trained.seconds, parameter_count(*model), trained.validation);
    return index;
}

// A list with what speaks for each film, of those that were shown as watched.
template <class Scorer>
void recommend_to(const Scorer& scorer, const World& world, const Query& query) {
    const auto last = query.history.last(std::min<std::size_t>(6, query.history.size()));
    const auto label = [&](std::int32_t item) { return world.data.label(item); };
    std::printf("\nPerson %s last watched\n", world.data.interactions.users.key(query.user).c_str());
    for (const std::int32_t item : last) std::printf("    %s\n", label(item).c_str());
    const auto print = [&](const std::vector<Hit<float>>& hits) {
        for (const auto& hit : hits) {
            std::string because;
            for (const Contribution& c : explain(scorer, query, hit.item).events)
                if (because.empty() && c.value > 0 && std::find(last.begin(), last.end(), c.id) != last.end())
                    because = "because of " + label(c.id);
            if (hit.item == query.target) because = "<- what they really watched next";
            std::printf("    %s %6.2f  %s\n", text::fit(label(hit.item), 46).c_str(), static_cast<double>(hit.score),
                        because.c_str());
        }
    };
    std::printf("  recommended\n");
    print(recommend(scorer, query, 10, {.exclude_history = true}));
    std::printf("  of these only comedies since 1990\n");
    const auto comedy = [&](std::int32_t item) {
        const Item& film = world.data.items[item];
        return film.year >= 1990 && std::find(film.genres.begin(), film.genres.end(), "Comedy") != film.genres.end();
    };
    print(recommend(scorer, query, 5, {.exclude_history = true, .allow = comedy}));
}

int main(int argc, char** argv) {
    const auto begin = std::chrono::steady_clock::now();
    Options options;
    CLI::App app("Trains recommenders, compares them and recommends films.");
    app.add_option("--data", options.data,
                   "MovieLens (directory or CSV) or a sequence file; without it: synthetic data");
    app.add_option("--bundle", options.bundle, "where to keep the hybrid, for deeprec serve");
    app.add_option("--seed", options.seed, "of everything random");
    app.add_option("--threads", options.threads, "0 = all cores; the results are the same for any number");
    app.add_option("--tower-epochs", options.tower_epochs, "of the tutorial's CNN and RNN; 0 = without them");
    app.add_option("--sequence-epochs", options.sequence_epochs, "of the sequence CNN and RNN, at most");
    app.add_option("--steps", options.steps, "events that are read of a person");
    app.add_option("--samples", options.samples, "training samples of the towers in an epoch, drawn anew each time");
    app.add_option("--negatives", options.negatives, "of the towers, drawn for each block of people");
    app.add_option("--block", options.block, "people who share their negatives and each other's positives");
    app.add_flag("--pointwise", options.pointwise,
                 "the tutorial's recipe: binary cross-entropy, negatives of one's own")
        ->excludes("--block");
    app.add_flag("--quick", options.quick, "a small synthetic world and short training, to see that all works");
    CLI11_PARSE(app, argc, argv);
    if (options.pointwise) options.block = 1;
    SyntheticOptions size;
    if (options.quick) {
        size = {.users = 300, .items = 500, .mean_events = 50, .min_events = 10};
        options.tower_epochs = 4;
        options.samples = 6000;
        options.sequence_epochs = 3;
    }

    std::optional<SyntheticWorld> synthetic;
    if (options.data.empty()) synthetic.emplace(size, Seed{options.seed});
    const Dataset data = synthetic ? synthetic->dataset() : read_dataset(options.data);
    const World world{data, options};
    std::printf("%s\n", data.description.c_str());

    Results results(world);
    const Sequences& train = world.split.train();
    const Markov markov(train);
    const ItemKnn knn(train);
    results.add("popularity", Popularity(train));
    results.add("recent popularity", Popularity::recent(world.split.train_events(data.interactions)));
    results.add("first-order Markov", markov);
    results.add("item-kNN", knn);
    if (options.tower_epochs > 0) {
        const Index n_items = world.items() + 1, n_tokens = world.tokenizer.vocabulary().size() + 1;
        const auto cnn = [](Index ids) {
            return Sequential{Embedding{ids, vector_width}, Conv1D{64, 3, relu}, MaxPool1D{2},
                              Conv1D{64, 3, relu},          MaxPool1D{2},        Flatten{}};
        };
        const auto rnn = [](Index ids) {
            return Sequential{Embedding{ids, vector_width, {.mask_zero = true}}, LSTM{128, return_sequences},
                              LSTM{128}};
        };
        train_towers("tutorial's CNN", world, results, cnn(n_items), cnn(n_tokens));
        train_towers("tutorial's RNN", world, results, rnn(n_items), rnn(n_tokens));
    }
    const Conv1DOptions causal{.padding = Padding::causal}, wide{.padding = Padding::causal, .dilation_rate = 2};
    const auto cnn = train_sequences(
        "sequence CNN", world, results,
        Sequential{Dropout{0.3}, Residual{Sequential{Conv1D{128, 3, relu, causal}, Dropout{0.3},
                                                     Conv1D{128, 3, relu, wide}, Dropout{0.3}, Dense{vector_width}}}});
    const auto rnn = train_sequences(
        "sequence RNN", world, results,
        Sequential{Dropout{0.3}, Residual{Sequential{LSTM{128, return_sequences}, Dropout{0.3}, Dense{vector_width}}}});
    WeightedHybrid hybrid{rnn, cnn, knn, markov};
    const auto start = std::chrono::steady_clock::now();
    hybrid.fit(world.validation, world.items(), {.threads = options.threads});
    results.add("hybrid of four", hybrid, seconds_since(start));

    std::printf("\n%s\nLeave one out: each of %zu people's last film, ranked among all %d films they had not seen.\n\n",
                data.description.c_str(), world.test.size(), world.items());
    results.print();
    const std::string& network = results.best_network();
    std::printf("\nLess first-order Markov, person by person:\n");
    const RankingComparison network_less = results.less_markov(network, "the best network by validation"),
                            hybrid_less = results.less_markov("hybrid of four", "two networks, item-kNN and Markov");
    if (synthetic) {
        const BestReachable best = synthetic->best_reachable(world.test);
        std::printf("%-22s %7.4f %7.4f %8.4f\n", "best reachable", best.auc, best.hit_rate, best.ndcg);
    }
    std::printf(
        "\nThe tutorial's towers learn from a few films beside each that was watched; the sequence models learn every\n"
        "next film of every person against all films, and score with the film's own vector.\n");
    for (const std::size_t i : {std::size_t{0}, world.test.size() / 2, world.test.size() - 1})
        recommend_to(hybrid, world, world.test[i]);
    if (!options.bundle.empty()) {
        const RankingReport judged = world.rank(hybrid, world.validation);
        Recommender shop{hybrid, Dataset{data}};
        shop.about = {{"recipe", "hybrid"},
                      {"data", options.data},
                      {"split", "last"},
                      {"protocol", message("split last, ", world.validation.size(),
                                           " validation events, each ranked among all films but its user's history")},
                      {"validation", message("HR@10 ", judged.hr, ", NDCG@10 ", judged.ndcg)},
                      {"seed", std::to_string(options.seed)},
                      {"deeprec", version}};
        save(shop, options.bundle);
    }
    std::printf("\n%.0f seconds in all\n", seconds_since(begin));
    // On real data the best network and the hybrid stand above Markov by more than chance; quick training must rank far
    // better than chance.
    if (options.quick) return results.of("sequence RNN").auc > 0.6 && results.of("tutorial's CNN").auc > 0.7 ? 0 : 1;
    const auto holds = [](const PairedTest& test) { return test.difference > 0 && test.p < 0.05; };
    for (const RankingComparison& less : {network_less, hybrid_less})
        if (!holds(less.hr) || !holds(less.ndcg)) return 1;
    return 0;
}
