// What the programs of the head-to-head share: workloads and their cost, numbers, the clock, the line that is printed.
// No header of deeprec: a peer is compiled without it.
#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <random>
#include <string>
#include <vector>

namespace peers {

// ---- Models: Conv1D(64, 3, relu) MaxPool1D(2) twice and Flatten, or LSTM(128) twice; two towers are joined; then
// Dense(100, relu) and Dense(1, sigmoid). With ids each tower starts with an Embedding.
inline constexpr int user_steps = 50, item_steps = 20, features = 64, units = 128, channels = 64, window = 3,
                     hidden = 100;
inline constexpr int vocabulary = 20000, large_vocabulary = 1000000;

struct Model {
    std::string name;
    bool rnn, two_towers, ids;
};
inline const std::vector<Model> models{{"cnn", false, false, false}, {"rnn", true, false, false},
                                       {"cnn2", false, true, false}, {"rnn2", true, true, false},
                                       {"ecnn2", false, true, true}, {"ernn2", true, true, true}};

/// Steps after a valid convolution and after both convolutions with their poolings.
inline int convolved(int steps) { return steps - window + 1; }
inline int cnn_steps(int steps) { return convolved(convolved(steps) / 2) / 2; }
inline int tower_width(const Model& m, int steps) { return m.rnn ? units : cnn_steps(steps) * channels; }
inline int head_width(const Model& m) {
    return tower_width(m, user_steps) + (m.two_towers ? tower_width(m, item_steps) : 0);
}

// ---- Single workloads.
inline constexpr int batch = 256;                                // of a layer alone
inline constexpr int dense_width = 1024;                         // Dense 1024 -> 1024
inline constexpr int elements = 1000000, row_length = 1000;      // elementwise, softmax of rows
inline constexpr int adam_weights = 10000000;                    // one step
inline constexpr int targets = 2048, items = 12102, width = 64;  // softmax cross-entropy over all items
inline constexpr int scanned_items = 1000000, best = 100;        // top k by inner product, `width` wide
inline constexpr int scored_items = 100000, vector_width = 128;  // Dense(100, relu), Dense(1) over [user; item]

// ---- Layers of other sizes, with a batch that no vector divides.
inline constexpr int odd_batch = 100, wide_taps = 5, wide_filters = 96, wide_units = 256;
inline constexpr double wide_conv_flops =
    2.0 * odd_batch * (user_steps - wide_taps + 1) * wide_taps * features * wide_filters;
inline constexpr double wide_lstm_flops = 2.0 * odd_batch * user_steps * (features + wide_units) * 4 * wide_units;

// ---- Cost: the arithmetic of the plain sums, of which a convolution can spare a third, and the least memory traffic,
// from where.
enum class Traffic { none, cache, read, update };
struct Cost {
    double flops = 0, bytes = 0;
    Traffic traffic = Traffic::none;
};
/// Multiply-adds of a sample count twice; a training step has three products for each of the forward pass, but for the
/// gradient by the input, which only ids need.
inline Cost model_cost(const Model& m, bool training) {
    double flops = 2.0 * hidden * (head_width(m) + 1) * (training ? 3 : 1);
    for (const int steps : {user_steps, item_steps}) {
        if (steps == item_steps && !m.two_towers) break;
        const double first =
            m.rnn ? 2.0 * steps * features * 4 * units : 2.0 * convolved(steps) * window * features * channels;
        const double rest = m.rnn ? 2.0 * steps * 3 * units * 4 * units
                                  : 2.0 * convolved(convolved(steps) / 2) * window * channels * channels;
        flops += training ? (m.ids ? 3 : 2) * first + 3 * rest : first + rest;
    }
    return {flops};
}

// ---- Numbers, the same in every program: uniform, seeded by their name.
template <class T>
struct Aligned {  // as tensors are in all the libraries
    using value_type = T;
    Aligned() = default;
    template <class U>
    Aligned(const Aligned<U>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(64))); }
    void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t(64)); }
    friend bool operator==(const Aligned&, const Aligned&) { return true; }
    friend bool operator!=(const Aligned&, const Aligned&) { return false; }
};
using Numbers = std::vector<float, Aligned<float>>;
inline std::mt19937 generator(const std::string& name) {
    std::seed_seq seed(name.begin(), name.end());
    return std::mt19937(seed);
}
inline Numbers numbers(std::size_t n, const std::string& name, float low = -1, float high = 1) {
    auto random = generator(name);
    std::uniform_real_distribution<float> uniform(low, high);
    Numbers x(n);
    for (float& v : x) v = uniform(random);
    return x;
}
/// Weights [rows, columns] in Glorot's range, in Keras' layouts: conv [window * in, out], LSTM [in, 4 units] with gates
/// i, f, c, o, dense [in, out]; and biases.
inline Numbers weights(const std::string& name, int rows, int columns) {
    const float range = std::sqrt(6.0f / static_cast<float>(rows + columns));
    return numbers(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns), name, -range, range);
}
inline Numbers biases(const std::string& name, int n) {
    return numbers(static_cast<std::size_t>(n), name, -0.1f, 0.1f);
}
inline std::vector<std::int32_t> ids(std::size_t n, int count, const std::string& name) {
    auto random = generator(name);
    std::vector<std::int32_t> x(n);
    for (auto& id : x) id = static_cast<std::int32_t>(random() % static_cast<unsigned>(count));
    return x;
}
inline Numbers labels(int n) {
    Numbers y;
    for (const auto id : ids(static_cast<std::size_t>(n), 2, "labels")) y.push_back(static_cast<float>(id));
    return y;
}
template <class T>
double sum(const T* x, std::size_t n) {
    double s = 0;
    for (std::size_t i = 0; i < n; ++i) s += static_cast<double>(x[i]);
    return s;
}
template <class T>
double sum_abs(const T* x, std::size_t n) {
    double s = 0;
    for (std::size_t i = 0; i < n; ++i) s += std::abs(static_cast<double>(x[i]));
    return s;
}

