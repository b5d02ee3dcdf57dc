/// Threads as the ranks of a world.
#pragma once

#include <algorithm>
#include <barrier>
#include <cstddef>
#include <exception>
#include <functional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <deeprec/training/world.hpp>

namespace support {

using namespace deeprec;

/// Threads as ranks.
struct Meeting {
    explicit Meeting(int ranks)
        : size(ranks), all(ranks), given(static_cast<std::size_t>(ranks)), exchanged(static_cast<std::size_t>(ranks)) {}
    int size;
    std::barrier<> all;
    std::vector<std::vector<std::byte>> given;
    std::vector<std::vector<std::vector<std::byte>>> exchanged;  // by one rank, for another
};
class ThreadWorld final : public TrainingWorld {
public:
    ThreadWorld(Meeting& meeting, int rank) : meeting_(&meeting), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return meeting_->size; }
    void sum(float* numbers, Index count) override { sum_all(numbers, count); }
    void sum(double* numbers, Index count) override { sum_all(numbers, count); }
    std::vector<std::vector<std::byte>> gather(std::span<const std::byte> own) override {
        meeting_->given[static_cast<std::size_t>(rank_)].assign(own.begin(), own.end());
        meeting_->all.arrive_and_wait();
        auto all = meeting_->given;
        meeting_->all.arrive_and_wait();
        return all;
    }
    std::vector<std::vector<std::byte>> exchange(std::vector<std::vector<std::byte>> give) override {
        meeting_->exchanged[static_cast<std::size_t>(rank_)] = std::move(give);
        meeting_->all.arrive_and_wait();
        std::vector<std::vector<std::byte>> got;
        for (const auto& from : meeting_->exchanged) got.push_back(from.at(static_cast<std::size_t>(rank_)));
        meeting_->all.arrive_and_wait();
        return got;
    }

private:
    template <class T>
    void sum_all(T* numbers, Index count) {
        const auto all = gather(std::as_bytes(std::span(numbers, static_cast<std::size_t>(count))));
        std::fill_n(numbers, count, T(0));
        for (const auto& rank : all)
            for (Index i = 0; i < count; ++i) numbers[i] += reinterpret_cast<const T*>(rank.data())[i];
    }
    Meeting* meeting_;
    int rank_;
};

/// work(rank, its world) on a thread for each rank; the messages of what they threw.
inline std::vector<std::string> on_ranks(int ranks, const std::function<void(int, AnyWorld)>& work) {
    Meeting meeting(ranks);
    std::vector<std::string> errors(static_cast<std::size_t>(ranks));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < ranks; ++rank)
        threads.emplace_back([&, rank] {
            try {
                work(rank, ThreadWorld(meeting, rank));
            } catch (const std::exception& error) {
                errors[static_cast<std::size_t>(rank)] = error.what();
            }
        });
    for (std::thread& thread : threads) thread.join();
    return errors;
}

}  // namespace support
