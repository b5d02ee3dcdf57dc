// Data sets, recipes and training of the sequence recommenders in docs/results.md.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <deeprec/data/readers/dataset_tables.hpp>
#include <deeprec/data/readers/item_attributes.hpp>
#include <deeprec/data/readers/movielens.hpp>
#include <deeprec/data/readers/negatives.hpp>
#include <deeprec/data/readers/sequences.hpp>
#include <deeprec/data/samples.hpp>
#include <deeprec/data/synthetic.hpp>
#include <deeprec/deeprec.hpp>

namespace recipes {

using namespace deeprec;

// What was chosen on the validation queries; docs/results.md says from what.
struct Recipe {
    Index width = 64, hidden = 128, kernel = 3, length = 50;
    double dropout = 0.3, scale = 12, learning_rate = 0.004;
    bool decay = false;  // the rate falls to 0 over the epochs, as half a cosine
    Index batch_size = 256, epochs = 16, patience = 4;
    bool with_taste = false;
    std::string tower = "rnn";  // or cnn, attention
    bool ids = true, attributes = false;
    bool fields = false;  // of events (gap, hour, weekday) and users, where the set has some
    bool cold = false;  // leave items without training events to their attributes
    double id_dropout = 0;
    // Against so many sampled items, 0: against all; the loss is that of NextItemSampled: softmax, gbce, bce or bpr.
    Index negatives = 0;
    double alpha = 0;
    bool in_batch = false;
    std::string loss = "softmax";
};

// f(name, member) for each.
template <class F>
void each_setting(F&& f) {
    f("tower", &Recipe::tower);
    f("width", &Recipe::width);
    f("hidden", &Recipe::hidden);
    f("kernel", &Recipe::kernel);
    f("length", &Recipe::length);
    f("dropout", &Recipe::dropout);
    f("scale", &Recipe::scale);
    f("learning-rate", &Recipe::learning_rate);
    f("decay", &Recipe::decay);
    f("batch-size", &Recipe::batch_size);
    f("epochs", &Recipe::epochs);
    f("patience", &Recipe::patience);
    f("taste", &Recipe::with_taste);
    f("ids", &Recipe::ids);
    f("attributes", &Recipe::attributes);
    f("fields", &Recipe::fields);
    f("cold", &Recipe::cold);
    f("id-dropout", &Recipe::id_dropout);
    f("negatives", &Recipe::negatives);
    f("alpha", &Recipe::alpha);
    f("in-batch", &Recipe::in_batch);
    f("loss", &Recipe::loss);
}

inline NextItemSampled sampled_loss(const Recipe& r, const Sequences& train) {
    const std::vector<std::string> names{"softmax", "gbce", "bpr", "bce"};  // in the order of SampledLoss
    const auto name = std::find(names.begin(), names.end(), r.loss);
    if (name == names.end()) throw ArgumentError("loss: expected softmax, gbce, bpr or bce, received " + r.loss);
    return NextItemSampled{{.loss = static_cast<SampledLoss>(name - names.begin()),
                            .negatives = r.negatives,
                            .alpha = r.alpha,
                            .in_batch = r.in_batch},
                           train.item_counts()};
}

struct Set {
    std::string name, path;
    Recipe recipe{};
    bool sampled = false;  // ranks against the shipped negatives
    std::string times{};   // the MovieLens-100K directory that knows when the events were
    bool by_time = false;  // the last tenth of all events tests, the tenth before validates; else leave one out
    std::optional<Recipe> convolutions{};  // theirs, where they have another

