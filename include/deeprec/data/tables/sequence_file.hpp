/// Sequences in a file that is mapped: a log larger than memory, put in order once.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/data/sequences.hpp>
#include <deeprec/data/tables/tables.hpp>
#include <deeprec/io/mapped_file.hpp>
#include <deeprec/io/safetensors_writer.hpp>

DEEPREC_BEGIN

/// Of `save_sequences`.
struct SequenceFileOptions {
    /// Events that are in memory at a time, 24 bytes each, and 12 bytes a user beside: the table is read once for each
    /// so many.
    Index at_once = Index{1} << 22;
};

/// Writes each user's items, oldest first, in place of the file if there is one (FileReplacement: whole or not at all):
/// what `Sequences{events.interactions()}` has, in bounded memory where the table is mapped (`load_events`). Throws
/// FileError, ArgumentError unless `at_once` is positive, DataError for ids that no key has.
void save_sequences(const EventTable& events, const std::filesystem::path& path,
                    const SequenceFileOptions& options = {});

/// The sequences that were saved. Items stay in the file, mapped, and memory takes 8 bytes a user. `SequenceSamples`
/// reads them where they are, `Split` copies the part that trains. Throws FileError, FormatError (with the file) for
/// anything but such a file and for items outside 1 ... N.
Sequences load_sequences(const std::filesystem::path& path);

#if DEEPREC_BODIES
DEEPREC_FUNCTION void save_sequences(const EventTable& events, const std::filesystem::path& path,
                                     const SequenceFileOptions& options) {
    if (options.at_once < 1)
        throw ArgumentError(message("save_sequences: expected a positive at_once, received ", options.at_once));
    const auto users = static_cast<std::size_t>(events.users.size());
    const auto user = events.user.all(), item = events.item.all();
    const auto time = events.time.all();
    if (item.size() != user.size() || (!time.empty() && time.size() != user.size()))
        throw DataError(message("save_sequences: expected as many items and times as users, received ", user.size(),
                                " users, ", item.size(), " items and ", time.size(), " times"));
    std::vector<std::int64_t> ends(users + 1, 0);
    for (std::size_t row = 0; row < user.size(); ++row) {
        if (user[row] < 1 || user[row] > events.users.size() || item[row] < 1 || item[row] > events.items.size())
            throw DataError(message("save_sequences: expected users to ", events.users.size(), " and items to ",
                                    events.items.size(), ", received user ", user[row], " and item ", item[row],
                                    " in row ", row));
        ++ends[static_cast<std::size_t>(user[row])];
    }
    for (std::size_t u = 1; u <= users; ++u) ends[u] += ends[u - 1];

    SafetensorsWriter file;
    file.metadata["deeprec.table"] = "sequences";
    file.metadata["items"] = std::to_string(events.items.size());
    file.add("ends", {static_cast<Index>(ends.size())}, ends.data());
    file.add_parts<std::int32_t>("ids", {events.size()}, [&](const SafetensorsWriter::Sink& sink) {
        std::vector<std::pair<std::int64_t, std::int32_t>> chosen;  // time and item
        std::vector<std::uint32_t> known;                           // how many of each user's are among them
        std::vector<std::int32_t> ids;
        for (std::size_t first = 1, last; first <= users; first = last) {
            last = first + 1;
            while (last <= users && ends[last] - ends[first - 1] <= options.at_once) ++last;
            const std::int64_t begin = ends[first - 1];
            chosen.resize(static_cast<std::size_t>(ends[last - 1] - begin));
            known.assign(last - first, 0);
            for (std::size_t row = 0; row < user.size(); ++row) {
                const auto u = static_cast<std::size_t>(user[row]);
                if (u < first || u >= last) continue;
                chosen[static_cast<std::size_t>(ends[u - 1] - begin) + known[u - first]++] = {
                    time.empty() ? 0 : time[row], item[row]};
            }
            for (std::size_t u = first; u < last; ++u)
                std::stable_sort(chosen.begin() + (ends[u - 1] - begin), chosen.begin() + (ends[u] - begin),
                                 [](const auto& a, const auto& b) { return a.first < b.first; });
            ids.clear();
            for (const auto& event : chosen) ids.push_back(event.second);
            sink(ids.data(), ids.size() * sizeof(std::int32_t));
        }
    });
    file.write(path);
}

DEEPREC_FUNCTION Sequences load_sequences(const std::filesystem::path& path) {
    const MappedSafetensors file(path);
    const auto fail = [&](const auto&... what) { throw FormatError(file.name() + ": " + message(what...)); };
    const auto text = [&](const std::string& key) {
        const auto found = file.metadata().find(key);
        return found == file.metadata().end() ? std::string() : found->second;
    };
    const auto length = [&](const std::string& name) -> Index {
        const auto found = file.tensors().find(name);
        if (found == file.tensors().end() || found->second.shape.size() != 1)
            fail("expected a tensor '", name, "' of one axis");
        return found->second.shape[0];
    };
    if (text("deeprec.table") != "sequences")
        fail("expected sequences, received ", detail::shown(text("deeprec.table"), "'"));
    Sequences read;
    const std::string items = text("items");
    const auto [stop, error] = std::from_chars(items.data(), items.data() + items.size(), read.items_);
    if (error != std::errc() || stop != items.data() + items.size() || read.items_ < 0)
        fail("expected a number of items, received ", detail::shown(items, "'"));
    read.ids_ = Values<std::int32_t>(file.values<std::int32_t>("ids", {length("ids")}), file.keeper());
    const auto ends = file.values<std::int64_t>("ends", {length("ends")});
    std::int64_t before = 0;
    read.ends_.clear();
    for (const std::int64_t end : ends) {
        if (end < before || end > read.size())
            fail("expected ends from ", before, " to ", read.size(), ", received ", end);
        read.ends_.push_back(static_cast<std::size_t>(before = end));
    }
    if (ends.empty() || ends.front() != 0 || ends.back() != read.size() ||
        ends.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
        fail("expected ends from 0 to ", read.size(), " of fewer than 2^31 users, received ", ends.size());
    for (const std::int32_t item : read.ids_.all())
        if (item < 1 || item > read.items_) fail("expected items from 1 to ", read.items_, ", received ", item);
    return read;
}
#endif

DEEPREC_END
