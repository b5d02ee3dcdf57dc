/// Shipped negatives: the items against which a published protocol ranks each user's target.
#pragma once

#include <string>
#include <vector>

#include <deeprec/data/readers/sequences.hpp>
#include <deeprec/data/sequences.hpp>

DEEPREC_BEGIN

/// Reads lines of "user item item ..." with the users and items of `known`: `negatives[user]` are that user's items,
/// for `RankingProtocol::negatives`. Users without a line have none.
///
/// Throws FileError, FormatError for anything else than numbers, DataError for a user or item that `known` lacks, a
/// user with two lines, an item twice in a line or an empty file: always with line and column.
inline Sequences read_negatives(const std::filesystem::path& file, const Interactions& known) {
    return detail::within_memory(file, [&] {
        Interactions x;
        x.users = known.users;
        x.items = known.items;
        TextReader in{file};
        std::vector<bool> has_line(static_cast<std::size_t>(x.users.size()) + 1, false);
        std::vector<std::int32_t> last_user(static_cast<std::size_t>(x.items.size()) + 1, 0);  // that had the item
        std::int32_t user = 0;
        detail::read_number_lines(
            in, "item item ...",
            [&](const Field& field) {
                const auto id = x.users.find(field.text);
                if (!id) in.fail<DataError>(field, "user ", field.text, " is not in the data");
                user = *id;
                if (has_line[static_cast<std::size_t>(user)])
                    in.fail<DataError>(field, "user ", field.text, " has two lines");
                has_line[static_cast<std::size_t>(user)] = true;
            },
            [&](const Field& field, std::int64_t) {
                const auto item = x.items.find(field.text);
                if (!item) in.fail<DataError>(field, "item ", field.text, " is not in the data");
                std::int32_t& last = last_user[static_cast<std::size_t>(*item)];
                if (last == user) in.fail<DataError>(field, "item ", field.text, " is twice in this line");
                last = user;
                x.add(user, *item);
            },
            [&](Index items) {
                if (items < 1) in.fail(in.end(), "expected \"user item item ...\", received a user without items");
            });
        return Sequences{x};
    });
}

DEEPREC_END
