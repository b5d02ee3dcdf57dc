/// Long short-term memory layer.
#pragma once

#include <algorithm>

#include <deeprec/core/initializers.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/lstm.hpp>
#include <deeprec/layers/recurrent.hpp>

DEEPREC_BEGIN

struct LSTMOptions {
    bool go_backwards = false;  ///< reads the sequence (and its mask) from the end; the outputs are in reading order
    bool use_bias = true;
    bool unit_forget_bias = true;  ///< the forget gate's bias starts at 1 (Jozefowicz et al. 2015)
};

/// LSTM (Hochreiter & Schmidhuber 1997) as Keras' LSTM, for each step t of a sequence:
///
///     [i f a o] = x_t W + h_{t-1} R + b,    c_t = s(f) c_{t-1} + s(i) act(a),    h_t = s(o) act(c_t)
///
/// with s = RecurrentActivation. The output of step t is h_t; a masked step keeps the state and repeats the previous
/// output, which is zero before the first kept step.
///
/// Shapes: x [B, T, F] -> y [B, units], or [B, T, units] with `return_sequences`, where the mask travels on; `kernel`
/// [F, 4 units] (glorot uniform), `recurrent_kernel` [units, 4 units] (orthogonal), `bias` [4 units] (zeros, forget 1).
/// `LSTM{128}` is `LSTM<float, ReturnLast>`; other activations: `LSTM<float, ReturnLast, ReLU, HardSigmoid>{128}`.
///
/// Streaming: `State` is a value that the caller carries from one part of a sequence to the next.
///
///     LSTM<float>::State state;  // empty = zeros
///     for (const auto& part : parts) {
///         y = lstm.forward(part, state, cache);
///         state = lstm.final_state(cache);
///     }
template <class T = float, class Return = ReturnLast, class Activation = Tanh, class RecurrentActivation = Sigmoid>
class LSTM {
    static constexpr int rank = Return::sequences ? 3 : 2;

public:
    using Scalar = T;
    using InputElement = T;
    struct Parameters {
        Tensor<T, 2> kernel, recurrent_kernel;
        Tensor<T, 1> bias;
        template <class Visitor, class... Sets>
        static void visit(Visitor& visitor, Sets&... sets) {
            visitor("kernel", sets.kernel...);
            visitor("recurrent_kernel", sets.recurrent_kernel...);
            visitor("bias", sets.bias...);
        }
    };
    using Gradients = Parameters;
    /// Output and cell state, [B, units] each; an empty one means zeros.
    struct State {
        Tensor<T, 2> h, c;
    };
    struct Cache {
        kernels::RecurrentPass pass;
        const T* x = nullptr;
        bool from_state = false;
        Buffer<T> y, saved, scratch, dx, final_h, final_c;
        State final_state, initial_gradient;
    };

    /// Throws ArgumentError unless units is positive.
    explicit LSTM(Index units, Return = {}, LSTMOptions options = {}) : units_(units), options_(options) {
        detail::check_positive(name(), "units", units);
    }

    static constexpr std::string_view name() { return "LSTM"; }
    template <class Element, int Rank>
    static constexpr int output_rank() {
        static_assert(same_scalar<Element, T>, "LSTM: the input must have the scalar type of the layer");
        static_assert(Rank == any_rank || Rank == 3, "LSTM: the input must be [batch, time, features], rank 3");
        return rank;
    }
    Shape build(const Shape& in, Seed seed) {
        detail::check_rank(name(), in, 2, "[time, features]");
        features_ = in[1];
        detail::check_positive(name(), "number of input features", features_);
        parameters_.kernel.resize(features_, 4 * units_);
        fill_glorot_uniform(parameters_.kernel, features_, 4 * units_, derive(seed, 0));
        parameters_.recurrent_kernel.resize(units_, 4 * units_);
        fill_orthogonal(parameters_.recurrent_kernel, derive(seed, 1));
        parameters_.bias.resize(options_.use_bias ? 4 * units_ : 0);
        parameters_.bias.setZero();
        if (options_.use_bias && options_.unit_forget_bias) std::fill_n(parameters_.bias.data() + units_, units_, T(1));
        parameters_changed();
        return Return::sequences ? Shape{in[0], units_} : Shape{units_};
    }

    template <class X, class Mode = Inference>
    View<T, rank> forward(const X& x, Cache& cache, Mode = {}) const {
        cache.from_state = false;
        return run<Mode>(view(x), nullptr, nullptr, cache);
    }
    /// From an initial state. Throws ShapeError unless its parts are [B, units] or empty.
    template <class X, class Mode = Inference>
    View<T, rank> forward(const X& x, const State& initial, Cache& cache, Mode = {}) const {
        cache.from_state = true;
        const Index batch = view(x).extent(0);
        return run<Mode>(view(x), state_data("initial h", initial.h, batch), state_data("initial c", initial.c, batch),
                         cache);
    }
    /// State after the last step of the last forward with this cache, in the cache.
    const State& final_state(Cache& cache) const {
        const auto copy = [&](const Buffer<T>& from, Tensor<T, 2>& to) {
            to.resize(cache.pass.batch, units_);
            std::copy_n(from.data(), to.size(), to.data());
        };
        copy(cache.final_h, cache.final_state.h);
        copy(cache.final_c, cache.final_state.c);
        return cache.final_state;
    }

