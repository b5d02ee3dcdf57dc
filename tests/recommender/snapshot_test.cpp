#include <deeprec/recommender/snapshot.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using namespace deeprec;

namespace {
/// A version whose numbers all agree, and which counts how many there are.
struct Version {
    explicit Version(int number) : numbers(64, number), alive(count) { ++*alive; }
    Version(Version&& other) noexcept : numbers(std::move(other.numbers)), alive(other.alive) { ++*alive; }
    ~Version() {
        for (int& x : numbers) x = -1;
        --*alive;
    }
    std::vector<int> numbers;
    std::shared_ptr<std::atomic<int>> alive;
    static inline const std::shared_ptr<std::atomic<int>> count = std::make_shared<std::atomic<int>>(0);
};
}  // namespace

TEST_CASE("Readers keep the version that they started with", "[snapshot]") {
    Snapshot<Version> live(Version(1));
    const auto first = live.get();
    live.put(Version(2));
    CHECK(first->numbers[0] == 1);
    CHECK(live.get()->numbers[0] == 2);
    CHECK(*Version::count == 2);
    live.put(Version(3));
    CHECK(*Version::count == 2);  // version 2 is nobody's and gone
}

TEST_CASE("Every answer is wholly one version's while versions are put in place", "[snapshot][threads]") {
    Snapshot<Version> live(Version(0));
    std::atomic<bool> done{false};
    std::atomic<int> wrong{0};
    std::atomic<long> requests{0};
    std::vector<std::thread> readers;
    for (int r = 0; r < 4; ++r)
        readers.emplace_back([&] {
            int last = 0;
            do {
                const auto found = live.get();
                const int number = found->numbers.front();
                for (const int x : found->numbers) wrong += x != number;
                wrong += number < last;  // time does not go back
                last = number;
                ++requests;
            } while (!done);
        });
    for (int number = 1; number <= 1000; ++number) live.put(Version(number));
    done = true;
    for (auto& reader : readers) reader.join();
    CHECK(wrong == 0);
    CHECK(requests >= 4);
    CHECK(live.get()->numbers[5] == 1000);
    CHECK(*Version::count == 1);
}
