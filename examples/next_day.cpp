// What a shop's next day does to its recommender: new items that nobody has taken yet, a hybrid that ranks them by what
// its members know, and a model that grows and goes on training at noon, beside one that is trained anew; what a bundle
// of each costs beside the scorer alone. The tables of docs/guide/06-serve.md. Without --events a small shop is made
// up.
// test: --epochs 6 --width 32
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <deeprec/data/feature_spec.hpp>
#include <deeprec/data/readers/read_tables.hpp>
#include <deeprec/deeprec.hpp>
#include <deeprec/recommender/grow.hpp>
#include <deeprec/recommender/recommender_file.hpp>

#include "support/made_up_shop.hpp"

using namespace deeprec;

struct Options {
    std::vector<std::string> events;
    std::string items;
    double days = 1, rate = 3e-3, growth_rate = 3e-4, new_bias = 1;
    Index epochs = 6, growth_epochs = 2, growth_batch = 16, context = 30, width = 64, steps = 30;
    int threads = 0;
};

// The log in three parts: before the new day, its morning and its afternoon. An event of the item that the user had
// last is left out: whoever views an item and buys it then is no news.
struct World {
    std::int32_t items = 0, known = 0;  // items 1 ... known have events before the day
    std::vector<std::vector<std::int32_t>> attributes;
    Sequences before, before_of_known, until_noon, all;
    std::vector<Query> morning, old_items, new_items;  // of the morning, old items; of the afternoon; of the whole day
    Dataset data;                                      // with the keys, and the events before
};
World read_world(const Options& options, const std::filesystem::path& folder) {
    const bool made_up = options.events.empty();
    EventTable events =
        read_events(made_up ? Files(folder / "events.csv")
                            : Files(std::vector<std::filesystem::path>(options.events.begin(), options.events.end())),
                    {.user = "user_id",
                     .item = "item_sku",
                     .time = "timestamp",
                     .type = "event_type",
                     .types = {{"view"}, {"cart"}, {"buy"}},
                     .bad_rows = BadRows::skip,
                     .duplicates = Duplicates::once});
    ItemTable about = read_items(made_up ? folder / "items.csv" : std::filesystem::path(options.items),
                                 {.key = "sku", .columns = {{"brand"}, {"category"}, {"price", ColumnKind::number}}});
    align(events, about);  // items are numbered as they first appear in the log, those without events behind them
    World world;
    world.items = about.keys.size();
    const FeatureSpec spec =
        FeatureSpec::fit({{.name = "brand"},
                          {.name = "category"},
                          {.name = "price range", .kind = FeatureKind::bucket, .buckets = 10, .field = "price"}},
                         about);
    world.attributes.resize(static_cast<std::size_t>(world.items) + 1);
    std::int32_t first = 0;
    for (const auto& [name, ids] : spec.transform(about).ids) {
        for (Index row = 0; row < about.size(); ++row)
            if (ids(row, 0) != 0) world.attributes[static_cast<std::size_t>(row) + 1].push_back(first + ids(row, 0));
        first += static_cast<std::int32_t>(spec.rows(name));
    }

    const Interactions log = events.interactions();
    const std::int64_t end = *std::max_element(log.timestamp.begin(), log.timestamp.end());
    const std::int64_t day = end - static_cast<std::int64_t>(86400 * options.days), noon = day + (end - day) / 2;
    Interactions before, until_noon, all;
    for (Interactions* part : {&before, &until_noon, &all}) part->users = log.users, part->items = log.items;
    std::vector<std::int32_t> last(static_cast<std::size_t>(log.users.size()) + 1, 0);
    for (const Index row : events.by_user_and_time()) {
        const auto i = static_cast<std::size_t>(row);
        if (std::exchange(last[static_cast<std::size_t>(log.user[i])], log.item[i]) == log.item[i]) continue;
        const std::int64_t time = log.timestamp[i];
        all.add(log.user[i], log.item[i], {}, time);
        if (time < noon) until_noon.add(log.user[i], log.item[i], {}, time);
        if (time >= day) continue;
        before.add(log.user[i], log.item[i], {}, time);
        world.known = std::max(world.known, log.item[i]);
    }
    world.before = Sequences(before), world.until_noon = Sequences(until_noon), world.all = Sequences(all);
    before.items = {};
    for (std::int32_t item = 1; item <= world.known; ++item) before.items.add(log.items.key(item));
    world.before_of_known = Sequences(before);
    world.data.interactions = before;
    world.data.interactions.items = log.items;
    if (std::ssize(world.before_of_known.cold_items()) > 0)
        throw DataError("next_day: expected logs in the order of time, received one whose new items come first");
    for (std::int32_t user = 1; user <= world.all.users(); ++user) {
        const auto ids = world.all[user];
        for (std::size_t at = std::max<std::size_t>(world.before[user].size(), 1); at < ids.size(); ++at) {
            const Query query{user, ids.first(at), ids[at]};
            if (query.target > world.known)
                world.new_items.push_back(query);
            else
                (at < world.until_noon[user].size() ? world.morning : world.old_items).push_back(query);
        }
    }
    return world;
}

