// `deeprec report`: what a bundle reaches and what it recommends, as one HTML file that needs nothing else.
#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <memory>
#include <sstream>

#include <CLI/CLI.hpp>
#include <deeprec/core/parallel.hpp>
#include <deeprec/explain/explain_scorer.hpp>
#include <deeprec/io/replace_file.hpp>
#include <deeprec/ranking/evaluate_ranking.hpp>
#include <deeprec/ranking/item_knn.hpp>
#include <deeprec/ranking/markov.hpp>
#include <deeprec/ranking/popularity.hpp>
#include <deeprec/ranking/recommend.hpp>
#include <deeprec/ranking/slices.hpp>

#include "program.hpp"
#include "report_style.hpp"

namespace program {

namespace {

struct Options {
    std::string data, bundle, out, run;
    Index people = 10, queries = 2000;
    int threads = 0;
};

std::string html(std::string_view text) {
    std::string safe;
    for (const char c : text) switch (c) {
            case '&': safe += "&amp;"; break;
            case '<': safe += "&lt;"; break;
            case '>': safe += "&gt;"; break;
            case '"': safe += "&quot;"; break;
            default: safe += c;
        }
    return safe;
}
std::string percent(double share) { return fixed(100 * share, 1) + " %"; }

// A plot of 360 x 220: two axes with few labels, and what is drawn between them.
class Plot {
public:
    struct Axis {
        double low = 0, high = 1;
        bool logarithmic = false;
    };
    Plot(Axis x, Axis y) : x_(x), y_(y) {}
    double x(double value) const { return left + (right - left) * part(x_, value); }
    double y(double value) const { return bottom - (bottom - top) * part(y_, value); }
    void draw(const std::string& element) { drawn_ += element + "\n"; }
    void line(const char* name, const std::vector<std::pair<double, double>>& points) {
        std::string path;
        for (const auto& [px, py] : points) path += message(path.empty() ? "M" : "L", at(x(px)), " ", at(y(py)));
        draw(message("<path class=\"", name, "\" d=\"", path, "\"/>"));
    }
    void dot(double px, double py, const std::string& says) {
        draw(message("<circle class=\"dot\" r=\"4\" cx=\"", at(x(px)), "\" cy=\"", at(y(py)), "\"><title>", html(says),
                     "</title></circle>"));
    }
    void bar(const char* name, double from, double to, double height, const std::string& says) {
        draw(message("<rect class=\"", name, "\" x=\"", at(x(from)), "\" width=\"", at(x(to) - x(from)), "\" y=\"",
                     at(y(height)), "\" height=\"", at(bottom - y(height)), "\"><title>", html(says),
                     "</title></rect>"));
    }
    void label_x(double value, const std::string& text) {
        draw(message("<text text-anchor=\"middle\" x=\"", at(x(value)), "\" y=\"", bottom + 15, "\">", html(text),
                     "</text>"));
    }
    void label_y(double value, const std::string& text) {
        draw(message("<text text-anchor=\"end\" x=\"", left - 6, "\" y=\"", at(y(value) + 4), "\">", html(text),
                     "</text><path class=\"axis\" d=\"M", left, " ", at(y(value)), "H", right, "\"/>"));
    }
    // With the name of the x axis below; the name of the y axis is the card's heading.
    std::string svg(const std::string& name, const std::string& x_name) const {
        return message("<svg viewBox=\"0 0 360 220\" role=\"img\" aria-label=\"", html(name), "\">", drawn_,
                       "<path class=\"axis\" d=\"M", left, " ", bottom, "H", right, "\"/><text text-anchor=\"middle\" ",
                       "x=\"", (left + right) / 2, "\" y=\"214\">", html(x_name), "</text></svg>");
    }

private:
    static constexpr int left = 48, right = 350, top = 12, bottom = 180;
    static std::string at(double place) { return fixed(place, 1); }
    static double part(const Axis& axis, double value) {
        const auto f = [&](double v) { return axis.logarithmic ? std::log(v) : v; };
        return (f(std::clamp(value, axis.low, axis.high)) - f(axis.low)) / (f(axis.high) - f(axis.low));
    }
    Axis x_, y_;
    std::string drawn_;
};
std::string card(const std::string& name, const std::string& content, const std::string& below = {}) {
    return "<div class=\"card\"><h3>" + html(name) + "</h3>" + content +
           (below.empty() ? "" : "<p class=\"soft\">" + below + "</p>") + "</div>\n";
}

// What HistoryFile wrote: columns by name.
std::map<std::string, std::vector<double>> read_history(const std::string& path) {
    std::map<std::string, std::vector<double>> columns;
    std::ifstream in(path);
    std::vector<std::string> names;
    for (std::string line, field; std::getline(in, line);) {
        std::istringstream fields(line);
        for (std::size_t c = 0; std::getline(fields, field, ','); ++c) {
            if (names.size() <= c && columns.empty())
                names.push_back(field);
            else if (c < names.size() && !field.empty())
                columns[names[c]].push_back(std::strtod(field.c_str(), nullptr));
        }
    }
    return columns;
}
std::string curve(const std::string& name, const std::vector<double>& values, bool highest_is_best) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double space = std::max(1e-9, 0.08 * (*high - *low));
    const Plot::Axis y{*low - space, *high + space};
    Plot plot({1, std::max(2.0, static_cast<double>(values.size()))}, y);
    for (int i = 0; i < 4; ++i) {
        const double value = y.low + (y.high - y.low) * (i + 0.5) / 4;
        plot.label_y(value, message(fixed(value, std::abs(value) < 1 ? 3 : 2)));
    }
    const std::size_t step = std::max<std::size_t>(1, (values.size() + 5) / 6);
    for (std::size_t e = 1; e <= values.size(); e += step) plot.label_x(static_cast<double>(e), std::to_string(e));
    std::vector<std::pair<double, double>> points;
    for (std::size_t e = 0; e < values.size(); ++e) points.emplace_back(static_cast<double>(e + 1), values[e]);
    plot.line("line", points);
    const auto best = highest_is_best ? high : low;
    const auto epoch = static_cast<double>(best - values.begin() + 1);
    plot.dot(epoch, *best, message("epoch ", epoch, ": ", fixed(*best, 4)));
    return card(name, plot.svg(name, "epoch"), message("Best: ", fixed(*best, 4), " in epoch ", epoch));
}
std::string learning(const std::string& path) {
    auto history = read_history(path);
    std::string cards;
    for (const auto& [name, values] : history)
        if ((name == "loss" || name.rfind("val_", 0) == 0) && !values.empty())
            cards += curve(name, values, name.find("ndcg") != name.npos);
    return cards.empty() ? "<p class=\"soft\">No curves, since there is no " + html(path) +
                               ": --run says where a training kept its history.</p>"
                         : "<div class=\"cards\">" + cards + "</div>";
}

// A row of the table, and what its lists are made of.
struct Row {
    std::string name;
    RankingReport report;
    BootstrapIntervals sure;
    PopularityRows parts;
    std::vector<Index> recommended{};  // how often each item is in a list
};

class Report {
public:
    explicit Report(const Options& options)
        : o_(options),
          prepared_(read_prepared(o_.data)),
          shop_(load_bundle(o_.bundle)),
          split_(split_of(shop_, o_.bundle, prepared_)),
          queries_(some_of(split_.test_queries(), o_.queries)),
          counts_(split_.train().item_counts()) {
        for (std::int32_t item = 1; item < std::ssize(counts_); ++item) by_count_.push_back(item);
        std::stable_sort(by_count_.begin(), by_count_.end(), [&](auto a, auto b) { return count(a) > count(b); });
    }
    std::string text() {
        const Sequences& train = split_.train();
        add("popularity", Popularity(train));
        add("recent popularity", Popularity::recent(split_.train_events(prepared_.data.interactions)));
        add("markov", Markov(train));
        add("item-knn", ItemKnn(train));
        add_fields(queries_, split_, shop_.served_fields(), fields_);
        add(shop_.about["recipe"], shop_.scorer());
        std::string page =
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>" +
            html(o_.bundle) + "</title><link rel=\"icon\" href=\"data:,\"><style>\n" + report_style +
            "</style></head><body>\n";
        page +=
            "<h1>" + html(o_.bundle) + "</h1>\n<p class=\"soft\">" +
            html(message(shop_.about["recipe"], ", trained on ", shop_.about["data"], " with --split ",
                         shop_.about["split"], " and --seed ", shop_.about["seed"], "; ", train.size(), " events of ",
                         train.users(), " users, ", items(), " items; deeprec ", shop_.about["deeprec"])) +
            "</p>\n";
        page += "<h2>How well it ranks</h2>\n" + table();
        const std::string& recipe = shop_.about["recipe"];
        const bool has_epochs = recipe.find("popularity") == recipe.npos && recipe != "markov" && recipe != "item-knn";
        page += "<h2>How it learned</h2>\n";
        page += has_epochs ? learning(o_.run.empty() ? o_.bundle + ".run/history.csv" : o_.run + "/history.csv")
                           : "<p class=\"soft\">" + html(recipe) + " has no epochs: it counts.</p>";
        page += "<h2>What it recommends</h2>\n<div class=\"cards\">" + coverage() + popularity() + "</div>";
        page += "<h2>Whether its scores are probabilities</h2>\n" + calibration();
        page += "<h2>" + std::to_string(std::min<Index>(o_.people, std::ssize(queries_))) +
                " people</h2>\n<p class=\"soft\">Evenly from the test queries. What they really took next is marked "
                "where it is in the list.</p>\n<div class=\"cards\">" +
                people() + "</div>\n";
        return page + "</body></html>\n";
    }

private:
    std::int32_t items() const { return static_cast<std::int32_t>(by_count_.size()); }
    Index count(std::int32_t item) const { return counts_[static_cast<std::size_t>(item)]; }