    const Recipe& recipe_of(const std::string& tower) const {
        return tower == "cnn" && convolutions ? *convolutions : recipe;
    }
};
inline const Recipe beauty_recipe{.width = 192, .hidden = 192, .dropout = 0.5, .decay = true, .epochs = 20};
inline const Recipe beauty_convolutions{.width = 128, .hidden = 256, .dropout = 0.4, .decay = true, .epochs = 20};
inline const Recipe lastfm_recipe{.length = 120,
                                  .dropout = 0.5,
                                  .learning_rate = 0.002,
                                  .batch_size = 64,
                                  .epochs = 45,
                                  .patience = 8,
                                  .with_taste = true};
inline const Recipe small_recipe{.learning_rate = 0.002, .batch_size = 64, .epochs = 45, .patience = 8};
inline const std::vector<Set> sets{
    {.name = "beauty", .path = "s3rec-beauty/Beauty", .recipe = beauty_recipe, .convolutions = beauty_convolutions},
    {"lastfm", "s3rec-lastfm/LastFM", lastfm_recipe, true},
    {"lastfm-all", "s3rec-lastfm/LastFM", lastfm_recipe},
    {"ml-100k", "movielens-100k/ml-100k", small_recipe, false, "movielens-100k"},
    {"ml-100k-by-time", "movielens-100k/ml-100k", small_recipe, false, "movielens-100k", true},
};
inline const Set& set_named(std::string_view name) {
    const auto known = std::find_if(sets.begin(), sets.end(), [&](const Set& set) { return set.name == name; });
    if (known == sets.end()) throw ArgumentError(message("--set: there is no set ", name));
    return *known;
}

// A set of the user's own: PATH.txt, with PATH_item2attributes.json and PATH_sample.txt where there are such. Its
// recipe is that of beauty, or for fewer than 5,000 users that of ml-100k.
inline Set own_set(const std::string& path) {
    std::ifstream in(path + ".txt");
    const auto users = std::count(std::istreambuf_iterator<char>(in), {}, '\n');
    const std::filesystem::path base = std::filesystem::absolute(path);
    return {base.filename().string(),
            base.string(),
            users < 5000 ? small_recipe : beauty_recipe,
            std::filesystem::exists(path + "_sample.txt"),
            {},
            false,
            users < 5000 ? std::nullopt : std::optional(beauty_convolutions)};
}

// What is known of events and users beside the items.
struct Fields {
    FeatureSpec of_events, of_users;
    SequenceFields values;
};
struct World {
    Split split;
    Interactions train_events;                          // those of the split, with times where there are such
    std::vector<std::vector<std::int32_t>> attributes;  // of each item
    std::optional<Sequences> negatives;
    std::shared_ptr<const Fields> fields{};  // shared, for indexes look into them
    std::vector<Query> validation = split.validation_queries(), test = split.test_queries();