// ---- The clock.
/// One thread is timed by its own CPU time, so that other programs on the machine count less.
inline double milliseconds(int threads) {
    if (threads > 1) {
        using namespace std::chrono;
        return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
    }
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

/// Runs workloads and prints a line for each: workload, peer, threads, ms, flops, bytes, traffic, check value.
class Runner {
public:
    /// Arguments of the program: THREADS, then words of which a workload's name must contain one (none: all).
    Runner(std::string peer, int argc, char** argv)
        : peer_(std::move(peer)), threads_(argc > 1 ? std::max(1, std::atoi(argv[1])) : 1), words_() {
        for (int i = 2; i < argc; ++i) words_.emplace_back(argv[i]);
    }
    int threads() const { return threads_; }
    bool wants(const std::string& name) const {
        return words_.empty() || std::any_of(words_.begin(), words_.end(), [&](const std::string& word) {
                   return name.find(word) != std::string::npos;
               });
    }

    /// Prints the shortest of the runs of f() in about half a second, after one to warm up. Every peer should arrive at
    /// the same `check`. `variant` is added to the peer's name.
    template <class F>
    void run(const std::string& name, Cost cost, double check, F&& f, const std::string& variant = "") const {
        f();
        double shortest = 1e30;
        const double start = now();
        for (int runs = 0; runs < 5 || now() - start < 400; ++runs) {
            const double before = now();
            int calls = 0;
            do {
                f();
                ++calls;
            } while (now() - before < 2);  // short ones are timed together
            shortest = std::min(shortest, (now() - before) / calls);
        }
        static const char* const names[] = {"none", "cache", "read", "update"};
        std::printf("%s\t%s\t%d\t%.6g\t%.6g\t%.6g\t%s\t%.9g\n", name.c_str(), (peer_ + variant).c_str(), threads_,
                    shortest, cost.flops, cost.bytes, names[static_cast<int>(cost.traffic)], check);
        std::fflush(stdout);
    }

private:
    double now() const { return milliseconds(threads_); }

    std::string peer_;
    int threads_;
    std::vector<std::string> words_;
};
/// Makes the compiler believe that x is used.
template <class T>
void keep(const T& x) {
    asm volatile("" : : "r,m"(x) : "memory");
}

}  // namespace peers