    template <class Scorer>
    void add(const std::string& name, const Scorer& scorer) {
        Row row{name, rank_watched(name, scorer, queries_, items(), {.threads = o_.threads}), {}, {}};
        row.sure = bootstrap(row.report);
        row.parts = by_popularity(row.report, queries_, split_.train());
        row.recommended.assign(counts_.size(), 0);
        ThreadPool pool(o_.threads);
        recommend_all(
            scorer, queries_, 10, {.exclude_history = true, .pool = &pool},
            [&](std::size_t, const auto& hits) {
                for (const auto& hit : hits) ++row.recommended[static_cast<std::size_t>(hit.item)];
            },
            Progress(name + ", lists"));
        rows_.push_back(std::move(row));
    }
    std::string table() const {
        double most = 0;
        for (const Row& row : rows_) most = std::max(most, row.sure.ndcg.high);
        std::string text = message(
            "<p>", queries_.size(),
            " events that training did not see, each ranked among all items but those of its history. 95 % "
            "intervals are over these queries. Head, torso and tail: NDCG@10 of the events whose item is among "
            "the most popular with a third of all events, the next third, the last; cold: never in training; "
            "warm: all but those."
            "</p>\n<div class=\"card scroll\"><table><tr><th>model<th>AUC<th>HR@10<th>95 %<th>NDCG@10<th>95 %<th>"
            "<th>head<th>torso<th>tail<th>warm<th>cold</tr>\n");
        const auto part = [](const RankingFigures& f) { return f.queries > 0 ? fixed(f.ndcg, 4) : std::string("-"); };
        const auto range = [](const Interval& i) { return fixed(i.low, 4) + " to " + fixed(i.high, 4); };
        const auto is_warm = [&](std::size_t q) { return count(queries_[q].target) > 0; };
        for (const Row& row : rows_) {
            const auto x = [&](double value) { return fixed(5 + 150 * value / std::max(most, 1e-9), 1); };
            text += message(&row == &rows_.back() ? "<tr class=\"own\">" : "<tr>", "<td>", html(row.name), "<td>",
                            fixed(row.report.auc, 4), "<td>", fixed(row.report.hr, 4), "<td>", range(row.sure.hr),
                            "<td>", fixed(row.report.ndcg, 4), "<td>", range(row.sure.ndcg),
                            "<td><svg viewBox=\"0 0 160 16\" aria-hidden=\"true\"><path ", "class=\"whisker\" d=\"M",
                            x(row.sure.ndcg.low), " 8H", x(row.sure.ndcg.high),
                            "\"/><circle class=\"dot\" r=\"4\" cy=\"8\" cx=\"", x(row.report.ndcg), "\"/></svg><td>",
                            part(row.parts.head), "<td>", part(row.parts.torso), "<td>", part(row.parts.tail), "<td>",
                            part(figures_where(row.report, is_warm)), "<td>", part(row.parts.cold), "</tr>\n");
        }
        return text + "</table></div>\n";
    }
    static Index sum(const std::vector<Index>& all) {
        Index total = 0;
        for (const Index n : all) total += n;
        return std::max<Index>(total, 1);
    }
    // Two bars for each model, with their figures at the end.
    std::string coverage() const {
        const auto few = static_cast<std::size_t>(std::max<std::int32_t>(items() / 100, 1));
        std::vector<std::array<double, 2>> shares;  // of each model: of the catalogue, of the lists
        double most = 0.01;
        for (const Row& row : rows_) {
            const auto some =
                std::count_if(row.recommended.begin(), row.recommended.end(), [](auto n) { return n > 0; });
            Index head = 0;
            for (std::size_t i = 0; i < few; ++i) head += row.recommended[static_cast<std::size_t>(by_count_[i])];
            shares.push_back({static_cast<double>(some) / items(),
                              static_cast<double>(head) / static_cast<double>(sum(row.recommended))});
            most = std::max({most, shares.back()[0], shares.back()[1]});
        }
        constexpr int left = 118, wide = 180, high = 36;
        std::string drawn;
        for (std::size_t r = 0; r < rows_.size(); ++r) {
            const int top = high * static_cast<int>(r) + 4;
            drawn += message("<text text-anchor=\"end\" x=\"", left - 8, "\" y=\"", top + 18, "\">",
                             html(rows_[r].name), "</text>");
            for (const int b : {0, 1}) {
                const double share = shares[r][static_cast<std::size_t>(b)], width = wide * share / most;
                drawn +=
                    message("<rect class=\"", b == 0 ? "bar" : "other", "\" x=\"", left, "\" y=\"", top + 14 * b,
                            "\" height=\"12\" width=\"", fixed(width, 1), "\"/><text x=\"", fixed(left + width + 5, 1),
                            "\" y=\"", top + 14 * b + 10, "\">", percent(share), "</text>\n");
            }
        }
        return card(
            "Coverage",
            message("<svg viewBox=\"0 0 360 ", high * rows_.size() + 4,
                    "\" role=\"img\" aria-label=\"Coverage of each model\">", drawn, "</svg>"),
            message("<span class=\"key\" style=\"background:var(--accent)\"></span>of the catalogue is in any of "
                    "the ",
                    queries_.size(),
                    " lists of 10 <span class=\"key\" style=\"background:var(--other)\"></span>of the lists are the "
                    "most popular hundredth of the items"));
    }
    std::string popularity() const {
        std::array<double, 10> events{}, lists{};
        const auto add = [&](std::array<double, 10>& parts, const auto& numbers, double total) {
            for (std::size_t i = 0; i < by_count_.size(); ++i)
                parts[10 * i / by_count_.size()] +=
                    static_cast<double>(numbers[static_cast<std::size_t>(by_count_[i])]) / total;
        };
        add(events, counts_, static_cast<double>(split_.train().size()));
        add(lists, rows_.back().recommended, static_cast<double>(sum(rows_.back().recommended)));
        double most = 0.01;
        for (std::size_t p = 0; p < 10; ++p) most = std::max({most, events[p], lists[p]});
        Plot plot({0, 10}, {0, most});
        for (int i = 0; i <= 4; ++i) plot.label_y(most * i / 4, percent(most * i / 4));
        for (std::size_t p = 0; p < 10; ++p) {
            const auto x = static_cast<double>(p);
            const std::string tenth = message("tenth ", p + 1, ": ");
            plot.bar("other", x + 0.12, x + 0.48, events[p], tenth + percent(events[p]) + " of the events");
            plot.bar("bar", x + 0.52, x + 0.88, lists[p], tenth + percent(lists[p]) + " of the lists");
            plot.label_x(x + 0.5, std::to_string(p + 1));
        }
        return card("Popularity",
                    plot.svg("Share of events and of lists by popularity", "tenths of the items, most popular first"),
                    "<span class=\"key\" style=\"background:var(--other)\"></span>of the events that trained "
                    "<span class=\"key\" style=\"background:var(--accent)\"></span>of the lists");
    }
    // Predicted: the softmax of the scores over what may be recommended, which these recipes are trained for.
    std::string calibration() const {
        const std::string recipe = rows_.back().name;
        if (recipe != "rnn" && recipe != "cnn" && recipe != "attention" && recipe != "hybrid")
            return "<p class=\"soft\">Those of " + html(recipe) +
                   " are not: they rank, and say nothing of how probable an item is.</p>";
        std::vector<std::pair<double, bool>> shown;  // probability, and whether it was what they took
        std::vector<float> scores(counts_.size());
        for (const Query& query : some_of(queries_, 1000)) {
            shop_.scorer()(query, std::span(scores));
            for (const std::int32_t item : query.history) scores[static_cast<std::size_t>(item)] = -1e30f;
            const float highest = *std::max_element(scores.begin() + 1, scores.end());
            double total = 0;
            for (std::size_t i = 1; i < scores.size(); ++i) total += std::exp(static_cast<double>(scores[i] - highest));
            std::vector<std::int32_t> best(by_count_);
            std::partial_sort(best.begin(), best.begin() + std::min<std::ptrdiff_t>(10, items()), best.end(),
                              [&](auto a, auto b) {
                                  return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
                              });
            for (std::size_t i = 0; i < std::min<std::size_t>(10, best.size()); ++i)
                shown.emplace_back(
                    std::exp(static_cast<double>(scores[static_cast<std::size_t>(best[i])] - highest)) / total,
                    best[i] == query.target);
        }
        std::sort(shown.begin(), shown.end());
        const double low = std::max(1e-4, shown.front().first / 2);
        const Plot::Axis axis{low, 1, true};
        Plot plot(axis, axis);
        for (double tick = 1; tick >= low; tick /= 10) {
            plot.label_y(tick, message(tick));
            plot.label_x(tick, message(tick));
        }
        plot.line("dash", {{low, low}, {1, 1}});
        double predicted_all = 0, observed_all = 0;
        constexpr std::size_t bins = 10;
        std::vector<std::pair<double, double>> points;
        for (std::size_t b = 0; b < bins; ++b) {
            const std::size_t begin = b * shown.size() / bins, end = (b + 1) * shown.size() / bins;
            double predicted = 0, observed = 0;
            for (std::size_t i = begin; i < end; ++i) predicted += shown[i].first, observed += shown[i].second;
            predicted_all += predicted, observed_all += observed;
            const auto n = static_cast<double>(std::max<std::size_t>(end - begin, 1));
            points.emplace_back(predicted / n, observed / n);
        }
        plot.line("line", points);
        for (const auto& [predicted, observed] : points)
            plot.dot(predicted, observed, message("predicted ", percent(predicted), ", observed ", percent(observed)));
        const auto n = static_cast<double>(shown.size());
        return "<div class=\"cards\">" +
               card("Observed", plot.svg("Calibration: observed by predicted probability", "predicted"),
                    message("Of the 10 best of each list, in ten parts by their predicted probability (softmax over "
                            "what may be recommended): ",
                            percent(predicted_all / n), " predicted, ", percent(observed_all / n),
                            " were what people took next. On the dashed line both are the same.")) +
               "</div>";
    }
    std::string people() const {
        std::string cards;
        const std::vector<Query> shown = some_of(queries_, o_.people);
        Progress progress("people", std::ssize(shown));
        for (const Query& query : shown) {
            std::string text = "<p class=\"soft\">Did last</p><ol class=\"did\">";
            for (const std::int32_t item : query.history.last(std::min<std::size_t>(5, query.history.size())))
                text += "<li>" + name_of(item) + "</li>";
            text += "</ol><p class=\"soft\">Recommended</p><ol>";
            for (const auto& hit : recommend(shop_.scorer(), query, 10, {.exclude_history = true})) {
                text += hit.item == query.target ? "<li class=\"took\">" : "<li>";
                text += name_of(hit.item) + (hit.item == query.target ? " ← took this next" : "");
                std::string because;
                int reasons = 0;
                for (const Contribution& c : explain(shop_.scorer(), query, hit.item).events)
                    if (c.value > 0 && c.field.empty() && reasons++ < 2)
                        because += (because.empty() ? "because of " : ", ") + name_of(c.id) + " +" + fixed(c.value, 2);
                text += "<span class=\"soft\">" + because + "</span></li>";
            }
            cards += card(prepared_.data.interactions.users.key(query.user), text + "</ol>");
            progress.add(1);
        }
        return cards;
    }
    std::string name_of(std::int32_t item) const { return html(label(shop_, shop_.items().key(item))); }

