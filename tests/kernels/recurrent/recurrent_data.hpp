/// Operands and comparisons for tests of recurrent kernels.
#pragma once

#include "support/catch.hpp"

#include <limits>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/kernels/recurrent/recurrent.hpp>

namespace deeprec::test {

struct RecurrentOptions {
    bool return_sequences = true, go_backwards = false, bias = true, state = true;
    int mask = 0;  // 0 none, 1 random, 2 everything masked, 3 leading steps masked
};

/// Random numbers at an address that is no multiple of the register size.
template <class T>
struct Data {
    Data(Index n, std::uint64_t seed, double scale = 1.0) : storage(static_cast<std::size_t>(n + 1)) {
        const RandomStream random(Seed{seed});
        for (std::size_t i = 0; i < storage.size(); ++i) storage[i] = static_cast<T>(random.uniform(i, -scale, scale));
    }
    T* data() { return storage.data() + 1; }
    std::vector<T> storage;
};

template <class T>
double worst(const Data<T>& got, const Data<T>& expected) {
    double error = 0;
    for (std::size_t i = 0; i < got.storage.size(); ++i) {
        const auto g = static_cast<double>(got.storage[i]), e = static_cast<double>(expected.storage[i]);
        error = std::max(error, std::abs(g - e) / std::max(1.0, std::abs(e)));
        if (std::isnan(g) != std::isnan(e)) error = std::numeric_limits<double>::infinity();
    }
    return error;
}

/// A mask as the options ask for; all kept where they ask for none.
inline std::vector<std::uint8_t> keep_steps(Index batch, Index steps, int mask) {
    std::vector<std::uint8_t> keep(static_cast<std::size_t>(batch * steps), 1);
    for (std::size_t i = 0; i < keep.size(); ++i) {
        if (mask == 1) keep[i] = RandomStream(Seed{10}).uniform(i) < 0.6;
        if (mask == 2) keep[i] = 0;
        if (mask == 3) keep[i] = static_cast<Index>(i) % steps >= static_cast<Index>(i) / steps;
    }
    return keep;
}

/// Largest relative difference between kernel and twin over all outputs and gradients, for a kernel without cell
/// states: Kernel has gates, bias_rows, and packed_size, pack, saved_size, scratch_size, forward, backward and the
/// twin's reference_pass, as gru_test.cpp has them.
template <class T, class Kernel>
double difference(const Kernel& kernel, Index B, Index steps, Index F, Index U, const RecurrentOptions& o = {}) {
    const double scale = 1.0 / std::sqrt(static_cast<double>(F + U));
    const Index width = Kernel::gates * U;
    Data<T> x(B * steps * F, 1), h0(B * U, 2), w(F * width, 4, scale), r(U * width, 5, scale);
    Data<T> bias(kernel.bias_rows() * width, 6), dy(B * steps * U, 7), dh(B * U, 8);
    const std::vector<std::uint8_t> keep = keep_steps(B, steps, o.mask);
    const kernels::RecurrentPass pass{
        B, steps, F, U, o.return_sequences, o.go_backwards, o.mask ? keep.data() : nullptr};
    const kernels::RecurrentWeights<T> weights{w.data(), r.data(), o.bias ? bias.data() : nullptr};
    const kernels::RecurrentInput<T> in{x.data(), o.state ? h0.data() : nullptr};
    const kernels::RecurrentOutputGradient<T> up{dy.data(), o.state ? dh.data() : nullptr};

    struct Result {
        Data<T> y, h, dkernel, drecurrent, dbias, dx, dh0;
        kernels::RecurrentOutput<T> output() { return {y.data(), h.data()}; }
        kernels::RecurrentGradient<T> gradient(bool bias_too) {
            return {dkernel.data(), drecurrent.data(), bias_too ? dbias.data() : nullptr, dx.data(), dh0.data()};
        }
    };
    const Result blank{{B * (o.return_sequences ? steps : 1) * U, 11},
                       {B * U, 12},
                       {F * width, 14},
                       {U * width, 15},
                       {kernel.bias_rows() * width, 16},
                       {B * steps * F, 17},
                       {B * U, 18}};
    Result got = blank, expected = blank, inference = blank;
    kernel.reference_pass(pass, weights, in, expected.output(), up, expected.gradient(o.bias));

    const T nan = std::numeric_limits<T>::quiet_NaN();  // what the kernel reads before it writes shows
    const auto room = [&](Index n) { return std::vector<T>(static_cast<std::size_t>(n), nan); };
    std::vector<T> packed = room(kernel.template packed_size<T>(F, U)),
                   saved = room(kernel.template saved_size<T>(pass));
    std::vector<T> forward = room(kernel.template forward_scratch_size<T>(pass));
    std::vector<T> backward = room(kernel.template backward_scratch_size<T>(pass));
    kernel.pack(weights, F, U, packed.data());
    kernel.forward(pass, packed.data(), in, got.output(), saved.data(), static_cast<T*>(nullptr));
    kernel.backward(pass, packed.data(), in, saved.data(), up, got.gradient(o.bias), backward.data());
    kernel.forward(pass, packed.data(), in, inference.output(), static_cast<T*>(nullptr), forward.data());
    CHECK(inference.y.storage == got.y.storage);
    CHECK(inference.h.storage == got.h.storage);
    return std::max({worst(got.y, expected.y), worst(got.h, expected.h), worst(got.dkernel, expected.dkernel),
                     worst(got.drecurrent, expected.drecurrent), worst(got.dbias, expected.dbias),
                     worst(got.dx, expected.dx), worst(got.dh0, expected.dh0)});
}

/// Checks `difference` at many sizes and under every option.
template <class T, class Kernel>
void check_recurrent_kernel(const Kernel& kernel) {
    const double tolerance = sizeof(T) == 4 ? 2e-5 : 1e-13;
    const Index lanes = kernels::lanes<T>;
    for (const Index U : {Index{1}, Index{3}, lanes - 1, lanes, lanes + 1, 2 * lanes + 5})
        for (const Index B : {1, 2, 7, 25})
            for (const Index steps : {1, 2, 5}) {
                INFO("B " << B << " T " << steps << " U " << U);
                CHECK(difference<T>(kernel, B, steps, U % 2 ? 3 : 8, U) < tolerance);
            }
    for (const bool return_sequences : {false, true})
        for (const bool go_backwards : {false, true})
            for (const bool bias : {false, true})
                for (const bool state : {false, true})
                    for (const int mask : {0, 1, 2, 3}) {
                        INFO("sequences " << return_sequences << " backwards " << go_backwards << " bias " << bias
                                          << " state " << state << " mask " << mask);
                        CHECK(difference<T>(kernel, 6, 6, 5, 19, {return_sequences, go_backwards, bias, state, mask}) <
                              tolerance);
                    }
    CHECK(difference<T>(kernel, 3, 200, 2, 3) < tolerance);  // more rows than one block of the gradients' sums
}

/// Checks that the bits of a sequence are the same alone and among others.
template <class T, class Kernel>
void check_neighbours(const Kernel& kernel) {
    const Index B = 29, steps = 4, F = 5, U = 21, width = Kernel::gates * U;
    Data<T> x(B * steps * F, 1), w(F * width, 2), r(U * width, 3), bias(kernel.bias_rows() * width, 4);
    std::vector<T> packed(static_cast<std::size_t>(kernel.template packed_size<T>(F, U)));
    kernel.pack(kernels::RecurrentWeights<T>{w.data(), r.data(), bias.data()}, F, U, packed.data());
    const auto run = [&](Index first, Index n) {
        const kernels::RecurrentPass pass{n, steps, F, U, true};
        std::vector<T> y(static_cast<std::size_t>(n * steps * U)), h(static_cast<std::size_t>(n * U));
        std::vector<T> scratch(static_cast<std::size_t>(kernel.template forward_scratch_size<T>(pass)));
        kernel.forward(pass, packed.data(), kernels::RecurrentInput<T>{x.data() + first * steps * F},
                       kernels::RecurrentOutput<T>{y.data(), h.data()}, static_cast<T*>(nullptr), scratch.data());
        return y;
    };
    const std::vector<T> all = run(0, B);
    for (Index b = 0; b < B; ++b) {
        const std::vector<T> alone = run(b, 1);
        CHECK(std::equal(alone.begin(), alone.end(), all.begin() + b * steps * U));
    }
}

}  // namespace deeprec::test
