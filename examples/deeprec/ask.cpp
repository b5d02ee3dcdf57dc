// What is asked of a bundle on the command line: evaluate, recommend, similar, explain, batch.
#include <algorithm>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <deeprec/core/parallel.hpp>
#include <deeprec/data/readers/whole_text.hpp>
#include <deeprec/io/replace_file.hpp>
#include <deeprec/ranking/evaluate_ranking.hpp>
#include <deeprec/ranking/item_knn.hpp>
#include <deeprec/ranking/markov.hpp>
#include <deeprec/ranking/popularity.hpp>
#include <deeprec/ranking/slices.hpp>

#include "program.hpp"

namespace program {

namespace {

// evaluate

struct EvaluateOptions {
    std::string data;
    std::vector<std::string> bundles;
    Index k = 10, queries = 0;
    int threads = 0;
    bool validation = false;
};
void evaluate_bundles(const EvaluateOptions& o) {
    const Prepared prepared = read_prepared(o.data);
    const std::int32_t items = prepared.data.interactions.items.size();
    std::vector<AnyRecommender> shops;
    std::optional<Split> split;
    std::string how;
    for (const std::string& path : o.bundles) {
        shops.push_back(load_bundle(path));
        const std::string own = shops.back().about["split"];
        Split held_out = split_of(shops.back(), path, prepared);
        if (!split) split = std::move(held_out), how = own;
        if (own != how)
            throw DataError(message(path, ": it was trained with --split ", own, ", the others with ", how));
    }
    std::vector<Query> queries =
        some_of(o.validation ? split->validation_queries() : split->test_queries(), o.queries);
    std::printf("%zu queries (--split %s, %s), each target ranked among all %d items without those of the history\n",
                queries.size(), how.c_str(), o.validation ? "validation" : "test", items);
    const std::string k = "@" + std::to_string(o.k);
    Table table({"model", "AUC", "HR" + k, "95 %", "NDCG" + k, "95 %", "head", "torso", "tail", "warm", "cold"});
    const auto counts = split->train().item_counts();
    const auto is_warm = [&](std::size_t q) { return counts[static_cast<std::size_t>(queries[q].target)] > 0; };
    std::vector<RankingReport> reports;
    const auto row = [&](const std::string& name, const auto& scorer) {
        reports.push_back(rank_watched(name, scorer, queries, items, {.k = o.k, .threads = o.threads}));
        const RankingReport& r = reports.back();
        const BootstrapIntervals sure = bootstrap(r);
        const PopularityRows rows = by_popularity(r, queries, split->train());
        const auto part = [](const RankingFigures& f) { return f.queries > 0 ? fixed(f.ndcg, 4) : std::string("-"); };
        const auto range = [](const Interval& i) { return fixed(i.low, 4) + " to " + fixed(i.high, 4); };
        table.add({name, fixed(r.auc, 4), fixed(r.hr, 4), range(sure.hr), fixed(r.ndcg, 4), range(sure.ndcg),
                   part(rows.head), part(rows.torso), part(rows.tail), part(figures_where(r, is_warm)),
                   part(rows.cold)});
    };
    row("popularity", Popularity(split->train()));
    row("recent popularity", Popularity::recent(split->train_events(prepared.data.interactions)));
    const std::size_t markov = reports.size();
    row("markov", Markov(split->train()));
    row("item-knn", ItemKnn(split->train()));
    const std::size_t baselines = reports.size();
    std::vector<FieldsOfSequence> fields;
    for (std::size_t b = 0; b < shops.size(); ++b) {
        add_fields(queries, *split, shops[b].served_fields(), fields);
        row(o.bundles[b] + " (" + shops[b].about["recipe"] + ")", shops[b].scorer());
    }
    table.print();
    std::printf(
        "head, torso, tail: NDCG%s of the targets that have a third of the training events each; "
        "cold: of those without any; warm: of all others\n",
        k.c_str());
    for (std::size_t b = 0; b < shops.size(); ++b) {
        const std::size_t other = b == 0 ? markov : baselines;  // then the first bundle
        const PairedTest test = compare(reports[other], reports[b + baselines]).ndcg;
        std::printf("%s less %s: NDCG%s %+.4f (95 %%: %+.4f to %+.4f, p = %.4f), query by query\n",
                    o.bundles[b].c_str(), b == 0 ? "markov" : o.bundles[0].c_str(), k.c_str(), test.difference,
                    test.interval.low, test.interval.high, test.p);
    }
}

// recommend, similar, explain

struct AskOptions {
    std::string bundle, user, item;
    std::vector<std::string> history, exclude, filters;
    Index k = 10, reasons = 3;
    double diversity = 0;
    bool repeat = false;
};
std::vector<std::pair<std::string, std::string>> pairs_of(const std::vector<std::string>& filters) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const std::string& filter : filters) {
        const std::size_t at = filter.find('=');
        if (at == std::string::npos)
            throw ArgumentError("--filter: expected a column and a value, as in genres=Drama; received " + filter);
        pairs.emplace_back(filter.substr(0, at), filter.substr(at + 1));
    }
    return pairs;
}
KeyOptions key_options(const AnyRecommender& shop, const AskOptions& o) {
    KeyOptions options{.exclude_history = !o.repeat,
                       .exclude = o.exclude,
                       .filter = filter_by(shop, pairs_of(o.filters)),
                       .reasons = o.reasons};
    if (o.diversity > 0) options.diversity = Mmr{.strength = o.diversity};
    return options;
}
void print_hits(const AnyRecommender& shop, const KeyHits& hits) {
    for (const std::string& key : hits.unknown)
        std::fprintf(stderr, "deeprec: unknown key %s, passed over\n", key.c_str());
    if (hits.fallback) std::fprintf(stderr, "deeprec: nothing known to go by, these are the popular ones\n");
    Table table({"rank", "key", "score", "title", "because of"});
    int rank = 0;
    for (const KeyHit& hit : hits) {
        std::string because;
        for (const Reason& reason : hit.because)
            because += (because.empty() ? "" : ", ") + label(shop, reason.key) + " (" + fixed(reason.value, 2) + ")";
        table.add(
            {std::to_string(++rank), hit.key, fixed(static_cast<double>(hit.score), 4), label(shop, hit.key), because});
    }
    table.print();
}
void recommend_to(const AskOptions& o) {
    if (o.user.empty() && o.history.empty()) throw ArgumentError("recommend: expected --user KEY or --history KEY ...");
    const AnyRecommender shop = load_bundle(o.bundle);
    print_hits(shop, shop.recommend({o.history, o.user}, o.k, key_options(shop, o)));
}
void similar_to(const AskOptions& o) {
    const AnyRecommender shop = load_bundle(o.bundle);
    print_hits(shop, shop.similar_items(o.item, o.k, key_options(shop, o)));
}
void explain_item(const AskOptions& o) {
    const AnyRecommender shop = load_bundle(o.bundle);
    const KeyQuery query{o.history, o.user};
    if (o.history.empty() && (o.user.empty() || shop.history(o.user).empty()))
        throw ArgumentError("explain: expected --history KEY ... or a --user with events");
    for (const std::string& key : o.history) (void)shop.items().at(key);  // no event is passed over
    const Explanation why = shop.explain(query, o.item);
    std::printf("%s: score %.4f, %.4f of it without the events; what each adds:\n", label(shop, o.item).c_str(),
                why.score, why.baseline);
    Table table({"adds", "event", "key", "title"});
    for (const Contribution& c : why.events) {
        const bool of_user = !c.field.empty() && view(shop.served_fields().users()).find(c.field);
        const std::string event = of_user ? "-" : std::to_string(c.position + 1);
        if (c.field.empty())
            table.add({fixed(c.value, 4), event, shop.items().key(c.id), label(shop, shop.items().key(c.id))});
        else
            table.add({fixed(c.value, 4), event, "", (of_user ? "the user's " : "its ") + c.field});
    }
    table.print();
}

