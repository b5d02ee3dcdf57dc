// Convolution of B sequences of T steps x F features with K taps, U filters, bias and ReLU included: two steps at once
// (winograd), the windows as one product (windows, kernels/linear/gemm.hpp) and the scalar twin. GFLOP/s and the share
// of the FMA peak count the products of the plain sum, so winograd may exceed 100 %. winograd_gradient is
// that of the kernel. Eigen on the windows is in gemm_bench.cpp.
#include "support/beside.hpp"

#include <deeprec/kernels/linear/winograd.hpp>
#include <deeprec/kernels/reference/linear/winograd.hpp>

using namespace deeprec;

namespace {

enum class Who { winograd, windows, reference };

using Data = bench::RandomNumbers;

double flops(const kernels::ConvolutionShape& s) {
    return 2.0 * static_cast<double>(s.batch * s.steps * s.taps * s.features * s.filters);
}
kernels::ConvolutionShape shape(const benchmark::State& state) {
    return {state.range(0), state.range(1) - (state.range(4) - 1), state.range(2), state.range(3), 1, state.range(4)};
}
/// The windows of x as rows of K steps.
kernels::Rows<float> windows(const kernels::ConvolutionShape& s, const float* x) {
    return {x, s.batch * s.steps, s.steps, s.time() * s.features, s.features, 1, s.taps * s.features, 0};
}

template <Who who>
void convolution(benchmark::State& state) {
    const kernels::ConvolutionShape s = shape(state);
    const Index rows = s.taps * s.features;
    Data x(s.batch * s.time() * s.features), kernel(rows * s.filters), bias(s.filters),
        y(s.batch * s.steps * s.filters), packed(kernels::winograd_packed_size<float>(s.taps, s.features, s.filters)),
        packed_windows(kernels::packed_size<float>(rows, s.filters));
    Buffer<float> workspace;
    kernels::winograd_pack(kernel.data(), s.taps, s.features, s.filters, packed.data());
    kernels::pack(kernel.data(), s.filters, rows, s.filters, packed_windows.data());
    for (auto _ : state) {
        if constexpr (who == Who::winograd)
            kernels::winograd_convolution(s, x.data(), packed.data(), y.data(), workspace,
                                          {.bias = bias.data(), .activation = relu});
        if constexpr (who == Who::windows)
            kernels::gemm(windows(s, x.data()), packed_windows.data(), s.filters, y.data(), s.filters,
                          {.bias = bias.data(), .activation = relu});
        if constexpr (who == Who::reference)
            kernels::reference::winograd_convolution(s, x.data(), kernel.data(), y.data(), bias.data(), relu, nullptr);
        benchmark::DoNotOptimize(y.data());
        benchmark::ClobberMemory();
    }
    bench::report_flops(state, flops(s));
}
template <Who who>
void kernel_gradient(benchmark::State& state) {
    const kernels::ConvolutionShape s = shape(state);
    const Index sample = s.steps * s.filters;
    Data x(s.batch * s.time() * s.features), dy(s.batch * sample), gradient(s.taps * s.features * s.filters);
    Buffer<float> workspace;
    for (auto _ : state) {
        if constexpr (who == Who::winograd)
            kernels::winograd_kernel_gradient(s, x.data(), dy.data(), sample, gradient.data(), workspace);
        if constexpr (who == Who::windows)
            kernels::gemm_tn(windows(s, x.data()), dy.data(), s.filters, s.filters, gradient.data(), s.filters);
        if constexpr (who == Who::reference)
            kernels::reference::winograd_kernel_gradient(s, x.data(), dy.data(), sample, gradient.data());
        benchmark::DoNotOptimize(gradient.data());
        benchmark::ClobberMemory();
    }
    bench::report_flops(state, flops(s));
}
void shapes(benchmark::internal::Benchmark* b) {
    b->ArgNames({"B", "T", "F", "U", "K"});
    for (const Index width : {16, 32, 64, 128}) b->Args({32, 50, width, width, 3});
    b->Args({1, 50, 64, 64, 3})->Args({1, 24, 64, 64, 3})->Args({256, 50, 64, 64, 3});
    for (const Index taps : {2, 4, 5, 7})
        for (const Index width : {32, 64, 96}) b->Args({32, 50, width, width, taps});
}

}  // namespace

BENCHMARK(convolution<Who::winograd>)->Name("winograd")->Apply(shapes);
BENCHMARK(convolution<Who::windows>)->Name("winograd_windows")->Apply(shapes);
BENCHMARK(convolution<Who::reference>)->Name("winograd_reference")->Args({32, 50, 64, 64, 3});
BENCHMARK(kernel_gradient<Who::winograd>)->Name("winograd_gradient")->Apply(shapes);
BENCHMARK(kernel_gradient<Who::windows>)->Name("winograd_gradient_windows")->Apply(shapes);
BENCHMARK(kernel_gradient<Who::reference>)->Name("winograd_gradient_reference")->Args({32, 50, 64, 64, 3});
