/// The simplest recurrent layer.
#pragma once

#include <deeprec/kernels/recurrent/simple_rnn.hpp>
#include <deeprec/layers/recurrent.hpp>

DEEPREC_BEGIN

/// Of SimpleRNN: `SimpleRNN{64, return_last, {.use_bias = false}}`.
struct SimpleRNNOptions {
    bool go_backwards = false;  ///< reads the sequence (and its mask) from the end; the outputs are in reading order
    bool use_bias = true;       ///< adds a bias, trained like the kernel
    Initializer kernel_initializer = glorot_uniform;   ///< first values of `kernel`
    Initializer recurrent_initializer = Orthogonal{};  ///< first values of `recurrent_kernel`
};

namespace detail {
/// What RecurrentLayer needs to know of a SimpleRNN.
template <class T, class Activation>
struct SimpleRNNCell {
    using Scalar = T;
    using Options = SimpleRNNOptions;
    using State = HiddenState<T>;
    using Parameters = RecurrentParameters<T>;
    using Pass = kernels::RecurrentPass;

    void fields(Fields<T>& f, Parameters& g, Index features, Index units) {
        kernel_fields(f, *this, g, features, units, units);
        f.parameter("bias", parameters.bias, {options.use_bias ? units : 0}, Constant{0}, g.bias);
    }
    void pack(Index features, Index units) {
        kernels::simple_rnn_pack<T>(
            {parameters.kernel.data(), parameters.recurrent_kernel.data(), bias_data(parameters)}, features, units,
            packed.need(kernels::simple_rnn_packed_size<T>(features, units)));
    }
    static auto bias_data(auto& parameters) { return data_or_null(parameters.bias); }
    Index saved_size(const Pass& pass) const { return kernels::simple_rnn_saved_size<T>(pass); }
    Index forward_scratch_size(const Pass& pass) const { return kernels::simple_rnn_forward_scratch_size<T>(pass); }
    Index backward_scratch_size(const Pass& pass) const { return kernels::simple_rnn_backward_scratch_size<T>(pass); }
    void forward(const Pass& pass, const kernels::RecurrentInput<T>& in, const kernels::RecurrentOutput<T>& out,
                 T* saved, T* scratch) const {
        kernels::simple_rnn_forward<Activation, T>(pass, packed.data(), in, out, saved, scratch);
    }
    void backward(const Pass& pass, const kernels::RecurrentInput<T>& in, const T* saved,
                  const kernels::RecurrentOutputGradient<T>& up, const kernels::RecurrentGradient<T>& gradient,
                  T* scratch) const {
        kernels::simple_rnn_backward<Activation, T>(pass, packed.data(), in, saved, up, gradient, scratch);
    }

    Options options;
    [[no_unique_address]] Activation activation;
    Parameters parameters;
    Buffer<T> packed;  // the weights as the kernel reads them
};
}  // namespace detail

/// Elman's recurrent network (1990) as Keras' SimpleRNN, for each step t of a sequence:
///
///     h_t = act(x_t W + h_{t-1} R + b)
///
/// The output of step t is h_t; a masked step keeps the state and repeats the previous output, which is zero before the
/// first kept step.
///
/// Shapes: x [B, T, F] -> y [B, units], or [B, T, units] with `return_sequences`, where the mask travels on; `kernel`
/// [F, units] (glorot uniform), `recurrent_kernel` [units, units] (orthogonal), `bias` [units] (zeros).
/// `SimpleRNN{128}` is `SimpleRNN<float, ReturnLast>`; another activation: `SimpleRNN<float, ReturnLast, ReLU>{128}`.
/// Members, states and streaming: RecurrentLayer.
template <class T = float, class Return = ReturnLast, class Activation = Tanh>
class SimpleRNN
    : public RecurrentLayer<SimpleRNN<T, Return, Activation>, detail::SimpleRNNCell<T, Activation>, Return> {
public:
    using Scalar = T;
    DEEPREC_LAYER("SimpleRNN", sequence, (Return::sequences ? 3 : 2))

    SimpleRNN() = default;
    /// Throws ArgumentError unless units is positive.
    explicit SimpleRNN(Index units, Return = {}, SimpleRNNOptions options = {})
        : SimpleRNN::RecurrentLayer(units, options) {}
};

SimpleRNN(Index) -> SimpleRNN<float, ReturnLast>;
template <class Return>
SimpleRNN(Index, Return, SimpleRNNOptions = {}) -> SimpleRNN<float, Return>;

DEEPREC_END
