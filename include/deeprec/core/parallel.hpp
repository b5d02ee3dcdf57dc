/// Threads for whole shards of work. What a task computes never depends on which thread runs it.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <deeprec/core/shape.hpp>
#include <deeprec/kernels/simd/simd.hpp>

DEEPREC_BEGIN

/// The number itself, or for 0 that of all cores. Throws ArgumentError for a negative one.
inline int thread_count(int threads) {
    if (threads < 0)
        throw ArgumentError(message("ThreadPool: expected 0 (all cores) or more threads, received ", threads));
    return threads > 0 ? threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

namespace detail {
/// f(task, lane), or f(task) of an f that takes no lane.
template <class F>
void call_task(F& f, Index task, Index lane) {
    if constexpr (std::is_invocable_v<F&, Index, Index>)
        f(task, lane);
    else
        f(task);
}
}  // namespace detail

/// A small pool whose threads wait for work awake, for 0.2 to 0.5 ms, then asleep: to wake one can take 0.1 ms, and a
/// training step has work for them every so often. Where there are more threads than cores they soon sleep. The caller
/// works too: one thread means no pool at all.
class ThreadPool {
public:
    /// `threads` = 0 takes one for each core. Throws ArgumentError for a negative number, Error where the system does
    /// not give so many.
    explicit ThreadPool(int threads = 0);
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    ~ThreadPool() { stop(); }

    /// That work, the caller's included.
    int threads() const { return static_cast<int>(workers_.size()) + 1; }

    /// Calls f(0), ..., f(tasks - 1), in any order, on all threads; returns when all are done and rethrows the first
    /// exception. An f of two arguments is called as f(task, lane) with lane < threads(): no two tasks of a lane run at
    /// once, so a lane may own memory that its tasks use one after the other.
    /// One caller at a time, and f must not call `run` of the same pool: throws ArgumentError where tasks are shared
    /// out already.
    template <class F>
    void run(Index tasks, F&& f) {
        if (workers_.empty() || tasks <= 1) {
            for (Index i = 0; i < tasks; ++i) detail::call_task(f, i, 0);
            return;
        }
        run_shared(tasks, const_cast<void*>(static_cast<const void*>(std::addressof(f))),
                   [](void* context, Index i, Index lane) {
                       detail::call_task(*static_cast<std::remove_reference_t<F>*>(context), i, lane);
                   });
    }

private:
    void run_shared(Index tasks, void* context, void (*task)(void*, Index, Index));
    void stop();
    void start_round() {
        round_.fetch_add(1, std::memory_order_release);
        round_.notify_all();
    }
    void take_tasks(Index lane);
    void work(Index lane);

    int spin_limit_ = 0;
    std::vector<std::thread> workers_;
    void (*task_)(void*, Index, Index) = nullptr;
    void* context_ = nullptr;
    Index tasks_ = 0;
    std::atomic<Index> next_{0};
    std::atomic<unsigned> round_{0};
    std::atomic<int> busy_{0};
    std::atomic<bool> failed_{false}, running_{false};
    std::exception_ptr failure_;
};

#if DEEPREC_BODIES
DEEPREC_FUNCTION ThreadPool::ThreadPool(int threads) {
    threads = thread_count(threads);
    spin_limit_ = threads <= thread_count(0) ? 10000 : 100;
    try {
        workers_.reserve(static_cast<std::size_t>(threads - 1));
        for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
    } catch (const std::system_error& error) {
        stop();
        throw Error(message("ThreadPool: expected ", threads, " threads, the system gave ", workers_.size() + 1, " (",
                            error.what(), ")"));
    }
}

DEEPREC_NOINLINE DEEPREC_FUNCTION void ThreadPool::run_shared(Index tasks, void* context,
                                                              void (*task)(void*, Index, Index)) {
    if (running_.exchange(true, std::memory_order_acquire))
        throw ArgumentError(
            "ThreadPool: run was called while it runs; a task may not call run of its own pool, and "
            "several callers need a pool each");
    context_ = context;
    task_ = task;
    tasks_ = tasks;
    next_.store(0, std::memory_order_relaxed);
    busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    start_round();
    take_tasks(0);
    for (int spins = 0; busy_.load(std::memory_order_acquire) != 0; kernels::relax())
        if (++spins > spin_limit_) {
            const int busy = busy_.load(std::memory_order_acquire);
            if (busy != 0) busy_.wait(busy, std::memory_order_acquire);
        }
    const std::exception_ptr failure = failed_.exchange(false) ? std::exchange(failure_, nullptr) : nullptr;
    running_.store(false, std::memory_order_release);
    if (failure) std::rethrow_exception(failure);
}

DEEPREC_FUNCTION void ThreadPool::stop() {
    task_ = nullptr;
    start_round();
    for (std::thread& worker : workers_) worker.join();
}

DEEPREC_FUNCTION void ThreadPool::take_tasks(Index lane) {
    for (Index i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) {
        try {
            task_(context_, i, lane);
        } catch (...) {
            if (!failed_.exchange(true)) failure_ = std::current_exception();
        }
    }
}

DEEPREC_FUNCTION void ThreadPool::work(Index lane) {
    for (unsigned seen = 0;; ++seen) {
        for (int spins = 0; round_.load(std::memory_order_acquire) == seen; kernels::relax())
            if (++spins > spin_limit_) round_.wait(seen, std::memory_order_acquire);
        if (!task_) return;
        take_tasks(lane);
        if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_all();
    }
}
#endif

/// pool->run(tasks, f); without a pool f(0), ..., f(tasks - 1) on the calling thread, which is lane 0.
template <class F>
void run_tasks(ThreadPool* pool, Index tasks, F&& f) {
    if (pool) return pool->run(tasks, f);
    for (Index i = 0; i < tasks; ++i) detail::call_task(f, i, 0);
}

/// Multiply-adds, by a rough count, below which a second thread is not worth its waking: some 0.1 ms of one core.
inline constexpr Index shared_work = Index(1) << 23;

/// Samples at a time where nothing is added up, so that the cut changes no bit: `most`, or fewer, so that all threads
/// have as much to do, but no fewer than are worth a slice.
inline Index slice_rows(Index samples, int threads, Index most = 32) {
    constexpr Index least = 4;
    const Index slices = ((samples + most - 1) / most + threads - 1) / threads * threads;
    return std::min(most, std::max((samples + slices - 1) / std::max<Index>(slices, 1), least));
}

/// A batch cut into shards of equal size (the last may be smaller), each of whole blocks: an even number of them, at
/// most `most`, so that two threads have as much to do each, with rows from half of `usual` to one and a half times as
/// many, or more where `most` says so; a batch of up to `usual` rows is one shard. Their number depends on the batch
/// and what is done with it, never on the number of threads: results that are reduced shard by shard have the same bits
/// everywhere.
struct Shards {
    static constexpr Index usual_rows = 32, most_shards = 8;  ///< by default: rows of one shard, and shards of a batch

    explicit Shards(Index batch_rows, Index block = 1, Index most = most_shards, Index usual = usual_rows)
        : batch(batch_rows),
          rows((per_shard(batch_rows, most, usual) + block - 1) / block * block),
          count((batch_rows + rows - 1) / rows) {}
    /// The first row of a shard.
    Index begin(Index shard) const { return shard * rows; }
    /// The row behind its last.
    Index end(Index shard) const { return std::min(batch, (shard + 1) * rows); }

    Index batch, rows, count;  ///< rows of the batch, rows of a shard, shards

private:
    static Index per_shard(Index batch, Index most, Index usual) {
        if (batch <= usual || most < 2) return std::max<Index>(batch, 1);
        const Index shards = 2 * std::clamp<Index>((batch + usual) / (2 * usual), 1, most / 2);
        return (batch + shards - 1) / shards;
    }
};

DEEPREC_END
