/// One call for all formats.
#pragma once

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include <deeprec/data/readers/movielens.hpp>
#include <deeprec/data/readers/recbole.hpp>
#include <deeprec/data/readers/sequences.hpp>

DEEPREC_BEGIN

/// Reads whatever `path` holds:
/// - a directory (or one of the files in it) with ratings.csv, u.data or ratings.dat: MovieLens latest, 100K or 1M;
/// - a file NAME.inter: RecBole's atomic files;
/// - a CSV file with the columns movieId and userId: ratings joined with their items, as R's dslabs::movielens;
/// - a text file whose first line is numbers: sequences, `user item item ...`, or events, `user item`.
/// Throws FileError if there is no such path, FormatError that says what was looked for if it is none of these, and
/// what the reader of the format throws.
Dataset read_dataset(const std::filesystem::path& path);

namespace detail {
enum class DatasetFormat { movielens_csv, movielens_100k, movielens_1m, movielens_table, recbole, sequences };
/// What there is at `path`, and the directory of its files. Throws as read_dataset.
std::pair<DatasetFormat, std::filesystem::path> format_of(const std::filesystem::path& path);
}  // namespace detail

#if DEEPREC_BODIES
DEEPREC_FUNCTION std::pair<detail::DatasetFormat, std::filesystem::path> detail::format_of(
    const std::filesystem::path& path) {
    using enum DatasetFormat;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
        throw FileError(message(path.string(), ": there is no such file or directory"));
    const bool is_directory = std::filesystem::is_directory(path, ignored);
    const std::filesystem::path directory = is_directory ? path : path.parent_path();
    const auto holds = [&](std::string_view ratings, std::string_view items) {
        if (!is_directory) return path.filename() == ratings || path.filename() == items;
        return std::filesystem::exists(directory / ratings, ignored);
    };
    if (holds("ratings.csv", "movies.csv")) return {movielens_csv, directory};
    if (holds("u.data", "u.item")) return {movielens_100k, directory};
    if (holds("ratings.dat", "movies.dat")) return {movielens_1m, directory};

    if (!is_directory && path.extension() == ".inter") return {recbole, directory};

    std::string_view received = "a directory without any of these";
    if (!is_directory) {
        TextReader in{path, Encoding::utf8_or_latin1};
        const std::string_view line = in.next() ? in.whole().text : std::string_view{};
        if (line.find("movieId") != line.npos || line.find("userId") != line.npos) return {movielens_table, directory};
        if (!line.empty() && line.find_first_not_of("0123456789 \t") == line.npos) return {sequences, directory};
        received = line.empty() ? "an empty file" : "a file that begins otherwise";
    }
    throw FormatError(
        message(path.string(),
                ": expected a directory with ratings.csv and movies.csv (MovieLens latest), u.data, u.item "
                "and u.genre (100K) or ratings.dat and movies.dat (1M), a RecBole file NAME.inter, a CSV file whose "
                "first line names "
                "the columns movieId, title, genres, userId, rating and timestamp, or a text file of lines "
                "\"user item item ...\"; received ",
                received, is_directory ? "" : "; read_interactions_csv reads any table"));
}
DEEPREC_FUNCTION Dataset read_dataset(const std::filesystem::path& path) {
    const auto [format, directory] = detail::format_of(path);
    switch (format) {
        case detail::DatasetFormat::movielens_csv: return read_movielens_csv(directory);
        case detail::DatasetFormat::movielens_100k: return read_movielens_100k(directory);
        case detail::DatasetFormat::movielens_1m: return read_movielens_1m(directory);
        case detail::DatasetFormat::movielens_table: return read_movielens_table(path);
        case detail::DatasetFormat::recbole: return read_recbole(path);
        case detail::DatasetFormat::sequences: break;
    }
    return read_sequences(path);
}
#endif

DEEPREC_END
