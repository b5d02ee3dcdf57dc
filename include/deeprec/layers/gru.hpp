/// Gated recurrent unit layer.
#pragma once

#include <deeprec/kernels/recurrent/gru.hpp>
#include <deeprec/layers/recurrent.hpp>

DEEPREC_BEGIN

/// Of GRU: `GRU{128, return_sequences, {.reset_after = false}}`.
struct GRUOptions {
    bool go_backwards = false;  ///< reads the sequence (and its mask) from the end; the outputs are in reading order
    bool use_bias = true;       ///< adds a bias, trained like the kernel
    bool reset_after = true;  ///< the reset gate is applied after the product with R, as in cuDNN; false: before
    Initializer kernel_initializer = glorot_uniform;   ///< first values of `kernel`
    Initializer recurrent_initializer = Orthogonal{};  ///< first values of `recurrent_kernel`
};

namespace detail {
/// What RecurrentLayer needs to know of a GRU.
template <class T, class Activation, class RecurrentActivation>
struct GRUCell {
    using Scalar = T;
    using Options = GRUOptions;
    using State = HiddenState<T>;
    struct Parameters {
        Tensor<T, 2> kernel, recurrent_kernel;
        Tensor<T, 2> bias;         // with reset_after, else empty
        Tensor<T, 1> bias_before;  // without
    };
    using Pass = kernels::RecurrentPass;

    void fields(Fields<T>& f, Parameters& g, Index features, Index units) {
        kernel_fields(f, *this, g, features, units, 3 * units);
        const Index width = options.use_bias ? 3 * units : 0;
        f.parameter("bias", parameters.bias, {2, options.reset_after ? width : 0}, Constant{0}, g.bias);
        f.parameter("bias", parameters.bias_before, {options.reset_after ? 0 : width}, Constant{0}, g.bias_before);
    }
    void pack(Index features, Index units) {
        kernels::gru_pack<T>({parameters.kernel.data(), parameters.recurrent_kernel.data(), bias_data(parameters)},
                             features, units, options.reset_after,
                             packed.need(kernels::gru_packed_size<T>(features, units)));
    }
    static auto bias_data(auto& parameters) {
        return parameters.bias.size() ? parameters.bias.data() : data_or_null(parameters.bias_before);
    }
    Index saved_size(const Pass& pass) const { return kernels::gru_saved_size<T>(pass); }
    Index forward_scratch_size(const Pass& pass) const { return kernels::gru_forward_scratch_size<T>(pass); }
    Index backward_scratch_size(const Pass& pass) const { return kernels::gru_backward_scratch_size<T>(pass); }
    void forward(const Pass& pass, const kernels::RecurrentInput<T>& in, const kernels::RecurrentOutput<T>& out,
                 T* saved, T* scratch) const {
        kernels::gru_forward<Activation, RecurrentActivation, T>(pass, options.reset_after, packed.data(), in, out,
                                                                 saved, scratch);
    }
    void backward(const Pass& pass, const kernels::RecurrentInput<T>& in, const T* saved,
                  const kernels::RecurrentOutputGradient<T>& up, const kernels::RecurrentGradient<T>& gradient,
                  T* scratch) const {
        kernels::gru_backward<Activation, RecurrentActivation, T>(pass, options.reset_after, packed.data(), in, saved,
                                                                  up, gradient, scratch);
    }

    Options options;
    [[no_unique_address]] Activation activation;
    [[no_unique_address]] RecurrentActivation recurrent_activation;
    Parameters parameters;
    Buffer<T> packed;  // the weights as the kernel reads them
};
}  // namespace detail

/// GRU (Cho et al. 2014) as Keras' GRU, for each step t of a sequence:
///
///     z = s(x_t W_z + h_{t-1} R_z + b_z),    r = s(x_t W_r + h_{t-1} R_r + b_r),    h_t = z h_{t-1} + (1 - z) a
///     a = act(x_t W_h + b_h + r (h_{t-1} R_h + c_h)), or without reset_after  a = act(x_t W_h + b_h + (r h_{t-1}) R_h)
///
/// with s = RecurrentActivation. The output of step t is h_t; a masked step keeps the state and repeats the previous
/// output, which is zero before the first kept step.
///
/// Shapes: x [B, T, F] -> y [B, units], or [B, T, units] with `return_sequences`, where the mask travels on; `kernel`
/// [F, 3 units] (glorot uniform), `recurrent_kernel` [units, 3 units] (orthogonal), columns in the order z, r, h;
/// `bias` [2, 3 units] (zeros), row 0 added to x W and row 1 to h R, or without reset_after [3 units]. `GRU{128}` is
/// `GRU<float, ReturnLast>`; other activations: `GRU<float, ReturnLast, ReLU, HardSigmoid>{128}`. Members, states and
/// streaming: RecurrentLayer.
template <class T = float, class Return = ReturnLast, class Activation = Tanh, class RecurrentActivation = Sigmoid>
class GRU : public RecurrentLayer<GRU<T, Return, Activation, RecurrentActivation>,
                                  detail::GRUCell<T, Activation, RecurrentActivation>, Return> {
public:
    using Scalar = T;
    DEEPREC_LAYER("GRU", sequence, (Return::sequences ? 3 : 2))

    GRU() = default;
    /// Throws ArgumentError unless units is positive.
    explicit GRU(Index units, Return = {}, GRUOptions options = {}) : GRU::RecurrentLayer(units, options) {}
};

GRU(Index) -> GRU<float, ReturnLast>;
template <class Return>
GRU(Index, Return, GRUOptions = {}) -> GRU<float, Return>;

DEEPREC_END