    /// Formulas in kernels/lstm.hpp.
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        return run_back<Want>(view(dy), nullptr, nullptr, cache, gradients);
    }
    /// With dL/d(final state) too; empty parts mean zero.
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, const State& final_gradient, Cache& cache, Gradients& gradients) const {
        return run_back<Want>(view(dy), state_data("gradient of h", final_gradient.h, cache.pass.batch),
                              state_data("gradient of c", final_gradient.c, cache.pass.batch), cache, gradients);
    }
    /// dL/d(initial state), after a backward whose forward was given one.
    const State& initial_state_gradient(const Cache& cache) const { return cache.initial_gradient; }

    Index units() const { return units_; }
    const Parameters& parameters() const { return parameters_; }
    Gradients zero_gradients() const { return zeros_like(parameters_); }
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        Parameters::visit(visitor, self.parameters_, others...);
    }
    void parameters_changed() {
        const auto& [kernel, recurrent, bias] = parameters_;
        kernels::lstm_pack<T>({kernel.data(), recurrent.data(), bias.size() ? bias.data() : nullptr}, features_, units_,
                              packed_.need(kernels::lstm_packed_size<T>(features_, units_)));
    }

private:
    template <class Mode>
    View<T, rank> run(const View<const T, 3>& x, const T* h0, const T* c0, Cache& cache) const {
        detail::check_extent(name(), "input features", features_, x.last());
        const Index batch = x.extent(0), time = x.extent(1);
        if (time < 1) throw ShapeError("LSTM: expected sequences of at least one step, received none");
        cache.pass = {batch, time, features_, units_, Return::sequences, options_.go_backwards, x.mask.keep};
        cache.x = Mode::training ? x.data() : nullptr;
        T* const y = cache.y.need(batch * (Return::sequences ? time : 1) * units_);
        T* const saved = Mode::training ? cache.saved.need(kernels::lstm_saved_size<T>(cache.pass)) : nullptr;
        kernels::lstm_forward<Activation, RecurrentActivation, T>(
            cache.pass, packed_.data(), {x.data(), h0, c0},
            {y, cache.final_h.need(batch * units_), cache.final_c.need(batch * units_)}, saved,
            cache.scratch.need(kernels::lstm_forward_scratch_size<T>(cache.pass)));
        if constexpr (Return::sequences)
            return {y, {batch, time, units_}, x.mask};
        else
            return {y, {batch, units_}};
    }

    template <InputGradient Want>
    auto run_back(const View<const T, rank>& dy, const T* dh, const T* dc, Cache& cache, Gradients& gradients) const {
        detail::check_trained(name(), cache.x);
        const kernels::RecurrentPass& pass = cache.pass;
        const Shape expected = output_shape(pass);
        if (dy.shape() != expected)
            throw ShapeError(message("LSTM: expected a gradient of ", expected, ", received ", dy.shape()));
        kernels::RecurrentGradient<T> to{gradients.kernel.data(), gradients.recurrent_kernel.data()};
        if (options_.use_bias) to.bias = gradients.bias.data();
        if (Want == InputGradient::compute) to.x = cache.dx.need(pass.batch * pass.time * features_);
        if (cache.from_state) {
            cache.initial_gradient.h.resize(pass.batch, units_);
            cache.initial_gradient.c.resize(pass.batch, units_);
            to.h0 = cache.initial_gradient.h.data();
            to.c0 = cache.initial_gradient.c.data();
        }
        kernels::lstm_backward<Activation, RecurrentActivation, T>(
            pass, packed_.data(), {cache.x}, cache.saved.data(), {dy.data(), dh, dc}, to,
            cache.scratch.need(kernels::lstm_backward_scratch_size<T>(pass)));
        if constexpr (Want == InputGradient::skip)
            return NoGradient{};
        else
            return View<T, 3>{to.x, {pass.batch, pass.time, features_}};
    }

    static Shape output_shape(const kernels::RecurrentPass& pass) {
        return Return::sequences ? Shape{pass.batch, pass.time, pass.units} : Shape{pass.batch, pass.units};
    }
    const T* state_data(std::string_view part, const Tensor<T, 2>& state, Index batch) const {
        if (state.size() == 0) return nullptr;
        if (state.dimension(0) != batch || state.dimension(1) != units_)
            throw ShapeError(message("LSTM: expected ", part, " of [", batch, ", ", units_,
                                     "] or an empty one, received [", state.dimension(0), ", ", state.dimension(1),
                                     "]"));
        return state.data();
    }

    Index units_ = 0, features_ = 0;
    LSTMOptions options_;
    Parameters parameters_;
    Buffer<T> packed_;  // the weights as the kernel reads them
};

LSTM(Index)->LSTM<float, ReturnLast>;
template <class Return>
LSTM(Index, Return, LSTMOptions = {}) -> LSTM<float, Return>;

DEEPREC_END
