#include "kernels/recurrent/recurrent_data.hpp"

#include <array>

#include <deeprec/kernels/recurrent/lstm.hpp>
#include <deeprec/kernels/reference/recurrent/lstm.hpp>

using namespace deeprec;
using namespace deeprec::kernels;
using namespace deeprec::test;

namespace {

/// Largest relative difference between kernel and twin over all outputs and gradients.
template <class T, class Act = Tanh, class Gate = Sigmoid>
double difference(Index B, Index steps, Index F, Index U, const RecurrentOptions& o = {}) {
    const double scale = 1.0 / std::sqrt(static_cast<double>(F + U));
    Data<T> x(B * steps * F, 1), h0(B * U, 2), c0(B * U, 3), kernel(F * 4 * U, 4, scale);
    Data<T> recurrent(U * 4 * U, 5, scale), bias(4 * U, 6), dy(B * steps * U, 7), dh(B * U, 8), dc(B * U, 9);
    const std::vector<std::uint8_t> keep = keep_steps(B, steps, o.mask);
    const RecurrentPass pass{B, steps, F, U, o.return_sequences, o.go_backwards, o.mask ? keep.data() : nullptr};
    const RecurrentWeights<T> weights{kernel.data(), recurrent.data(), o.bias ? bias.data() : nullptr};
    const RecurrentInput<T> in{x.data(), o.state ? h0.data() : nullptr, o.state ? c0.data() : nullptr};
    const RecurrentOutputGradient<T> up{dy.data(), o.state ? dh.data() : nullptr, o.state ? dc.data() : nullptr};

    struct Result {
        Data<T> y, h, c, dkernel, drecurrent, dbias, dx, dh0, dc0;
        RecurrentGradient<T> gradient(bool bias_too) {
            return {dkernel.data(), drecurrent.data(), bias_too ? dbias.data() : nullptr,
                    dx.data(),      dh0.data(),        dc0.data()};
        }
    };
    const Index ny = B * (o.return_sequences ? steps : 1) * U;
    const Result blank{{ny, 11},    {B * U, 12},         {B * U, 13}, {F * 4 * U, 14}, {U * 4 * U, 15},
                       {4 * U, 16}, {B * steps * F, 17}, {B * U, 18}, {B * U, 19}};
    Result got = blank, expected = blank, inference = blank;

    const auto trace = reference::lstm_forward<Act, Gate, T>(pass, weights, in,
                                                             {expected.y.data(), expected.h.data(), expected.c.data()});
    reference::lstm_backward<Act, Gate, T>(pass, weights, in, trace, up, expected.gradient(o.bias));

    const auto size = [](Index n) { return static_cast<std::size_t>(n); };
    const T nan = std::numeric_limits<T>::quiet_NaN();  // what the kernel reads before it writes shows
    std::vector<T> packed(size(lstm_packed_size<T>(F, U)), nan), saved(size(lstm_saved_size<T>(pass)), nan);
    std::vector<T> forward(size(lstm_forward_scratch_size<T>(pass)), nan);
    std::vector<T> backward(size(lstm_backward_scratch_size<T>(pass)), nan);
    lstm_pack<T>(weights, F, U, packed.data());
    lstm_forward<Act, Gate, T>(pass, packed.data(), in, {got.y.data(), got.h.data(), got.c.data()}, saved.data(),
                               forward.data());
    lstm_backward<Act, Gate, T>(pass, packed.data(), in, saved.data(), up, got.gradient(o.bias), backward.data());
    lstm_forward<Act, Gate, T>(pass, packed.data(), in, {inference.y.data(), inference.h.data(), inference.c.data()},
                               nullptr, forward.data());
    CHECK(inference.y.storage == got.y.storage);
    CHECK(inference.h.storage == got.h.storage);
    CHECK(inference.c.storage == got.c.storage);

    return std::max({worst(got.y, expected.y), worst(got.h, expected.h), worst(got.c, expected.c),
                     worst(got.dkernel, expected.dkernel), worst(got.drecurrent, expected.drecurrent),
                     worst(got.dbias, expected.dbias), worst(got.dx, expected.dx), worst(got.dh0, expected.dh0),
                     worst(got.dc0, expected.dc0)});
}

}  // namespace

TEMPLATE_TEST_CASE("lstm kernel agrees with its scalar twin at every size", "[kernels][lstm]", float, double) {
    const double tolerance = sizeof(TestType) == 4 ? 2e-5 : 1e-13;
    const Index lanes = kernels::lanes<TestType>;
    for (const Index U : {Index{1}, Index{3}, lanes - 1, lanes, lanes + 1, 2 * lanes, 2 * lanes + 5})
        for (const Index B : {1, 2, 3, 5, 6, 7, 13, 24, 25, 50})
            for (const Index steps : {1, 2, 5}) {
                INFO("B " << B << " T " << steps << " U " << U);
                CHECK(difference<TestType>(B, steps, U % 2 ? 3 : 8, U) < tolerance);
            }
}

