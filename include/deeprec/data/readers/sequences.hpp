/// The plain format of sequential recommendation: one user a line, `user item item ...`, oldest first.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <deeprec/data/interactions.hpp>
#include <deeprec/data/readers/text.hpp>

DEEPREC_BEGIN

namespace detail {
/// user(field) and then number(field, value) for each number of each line of "user number number ...", and line(how
/// many there were). Numbers are spelled in one way, so that equal ones are equal texts. Throws FormatError.
template <class User, class Number, class Line>
void read_number_lines(TextReader& in, const char* form, User&& user, Number&& number, Line&& line) {
    bool any = false;
    while (in.next()) {
        const std::string_view text = in.whole().text;
        Index numbers = -1;
        for (std::size_t begin = text.find_first_not_of(" \t"); begin < text.size();) {
            const std::size_t end = std::min(text.find_first_of(" \t", begin), text.size());
            const Field field{text.substr(begin, end - begin), begin};
            const auto value = in.number<std::int64_t>(field);
            const bool zero = field.text.find_first_of("123456789") == field.text.npos;
            if (field.text[0] == '+' || (zero ? field.text.size() > 1 : field.text.substr(value < 0)[0] == '0'))
                in.fail(field, "expected a number without plus and leading zeros, received ", shown(field.text));
            if (++numbers == 0)
                user(field);
            else
                number(field, value);
            begin = text.find_first_not_of(" \t", end);
        }
        line(numbers);
        any = true;
    }
    if (!any) in.fail<DataError>(in.whole(), "expected lines of \"user ", form, "\", received none");
}
}  // namespace detail

/// How to read sequences of which there are several kinds.
struct SequenceFormat {
    bool zero_pads = false;   ///< item 0 is padding and passed over; else an item like others (LightGCN's files)
    bool join_lines = false;  ///< a user may have several lines of any length: one goes on where the last ended
};

/// Reads whole numbers between spaces or tabs, in any of the forms that are about:
/// - `user item item ...`, one line a user, oldest first;
/// - the same with users and items from 0, and with users who have no item (LightGCN): they are users without events;
/// - `user item`, one line an event, oldest first (SASRec).
///
/// Item ids follow the numbers, so where those run from 1 to n without gaps, id and number are the same; users are
/// numbered in the order of the file. Keys are the numbers as texts, and a number is spelled in one way alone: 01 is
/// refused. Nothing is known about the items, and there are no ratings or times.
/// Throws FileError, FormatError for anything else than such numbers, DataError for a user with two lines of which one
/// has several items, a line with item 0 twice (it looks like padding) or a file without events: always with line and
/// column.
inline Dataset read_sequences(const std::filesystem::path& file, const SequenceFormat& format = {}) {
    return detail::within_memory(file, [&] {
        Dataset data;
        Interactions& x = data.interactions;
        std::vector<std::int64_t> numbers;  // of the item of each event
        TextReader in{file};
        std::int32_t user = 0;
        std::string longer;      // place of the first line with several items
        std::string again, who;  // of the first line of a user met before, and who it is
        Index zeros = 0;
        detail::read_number_lines(
            in, "item item ...",
            [&](const Field& field) {
                if (x.users.find(field.text) && again.empty()) {
                    again = in.place(field);
                    who = field.text;
                }
                user = x.users.add(field.text);
                zeros = 0;
            },
            [&](const Field& field, std::int64_t number) {
                if (number < 0) in.fail(field, "expected an item number from 0, received ", number);
                if (number == 0 && format.zero_pads) return;
                if (number == 0 && ++zeros == 2)
                    in.fail<DataError>(field, "item 0 is twice in this line; if it is padding, zero_pads = true");
                x.user.push_back(user);
                numbers.push_back(number);
            },
            [&](Index items) {
                if (items > 1 && longer.empty()) longer = in.place(in.whole());
                if (!again.empty() && !longer.empty() && !format.join_lines)
                    throw DataError(message(again, ": user ", who, " has two lines, and the line at ", longer,
                                            " has several items, expected a line a user or a line an event; "
                                            "lines are joined with join_lines = true"));
            });
        if (numbers.empty()) in.fail<DataError>(in.whole(), "expected \"user item item ...\", received no item");

        std::vector<std::int64_t> distinct = numbers;
        std::sort(distinct.begin(), distinct.end());
        distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
        for (const std::int64_t number : distinct) x.items.add(std::to_string(number));
        x.item.reserve(numbers.size());
        for (const std::int64_t number : numbers)
            x.item.push_back(1 + static_cast<std::int32_t>(std::lower_bound(distinct.begin(), distinct.end(), number) -
                                                           distinct.begin()));
        data.items = Catalogue{x.items.size()};
        data.description = message("Sequences from ", file.string(), ": ", x.size(), " events of ", x.users.size(),
                                   " users with ", x.items.size(), " items");
        return data;
    });
}

DEEPREC_END