// A GRU over the events, against all items at every step.
auto make_model(const std::vector<std::vector<std::int32_t>>& attributes, const Options& options) {
    SequenceRecommender model{std::ssize(attributes) - 1,
                              Sequential{Dropout{0.2}, GRU{options.width, return_sequences}},
                              {.width = options.width, .scale = 12, .attributes = attributes, .id_dropout = 0.3}};
    model.build(options.steps, Seed{1});
    return model;
}
// New items start as if they were popular, or none would be in a list before it had many events.
template <class Model>
void start_new_items(Model& model, const World& world, double bias) {
    for_each_parameter(model, [&](std::string_view name, auto& p) {
        if (name == "bias") std::fill(p.data() + world.known + 1, p.data() + p.size(), static_cast<float>(bias));
    });
}

int main(int argc, char** argv) try {
    Options options;
    CLI::App app{"A shop's next day: new items, and a model that grows"};
    app.add_option("--events", options.events, "The log, in the order of time; several files are read one by one");
    app.add_option("--items", options.items, "The catalogue, with the new items");
    app.add_option("--days", options.days, "How long the new day is")->check(CLI::PositiveNumber);
    app.add_option("--epochs", options.epochs, "Of the model before, and of the one that is trained anew");
    app.add_option("--rate", options.rate, "Their learning rate");
    app.add_option("--growth-epochs", options.growth_epochs, "Over the morning's events");
    app.add_option("--growth-rate", options.growth_rate, "The learning rate there");
    app.add_option("--growth-batch", options.growth_batch, "Sequences of a batch there");
    app.add_option("--context", options.context, "Older events of a user that are trained again there");
    app.add_option("--new-bias", options.new_bias, "What new items' biases start with there");
    app.add_option("--width", options.width, "Numbers of an item's vector");
    app.add_option("--threads", options.threads, "0 = all cores");
    CLI11_PARSE(app, argc, argv);
    const auto scratch = std::filesystem::temp_directory_path() / ("deeprec-next-day-" + std::to_string(getpid()));
    std::filesystem::create_directory(scratch);
    if (options.events.empty()) support::make_shop(scratch), options.days = 10;
    const World world = read_world(options, scratch);
    std::printf(
        "%d items, %d of them new; %ld events before, %ld in the morning; %zu targets that are old items, %zu "
        "new ones\n\n| | HR@10 of new items | HR@10 of old items | NDCG@10 of old items | seconds |\n"
        "|---|---|---|---|---|\n",
        world.items, world.items - world.known, static_cast<long>(world.before.size()),
        static_cast<long>(world.until_noon.size() - world.before.size()), world.old_items.size(),
        world.new_items.size());

    // Every item is a candidate, those of the history too. What learned from the morning is asked about the afternoon.
    const RankingProtocol protocol{.remove_history = false, .threads = options.threads};
    std::vector<Query> new_afternoon;
    for (const Query& query : world.new_items)
        if (query.history.size() >= world.until_noon[query.user].size()) new_afternoon.push_back(query);
    const auto row = [&](const char* name, const auto& scorer, const std::vector<Query>& new_items, double seconds) {
        const auto of_new = evaluate_ranking(scorer, new_items, world.items, protocol);
        const auto of_old = evaluate_ranking(scorer, world.old_items, world.items, protocol);
        std::printf("| %s | %.4f | %.4f | %.4f | %.1f |\n", name, of_new.hr, of_old.hr, of_old.ndcg, seconds);
        std::fflush(stdout);
        return std::pair(of_new.hr, of_old.ndcg);
    };
    auto clock = std::chrono::steady_clock::now();
    const auto seconds = [&] {
        const auto before = std::exchange(clock, std::chrono::steady_clock::now());
        return std::chrono::duration<double>(clock - before).count();
    };
    const auto train = [&](auto& model, Adam& adam, const Sequences& events, Index epochs, Index batch) {
        SequenceSamples samples{events, options.steps};
        fit(model, samples, NextItemSoftmax{}, adam,
            {.epochs = epochs, .batch_size = batch, .threads = options.threads, .seed = 1});
    };
    const auto first_new = world.attributes.begin() + world.known + 1;
    const std::vector<std::vector<std::int32_t>> of_known(world.attributes.begin(), first_new),
        of_new(first_new, world.attributes.end());

    // 1. Before anything of the day is known, new items are ranked by their attributes.
    auto model = make_model(of_known, options);
    using Model = decltype(model);
    Adam adam{{.learning_rate = options.rate}};
    train(model, adam, world.before_of_known, options.epochs, 128);
    const double before_seconds = seconds();
    auto with_new = std::make_shared<Model>(model);
    with_new->add_items(std::ssize(of_new), of_new);
    const SequenceIndex index(std::shared_ptr<const Model>(with_new), options.steps);
    const ItemKnn people{world.before, {.age_weight = 0.8}};
    const WindowRules rules{world.before};
    const Markov markov{world.before};
    WeightedHybrid hybrid{index, people, rules, markov};
    hybrid.fit(std::span(world.morning).first(std::min<std::size_t>(1500, world.morning.size())), world.items,
               protocol);
    const auto alone = row("the model, new items by attributes", index, world.new_items, before_seconds);
    row("item-kNN", people, world.new_items, 0);
    row("window rules", rules, world.new_items, 0);
    row("Markov", markov, world.new_items, 0);
    const auto together = row("hybrid of the four", hybrid, world.new_items, 0);

    // 2. At noon the model grows and goes on with the morning, or a new one is trained with everything.
    std::printf("| | afternoon | | | |\n");
    const auto before = row("the model before", index, new_afternoon, 0);
    seconds();
    // What is new, of those who were there in the morning, and `context` events before it, lest the model forgets.
    const auto grow_at_noon = [&](Index context) {
        Model grown = model;
        Adam gentle{{.learning_rate = options.growth_rate}};
        grow(grown, gentle, world.items, of_new);
        start_new_items(grown, world, options.new_bias);
        train(grown, gentle, world.until_noon.events_since(world.before, context), options.growth_epochs,
              options.growth_batch);
        return grown;
    };
    const Model grown = grow_at_noon(options.context);
    const double growth_seconds = seconds();
    const auto after = row("grown", SequenceIndex(grown, options.steps), new_afternoon, growth_seconds);
    seconds();
    const Model forgetful = grow_at_noon(0);
    const double forgetful_seconds = seconds();
    row("grown, new events alone", SequenceIndex(forgetful, options.steps), new_afternoon, forgetful_seconds);
    seconds();
    Model anew = make_model(world.attributes, options);
    Adam fresh{{.learning_rate = options.rate}};
    train(anew, fresh, world.until_noon, options.epochs, 128);
    const double anew_seconds = seconds();
    row("trained anew", SequenceIndex(anew, options.steps), new_afternoon, anew_seconds);

    // 3. What a request costs, by ids and by the keys of a bundle, the explanation of its first item, and the bundle.
    std::printf(
        "\n| | a request, ms | the same by keys | ratio | an explanation, ms | bundle, MB | save, s | load, s |\n"
        "|---|---|---|---|---|---|---|---|\n");
    const auto cost = [&](const char* name, const auto& scorer) {
        const auto queries = std::span(world.old_items).first(std::min<std::size_t>(50, world.old_items.size()));
        const auto milliseconds = [&](const auto& ask) {
            double least = 1e9;
            for (int round = 0; round < 20; ++round) {  // the least of them: other programs run too
                seconds();
                for (std::size_t i = 0; i < queries.size(); ++i) ask(i);
                least = std::min(least, 1e3 * seconds() / static_cast<double>(queries.size()));
            }
            return least;
        };
        seconds();
        save(Recommender{scorer, world.data}, scratch / "shop.deeprec");
        const double save_seconds = seconds();
        const AnyRecommender shop = load_recommender<Model>(scratch / "shop.deeprec");
        const double load_seconds = seconds();
        std::vector<std::int32_t> first;
        std::vector<KeyQuery> by_key(queries.size());
        for (std::size_t i = 0; i < queries.size(); ++i) {
            first.push_back(recommend(scorer, queries[i], 1)[0].item);
            for (const std::int32_t item : queries[i].history) by_key[i].history.push_back(shop.items().key(item));
            if (shop.recommend(by_key[i], 1)[0].key != shop.items().key(first[i]))
                throw DataError(message("next_day: the bundle of ", name, " answers something else"));
        }
        const double request = milliseconds([&](std::size_t i) { recommend(scorer, queries[i], 10); });
        const double keyed = milliseconds([&](std::size_t i) { shop.recommend(by_key[i], 10, {.reasons = 0}); });
        seconds();
        for (std::size_t i = 0; i < queries.size(); ++i) explain(scorer, queries[i], first[i]);
        std::printf("| %s | %.3f | %.3f | %.2f | %.3f | %.1f | %.3f | %.3f |\n", name, request, keyed, keyed / request,
                    1e3 * seconds() / static_cast<double>(queries.size()),
                    1e-6 * static_cast<double>(std::filesystem::file_size(scratch / "shop.deeprec")), save_seconds,
                    load_seconds);
    };
    cost("the model", index);
    cost("item-kNN", people);
    cost("hybrid", hybrid);
    std::filesystem::remove_all(scratch);
    std::printf("\nthe hybrid ranks new items %s the model alone\n",
                together.first >= alone.first ? "as well as" : "below");
    return after.first > 0.05 && after.second > 0.95 * before.second ? 0 : 1;
} catch (const Error& error) {
    std::fprintf(stderr, "next_day: %s\n", error.what());
    return 2;
}
