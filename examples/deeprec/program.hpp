// What the commands of the program `deeprec` share: their data, what they print, how they fail.
#pragma once

#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include <deeprec/data/readers/read_tables.hpp>
#include <deeprec/data/splits.hpp>
#include <deeprec/data/tables/table_file.hpp>
#include <deeprec/ranking/evaluate_ranking.hpp>
#include <deeprec/recommender/from_tables.hpp>
#include <deeprec/recommender/recommender.hpp>
#include <deeprec/training/progress_bar.hpp>

namespace CLI {
class App;
}

namespace program {

using namespace deeprec;

// Each adds its command, which runs when the arguments are parsed.
void add_prepare(CLI::App& app);
void add_train(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_recommend(CLI::App& app);
void add_similar(CLI::App& app);
void add_explain(CLI::App& app);
void add_batch(CLI::App& app);
void add_grow(CLI::App& app);
void add_export(CLI::App& app);
void add_verify(CLI::App& app);
void add_report(CLI::App& app);
void add_serve(CLI::App& app);

// The last that is said of a command: what it does, unless --write-config FILE wants its options as TOML, for --config.
void set_work(CLI::App* command, std::function<void()> work);

// What the program was called with, for "go on with".
inline std::string command_line;
// Thrown after Ctrl-C, once it has been said how to go on: the program ends with 130.
struct Stopped : std::exception {};

inline bool is_terminal(std::FILE* stream) { return ::isatty(::fileno(stream)) != 0; }

// How far long work is: a bar on a terminal, else nothing. Threads may share one.
class Progress {
public:
    explicit Progress(std::string label) : bar_{.label = std::move(label)} {}
    Progress(std::string label, Index of) : Progress(std::move(label)) { (*this)(0, of_ = of); }
    void operator()(Index done, Index of) {
        if (shown_ && of > 0) bar_(done, of);
    }
    void add(Index more) {
        const std::lock_guard lock(mutex_);
        (*this)(done_ += more, of_);
    }

private:
    ProgressBar bar_;
    bool shown_ = is_terminal(stderr);
    Index done_ = 0, of_ = 0;
    std::mutex mutex_;
};
// A scorer whose progress is shown while it is ranked.
template <class Scorer>
struct Watched {
    const Scorer& scorer;
    Progress& progress;
    void operator()(const Query& query, std::span<float> scores) const {
        scorer(query, scores);
        progress.add(1);
    }
    void operator()(std::span<const Query> queries, std::span<float> scores) const
        requires requires { scorer(queries, scores); }
    {
        scorer(queries, scores);
        progress.add(std::ssize(queries));
    }
};
template <class Scorer>
RankingReport rank_watched(const std::string& label, const Scorer& scorer, std::span<const Query> queries,
                           std::int32_t items, const RankingProtocol& protocol) {
    Progress progress(label, std::ssize(queries));
    return evaluate_ranking(Watched<Scorer>{scorer, progress}, queries, items, protocol);
}

// What `prepare` wrote, as the library's data sets are.
struct Prepared {
    Tables tables;
    Dataset data;
    std::string title;                // the column of the items' titles; empty = none
    std::vector<std::string> genres;  // the columns whose values are `data`'s genres
};
Prepared read_prepared(const std::filesystem::path& path);

// What the log says of each event and of each user, fitted on what a split lets train: categories, numbers, lists and
// vectors of the columns, and the gaps between events.
ServedFields log_fields(const Prepared& prepared, const Split& split);
// The queries with what a model reads of their users' first events; looks into the fields.
void add_fields(std::vector<Query>& queries, const Split& split, const ServedFields& fields,
                std::vector<FieldsOfSequence>& memory);

// The tables as a bundle keeps them: every column of items that has texts or numbers.
void set_columns(AnyRecommender& shop, const Prepared& prepared);
// The texts of items, by column, then by the item's key.
using ItemTexts = std::map<std::string, std::map<std::string, std::vector<std::string>>>;
ItemTexts item_texts(const Prepared& prepared);
// Adds items by their keys, and sets what is known of items, old or new, in columns of the bundle. A model that knows
// items by their categories, or by the words of their titles too, ranks the new ones at once.
void add_items(AnyRecommender& shop, const std::vector<std::string>& fresh, const ItemTexts& texts);

// A way to hold events out, which the bundle keeps, so that `evaluate` tests with what training did not see.
// last: of each user the last event tests, the one before validates; time: the last tenth of all events tests, the
// tenth before validates; none: everything trains.
inline constexpr std::string_view split_names[] = {"last", "time", "none"};
Split split_by(const Dataset& data, std::string_view how);

// A bundle with any of the program's models in it.
AnyRecommender load_bundle(const std::filesystem::path& path);
// Writes what other programs can read of a model into a directory: ONNX, vectors. Says what, a line each.
void export_model(const AnyScorer& scorer, const std::filesystem::path& directory, const std::string& prefix = {});
// The queries that a bundle's split holds out of the data that it was trained on. Throws DataError for other data.
Split split_of(const AnyRecommender& shop, const std::string& path, const Prepared& prepared);

// "Heat (1995)", or the key where there is no title.
std::string label(const AnyRecommender& shop, std::string_view key);
// The items with "genres=Drama" and so on: all of the filters, for each column one of its values.
std::optional<ItemSet> filter_by(const AnyRecommender& shop,
                                 const std::vector<std::pair<std::string, std::string>>& filters);

// Not more than `most`, evenly from all; 0 = all.
std::vector<Query> some_of(std::vector<Query> queries, Index most);

// Rows of texts under a header: columns that line up on a terminal, tabs in files.
class Table {
public:
    explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
    void print(std::FILE* stream = stdout) const;

private:
    std::vector<std::vector<std::string>> rows_;
};
// A field of a CSV file, in quotes where it needs them.
std::string csv(const std::string& text);
// A number with so many digits behind the point.
std::string fixed(double x, int digits);

}  // namespace program
