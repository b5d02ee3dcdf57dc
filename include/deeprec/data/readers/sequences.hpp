/// The plain format of sequential recommendation: one user a line, `user item item ...`, oldest first.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <deeprec/data/interactions.hpp>
#include <deeprec/data/readers/text.hpp>

DEEPREC_BEGIN

/// Reads whole numbers between spaces or tabs; items are numbers from 1 (0 is padding in this format).
///
/// Item ids follow the numbers, so where those run from 1 to n without gaps, id and number are the same; users are
/// numbered in the order of the file. Nothing is known about the items, and there are no ratings or times.
/// Throws FileError, FormatError for anything else than such numbers, DataError for a user with two lines or an empty
/// file: always with line and column.
inline Dataset read_sequences(const std::filesystem::path& file) {
    Dataset data;
    Interactions& x = data.interactions;
    std::vector<std::int64_t> numbers;  // of the item of each event
    TextReader in{file};
    while (in.next()) {
        const std::string_view line = in.whole().text;
        bool first = true;
        for (std::size_t begin = line.find_first_not_of(" \t"); begin < line.size();) {
            const std::size_t end = std::min(line.find_first_of(" \t", begin), line.size());
            const Field field{line.substr(begin, end - begin), begin};
            const auto number = in.number<std::int64_t>(field);
            if (first) {
                if (x.users.find(field.text)) in.fail<DataError>(field, "user ", field.text, " has two lines");
                x.users.add(field.text);
            } else {
                if (number < 1) in.fail(field, "expected an item number from 1, received ", number);
                x.user.push_back(x.users.size());
                numbers.push_back(number);
            }
            first = false;
            begin = line.find_first_not_of(" \t", end);
        }
        if (x.user.empty() || x.user.back() != x.users.size())
            in.fail(in.end(), "expected \"user item item ...\", received a user without items");
    }
    if (numbers.empty()) in.fail<DataError>(in.whole(), "expected lines of \"user item item ...\", received none");

    std::vector<std::int64_t> distinct = numbers;
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    for (const std::int64_t number : distinct) x.items.add(std::to_string(number));
    x.item.reserve(numbers.size());
    for (const std::int64_t number : numbers)
        x.item.push_back(
            static_cast<std::int32_t>(std::lower_bound(distinct.begin(), distinct.end(), number) - distinct.begin()) +
            1);
    data.items = Catalogue{x.items.size()};
    data.description = message("Sequences from ", file.string(), ": ", x.size(), " events of ", x.users.size(),
                               " users with ", x.items.size(), " items");
    return data;
}

DEEPREC_END
