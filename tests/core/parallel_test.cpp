#include <deeprec/core/parallel.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

TEST_CASE("A pool runs every task once, round after round", "[core][threads]") {
    for (const int threads : {1, 2, 3, 5}) {
        ThreadPool pool(threads);
        CHECK(pool.threads() == threads);
        std::vector<int> runs(300, 0);
        long expected = 0, ran = 0;
        for (int round = 0; round < 500; ++round) {
            const Index tasks = round % 37 * (round % 5);  // 0, 1, fewer and more than threads
            std::fill(runs.begin(), runs.end(), 0);
            pool.run(tasks, [&](Index i) { ++runs[static_cast<std::size_t>(i)]; });
            for (std::size_t i = 0; i < runs.size(); ++i) REQUIRE(runs[i] == (static_cast<Index>(i) < tasks ? 1 : 0));
            expected += tasks;
            ran += std::accumulate(runs.begin(), runs.end(), 0L);
        }
        CHECK(ran == expected);
    }
}

TEST_CASE("A task of two arguments learns its lane, and no two tasks of a lane run at once", "[core][threads]") {
    for (const int threads : {1, 2, 4}) {
        ThreadPool pool(threads);
        std::vector<long> in_lane(static_cast<std::size_t>(threads), 0);  // not atomic: only its lane may touch one
        for (int round = 0; round < 200; ++round)
            pool.run(round % 9, [&](Index, Index lane) {
                if (lane >= 0 && lane < threads) ++in_lane[static_cast<std::size_t>(lane)];
            });
        long expected = 0;
        for (int round = 0; round < 200; ++round) expected += round % 9;
        CHECK(std::accumulate(in_lane.begin(), in_lane.end(), 0L) == expected);
    }
}

TEST_CASE("Threads that fell asleep wake up for the next round", "[core][threads]") {
    ThreadPool pool(3);
    for (int round = 0; round < 5; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        std::atomic<int> ran{0};
        pool.run(8, [&](Index) { ++ran; });
        CHECK(ran == 8);
    }
}

TEST_CASE("An exception of a task reaches the caller, and the pool goes on", "[core][threads]") {
    for (const int threads : {1, 2, 4}) {
        ThreadPool pool(threads);
        for (int round = 0; round < 50; ++round) {
            CHECK(message_of<DataError>([&] {
                      pool.run(20, [&](Index i) {
                          if (i == round % 20) throw DataError("task " + std::to_string(i));
                      });
                  }) == "task " + std::to_string(round % 20));
            CHECK_THROWS_AS(pool.run(20, [](Index) { throw DataError("all of them"); }), DataError);
            std::atomic<int> ran{0};
            pool.run(20, [&](Index) { ++ran; });
            CHECK(ran == 20);
        }
    }
}

TEST_CASE("A task that calls its own pool is refused, and the pool goes on", "[core][threads]") {
    ThreadPool pool(3);
    for (int round = 0; round < 20; ++round) {
        const std::string complaint =
            message_of<ArgumentError>([&] { pool.run(4, [&](Index) { pool.run(2, [](Index) {}); }); });
        CHECK(complaint.find("ThreadPool: run was called while it runs") == 0);
        std::atomic<int> ran{0};
        pool.run(4, [&](Index) { pool.run(1, [&](Index) { ++ran; }); });  // a single task is the caller's
        CHECK(ran == 4);
    }
}

TEST_CASE("Pools may live inside the tasks of another", "[core][threads]") {
    ThreadPool outer(2);
    std::vector<Index> sums(4, 0);
    outer.run(4, [&](Index task) {
        ThreadPool inner(2);
        std::vector<Index> squares(static_cast<std::size_t>(task) * 10);
        inner.run(task * 10, [&](Index i) { squares[static_cast<std::size_t>(i)] = i * i; });
        sums[static_cast<std::size_t>(task)] = std::accumulate(squares.begin(), squares.end(), Index(0));
    });
    CHECK(sums == std::vector<Index>{0, 285, 2470, 8555});
}

TEST_CASE("A pool's number of threads", "[core]") {
    CHECK(ThreadPool(0).threads() >= 1);
    CHECK(message_of<ArgumentError>([] { ThreadPool pool(-2); }) ==
          "ThreadPool: expected 0 (all cores) or more threads, received -2");
}

TEST_CASE("Shards cover a batch with whole blocks", "[core]") {
    for (Index batch = 0; batch < 700; batch += 1 + batch / 40)
        for (const Index block : {1, 3, 8, 50}) {
            const Shards cut(batch, block);
            CAPTURE(batch, block, cut.rows, cut.count);
            REQUIRE(cut.count <= Shards::most_shards);
            Index covered = 0;
            for (Index s = 0; s < cut.count; ++s) {
                REQUIRE(cut.begin(s) == covered);
                REQUIRE(cut.begin(s) % block == 0);
                REQUIRE(cut.end(s) > cut.begin(s));
                covered = cut.end(s);
            }
            REQUIRE(covered == batch);
            if (block == 1 && batch > Shards::usual_rows) {
                REQUIRE(cut.count % 2 == 0);
                REQUIRE(2 * cut.rows > Shards::usual_rows);
                if (cut.count < Shards::most_shards) REQUIRE(2 * cut.rows <= 3 * Shards::usual_rows);
                REQUIRE(cut.rows - (batch - cut.begin(cut.count - 1)) < cut.count);  // the last is hardly smaller
            }
        }
    CHECK(Shards(31).count == 1);
    CHECK(Shards(33).count == 2);
    CHECK(Shards(100000).count == Shards::most_shards);
    CHECK(Shards(100).rows == 25);
    CHECK(Shards(100).count == 4);
    for (const Index multiple : {64, 128, 192, 256}) CHECK(Shards(multiple).rows == 32);
    CHECK(Shards(256, 1, 2).count == 2);
    CHECK(Shards(256, 1, 3).count == 2);  // even
    CHECK(Shards(256, 1, 1).count == 1);
    CHECK(Shards(40, 1, 8).count == 2);
    CHECK(Shards(32).count == 1);
    CHECK(Shards(32, 1, 8, 16).count == 2);
}

TEST_CASE("Slices are even over the threads", "[core]") {
    const auto slices = [](Index samples, int threads) {
        const Index rows = slice_rows(samples, threads);
        return std::pair(rows, (samples + rows - 1) / rows);
    };
    CHECK(slices(100, 1) == std::pair<Index, Index>(25, 4));
    CHECK(slices(100, 2) == std::pair<Index, Index>(25, 4));
    CHECK(slices(96, 2) == std::pair<Index, Index>(24, 4));
    CHECK(slices(65, 2) == std::pair<Index, Index>(17, 4));
    CHECK(slices(256, 2) == std::pair<Index, Index>(32, 8));
    CHECK(slices(32, 1) == std::pair<Index, Index>(32, 1));
    CHECK(slices(32, 2) == std::pair<Index, Index>(16, 2));
    CHECK(slices(8, 2) == std::pair<Index, Index>(4, 2));
    CHECK(slices(8, 16) == std::pair<Index, Index>(4, 2));  // fewer are not worth a slice
    CHECK(slices(3, 2) == std::pair<Index, Index>(4, 1));
    CHECK(slice_rows(3, 1, 1) == 1);
    CHECK(slice_rows(0, 2) == 4);
}
