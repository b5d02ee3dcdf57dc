// What the machine can do: multiply-adds in registers, and memory read and written at once (update) or read alone, the
// recurrent weights of LSTM(128) among it (weights).
#include "support/peak.hpp"

#include <thread>

#include <deeprec/core/tensor.hpp>

#include "workloads.hpp"

using namespace deeprec;
namespace {

using V = kernels::Batch<float>;
constexpr Index lanes = kernels::lanes<float>, ahead = 256;

/// f(i) on n threads at once.
template <class F>
void on_threads(int n, const F& f) {
    std::vector<std::thread> threads;
    for (int i = 1; i < n; ++i) threads.emplace_back([&f, i] { f(i); });
    f(0);
    for (std::thread& thread : threads) thread.join();
}
/// The highest GB/s of passes over `numbers` numbers a thread, which move `bytes` of each.
template <class Pass>
double gigabytes_per_second(int threads, Index numbers, double bytes, const Pass& pass) {
    std::vector<Buffer<float>> memory(static_cast<std::size_t>(threads));
    std::vector<double> rates(memory.size());
    on_threads(threads, [&](int i) {
        float* const x = memory[static_cast<std::size_t>(i)].need_zeros(numbers);
        const Index passes = std::max<Index>(1, (Index{1} << 24) / numbers);
        for (int round = 0; round < 50; ++round) {
            const double start = peers::milliseconds(threads);
            for (Index p = 0; p < passes; ++p) pass(x, numbers);
            const double ms = peers::milliseconds(threads) - start;
            double& best = rates[static_cast<std::size_t>(i)];
            best = std::max(best, bytes * static_cast<double>(passes * numbers) / ms * 1e-6);
        }
    });
    double sum = 0;
    for (const double rate : rates) sum += rate;
    return sum;
}
void read(const float* x, Index n) {
    V sum[8];
    for (V& s : sum) s = V(0.f);
    for (Index i = 0; i + 8 * lanes <= n; i += 8 * lanes) {
        DEEPREC_UNROLL
        for (Index j = 0; j < 8; ++j) {
            kernels::prefetch(x + i + j * lanes + ahead);
            sum[j] = sum[j] + kernels::load<V>(x + i + j * lanes);
        }
    }
    for (const V& s : sum) peers::keep(kernels::reduce_add(s));
}
/// In four places at once, as an optimizer with its state.
void update(float* x, Index n) {
    const Index part = n / 4;
    for (Index i = 0; i + lanes <= part; i += lanes) {
        DEEPREC_UNROLL
        for (Index j = 0; j < 4; ++j) {
            float* const p = x + j * part + i;
            kernels::prefetch(p + ahead);
            kernels::store(p, kernels::load<V>(p) + V(1.f));
        }
    }
    peers::keep(*x);
}

}  // namespace

int main(int argc, char** argv) {
    const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
    const Index far = Index{1} << 25, near = Index{1} << 20;  // 128 MB and 4 MB a thread
    const Index weights = Index{1} << 16;                     // 256 KB
    std::vector<double> peaks(static_cast<std::size_t>(threads));
    on_threads(threads, [&](int i) { peaks[static_cast<std::size_t>(i)] = bench::peak_gflops<float>(); });
    double flops = 0;
    for (const double peak : peaks) flops += peak;
    const auto print = [&](const char* what, double value) {
        std::printf("limit\t%s\t%d\t%.6g\n", what, threads, value);
    };
    print("flops", flops);
    print("cache", gigabytes_per_second(threads, near, 8, update));
    print("weights", gigabytes_per_second(threads, weights, 4, [](const float* x, Index n) { read(x, n); }));
    print("read", gigabytes_per_second(threads, far, 4, [](const float* x, Index n) { read(x, n); }));
    print("update", gigabytes_per_second(threads, far, 8, update));
}
