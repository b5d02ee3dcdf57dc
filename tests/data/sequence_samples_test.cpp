#include <deeprec/data/sequence_samples.hpp>

#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;
using Ids = std::vector<std::int32_t>;

namespace {
/// Users with so many events; items are numbered 1, 2, ... over all of them.
Sequences sequences(const std::vector<int>& lengths) {
    Interactions x;
    int item = 0;
    for (std::size_t user = 0; user < lengths.size(); ++user) {
        x.users.add(std::to_string(user));
        for (int i = 0; i < lengths[user]; ++i)
            x.add(static_cast<std::int32_t>(user) + 1, x.items.add(std::to_string(++item)));
    }
    return Sequences{x};
}
std::vector<Ids> all(const SequenceSamples& samples) {
    std::vector<Index> indices(static_cast<std::size_t>(samples.size()));
    std::iota(indices.begin(), indices.end(), Index(0));
    std::vector<Ids> found;
    for (const auto events : samples.batch(indices).sequences) found.emplace_back(events.begin(), events.end());
    return found;
}
}  // namespace

TEST_CASE("Short sequences are samples as they are, those without a target are none", "[data]") {
    const Sequences train = sequences({3, 1, 0, 2});
    const SequenceSamples samples{train};
    CHECK(samples.size() == 2);
    CHECK(all(samples) == std::vector<Ids>{{1, 2, 3}, {5, 6}});
}

TEST_CASE("Every event but the first is a target once an epoch, however the cuts fall", "[data]") {
    const Index length = GENERATE(1, 4, 10);
    const Sequences train = sequences({23, 5, 11, 12});
    SequenceSamples samples{train, length};
    std::map<std::vector<Ids>, int> cuts;
    for (Index epoch = 0; epoch < 20; ++epoch) {
        samples.start_epoch(epoch, Seed{static_cast<std::uint64_t>(epoch)});
        std::map<std::int32_t, int> targets;
        for (const Ids& events : all(samples)) {
            CHECK(static_cast<Index>(events.size()) <= length + 1);
            for (std::size_t t = 1; t < events.size(); ++t) {
                CHECK(events[t] == events[t - 1] + 1);
                ++targets[events[t]];
            }
        }
        CHECK(targets.size() == 22 + 4 + 10 + 11);
        for (const auto& [item, times] : targets) CHECK((times == 1 && item != 1 && item != 24 && item != 29));
        ++cuts[all(samples)];
    }
    CHECK(cuts.size() > (length == 1 ? 0u : 5u));
}

TEST_CASE("Sequence samples say what they refuse", "[data]") {
    const Sequences train = sequences({3, 2}), nothing = sequences({1, 0});
    CHECK(message_of<ArgumentError>([&] { SequenceSamples(train, 0); }) ==
          "SequenceSamples: expected a positive length, received 0");
    CHECK(message_of<DataError>([&] { SequenceSamples{nothing}; }) == "SequenceSamples: no user has two events");
    const SequenceSamples samples{train};
    const Index bad = 2;
    CHECK(message_of<DataError>([&] {
              samples.batch({&bad, 1});
          }) == "SequenceSamples: expected indices below 2, received 2");
}
