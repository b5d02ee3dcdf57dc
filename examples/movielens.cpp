// The whole of deeprec in one program: read ratings, train the two-tower CNN and the two-tower RNN, compare them with
// simple baselines under full ranking, and recommend films to three people.
// test: --quick
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <deeprec/data/readers/read_dataset.hpp>
#include <deeprec/data/synthetic.hpp>
#include <deeprec/deeprec.hpp>

using namespace deeprec;

constexpr Index steps = 50, tokens = 14, width = 64;  // behaviours of a user, features of an item, vectors of both

struct Options {
    std::string data;
    std::uint64_t seed = 42;
    int threads = 0;
    Index cnn_epochs = 10, rnn_epochs = 8, samples = 30000;
    Index negatives = 64, block = 32;
    bool pointwise = false, quick = false;
};

// What both models train on. Vocabulary, counts and samplers see the train part only.
struct World {
    std::int32_t items() const { return split.all().items(); }

    const Dataset& data;
    const Options& options;
    LeaveOneOut split{Sequences(data.interactions)};
    ItemTokenizer tokenizer{data.items, split.train(), {.length = tokens, .ids = true}};
    Tensor<std::int32_t, 2> features = tokenizer.table(data.items);
    NegativeSampler sampler{split.train(), Seed{options.seed}};
    std::vector<Query> validation = split.validation_queries(), test = split.test_queries();
};

struct Row {
    std::string name;
    RankingReport report;
    double seconds = 0;
    Index parameters = 0;
};

template <class Model>
auto item_index(const Model& model, const World& world) {
    const View<const std::int32_t, 2> items{&world.features(1, 0), {world.items(), tokens}};
    return ItemIndex{model, items, {.first_item = 1, .threads = world.options.threads}};
}

template <class Model>
Row train(const std::string& name, Model& model, const World& world, Index epochs) {
    const Options& options = world.options;
    std::cout << '\n' << name << '\n';
    model.build({{steps}, {tokens}}, Seed{options.seed});
    model.summary(std::cout);
    // Positives are next items; a block of people shares its negatives, drawn anew each epoch, never a person's own.
    NextItemSamples samples(
        world.split.train().next_item_queries(), world.features, world.sampler,
        {.steps = steps, .negatives = options.negatives, .per_epoch = options.samples, .block = options.block});
    Adam optimizer{{.learning_rate = 2e-3}};
    const auto rank = [&](const std::vector<Query>& queries) {
        return evaluate_ranking(item_index(model, world), queries, world.items(), {.threads = options.threads});
    };
    auto validate = [&](const EpochEnd& e) { e.log.set("val_ndcg@10", rank(world.validation).ndcg); };
    EarlyStopping stop{
        .monitor = "val_ndcg@10", .patience = 5, .mode = EarlyStopping::Mode::max, .restore_best_weights = true};
    const auto fit_with = [&](const auto& loss) {
        fit(model, samples, loss, optimizer,
            {.epochs = epochs, .batch_size = 128, .threads = options.threads, .seed = options.seed}, validate, stop,
            ProgressBar{});
    };
    const auto start = std::chrono::steady_clock::now();
    options.pointwise ? fit_with(BinaryCrossEntropy{}) : fit_with(SampledSoftmax{});
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    return {name, rank(world.test), seconds.count(), parameter_count(model)};
}

template <class Model>
void recommend(const std::string& name, const Model& model, const World& world, const Query& query) {
    const auto index = item_index(model, world);
    const auto person = pad_last(std::span(&query, 1), steps);
    const auto print = [&](Index count, const std::function<bool(std::int32_t)>& allow) {
        const auto hits = index.recommend(person, count, {.exclude = query.history, .allow = allow});
        for (const auto& hit : hits)
            std::printf("    %-58.58s %.3f%s\n", world.data.label(hit.item).c_str(), static_cast<double>(hit.score),
                        hit.item == query.target ? "  <- what they really watched next" : "");
        if (hits.empty()) return;
        const View<const std::int32_t, 2> first{&world.features(hits[0].item, 0), {1, tokens}};
        const auto why = explain(model, person, first).events;
        if (!why.empty()) std::printf("    the first because you watched %s\n", world.data.label(why[0].id).c_str());
    };
    std::printf("  recommended by the %s\n", name.c_str());
    print(10, {});
    std::printf("  of these only comedies since 1990\n");
    print(5, [&](std::int32_t item) {
        const Item& film = world.data.items[item];
        return film.year >= 1990 && std::find(film.genres.begin(), film.genres.end(), "Comedy") != film.genres.end();
    });
}

