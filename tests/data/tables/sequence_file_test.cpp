#include <deeprec/data/tables/sequence_file.hpp>

#include <deeprec/core/order.hpp>
#include <deeprec/data/sequence_samples.hpp>
#include <deeprec/data/splits.hpp>
#include <deeprec/data/tables/table_file.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {
/// Events of 40 users, of whom some have none, with ties and times that go back.
EventTable events(Index rows, bool times = true) {
    EventTable table;
    for (std::int32_t user = 1; user <= 40; ++user) table.users.add(message("user ", user));
    for (std::int32_t item = 1; item <= 30; ++item) table.items.add(message("item ", item));
    const RandomStream random(Seed{7});
    for (Index row = 0; row < rows; ++row) {
        const auto r = 3 * static_cast<std::uint64_t>(row);
        table.user.push_back(2 * static_cast<std::int32_t>(random.below(r, 20)) + 1);
        table.item.push_back(static_cast<std::int32_t>(random.below(r + 1, 30)) + 1);
        if (times) table.time.push_back(static_cast<std::int64_t>(random.below(r + 2, 50)));
    }
    return table;
}
bool same(const Sequences& a, const Sequences& b) {
    bool all = a.users() == b.users() && a.items() == b.items() && a.size() == b.size();
    for (std::int32_t user = 1; all && user <= a.users(); ++user) all = std::ranges::equal(a[user], b[user]);
    return all;
}
}  // namespace

TEST_CASE("A file of sequences has what the sequences of its events have, however few are in memory", "[tables]") {
    const support::TemporaryDirectory directory;
    const auto log = directory.path() / "log", file = directory.path() / "sequences";
    for (const Index rows : {0, 1, 500})
        for (const bool times : {true, false}) {
            const EventTable table = events(rows, times);
            save(table, log);
            for (const Index at_once : {1, 7, 100, 10'000}) {
                save_sequences(load_events(log), file, {.at_once = at_once});
                CHECK(same(load_sequences(file), Sequences{table.interactions()}));
            }
        }
}

TEST_CASE("Sequences of a file are read where they are, and serve as others do", "[tables]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.path() / "sequences";
    save_sequences(events(500), file);
    const Sequences mapped = load_sequences(file), own{events(500).interactions()};
    const SequenceSamples from_file{mapped, 6}, from_memory{own, 6};
    REQUIRE(from_file.size() == from_memory.size());
    const auto all = deeprec::detail::all_indices(from_file.size());
    const SequenceBatch a = from_file.batch(all), b = from_memory.batch(all);
    REQUIRE(a.sequences.size() == b.sequences.size());
    for (std::size_t i = 0; i < a.sequences.size(); ++i) CHECK(std::ranges::equal(a.sequences[i], b.sequences[i]));
    CHECK(a.sequences[0].data() == mapped[1].data());
    CHECK(mapped.item_counts() == own.item_counts());
    CHECK(same(mapped.distinct(), own.distinct()));
    CHECK(same(LeaveOneOut{mapped}.train(), LeaveOneOut{own}.train()));
    CHECK(same(LeaveOneOut{mapped}.scrambled(Seed{3}).all(), LeaveOneOut{own}.scrambled(Seed{3}).all()));
    CHECK(same(mapped, own));  // as it was
}

TEST_CASE("What is no file of sequences is refused with its name", "[tables]") {
    const support::TemporaryDirectory directory;
    const auto file = directory.path() / "sequences";
    const auto refused = [&](const EventTable& table) {
        return message_of<DataError>([&] { save_sequences(table, file); });
    };
    EventTable table = events(20);
    table.item.own()[3] = 31;
    CHECK(refused(table) ==
          message("save_sequences: expected users to 40 and items to 30, received user ", table.user[3],
                  " and item 31 in row 3"));
    table = events(20);
    table.time.own().pop_back();
    CHECK(refused(table) ==
          "save_sequences: expected as many items and times as users, received 20 users, 20 items and 19 times");
    CHECK(message_of<ArgumentError>([&] { save_sequences(events(20), file, {.at_once = 0}); }) ==
          "save_sequences: expected a positive at_once, received 0");
    CHECK(!std::filesystem::exists(file));
    CHECK(message_of<FileError>([&] { load_sequences(file); }).starts_with("cannot map " + file.string()));
    const auto damaged = [&](std::vector<std::int64_t> ends, std::vector<std::int32_t> ids, const char* items,
                             const char* kind = "sequences") {
        SafetensorsWriter writer;
        writer.metadata = {{"deeprec.table", kind}, {"items", items}};
        writer.add("ends", {static_cast<Index>(ends.size())}, std::move(ends));
        writer.add("ids", {static_cast<Index>(ids.size())}, std::move(ids));
        writer.write(file);
        return message_of<FormatError>([&] { load_sequences(file); });
    };
    const std::string name = file.string() + ": ";
    CHECK(damaged({0, 2}, {1, 2}, "2") == "");
    CHECK(damaged({0, 2}, {1, 3}, "2") == name + "expected items from 1 to 2, received 3");
    CHECK(damaged({0, 2}, {1, 0}, "2") == name + "expected items from 1 to 2, received 0");
    CHECK(damaged({0, 3}, {1, 2}, "2") == name + "expected ends from 0 to 2, received 3");
    CHECK(damaged({0, 2, 1}, {1, 2}, "2") == name + "expected ends from 2 to 2, received 1");
    CHECK(damaged({0, 1}, {1, 2}, "2") == name + "expected ends from 0 to 2 of fewer than 2^31 users, received 2");
    CHECK(damaged({}, {}, "2") == name + "expected ends from 0 to 0 of fewer than 2^31 users, received 0");
    CHECK(damaged({0, 2}, {1, 2}, "two") == name + "expected a number of items, received 'two'");
    CHECK(damaged({0, 2}, {1, 2}, "2", "events") == name + "expected sequences, received 'events'");
}
