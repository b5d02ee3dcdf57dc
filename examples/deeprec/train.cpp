// `deeprec train`: a recommender by the name of its recipe, kept as one bundle.
#include "training.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include <CLI/CLI.hpp>
#include <deeprec/recommender/recommender_file.hpp>

namespace program {

namespace {

const std::vector<std::string> recipes{"best",   "two-tower-cnn", "two-tower-rnn",     "cnn",    "rnn",     "attention",
                                       "hybrid", "popularity",    "recent-popularity", "markov", "item-knn"};
// What --recipe best tries, the quick ones first; the hybrid has an rnn in it.
const std::vector<std::string> tried{"popularity", "recent-popularity", "markov", "item-knn", "cnn", "hybrid"};

bool reads_in_order(const std::string& recipe) {
    return recipe == "rnn" || recipe == "cnn" || recipe == "attention" || recipe == "hybrid" || recipe == "best";
}

struct Options {
    std::string data, out = "shop.deeprec", split = "last", directory, time;
    Index validation_queries = 2000;
    bool no_attributes = false, fields = false;
    Recipe recipe;
};

// "90s", "10m", "2h"; a number alone is seconds.
double seconds_of(const std::string& text) {
    if (text.empty()) return 0;
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    const std::string unit(end);
    const double factor = unit == "h" ? 3600 : unit == "m" ? 60 : unit.empty() || unit == "s" ? 1 : 0;
    if (!(number * factor > 0)) throw ArgumentError("--time: expected a time such as 90s, 10m or 2h, received " + text);
    return number * factor;
}

// Values of items' categories as numbers from 1, in the order of the bundle's text "attributes", by which new items are
// told what they are.
std::vector<std::vector<std::int32_t>> attributes_of(const Prepared& prepared, std::string& names) {
    const ItemTable& items = prepared.tables.items;
    Vocabulary numbers;
    std::vector<std::vector<std::int32_t>> lists(1);
    for (Index row = 0; row < items.size(); ++row) {
        lists.emplace_back();
        for (const Column& column : items.columns) {
            if (column.name() == prepared.title) continue;
            const auto add = [&](std::string_view value) {
                if (value.find('\n') != value.npos) return;
                lists.back().push_back(numbers.add(column.name() + "=" + std::string(value)));
            };
            if (column.kind() == ColumnKind::category && !column.missing(row)) add(column.text(row));
            if (column.kind() == ColumnKind::categories)
                for (const std::int32_t id : column.ids(row)) add(column.values().key(id));
        }
    }
    if (numbers.size() == 0) return {};
    for (std::int32_t id = 1; id <= numbers.size(); ++id) names += numbers.key(id) + "\n";
    return lists;
}

/// By likelihood; where a member alone ranks the validation events better, as beside a network that was trained too
/// briefly, it gets all the weight.
template <class Hybrid>
void weigh(Hybrid& hybrid, const Training& t) {
    const std::vector<std::string> members{"rnn", "item-knn", "markov"};
    const RankingProtocol protocol{.threads = t.recipe.threads};
    hybrid.fit(t.validation, t.split.all().items(), protocol);
    std::vector<double> best = hybrid.weights();
    std::printf("Weights: rnn %.2f, item-knn %.2f, markov %.2f\n", best[0], best[1], best[2]);
    const auto ndcg = [&](const std::vector<double>& weights) {
        hybrid.set_weights(weights);
        return evaluate_ranking(hybrid, t.validation, t.split.all().items(), protocol).ndcg;
    };
    double most = ndcg(best);
    for (std::size_t m = 0; m < members.size(); ++m) {
        std::vector<double> alone(members.size(), 0.0);
        alone[m] = 1;
        const double own = ndcg(alone);
        if (own <= most) continue;
        std::printf("%s alone ranks the validation events better, NDCG@10 %.4f beside %.4f: it gets all the weight\n",
                    members[m].c_str(), own, most);
        most = own, best = alone;
    }
    hybrid.set_weights(best);
}

AnyScorer train_recipe(Training& t) {
    const std::string& name = t.recipe.name;
    const Sequences& train = t.split.train();
    if (name == "popularity") return Popularity(train);
    if (name == "recent-popularity") return Popularity::recent(t.split.train_events(t.prepared.data.interactions));
    if (name == "markov") return Markov(train);
    if (name == "item-knn") return ItemKnn(train);
    if (name == "rnn") return train_rnn(t);
    if (name == "cnn") return train_cnn(t);
    if (name == "attention") return train_attention(t);
    if (name == "two-tower-cnn") return train_two_tower(t, false);
    if (name == "two-tower-rnn") return train_two_tower(t, true);
    WeightedHybrid hybrid{train_rnn(t), ItemKnn(train), Markov(train)};
    if (!t.validation.empty()) weigh(hybrid, t);
    return hybrid;
}

RankingReport validation_of(const AnyScorer& scorer, const Training& t) {
    return evaluate_ranking(scorer, t.validation, t.split.all().items(), {.threads = t.recipe.threads});
}
// The recipe that ranks the validation events best. Networks share what is left of the time, each in a directory of its
// own; the best one's history is kept as that of the whole.
AnyScorer train_best(Training& t) {
    if (t.validation.empty()) throw ArgumentError("--recipe best: expected --split last or time, received none");
    const auto begin = std::chrono::steady_clock::now();
    const std::string directory = t.directory;
    const Recipe asked = t.recipe;
    AnyScorer best;
    std::string name;
    double most = -1;
    for (std::size_t r = 0; r < tried.size(); ++r) {
        t.recipe = asked;
        t.recipe.name = tried[r];
        t.directory = directory + "/" + tried[r];
        if (asked.seconds > 0) {
            const double spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
            t.recipe.seconds = std::max(0.001, (asked.seconds - spent) / static_cast<double>(tried.size() - r));
        }
        try {
            const AnyScorer scorer = train_recipe(t);
            const RankingReport own = validation_of(scorer, t);
            std::printf("%s: validation HR@10 %.4f, NDCG@10 %.4f\n", tried[r].c_str(), own.hr, own.ndcg);
            if (own.ndcg > most) most = own.ndcg, best = scorer, name = tried[r];
        } catch (const NoEpoch&) {
            std::printf("%s: its part of the time was over before the first epoch\n", tried[r].c_str());
        }
        std::fflush(stdout);
    }
    std::printf("Best: %s\n", name.c_str());
    t.recipe.name = name;
    t.directory = directory + "/" + name;
    if (!reads_in_order(name)) t.served = {};
    std::filesystem::remove(directory + "/history.csv");
    if (std::filesystem::exists(t.directory + "/history.csv"))
        std::filesystem::copy_file(t.directory + "/history.csv", directory + "/history.csv");
    return best;
}

void train(const Options& o) {
    const Prepared prepared = read_prepared(o.data);
    const Split split = split_by(prepared.data, o.split);
    Training t{.prepared = prepared,
               .split = split,
               .recipe = o.recipe,
               .directory = o.directory.empty() ? o.out + ".run" : o.directory,
               .validation = {},
               .attributes = {},
               .served = {},
               .validation_fields = {}};
    t.recipe.seconds = seconds_of(o.time);
    t.validation = some_of(split.validation_queries(), o.validation_queries);
    if (o.fields) {
        if (!reads_in_order(t.recipe.name))
            throw ArgumentError("--fields: expected the recipe cnn, rnn, attention or hybrid, received " +
                                t.recipe.name);
        t.served = log_fields(prepared, split);
        add_fields(t.validation, split, t.served, t.validation_fields);
    }
    std::string attribute_names;
    if (!o.no_attributes) t.attributes = attributes_of(prepared, attribute_names);
    std::printf("%s: %ld events of %d users train, %zu validate; %d items\n", o.data.c_str(),
                static_cast<long>(split.train().size()), split.train().users(), t.validation.size(),
                split.all().items());
    const bool tries = t.recipe.name == "best";
    if (t.recipe.resume && !tries && !std::filesystem::exists(t.directory + "/last.state"))
        std::fprintf(stderr, "deeprec: there is no %s/last.state to go on with, training begins\n",
                     t.directory.c_str());
    std::fflush(stdout);

    AnyScorer scorer;
    try {
        scorer = tries ? train_best(t) : train_recipe(t);
    } catch (const Stopped&) {
        std::fprintf(stderr, "\nStopped. What was done is kept; go on with:\n  %s%s\n", command_line.c_str(),
                     o.recipe.resume ? "" : " --resume");
        throw;
    }
    AnyRecommender shop(scorer, Dataset{prepared.data.interactions, Catalogue{}, prepared.data.description}, {},
                        t.served);
    set_columns(shop, prepared);
    shop.about = {{"recipe", t.recipe.name},
                  {"split", o.split},
                  {"data", o.data},
                  {"seed", std::to_string(t.recipe.seed)},
                  {"deeprec", version}};
    if (reads_in_order(t.recipe.name)) shop.about["attributes"] = attribute_names;
    shop.tokenizer = t.tokenizer;
    for (const std::string& column : prepared.genres)
        if (t.tokenizer) shop.about["genres"] += column + "\n";
    if (!t.validation.empty()) {
        const RankingReport own = validation_of(scorer, t), popular = validation_of(Popularity(split.train()), t);
        shop.about["protocol"] = message("split ", o.split, ", ", t.validation.size(),
                                         " validation events, each ranked among all items but its user's history");
        shop.about["validation"] = message("HR@10 ", fixed(own.hr, 4), ", NDCG@10 ", fixed(own.ndcg, 4));
        std::printf("Validation, full ranking: HR@10 %.4f, NDCG@10 %.4f (popularity: %.4f and %.4f)\n", own.hr,
                    own.ndcg, popular.hr, popular.ndcg);
    }
    save(shop, o.out);
    std::printf("Written: %s. Next: deeprec evaluate %s %s, or deeprec serve %s\n", o.out.c_str(), o.data.c_str(),
                o.out.c_str(), o.out.c_str());
}

}  // namespace

void check_signal(int signal, const Training&) {
    if (signal != 0) throw Stopped{};
}

void add_train(CLI::App& app) {
    const auto o = std::make_shared<Options>();
    CLI::App* const c = app.add_subcommand("train", "train a recommender and keep it as one file");
    Recipe& r = o->recipe;
    c->add_option("DATA", o->data, "what deeprec prepare wrote")->required();
    c->add_option("-o,--out", o->out, "the bundle to write");
    c->add_option("--recipe", r.name,
                  "what to train; best: tries several and keeps the one that ranks the validation events best")
        ->check(CLI::IsMember(recipes));
    c->add_option("--split", o->split,
                  "what is held out. last: of each user the last event for tests, the one before for validation; "
                  "time: the last tenth of all events and the tenth before; none: everything trains, for --epochs")
        ->check(CLI::IsMember(std::vector<std::string>(std::begin(split_names), std::end(split_names))));
    c->add_option("--epochs", r.epochs, "at most; 0 = the recipe's")->check(CLI::Range(0, 1000000));
    c->add_option("--patience", r.patience, "epochs without a better validation NDCG@10 before it stops")
        ->check(CLI::Range(1, 1000000));
    c->add_option("--time", o->time, "stop after a time such as 10m; the best epoch counts");
    c->add_option("--seed", r.seed, "of everything random");
    c->add_option("--threads", r.threads, "0 = all cores; the results are the same for any number")
        ->check(CLI::Range(0, 1024));
    c->add_option("--batch-size", r.batch_size, "0 = the recipe's")->check(CLI::Range(0, 1 << 20));
    c->add_option("--learning-rate", r.learning_rate, "0 = the recipe's")->check(CLI::Range(0.0, 10.0));
    c->add_option("--length", r.length, "events that are read of a user")->check(CLI::Range(1, 10000));
    c->add_option("--width", r.width, "numbers of an item's vector")->check(CLI::Range(1, 4096));
    c->add_option("--hidden", r.hidden, "units of the hidden layers")->check(CLI::Range(1, 4096));
    c->add_option("--dropout", r.dropout, "rate")->check(CLI::Range(0.0, 0.99));
    c->add_option(
         "--id-dropout", r.id_dropout,
         "share of steps in which an item goes by its categories alone, without which new items crowd the lists")
        ->check(CLI::Range(0.0, 0.99));
    c->add_option("--scale", r.scale, "of the cosine of cnn, rnn, attention and hybrid; 0 = plain products")
        ->check(CLI::Range(0.0, 1000.0));
    c->add_option("--samples", r.samples, "of an epoch of the two towers; 0 = all")->check(CLI::Range(0, 1 << 30));
    c->add_option("--negatives", r.negatives, "of the two towers, for each block of people")
        ->check(CLI::Range(1, 1 << 20));
    c->add_option("--validation-queries", o->validation_queries, "at most so many after each epoch; 0 = all")
        ->check(CLI::Range(0, 1 << 30));
    c->add_flag("--no-attributes", o->no_attributes,
                "categories of items are left out of cnn, rnn, attention and hybrid");
    c->add_flag(
        "--fields", o->fields,
        "cnn, rnn, attention and hybrid read what the log says of each event (its columns, the gap before it) and "
        "of each user; requests with a history of their own should say it too");
    c->add_option("--run", o->directory, "where checkpoints and history.csv go; default: OUT.run");
    c->add_flag("--resume", r.resume, "go on where the training in --run was stopped")->configurable(false);
    c->footer(
        "Example:\n  deeprec train data.deeprec -o shop.deeprec --recipe rnn --epochs 20\n"
        "After Ctrl-C the same line with --resume goes on, to the same bits as if it had not been stopped.");
    set_work(c, [o] { train(*o); });
}

}  // namespace program
