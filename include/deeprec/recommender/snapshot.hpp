/// A thing that is replaced while others read it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <deeprec/version.hpp>

DEEPREC_BEGIN

/// The newest version of a T, for any number of threads. `get` gives the version of that moment, which stays whole and
/// alive for as long as the reader holds it; `put` sets another in its place.
///
///     Snapshot<AnyRecommender> live(load_recommender("shop.deeprec"));
///     const auto shop = live.get();                   // each request: one version from its start to its end
///     live.put(load_recommender("shop.deeprec"));     // elsewhere, when there is a new file
///
/// `get` takes no lock and never waits for `put`: it tries again where a version was put in between. `put` waits for
/// readers that are in the middle of `get`, a few instructions, and for other `put`s. There is always a version.
template <class T>
class Snapshot {
public:
    explicit Snapshot(T first) { versions_[0] = std::make_shared<const T>(std::move(first)); }
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

    /// The newest version, alive for as long as somebody holds it. Safe from any number of threads.
    std::shared_ptr<const T> get() const {
        for (;;) {
            const int place = current_.load();
            readers_[place].fetch_add(1);
            if (place == current_.load()) {
                std::shared_ptr<const T> found = versions_[place];
                readers_[place].fetch_sub(1);
                return found;
            }
            readers_[place].fetch_sub(1);
        }
    }
    /// Makes `next` the version that later calls of `get` give.
    void put(T next) {
        auto newest = std::make_shared<const T>(std::move(next));
        const std::lock_guard one_writer(writing_);
        const int old = current_.load(), place = 1 - old;
        wait_for_readers(place);  // those who looked at it before it was the old one, and have yet to see that
        versions_[place] = std::move(newest);
        current_.store(place);
        wait_for_readers(old);
        newest = std::move(versions_[old]);  // gone at the end, unless somebody holds it
    }

private:
    void wait_for_readers(int place) const {
        while (readers_[place].load() != 0) std::this_thread::yield();
    }
    std::shared_ptr<const T> versions_[2];
    mutable std::atomic<int> readers_[2] = {0, 0};  // in the middle of `get`
    std::atomic<int> current_{0};
    std::mutex writing_;
};

DEEPREC_END
