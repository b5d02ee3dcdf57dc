/// The plain format of sequential recommendation: one user a line, `user item item ...`, oldest first.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <deeprec/data/interactions.hpp>
#include <deeprec/data/readers/text.hpp>

DEEPREC_BEGIN

namespace detail {
/// user(field) and then number(field, value) for each number of each line of "user number number ...".
template <class User, class Number>
void read_number_lines(TextReader& in, const char* form, User&& user, Number&& number) {
    bool any = false;
    while (in.next()) {
        const std::string_view line = in.whole().text;
        Index numbers = -1;
        for (std::size_t begin = line.find_first_not_of(" \t"); begin < line.size();) {
            const std::size_t end = std::min(line.find_first_of(" \t", begin), line.size());
            const Field field{line.substr(begin, end - begin), begin};
            const auto value = in.number<std::int64_t>(field);
            if (++numbers == 0)
                user(field);
            else
                number(field, value);
            begin = line.find_first_not_of(" \t", end);
        }
        if (numbers < 1) in.fail(in.end(), "expected \"user ", form, "\", received a user without items");
        any = true;
    }
    if (!any) in.fail<DataError>(in.whole(), "expected lines of \"user ", form, "\", received none");
}
}  // namespace detail

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
    detail::read_number_lines(
        in, "item item ...",
        [&](const Field& user) {
            if (x.users.find(user.text)) in.fail<DataError>(user, "user ", user.text, " has two lines");
            x.users.add(user.text);
        },
        [&](const Field& field, std::int64_t number) {
            if (number < 1) in.fail(field, "expected an item number from 1, received ", number);
            x.user.push_back(x.users.size());
            numbers.push_back(number);
        });

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
