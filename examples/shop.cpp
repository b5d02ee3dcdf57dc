// From a shop's log to recommendations: read dirty events and the items' attributes, train a recommender on ids,
// attributes and what is known of each event, rank the events of the last days, known items and new ones apart, and
// recommend by key. Without --data a small shop is made up: people go on within a category, some items are new.
// test: --epochs 6 --width 32
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <deeprec/data/readers/read_tables.hpp>
#include <deeprec/data/samples.hpp>
#include <deeprec/data/tables/table_file.hpp>
#include <deeprec/deeprec.hpp>

#include "support/made_up_shop.hpp"

using namespace deeprec;

int main(int argc, char** argv) try {
    std::string data;
    Index epochs = 12, width = 128, steps = 30;
    std::uint64_t seed = 1;
    int threads = 0;
    bool ids_alone = false;
    CLI::App app{"From a shop's log to recommendations"};
    app.add_option("--data", data, "Folder with events.csv and items.csv; empty = a made-up shop");
    app.add_option("--epochs", epochs, "Passes over the training events")->check(CLI::PositiveNumber);
    app.add_option("--width", width, "Numbers of an item's vector")->check(CLI::PositiveNumber);
    app.add_option("--seed", seed, "Of the first weights, the order of samples and dropout");
    app.add_option("--threads", threads, "0 = all cores");
    app.add_flag("--ids-alone", ids_alone, "Without attributes and fields: what they are worth");
    CLI11_PARSE(app, argc, argv);
    const auto scratch = std::filesystem::temp_directory_path() / ("deeprec-shop-" + std::to_string(getpid()));
    std::filesystem::create_directory(scratch);
    if (data.empty()) support::make_shop(scratch);
    const std::filesystem::path folder = data.empty() ? scratch : std::filesystem::path(data);

    // 1. Tables. What is wrong with the log is counted, not hidden; the file that is saved is there at once next time.
    EventTable events = read_events(folder / "events.csv", {.user = "user_id",
                                                            .item = "item_sku",
                                                            .time = "timestamp",
                                                            .columns = {{"price", ColumnKind::number}},
                                                            .type = "event_type",
                                                            .types = {{"view"}, {"cart"}, {"buy"}},
                                                            .bad_rows = BadRows::skip,
                                                            .duplicates = Duplicates::once});
    ItemTable items =
        read_items(folder / "items.csv",
                   {.key = "sku",
                    .columns = {{"title", ColumnKind::text}, {"brand"}, {"category"}, {"price", ColumnKind::number}}});
    align(events, items);
    std::cout << events.report << items.report;
    save(events, scratch / "events.safetensors");
    events = load_events(scratch / "events.safetensors");
    std::filesystem::remove_all(scratch);

    // 2. The last tenth of the events tests. Brand, category and price range of an item are its attributes; the type of
    //    an event and the gap before it are its fields.
    const Interactions log = events.interactions();
    const std::int64_t validation_from = time_quantile(log, 0.8);
    const TimeSplit split{log, validation_from, time_quantile(log, 0.9)};
    const Feature range{.name = "price range", .kind = FeatureKind::bucket, .buckets = 10, .field = "price"};
    const FeatureSpec of_items = FeatureSpec::fit({{.name = "brand"}, {.name = "category"}, range}, items);
    const FeatureSpec of_events = FeatureSpec::fit({{.name = "event_type"}, {.name = "gap", .kind = FeatureKind::gap}},
                                                   events.before(validation_from));
    const SequenceFields fields{split.all(), events.select(events.by_user_and_time()).samples(of_events)};

    // 3. A convolution over the events and their fields, against all items at every step. The residual keeps the last
    //    item's own vector: who views an item goes on from there.
    SequenceRecommenderOptions options{.width = width, .scale = 16};
    if (!ids_alone) {
        options.attributes = item_attributes(of_items, items);
        options.id_dropout = 0.1;
        options.cold = split.train().cold_items();
        options.step = Branches{field("event_type", Embedding{of_events.rows("event_type"), width / 2}),
                                field("gap", Embedding{of_events.rows("gap"), width - width / 2})};
    }
    const SequenceFields* const read = ids_alone ? nullptr : &fields;
    const Conv1D taps{2 * width, 2, relu, {.padding = Padding::causal}};
    SequenceRecommender model{
        items.size(), Sequential{Dropout{0.2}, Residual{Sequential{taps, Dropout{0.2}, Dense{width}}}}, options};
    model.build(steps, Seed{seed}, ids_alone ? RecordShape{} : fields.events().shape());
    SequenceSamples samples{split.train(), steps, read};
    Adam adam;
    fit(model, samples, NextItemSoftmax{}, adam,
        {.epochs = epochs, .batch_size = 64, .threads = threads, .seed = seed},
        LearningRateSchedule{ExponentialDecay{.initial_learning_rate = 4e-3, .decay_rate = 0.9}, ScheduleUnit::epoch},
        ProgressBar{.stream = stdout});

    // 4. Every item is a candidate, those that the user has seen too: who viewed an item may buy it next.
    const SequenceIndex index{model, steps, read};
    const auto queries = split.test_queries();
    const QueriesByWarmth rows = by_warmth(queries, split.train());
    const Markov markov{split.train()};
    std::printf("%-30s %8s %17s %17s\n%39s %9s %7s %9s %7s\n", "", "", "recommender", "Markov", "queries", "NDCG@10",
                "HR@10", "NDCG@10", "HR@10");
    const auto row = [&](const std::string& name, const std::vector<Query>& some, bool remove_history = false) {
        if (some.empty()) return 0.0;
        const RankingProtocol protocol{.remove_history = remove_history, .threads = threads};
        const auto ours = evaluate_ranking(index, some, items.keys.size(), protocol);
        const auto theirs = evaluate_ranking(markov, some, items.keys.size(), protocol);
        std::printf("%-30s %8zu %9.4f %7.4f %9.4f %7.4f\n", name.c_str(), some.size(), ours.ndcg, ours.hr, theirs.ndcg,
                    theirs.hr);
        return ours.ndcg;
    };
    const bool learned = row("all", queries) > 0.1;  // chance is 0.015
    row("warm users and items", rows.warm);
    row("new users", rows.cold_users);
    row("new items", rows.cold_items);
    row("all, less what they had seen", queries, true);

    // 5. Keys in, keys out.
    const Query& query = queries.back();
    std::printf("\n%s had last:", events.users.key(query.user).c_str());
    for (const std::int32_t item : query.history.last(std::min<std::size_t>(3, query.history.size())))
        std::printf("  %s", items.keys.key(item).c_str());
    std::printf("\n");
    const auto own = ids_alone ? FieldsOfSequence{} : fields.of(query.user, 0, std::ssize(query.history));
    for (const auto& hit : index.recommend(query.history, own, 5))
        std::printf("  %-18s %7.3f  %s\n", items.keys.key(hit.item).c_str(), static_cast<double>(hit.score),
                    std::string(items.column("title").text(hit.item - 1)).c_str());
    return learned ? 0 : 1;
} catch (const Error& error) {
    std::fprintf(stderr, "shop: %s\n", error.what());
    return 2;
}