    Options o_;
    Prepared prepared_;
    AnyRecommender shop_;
    Split split_;
    std::vector<Query> queries_;
    std::vector<FieldsOfSequence> fields_;  // that the queries look into
    std::vector<std::int64_t> counts_;    // training events of each item
    std::vector<std::int32_t> by_count_;  // the most popular first
    std::vector<Row> rows_;
};

}  // namespace

void add_report(CLI::App& app) {
    const auto o = std::make_shared<Options>();
    CLI::App* const c =
        app.add_subcommand("report", "one HTML file: figures, curves, coverage, people and their lists");
    c->add_option("DATA", o->data, "what the bundle was trained on")->required();
    c->add_option("BUNDLE", o->bundle, "what deeprec train wrote")->required();
    c->add_option("-o,--out", o->out, "the file to write; default: BUNDLE.html");
    c->add_option("--run", o->run, "where history.csv is; default: BUNDLE.run");
    c->add_option("--people", o->people, "whose lists are shown")->check(CLI::Range(0, 1000));
    c->add_option("--queries", o->queries, "at most so many for the figures; 0 = all")->check(CLI::Range(0, 1 << 30));
    c->add_option("--threads", o->threads, "0 = all cores")->check(CLI::Range(0, 1024));
    c->footer("Example:\n  deeprec report data.deeprec shop.deeprec -o report.html");
    set_work(c, [o] {
        const std::string out = o->out.empty() ? o->bundle + ".html" : o->out;
        FileReplacement file(out);
        file.write(Report(*o).text());
        file.commit();
        std::printf("Written: %s\n", out.c_str());
    });
}

}  // namespace program
