/// A callback that writes the figures of each epoch to a file.
#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/io/json_header.hpp>
#include <deeprec/io/model_options.hpp>
#include <deeprec/io/replace_file.hpp>
#include <deeprec/training/events.hpp>

DEEPREC_BEGIN

/// Adds a line for each epoch to `path`: its number from 1 and its figures, as CSV with a header, or as JSON lines
/// where the name ends in ".jsonl". `HistoryFile{"run/history.csv"}`.
///
/// Lines are written whole: the file is replaced with one that has a line more. A training that goes on (FitOptions::
/// resume) leaves the lines of epochs that it repeats out, and a new one starts the file anew. Throws FileError where
/// the file cannot be written, ArgumentError for the name of a figure that no CSV file can have.
struct HistoryFile {
    std::string path;  ///< of the file

    std::vector<std::string> columns{};  ///< of the CSV file, by the first epoch
    std::string text{};                  ///< what the file has
    long lines = 0;                      ///< epochs in it

    DEEPREC_LAZY_DECLARED void on(const TrainBegin& e);
    DEEPREC_LAZY_DECLARED void on(const EpochEnd& e);
    void state(CheckpointState& s) { s("lines", lines); }

private:
    /// A callback of an earlier run may have been another object: what it wrote is in the file.
    DEEPREC_LAZY_DECLARED void read_back();
    DEEPREC_LAZY_DECLARED std::string csv_line(const EpochLog& log) const;
    DEEPREC_LAZY_DECLARED static std::string json_line(const EpochLog& log);
};

#if DEEPREC_BODIES
DEEPREC_LAZY_FUNCTION void HistoryFile::on(const TrainBegin& e) {
    if (e.resumed && lines > 0) return read_back();
    columns.clear();
    text.clear();
    lines = 0;
}

DEEPREC_LAZY_FUNCTION void HistoryFile::on(const EpochEnd& e) {
    const bool json = path.ends_with(".jsonl");
    if (!json && lines == 0) {
        columns.clear();
        text = "epoch";
        for (const auto& figure : e.log.figures) {
            if (figure.first.find_first_of(",\"\r\n") != std::string::npos)
                throw ArgumentError(message("HistoryFile: expected figures without comma, quote and line end in their ",
                                            "names in a CSV file, received ", detail::shown(figure.first, "'"),
                                            "; a .jsonl file has any names"));
            columns.push_back(figure.first);
            text += "," + figure.first;
        }
        text += "\n";
    }
    text += json ? json_line(e.log) : csv_line(e.log);
    ++lines;
    if (!e.training.leads) return;
    FileReplacement file(path);
    file.write(text);
    file.commit();
}

DEEPREC_LAZY_FUNCTION void HistoryFile::read_back() {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw FileError(message("HistoryFile: cannot read ", path, ", which the training to go on has written"));
    std::string line;
    const bool json = path.ends_with(".jsonl");
    text.clear();
    columns.clear();
    if (!json && std::getline(in, line)) {
        text = line + "\n";
        for (std::size_t at = line.find(','); at != std::string::npos;) {
            const std::size_t next = line.find(',', at + 1);
            columns.push_back(line.substr(at + 1, next == std::string::npos ? next : next - at - 1));
            at = next;
        }
    }
    long found = 0;
    for (; found < lines && std::getline(in, line); ++found) text += line + "\n";
    if (found < lines)
        throw FormatError(message("HistoryFile: expected ", lines, " epochs in ", path, ", received ", found));
}

DEEPREC_LAZY_FUNCTION std::string HistoryFile::csv_line(const EpochLog& log) const {
    std::string line = std::to_string(log.epoch + 1);
    for (const std::string& column : columns)
        line += "," + (log.has(column) ? detail::option_text(log.at(column)) : std::string());
    return line + "\n";
}

DEEPREC_LAZY_FUNCTION std::string HistoryFile::json_line(const EpochLog& log) {
    std::string line = "{\"epoch\": " + std::to_string(log.epoch + 1);
    for (const auto& [name, value] : log.figures) {
        const bool finite = std::isfinite(value);
        line += ", " + detail::json_quoted(name) + ": " + (finite ? detail::option_text(value) : "null");
    }
    return line + "}\n";
}
#endif

DEEPREC_END