TEMPLATE_TEST_CASE("lstm kernel agrees with its scalar twin under every option", "[kernels][lstm]", float, double) {
    const double tolerance = sizeof(TestType) == 4 ? 2e-5 : 1e-13;
    for (const bool return_sequences : {false, true})
        for (const bool go_backwards : {false, true})
            for (const bool bias : {false, true})
                for (const bool state : {false, true})
                    for (const int mask : {0, 1, 2, 3})
                        for (const Index B : {1, 29}) {
                            INFO("sequences " << return_sequences << " backwards " << go_backwards << " bias " << bias
                                              << " state " << state << " mask " << mask << " B " << B);
                            CHECK(difference<TestType>(
                                      B, 6, 5, 19, {return_sequences, go_backwards, bias, state, mask}) < tolerance);
                        }
}

TEMPLATE_TEST_CASE("lstm kernel over several blocks of steps", "[kernels][lstm]", float, double) {
    const double tolerance = sizeof(TestType) == 4 ? 2e-5 : 1e-13;
    CHECK(difference<TestType>(1, 300, 2, 3) < tolerance);
    for (const int mask : {0, 1})
        for (const bool go_backwards : {false, true})
            CHECK(difference<TestType>(40, 21, 6, 10, {true, go_backwards, true, true, mask}) < tolerance);
}

TEMPLATE_TEST_CASE("the bits of a sequence do not depend on its neighbours", "[kernels][lstm]", float, double) {
    using T = TestType;
    const Index B = 71, steps = 4, F = 5, U = 21;
    Data<T> x(B * steps * F, 1), kernel(F * 4 * U, 2), recurrent(U * 4 * U, 3), bias(4 * U, 4);
    std::vector<T> packed(static_cast<std::size_t>(lstm_packed_size<T>(F, U)));
    lstm_pack<T>({kernel.data(), recurrent.data(), bias.data()}, F, U, packed.data());
    const auto run = [&](Index first, Index n) {
        const RecurrentPass pass{n, steps, F, U, true};
        std::vector<T> y(static_cast<std::size_t>(n * steps * U));
        std::vector<T> scratch(static_cast<std::size_t>(lstm_forward_scratch_size<T>(pass)));
        lstm_forward<Tanh, Sigmoid, T>(pass, packed.data(), {x.data() + first * steps * F}, {y.data()}, nullptr,
                                       scratch.data());
        return y;
    };
    const std::vector<T> all = run(0, B);
    for (Index b = 0; b < B; ++b) {
        const std::vector<T> alone = run(b, 1);
        CHECK(std::equal(alone.begin(), alone.end(), all.begin() + b * steps * U));
    }
}

TEMPLATE_TEST_CASE("two threads that share a sequence change no bit", "[kernels][lstm][threads]", float, double) {
    using T = TestType;
    ThreadPool alone(1), two(2), three(3);
    for (const Index U : {128, 129, 150})  // panels in equal shares, and not
        for (const Index B : {1, 2, 3})    // three run as a tile, on one thread
            for (const Index steps : {1, 2, 9})
                for (const int mask : {0, 1, 2, 3}) {
                    CAPTURE(U, B, steps, mask);
                    const Index F = 5;
                    Data<T> x(B * steps * F, 1), h0(B * U, 2), c0(B * U, 3), kernel(F * 4 * U, 4, 0.1);
                    Data<T> recurrent(U * 4 * U, 5, 0.1), bias(4 * U, 6);
                    const auto keep = keep_steps(B, steps, mask);
                    std::vector<T> packed(static_cast<std::size_t>(lstm_packed_size<T>(F, U)));
                    lstm_pack<T>({kernel.data(), recurrent.data(), bias.data()}, F, U, packed.data());
                    const auto run = [&](ThreadPool* pool) {
                        const RecurrentPass pass{B,   steps, F, U, steps != 2, mask == 1, mask ? keep.data() : nullptr,
                                                 pool};
                        const RecurrentInput<T> in{x.data(), mask ? h0.data() : nullptr, mask ? c0.data() : nullptr};
                        Data<T> y(B * (pass.return_sequences ? steps : 1) * U, 7), h(B * U, 8), c(B * U, 9);
                        std::vector<T> scratch(static_cast<std::size_t>(lstm_forward_scratch_size<T>(pass)),
                                               std::numeric_limits<T>::quiet_NaN());
                        lstm_forward<Tanh, Sigmoid, T>(pass, packed.data(), in, {y.data(), h.data(), c.data()}, nullptr,
                                                       scratch.data());
                        return std::array{y.storage, h.storage, c.storage};
                    };
                    const auto expected = run(nullptr);
                    for (ThreadPool* pool : {&alone, &two, &three}) CHECK(run(pool) == expected);
                }
}

TEMPLATE_TEST_CASE("lstm kernel with other activations", "[kernels][lstm]", float, double) {
    const double tolerance = sizeof(TestType) == 4 ? 2e-5 : 1e-13;
    CHECK(difference<TestType, ReLU, Sigmoid>(7, 5, 4, 9) < tolerance);
    CHECK(difference<TestType, Tanh, HardSigmoid>(7, 5, 4, 9) < tolerance);
    CHECK(difference<TestType, Linear, HardSigmoid>(7, 5, 4, 9) < tolerance);
}
