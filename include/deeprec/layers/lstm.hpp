/// Long short-term memory layer.
#pragma once

#include <deeprec/kernels/recurrent/lstm.hpp>
#include <deeprec/layers/recurrent.hpp>

DEEPREC_BEGIN

/// Of LSTM: `LSTM{128, return_sequences, {.go_backwards = true}}`.
struct LSTMOptions {
    bool go_backwards = false;  ///< reads the sequence (and its mask) from the end; the outputs are in reading order
    bool use_bias = true;       ///< adds a bias, trained like the kernel
    bool unit_forget_bias = true;  ///< the forget gate's bias starts at 1 (Jozefowicz et al. 2015)
    Initializer kernel_initializer = glorot_uniform;   ///< first values of `kernel`
    Initializer recurrent_initializer = Orthogonal{};  ///< first values of `recurrent_kernel`
};

namespace detail {
/// What RecurrentLayer needs to know of an LSTM.
template <class T, class Activation, class RecurrentActivation>
struct LSTMCell {
    using Scalar = T;
    using Options = LSTMOptions;
    /// Output and cell state, [B, units] each; an empty one means zeros.
    struct State {
        Tensor<T, 2> h, c;
    };
    using Parameters = RecurrentParameters<T>;
    using Pass = kernels::RecurrentPass;

    void fields(Fields<T>& f, Parameters& g, Index features, Index units) {
        kernel_fields(f, *this, g, features, units, 4 * units);
        const Shape size{options.use_bias ? 4 * units : 0};
        const auto forget_ones = [](T* bias, const Shape& shape, Seed) {
            const Index n = shape[0] / 4;
            std::fill_n(std::fill_n(std::fill_n(bias, n, T(0)), n, T(1)), 2 * n, T(0));
        };
        if (options.unit_forget_bias)
            f.parameter("bias", parameters.bias, size, forget_ones, g.bias);
        else
            f.parameter("bias", parameters.bias, size, Constant{0}, g.bias);
    }
    void pack(Index features, Index units) {
        kernels::lstm_pack<T>({parameters.kernel.data(), parameters.recurrent_kernel.data(), bias_data(parameters)},
                              features, units, packed.need(kernels::lstm_packed_size<T>(features, units)));
    }
    static auto bias_data(auto& parameters) { return data_or_null(parameters.bias); }
    Index saved_size(const Pass& pass) const { return kernels::lstm_saved_size<T>(pass); }
    Index forward_scratch_size(const Pass& pass) const { return kernels::lstm_forward_scratch_size<T>(pass); }
    Index backward_scratch_size(const Pass& pass) const { return kernels::lstm_backward_scratch_size<T>(pass); }
    void forward(const Pass& pass, const kernels::RecurrentInput<T>& in, const kernels::RecurrentOutput<T>& out,
                 T* saved, T* scratch) const {
        kernels::lstm_forward<Activation, RecurrentActivation, T>(pass, packed.data(), in, out, saved, scratch);
    }
    void backward(const Pass& pass, const kernels::RecurrentInput<T>& in, const T* saved,
                  const kernels::RecurrentOutputGradient<T>& up, const kernels::RecurrentGradient<T>& gradient,
                  T* scratch) const {
        kernels::lstm_backward<Activation, RecurrentActivation, T>(pass, packed.data(), in, saved, up, gradient,
                                                                   scratch);
    }

    Options options;
    [[no_unique_address]] Activation activation;
    [[no_unique_address]] RecurrentActivation recurrent_activation;
    Parameters parameters;
    Buffer<T> packed;  // the weights as the kernel reads them
};
}  // namespace detail

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
/// Members, states and streaming: RecurrentLayer.
template <class T = float, class Return = ReturnLast, class Activation = Tanh, class RecurrentActivation = Sigmoid>
class LSTM : public RecurrentLayer<LSTM<T, Return, Activation, RecurrentActivation>,
                                   detail::LSTMCell<T, Activation, RecurrentActivation>, Return> {
public:
    using Scalar = T;
    DEEPREC_LAYER("LSTM", sequence, (Return::sequences ? 3 : 2))

    LSTM() = default;
    /// Throws ArgumentError unless units is positive.
    explicit LSTM(Index units, Return = {}, LSTMOptions options = {}) : LSTM::RecurrentLayer(units, options) {}
};

LSTM(Index) -> LSTM<float, ReturnLast>;
template <class Return>
LSTM(Index, Return, LSTMOptions = {}) -> LSTM<float, Return>;

DEEPREC_END