int main(int argc, char** argv) {
    Options options;
    CLI::App app("Trains two-tower recommenders and recommends films.");
    app.add_option("--data", options.data,
                   "MovieLens (directory or CSV) or a sequence file; without it: synthetic data");
    app.add_option("--seed", options.seed, "of everything random");
    app.add_option("--threads", options.threads, "0 = all cores; the results are the same for any number");
    app.add_option("--cnn-epochs", options.cnn_epochs, "for the CNN");
    app.add_option("--rnn-epochs", options.rnn_epochs, "for the RNN");
    app.add_option("--samples", options.samples, "training samples an epoch, drawn anew each time");
    app.add_option("--negatives", options.negatives, "drawn for each block of people");
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
        options.cnn_epochs = options.rnn_epochs = 4;
        options.samples = 6000;
    }

    std::optional<SyntheticWorld> synthetic;
    if (options.data.empty()) synthetic.emplace(size, Seed{options.seed});
    const Dataset data = synthetic ? synthetic->dataset() : read_dataset(options.data);
    const World world{data, options};
    std::printf("%s\n", data.description.c_str());

    std::vector<Row> rows;
    const auto baseline = [&](const char* name, const auto& scorer) {
        rows.push_back({name, evaluate_ranking(scorer, world.test, world.items(), {.threads = options.threads})});
    };
    baseline("popularity", Popularity(world.split.train()));
    baseline("first-order Markov", Markov(world.split.train()));

    const Index n_items = world.items() + 1, n_tokens = world.tokenizer.vocabulary().size() + 1;
    const auto cnn_tower = [](Index ids) {
        return Sequential{Embedding{ids, width}, Conv1D{64, 3, relu}, MaxPool1D{2},
                          Conv1D{64, 3, relu},   MaxPool1D{2},        Flatten{}};
    };
    const auto rnn_tower = [](Index ids) {
        return Sequential{Embedding{ids, width, {.mask_zero = true}}, LSTM{128, return_sequences}, LSTM{128}};
    };
    const Sequential head{Dense{100, relu}, Dense{1, sigmoid}};
    TwoTower cnn{cnn_tower(n_items), cnn_tower(n_tokens), head};
    TwoTower rnn{rnn_tower(n_items), rnn_tower(n_tokens), head};
    rows.push_back(train("two-tower CNN", cnn, world, options.cnn_epochs));
    rows.push_back(train("two-tower RNN", rnn, world, options.rnn_epochs));

    std::printf("\n%s\nLeave one out: each of %zu people's last film, ranked among all %d films they had not seen.\n\n",
                data.description.c_str(), world.test.size(), world.items());
    std::printf("%-20s %8s %8s %8s %10s %12s\n", "model", "AUC", "HR@10", "NDCG@10", "seconds", "parameters");
    for (const auto& [name, report, seconds, parameters] : rows)
        std::printf("%-20s %8.4f %8.4f %8.4f %10.0f %12ld\n", name.c_str(), report.auc, report.hr, report.ndcg, seconds,
                    static_cast<long>(parameters));
    if (synthetic) {
        const BestReachable best = synthetic->best_reachable(world.test);
        std::printf("%-20s %8.4f %8.4f %8.4f\n", "best reachable", best.auc, best.hit_rate, best.ndcg);
    }
    for (const std::size_t i : {std::size_t{0}, world.test.size() / 2, world.test.size() - 1}) {
        const Query& query = world.test[i];
        std::printf("\nPerson %s last watched\n", data.interactions.users.key(query.user).c_str());
        for (const std::int32_t item : query.history.last(std::min<std::size_t>(5, query.history.size())))
            std::printf("    %s\n", data.label(item).c_str());
        recommend("CNN", cnn, world, query);
        recommend("RNN", rnn, world, query);
    }
    // Quick training is too short to beat popularity, but must rank far better than chance.
    const auto good = [&](const Row& row) {
        return options.quick ? row.report.auc > 0.7 : row.report.ndcg > 1.2 * rows[0].report.ndcg;
    };
    return good(rows[2]) && good(rows[3]) ? 0 : 1;
}