// batch

struct BatchOptions {
    std::string bundle, out = "recommendations.csv", users;
    std::vector<std::string> filters;
    Index k = 10;
    int threads = 0;
    bool repeat = false;
};
void batch(const BatchOptions& o) {
    const AnyRecommender shop = load_bundle(o.bundle);
    std::vector<std::string> users;
    if (o.users.empty()) {
        for (std::int32_t user = 1; user <= shop.users().size(); ++user) users.push_back(shop.users().key(user));
    } else {
        const std::string text = detail::read_whole_text(o.users);
        for (std::size_t begin = 0, end; begin < text.size(); begin = end + 1) {
            end = std::min(text.find('\n', begin), text.size());
            std::string line = text.substr(begin, end - begin);
            if (line.ends_with('\r')) line.pop_back();
            if (!line.empty()) users.push_back(std::move(line));
        }
    }
    const KeyOptions options{
        .exclude_history = !o.repeat, .filter = filter_by(shop, pairs_of(o.filters)), .reasons = 0};
    FileReplacement file(o.out);
    file.write("user,rank,item,score\n");
    ThreadPool pool(o.threads);
    std::size_t fallbacks = 0, unknown = 0;
    constexpr std::size_t block = 1024;
    Progress progress(o.out + ", users", std::ssize(users));
    for (std::size_t first = 0; first < users.size(); first += block) {
        const std::size_t count = std::min(block, users.size() - first);
        std::vector<KeyHits> lists(count);
        pool.run(static_cast<Index>(count), [&](Index i) {
            lists[static_cast<std::size_t>(i)] =
                shop.recommend({{}, users[first + static_cast<std::size_t>(i)]}, o.k, options);
        });
        for (std::size_t i = 0; i < count; ++i) {
            fallbacks += lists[i].fallback;
            unknown += !lists[i].unknown.empty();
            std::string lines;
            int rank = 0;
            for (const KeyHit& hit : lists[i])
                lines += csv(users[first + i]) + "," + std::to_string(++rank) + "," + csv(hit.key) + "," +
                         fixed(static_cast<double>(hit.score), 6) + "\n";
            file.write(lines);
        }
        progress.add(static_cast<Index>(count));
    }
    file.commit();
    std::printf("Written: %s, the best %ld items of %zu users (%zu of them unknown; %zu lists are what is popular)\n",
                o.out.c_str(), static_cast<long>(o.k), users.size(), unknown, fallbacks);
}