    std::int32_t items() const { return split.all().items(); }
    RankingProtocol protocol(int threads) const {
        return {.threads = threads, .negatives = negatives ? &*negatives : nullptr};
    }
    template <class Scorer>
    RankingReport rank(const Scorer& scorer, std::span<const Query> queries, int threads) const {
        return evaluate_ranking(scorer, queries, items(), protocol(threads));
    }
};
// The times of MovieLens-100K for its events in the sequence format, where each user's are in the order of time.
inline void add_times(Interactions& events, const std::string& directory) {
    const Interactions timed = read_movielens_100k(directory).interactions;
    std::vector<std::vector<std::int64_t>> of_users(static_cast<std::size_t>(timed.users.size()) + 1);
    for (const std::size_t i : detail::by_user_and_time(timed))
        of_users[static_cast<std::size_t>(timed.user[i])].push_back(timed.timestamp[i]);
    std::vector<std::size_t> next(of_users.size(), 0);
    for (const std::int32_t user : events.user) {
        const auto u = static_cast<std::size_t>(timed.users.at(events.users.key(user)));
        events.timestamp.push_back(of_users[u].at(next[u]++));
    }
}
// When events were, and who the users are, of MovieLens-100K.
inline std::shared_ptr<const Fields> read_fields(const World& world, const Interactions& events,
                                                 const std::string& directory) {
    EventTable table(events);
    UserTable users = read_movielens_users(directory + "/u.user");
    align(table, users);
    FeatureSpec of_events = FeatureSpec::fit({{.name = "gap", .kind = FeatureKind::gap},
                                              {.name = "hour", .kind = FeatureKind::hour},
                                              {.name = "weekday", .kind = FeatureKind::weekday}},
                                             EventTable(world.train_events));
    const Feature age{.name = "age", .kind = FeatureKind::bucket, .buckets = 8};
    FeatureSpec of_users = FeatureSpec::fit({age, {.name = "gender"}, {.name = "occupation"}}, users);
    Record of_all = table.select(table.by_user_and_time()).samples(of_events);
    Record who = users.samples(of_users);
    SequenceFields values(world.split.all(), std::move(of_all), std::move(who));
    return std::make_shared<const Fields>(Fields{std::move(of_events), std::move(of_users), std::move(values)});
}
inline World read_world(const Set& set, const std::string& data_directory) {
    const std::filesystem::path data_path(data_directory);
    const std::string base = (data_path / set.path).string();
    Dataset data = read_sequences(base + ".txt");
    Interactions& events = data.interactions;
    if (!set.times.empty()) add_times(events, (data_path / set.times).string());
    Split split = set.by_time ? Split(TimeSplit{events, time_quantile(events, 0.8), time_quantile(events, 0.9)})
                              : Split(LeaveOneOut{Sequences(events)});
    Interactions train = split.train_events(events);
    World world{std::move(split), std::move(train), {}, std::nullopt};
    if (!set.times.empty()) world.fields = read_fields(world, events, (data_path / set.times).string());
    if (const std::string attributes = base + "_item2attributes.json"; std::filesystem::exists(attributes))
        world.attributes = read_item_attributes(attributes, data.interactions.items);
    if (set.sampled) world.negatives = read_negatives(base + "_sample.txt", data.interactions);
    return world;
}
// Made-up people, for a try in seconds.
inline const Set synthetic_set{
    "synthetic", "", {.width = 32, .hidden = 32, .learning_rate = 0.01, .batch_size = 64, .epochs = 6}};
inline World synthetic_world() {
    const SyntheticWorld people{{.users = 400, .items = 300, .mean_events = 30, .min_events = 8}, Seed{1}};
    const Interactions events = people.dataset().interactions;
    const LeaveOneOut split{Sequences(events)};
    World world{split, split.train_events(events), {}, std::nullopt};
    world.attributes.resize(1);
    for (std::int32_t item = 1; item <= world.items(); ++item) world.attributes.push_back({people.type(item) + 1});
    return world;
}

inline auto convolutions(const Recipe& r) {
    return Residual{Sequential{Conv1D{r.hidden, r.kernel, relu, {.padding = Padding::causal}}, Dropout{r.dropout},
                               Conv1D{r.hidden, r.kernel, relu, {.padding = Padding::causal, .dilation_rate = 2}},
                               Dropout{r.dropout}, Dense{r.width}}};
}
inline auto recurrence(const Recipe& r) {
    return Residual{Sequential{LSTM{r.hidden, return_sequences}, Dropout{r.dropout}, Dense{r.width}}};
}
// Self-attention in the shape of SASRec (Kang and McAuley 2018).
inline auto attention(const Recipe& r) {
    const TransformerBlockOptions causal{.dropout = r.dropout, .use_causal_mask = true};
    return Sequential{PositionEmbedding{r.length}, Dropout{r.dropout}, TransformerBlock{2, r.hidden, causal},
                      TransformerBlock{2, r.hidden, causal}, LayerNorm{}};
}
// The taste on the whole, beside the order of the last events.
inline auto taste(const Recipe& r) { return Residual{Sequential{CumulativeAverage1D{}, Dense{r.width}}}; }

class Stopwatch {
public:
    double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

struct Run {
    std::string title;  // of the lines that say how far it is
    Recipe recipe;
    int seed = 1, threads = 0;
};
// The epoch with the best validation NDCG@10, and the seconds of all.
struct Best {
    double validation = 0;
    long epoch = 0;
    double seconds = 0;
};

// Trains with a validation after each epoch and brings back the weights of the best one. `index` makes of the model
// what scores all items.
template <class Model, class Samples, class Loss, class MakeIndex>
Best fit_best(const World& world, const Run& run, Model& model, Samples& samples, const Loss& loss,
              const MakeIndex& index) {
    const Stopwatch watch;
    auto validate = [&](const EpochEnd& e) {
        EpochLog& log = e.log;
        log.set("val_ndcg", world.rank(index(model), world.validation, run.threads).ndcg);
        std::fprintf(stderr, "\r%s, seed %d: epoch %ld of at most %ld, loss %.3f, validation NDCG@10 %.4f, %.0f s   ",
                     run.title.c_str(), run.seed, log.epoch + 1, static_cast<long>(run.recipe.epochs), log.at("loss"),
                     log.at("val_ndcg"), watch.seconds());
    };
    EarlyStopping stopping{.monitor = "val_ndcg",
                           .patience = static_cast<long>(run.recipe.patience),
                           .mode = EarlyStopping::Mode::max,
                           .restore_best_weights = true};
    const Index steps = (samples.size() + run.recipe.batch_size - 1) / run.recipe.batch_size * run.recipe.epochs;
    const double rate = run.recipe.learning_rate;
    Adam adam{{.learning_rate = rate}};
    fit(model, samples, loss, adam,
        FitOptions<Samples>{.epochs = run.recipe.epochs,
                            .batch_size = run.recipe.batch_size,
                            .threads = run.threads,
                            .seed = static_cast<std::uint64_t>(run.seed)},
        LearningRateSchedule{CosineDecay{rate, steps, run.recipe.decay ? 0.0 : 1.0}}, validate, stopping);
    std::fprintf(stderr, "\n");
    return {stopping.best_value, stopping.best_epoch + 1, watch.seconds()};
}

// Trains the SequenceRecommender of a recipe: use(what scores all items, how training went).
template <class Use>
void train_sequences(const World& world, const Run& run, const Use& use) {
    const Recipe& r = run.recipe;
    SequenceRecommenderOptions options{
        .width = r.width, .scale = r.scale, .use_ids = r.ids, .id_dropout = r.id_dropout};
    if (r.attributes) options.attributes = world.attributes;
    if (r.cold) options.cold = world.split.train().cold_items();
    const SequenceFields* const fields = r.fields && world.fields ? &world.fields->values : nullptr;
    if (fields) {
        const auto table = [&](const FeatureSpec& spec, const char* name, Index part) {
            return field(name, Embedding{spec.rows(name), r.width / part});
        };
        const FeatureSpec &events = world.fields->of_events, &users = world.fields->of_users;
        options.step = Branches{table(events, "gap", 2), table(events, "hour", 4), table(events, "weekday", 4)};
        options.user = Branches{table(users, "age", 2), table(users, "gender", 4), table(users, "occupation", 4)};
    }
    const auto train = [&](auto tower) {
        SequenceRecommender model{world.items(), std::move(tower), options};
        const RecordShape none;
        model.build(r.length, Seed{static_cast<std::uint64_t>(run.seed)}, fields ? fields->events().shape() : none,
                    fields ? fields->users().shape() : none);
        SequenceSamples samples{world.split.train(), r.length, fields};
        const auto index = [&](const auto& trained) { return SequenceIndex{trained, r.length, fields}; };
        const bool sampled = r.negatives > 0 || r.in_batch;
        const Best best = sampled ? fit_best(world, run, model, samples, sampled_loss(r, world.split.train()), index)
                                  : fit_best(world, run, model, samples, NextItemSoftmax{}, index);
        use(index(model), best);
    };
    const auto train_order = [&](auto order) {
        if (r.with_taste)
            train(Sequential{Dropout{r.dropout}, taste(r), order});
        else
            train(Sequential{Dropout{r.dropout}, order});
    };
    if (r.tower == "cnn")
        train_order(convolutions(r));
    else if (r.tower == "rnn")
        train_order(recurrence(r));
    else if (r.tower == "attention")
        train(attention(r));
    else
        throw ArgumentError("tower: expected cnn, rnn or attention, received " + r.tower);
}

}  // namespace recipes
