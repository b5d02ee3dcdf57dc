/// test_recommender "[.long]" asks a live recommender 800,000 times across 1,000 swaps.
#include <deeprec/recommender/snapshot.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <deeprec/recommender/recommender_file.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"

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

namespace {
constexpr int people = 9;
Dataset small_shop() {
    Dataset data;
    for (int i = 1; i <= 12; ++i) data.interactions.items.add("i" + std::to_string(i));
    for (int u = 1; u <= people; ++u) {
        const auto user = data.interactions.users.add("u" + std::to_string(u));
        for (int t = 0; t < 5; ++t) data.interactions.add(user, 1 + (u * 5 + t * t * 3) % 11, {}, 100 * t + u);
    }
    return data;
}
/// The list of a user.
KeyHits ask(const AnyRecommender& shop, int user) {
    return shop.recommend({.user = "u" + std::to_string(1 + user % people)}, 5, {.exclude_history = true});
}
bool same(const KeyHits& a, const KeyHits& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const KeyHit& x, const KeyHit& y) {
        return x.key == y.key && x.score == y.score &&
               std::equal(x.because.begin(), x.because.end(), y.because.begin(), y.because.end(),
                          [](const Reason& r, const Reason& s) { return r.key == s.key && r.value == s.value; });
    });
}
/// `threads` readers ask `requests` times each while a Markov bundle and one of item-kNN take turns `swaps` times,
/// spread over the whole of that. Every answer must be wholly the one's or the other's.
void ask_while_swapped(int threads, int requests, int swaps) {
    const support::TemporaryDirectory directory;
    const Dataset data = small_shop();
    save(Recommender{Markov{Sequences(data.interactions)}, data}, directory.path() / "0");
    save(Recommender{ItemKnn{Sequences(data.interactions)}, data}, directory.path() / "1");
    const std::array both{load_recommender(directory.path() / "0"), load_recommender(directory.path() / "1")};
    std::array<std::vector<KeyHits>, 2> expected;
    for (std::size_t m = 0; m < 2; ++m)
        for (int user = 0; user < people; ++user) expected[m].push_back(ask(both[m], user));
    for (std::size_t user = 0; user < people; ++user) REQUIRE(!same(expected[0][user], expected[1][user]));

    Snapshot<AnyRecommender> live(both[0]);
    std::atomic<long> answered{0}, neither{0};
    std::array<std::atomic<long>, 2> of{0, 0};
    std::vector<std::thread> readers;
    for (int r = 0; r < threads; ++r)
        readers.emplace_back([&, r] {
            for (int i = 0; i < requests; ++i, ++answered) {
                const int user = (r + i) % people;
                const auto shop = live.get();
                const KeyHits hits = ask(*shop, user);
                const bool one = same(hits, expected[0][static_cast<std::size_t>(user)]);
                if (one || same(hits, expected[1][static_cast<std::size_t>(user)]))
                    ++of[one ? 0 : 1];
                else
                    ++neither;
            }
        });
    const long all = static_cast<long>(threads) * requests;
    int swapped = 0;
    while (swapped < swaps) {
        if (answered * swaps < all * swapped) {  // not before its share of the requests is answered
            std::this_thread::yield();
            continue;
        }
        ++swapped;
        live.put(both[static_cast<std::size_t>(swapped % 2)]);
    }
    const long answered_at_the_last_swap = answered;
    for (auto& reader : readers) reader.join();
    CHECK(neither == 0);
    CHECK(of[0] + of[1] == all);
    CHECK(of[0] > all / 10);
    CHECK(of[1] > all / 10);
    CHECK(answered_at_the_last_swap >= all / 2);  // the swaps went on while they asked
}
}  // namespace

TEST_CASE("A live recommender's answers are wholly one model's across swaps", "[snapshot][threads]") {
    ask_while_swapped(8, 250, 100);
}
TEST_CASE("800000 answers across 1000 swaps are wholly one model's", "[.long]") { ask_while_swapped(8, 100'000, 1000); }

namespace {
/// Comes and goes only once somebody has answered.
struct Slow {
    explicit Slow(const std::atomic<bool>* wait_for = nullptr) : answered(wait_for) {}
    Slow(Slow&& other) noexcept : answered(other.answered) {
        wait();
        other.answered = nullptr;
    }
    ~Slow() { wait(); }
    void wait() const {
        while (answered && !*answered) std::this_thread::yield();
    }
    const std::atomic<bool>* answered;
};
}  // namespace

TEST_CASE("Nobody waits for a version that is long in coming or in going", "[snapshot][threads]") {
    std::atomic<bool> first{false}, second{false}, putting{false};
    Snapshot<Slow> live(Slow{});
    std::thread coming([&] {
        putting = true;
        live.put(Slow(&first));  // waits for `first`
    });
    while (!putting) std::this_thread::yield();
    CHECK(live.get()->answered == nullptr);  // the version before
    first = true;
    coming.join();
    live.put(Slow{});

    Snapshot<Slow> other([&] {
        second = true;
        Slow slow(&second);
        return slow;
    }());
    second = false;
    std::thread going([&] { other.put(Slow{}); });  // ends with the old version, which waits for `second`
    while (other.get()->answered != nullptr) std::this_thread::yield();
    second = true;
    going.join();
}
