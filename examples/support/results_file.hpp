// The rows of docs/results.md: kept in a file, compared query by query, printed as tables.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include <deeprec/ranking/slices.hpp>

namespace recipes {

using namespace deeprec;

// How often a test set was opened for a recipe: one line in a file for each time, which outlives the file of the rows.
class Openings {
public:
    explicit Openings(std::string file) : file_(std::move(file)) {
        std::ifstream in(file_);
        for (std::string line; std::getline(in, line);) lines_.push_back(line);
    }
    // How often that was so far.
    long count(const std::string& set, const std::string& recipe, int seed) const {
        return std::count(lines_.begin(), lines_.end(), line(set, recipe, seed));
    }
    // Counts once more and returns how often that is by now.
    long open(const std::string& set, const std::string& recipe, int seed) {
        lines_.push_back(line(set, recipe, seed));
        if (!file_.empty()) std::ofstream(file_, std::ios::app) << lines_.back() << '\n';
        return count(set, recipe, seed);
    }

private:
    static std::string line(const std::string& set, const std::string& recipe, int seed) {
        return message(set, '\t', recipe, '\t', seed);
    }

    std::string file_;
    std::vector<std::string> lines_;
};

struct Row {
    std::string set, model;
    int seed = 0;
    double hr = 0, ndcg = 0, validation = 0, epochs = 0, seconds = 0, megabytes = 0;
    double cold = 0, cold_hr = 0, warm_hr = 0;  // test queries for items without training events; HR@10 of both kinds
    long openings = 0;                          // of the test set for this recipe and seed, this one among them
    std::string ranks{};                        // of each target, a character each: 1 to 9 and A for 10, 0 behind those

    static std::string text(const RankingReport& report) {
        std::string ranks;
        for (const Index rank : report.ranks)
            ranks += rank < 1 || rank > 10 ? '0' : "0123456789A"[static_cast<std::size_t>(rank)];
        return ranks;
    }
    RankingReport report() const {
        RankingReport report;
        for (const char c : ranks) report.ranks.push_back(c == 'A' ? 10 : c - '0');
        return report;
    }
};

// The rows that are done, in memory and in the file.
class Results {
public:
    // Where `wanted` names rows, all others count as done.
    Results(std::string file, std::string openings_file, std::vector<std::string> wanted = {})
        : openings(std::move(openings_file)), file_(std::move(file)), wanted_(std::move(wanted)) {
        std::ifstream in(file_);
        for (std::string line; std::getline(in, line);) {
            std::istringstream fields(line);
            Row row;
            std::getline(fields, row.set, '\t');
            std::getline(fields, row.model, '\t');
            // what an earlier version wrote has no ranks, and is made again
            if (fields >> row.seed >> row.hr >> row.ndcg >> row.validation >> row.epochs >> row.seconds >>
                row.megabytes >> row.cold >> row.cold_hr >> row.warm_hr >> row.openings >> row.ranks)
                rows_.push_back(row);
        }
    }
    bool has(const std::string& set, const std::string& model, int seed) const {
        if (!wanted_.empty() && std::find(wanted_.begin(), wanted_.end(), model) == wanted_.end()) return true;
        return std::any_of(rows_.begin(), rows_.end(),
                           [&](const Row& row) { return row.set == set && row.model == model && row.seed == seed; });
    }
    void add(Row row) {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        row.megabytes = static_cast<double>(usage.ru_maxrss) / 1024;
        rows_.push_back(row);
        std::printf(
            "  HR@10 %.4f  NDCG@10 %.4f  %.0f s;  HR@10 of %.0f cold targets %.4f, of the others %.4f; %.0f MB; "
            "test set opened %ld %s for this\n",
            row.hr, row.ndcg, row.seconds, row.cold, row.cold_hr, row.warm_hr, row.megabytes, row.openings,
            row.openings == 1 ? "time" : "times");
        if (file_.empty()) return;
        std::ofstream(file_, std::ios::app)
            << row.set << '\t' << row.model << '\t' << row.seed << '\t' << row.hr << '\t' << row.ndcg << '\t'
            << row.validation << '\t' << row.epochs << '\t' << row.seconds << '\t' << row.megabytes << '\t' << row.cold
            << '\t' << row.cold_hr << '\t' << row.warm_hr << '\t' << row.openings << '\t' << row.ranks << '\n';
    }
    std::vector<Row> rows(const std::string& set, const std::string& model) const {
        std::vector<Row> some;
        std::copy_if(rows_.begin(), rows_.end(), std::back_inserter(some),
                     [&](const Row& row) { return row.set == set && row.model == model; });
        return some;
    }
    // In the order in which they came.
    std::vector<std::string> models(const std::string& set) const {
        std::vector<std::string> names;
        for (const Row& row : rows_)
            if (row.set == set && std::find(names.begin(), names.end(), row.model) == names.end())
                names.push_back(row.model);
        return names;
    }

