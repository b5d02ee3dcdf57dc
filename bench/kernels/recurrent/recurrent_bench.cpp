// GRU and SimpleRNN over 50 steps beside their scalar twins, predicting and with all gradients:
// gru<who>, gru_train<who>, simple_rnn<who> .../B:sequences/F:features/U:units. The LSTM is in lstm_bench.cpp.
#include "support/beside.hpp"

#include <cmath>

#include <deeprec/kernels/recurrent/gru.hpp>
#include <deeprec/kernels/recurrent/simple_rnn.hpp>
#include <deeprec/kernels/reference/recurrent/gru.hpp>
#include <deeprec/kernels/reference/recurrent/simple_rnn.hpp>

using namespace deeprec;
using bench::Who;

namespace {

constexpr Index steps = 50;

struct Pass : kernels::RecurrentPass {
    Pass(const benchmark::State& state, Index gates_)
        : RecurrentPass{state.range(0), steps, state.range(1), state.range(2), true},
          gates(gates_),
          x(batch * time * features),
          kernel(features * gates * units, 1 / std::sqrt(static_cast<double>(features))),
          recurrent(units * gates * units, 1 / std::sqrt(static_cast<double>(units))),
          bias(2 * gates * units),
          y(batch * time * units),
          h(batch * units),
          dy(batch * time * units),
          dx(batch * time * features),
          dkernel(features * gates * units),
          drecurrent(units * gates * units),
          dbias(2 * gates * units) {}
    kernels::RecurrentWeights<float> weights() const { return {kernel.data(), recurrent.data(), bias.data()}; }
    kernels::RecurrentInput<float> in() const { return {x.data()}; }
    kernels::RecurrentOutput<float> out() { return {y.data(), h.data()}; }
    kernels::RecurrentOutputGradient<float> up() const { return {dy.data()}; }
    kernels::RecurrentGradient<float> gradients() {
        return {dkernel.data(), drecurrent.data(), dbias.data(), dx.data()};
    }
    double flops(bool train) const {
        return (train ? 6.0 : 2.0) * static_cast<double>(batch * time * (features + units) * gates * units);
    }
    Index gates;
    bench::RandomNumbers x, kernel, recurrent, bias, y, h, dy, dx, dkernel, drecurrent, dbias;
};

template <Who who, bool train>
void gru(benchmark::State& state) {
    Pass pass(state, 3);
    const Index F = pass.features, U = pass.units;
    Buffer<float> packed, saved, scratch;
    packed.need(kernels::gru_packed_size<float>(F, U));
    saved.need(kernels::gru_saved_size<float>(pass));
    scratch.need(kernels::gru_backward_scratch_size<float>(pass));
    kernels::gru_pack(pass.weights(), F, U, true, packed.data());
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) {
            if (train) kernels::gru_pack(pass.weights(), F, U, true, packed.data());  // they change at each step
            kernels::gru_forward<Tanh, Sigmoid, float>(pass, true, packed.data(), pass.in(), pass.out(), saved.data(),
                                                       nullptr);
            if (train)
                kernels::gru_backward<Tanh, Sigmoid, float>(pass, true, packed.data(), pass.in(), saved.data(),
                                                            pass.up(), pass.gradients(), scratch.data());
        } else {
            const auto trace = kernels::reference::gru_forward<Tanh, Sigmoid, float>(pass, true, pass.weights(),
                                                                                     pass.in(), pass.out());
            if (train)
                kernels::reference::gru_backward<Tanh, Sigmoid, float>(pass, true, pass.weights(), pass.in(), trace,
                                                                       pass.up(), pass.gradients());
        }
        benchmark::ClobberMemory();
    }
    bench::report_flops(state, pass.flops(train));
}

template <Who who, bool train>
void simple_rnn(benchmark::State& state) {
    Pass pass(state, 1);
    const Index F = pass.features, U = pass.units;
    Buffer<float> packed, saved, scratch;
    packed.need(kernels::simple_rnn_packed_size<float>(F, U));
    saved.need(kernels::simple_rnn_saved_size<float>(pass));
    scratch.need(kernels::simple_rnn_backward_scratch_size<float>(pass));
    kernels::simple_rnn_pack(pass.weights(), F, U, packed.data());
    for (auto _ : state) {
        if constexpr (who == Who::deeprec) {
            if (train) kernels::simple_rnn_pack(pass.weights(), F, U, packed.data());
            kernels::simple_rnn_forward<Tanh, float>(pass, packed.data(), pass.in(), pass.out(), saved.data(), nullptr);
            if (train)
                kernels::simple_rnn_backward<Tanh, float>(pass, packed.data(), pass.in(), saved.data(), pass.up(),
                                                          pass.gradients(), scratch.data());
        } else {
            const auto trace =
                kernels::reference::simple_rnn_forward<Tanh, float>(pass, pass.weights(), pass.in(), pass.out());
            if (train)
                kernels::reference::simple_rnn_backward<Tanh, float>(pass, pass.weights(), pass.in(), trace, pass.up(),
                                                                     pass.gradients());
        }
        benchmark::ClobberMemory();
    }
    bench::report_flops(state, pass.flops(train));
}

const bench::Sizes sizes{{"B", "F", "U"}, {{1, 64, 128}, {32, 64, 128}}};
const bool registered =
    bench::beside("gru", sizes, gru<Who::deeprec, false>, nullptr, gru<Who::reference, false>) &&
    bench::beside("gru_train", sizes, gru<Who::deeprec, true>, nullptr, gru<Who::reference, true>) &&
    bench::beside("simple_rnn", sizes, simple_rnn<Who::deeprec, false>, nullptr, simple_rnn<Who::reference, false>) &&
    bench::beside("simple_rnn_train", sizes, simple_rnn<Who::deeprec, true>, nullptr, simple_rnn<Who::reference, true>);

}  // namespace