void add_common(CLI::App* c, AskOptions& o) {
    c->add_option("BUNDLE", o.bundle, "what deeprec train wrote")->required();
    c->add_option("-k", o.k, "how many")->check(CLI::Range(0, 100000));
    c->add_option("--filter", o.filters,
                  "only items with a value in a column, as in genres=Drama, or a number of a range, as in price=5..20; "
                  "those of one column are alternatives");
    c->add_option("--exclude", o.exclude, "keys of items that are not to come");
    c->add_option("--diversity", o.diversity, "0: by score alone, towards 1: less alike")->check(CLI::Range(0.0, 1.0));
}
void add_person(CLI::App* c, AskOptions& o) {
    c->add_option("--user", o.user, "key of a user whose events the bundle has");
    c->add_option("--history", o.history, "keys of items, oldest first, in place of the user's events");
}

}  // namespace

void add_evaluate(CLI::App& app) {
    const auto o = std::make_shared<EvaluateOptions>();
    CLI::App* const c = app.add_subcommand("evaluate", "rank what training did not see, beside simple baselines");
    c->add_option("DATA", o->data, "what the bundles were trained on")->required();
    c->add_option("BUNDLES", o->bundles, "one or several, compared query by query with the first")->required();
    c->add_option("-k", o->k, "length of the lists")->check(CLI::Range(1, 100000));
    c->add_option("--queries", o->queries, "at most so many; 0 = all")->check(CLI::Range(0, 1 << 30));
    c->add_option("--threads", o->threads, "0 = all cores")->check(CLI::Range(0, 1024));
    c->add_flag("--validation", o->validation, "the validation queries in place of those for tests");
    c->footer("Example:\n  deeprec evaluate data.deeprec shop.deeprec other.deeprec");
    set_work(c, [o] { evaluate_bundles(*o); });
}
void add_recommend(CLI::App& app) {
    const auto o = std::make_shared<AskOptions>();
    CLI::App* const c = app.add_subcommand("recommend", "the best items for a user or a history");
    add_common(c, *o);
    add_person(c, *o);
    c->add_option("--reasons", o->reasons, "events of the history that are named for each item")
        ->check(CLI::Range(0, 100));
    c->add_flag("--repeat", o->repeat, "items of the history may come again");
    c->footer("Example:\n  deeprec recommend shop.deeprec --history SKU-1 SKU-7 -k 5 --filter genres=Drama");
    set_work(c, [o] { recommend_to(*o); });
}
void add_similar(CLI::App& app) {
    const auto o = std::make_shared<AskOptions>();
    CLI::App* const c = app.add_subcommand("similar", "the items most similar to one");
    add_common(c, *o);
    c->add_option("ITEM", o->item, "key of the item")->required();
    c->footer("Example:\n  deeprec similar shop.deeprec SKU-1 -k 5");
    set_work(c, [o] { similar_to(*o); });
}
void add_explain(CLI::App& app) {
    const auto o = std::make_shared<AskOptions>();
    CLI::App* const c = app.add_subcommand("explain", "what each event of a history adds to the score of an item");
    c->add_option("BUNDLE", o->bundle, "what deeprec train wrote")->required();
    c->add_option("ITEM", o->item, "key of the item")->required();
    add_person(c, *o);
    c->footer("Example:\n  deeprec explain shop.deeprec SKU-9 --user ann");
    set_work(c, [o] { explain_item(*o); });
}
void add_batch(CLI::App& app) {
    const auto o = std::make_shared<BatchOptions>();
    CLI::App* const c = app.add_subcommand("batch", "lists for many users as CSV: user, rank, item, score");
    c->add_option("BUNDLE", o->bundle, "what deeprec train wrote")->required();
    c->add_option("-o,--out", o->out, "the file to write");
    c->add_option("--users", o->users, "a file with a user's key on each line; default: all users of the bundle");
    c->add_option("-k", o->k, "how many for each")->check(CLI::Range(1, 100000));
    c->add_option("--filter", o->filters, "as in deeprec recommend");
    c->add_option("--threads", o->threads, "0 = all cores")->check(CLI::Range(0, 1024));
    c->add_flag("--repeat", o->repeat, "items of the history may come again");
    c->footer("Example:\n  deeprec batch shop.deeprec -k 20 -o lists.csv");
    set_work(c, [o] { batch(*o); });
}

}  // namespace program