    Openings openings;

private:
    std::string file_;
    std::vector<std::string> wanted_;
    std::vector<Row> rows_;
};

// ".0890", and ".0890 ± .0005" with half the distance between the best and the worst.
inline std::string figure(double x, bool sign = false) {
    char text[32];
    std::snprintf(text, sizeof text, sign ? "%+.4f" : "%.4f", x);
    std::string s = text;
    if (const auto zero = s.find("0."); zero <= (sign ? 1u : 0u)) s.erase(zero, 1);
    return s;
}
template <class Number>
std::string figures(std::span<const Row> rows, Number Row::*number) {
    double sum = 0, low = 1e9, high = -1e9;
    for (const Row& row : rows)
        sum += row.*number, low = std::min(low, row.*number), high = std::max(high, row.*number);
    const std::string mean = figure(sum / static_cast<double>(rows.size()));
    return rows.size() == 1 ? mean : mean + " ± " + figure((high - low) / 2);
}

// The table of a set: means over the seeds. `beside(model)` names the row that a row is compared with, "" for none.
// "test opened" is the most that any of the row's seeds had the test set open for its recipe.
template <class Beside>
void print_table(const std::string& set, const Results& results, const Beside& beside) {
    double cold = 0;
    for (const std::string& model : results.models(set)) cold = results.rows(set, model)[0].cold;
    std::printf(
        "\n### %s\n\n| Model | HR@10 | NDCG@10 | validation NDCG@10 | seeds | best epoch | seconds | HR@10 of "
        "%.0f cold | NDCG@10 less that of | p | test opened |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
        set.c_str(), cold);
    for (const std::string& model : results.models(set)) {
        const std::vector<Row> rows = results.rows(set, model);
        const auto mean = [&](double Row::*number) {
            double sum = 0;
            for (const Row& row : rows) sum += row.*number;
            return sum / static_cast<double>(rows.size());
        };
        long openings = 0;
        double seconds = rows[0].seconds;
        for (const Row& row : rows)
            openings = std::max(openings, row.openings), seconds = std::min(seconds, row.seconds);
        std::printf("| %s | %s | %s | %s | %s | %s | %s | %s | ", model.c_str(), figures(rows, &Row::hr).c_str(),
                    figures(rows, &Row::ndcg).c_str(), figure(mean(&Row::validation)).c_str(),
                    rows[0].seed > 0 ? std::to_string(rows.size()).c_str() : "",
                    mean(&Row::epochs) > 0 ? message(std::lround(mean(&Row::epochs))).c_str() : "",
                    seconds < 0.5 ? "<1" : message(std::lround(seconds)).c_str(), figure(mean(&Row::cold_hr)).c_str());
        const auto reports = [](const std::vector<Row>& of) {
            std::vector<RankingReport> all;
            for (const Row& row : of) all.push_back(row.report());
            return all;
        };
        const std::string other = beside(model);
        const std::vector<Row> compared = results.rows(set, other);
        if (compared.empty()) {
            std::printf("| ");
        } else {
            const PairedTest test = compare(reports(compared), reports(rows)).ndcg;
            std::printf("%s: %s | %s ", other.c_str(), figure(test.difference, true).c_str(), figure(test.p).c_str());
        }
        std::printf("| %ld |\n", openings);
    }
}

}  // namespace recipes
