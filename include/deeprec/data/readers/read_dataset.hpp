/// One call for all formats.
#pragma once

#include <filesystem>
#include <string_view>
#include <system_error>

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

#if DEEPREC_BODIES
DEEPREC_FUNCTION Dataset read_dataset(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
        throw FileError(message(path.string(), ": there is no such file or directory"));
    const bool is_directory = std::filesystem::is_directory(path, ignored);
    const std::filesystem::path directory = is_directory ? path : path.parent_path();
    const auto holds = [&](std::string_view ratings, std::string_view items) {
        if (!is_directory) return path.filename() == ratings || path.filename() == items;
        return std::filesystem::exists(directory / ratings, ignored);
    };
    if (holds("ratings.csv", "movies.csv")) return read_movielens_csv(directory);
    if (holds("u.data", "u.item")) return read_movielens_100k(directory);
    if (holds("ratings.dat", "movies.dat")) return read_movielens_1m(directory);

    if (!is_directory && path.extension() == ".inter") return read_recbole(path);

    std::string_view received = "a directory without any of these";
    if (!is_directory) {
        TextReader in{path, Encoding::utf8_or_latin1};
        const std::string_view line = in.next() ? in.whole().text : std::string_view{};
        if (line.find("movieId") != line.npos || line.find("userId") != line.npos) return read_movielens_table(path);
        if (!line.empty() && line.find_first_not_of("0123456789 \t") == line.npos) return read_sequences(path);
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
#endif

DEEPREC_END
