#include "kernels/recurrent/recurrent_data.hpp"

#include <deeprec/kernels/recurrent/gru.hpp>
#include <deeprec/kernels/reference/recurrent/gru.hpp>

using namespace deeprec;
using namespace deeprec::test;

namespace {

/// The kernel as the checks of recurrent_data.hpp call it.
template <class Act = Tanh, class Gate = Sigmoid>
struct GruKernel {
    static constexpr Index gates = 3;
    bool reset_after = true;

    Index bias_rows() const { return reset_after ? 2 : 1; }
    template <class T>
    void reference_pass(const kernels::RecurrentPass& pass, const kernels::RecurrentWeights<T>& weights,
                        const kernels::RecurrentInput<T>& in, const kernels::RecurrentOutput<T>& out,
                        const kernels::RecurrentOutputGradient<T>& up,
                        const kernels::RecurrentGradient<T>& gradient) const {
        const auto trace = kernels::reference::gru_forward<Act, Gate, T>(pass, reset_after, weights, in, out);
        kernels::reference::gru_backward<Act, Gate, T>(pass, reset_after, weights, in, trace, up, gradient);
    }
    template <class T>
    Index packed_size(Index F, Index U) const {
        return kernels::gru_packed_size<T>(F, U);
    }
    template <class T>
    Index saved_size(const kernels::RecurrentPass& pass) const {
        return kernels::gru_saved_size<T>(pass);
    }
    template <class T>
    Index forward_scratch_size(const kernels::RecurrentPass& pass) const {
        return kernels::gru_forward_scratch_size<T>(pass);
    }
    template <class T>
    Index backward_scratch_size(const kernels::RecurrentPass& pass) const {
        return kernels::gru_backward_scratch_size<T>(pass);
    }
    template <class T>
    void pack(const kernels::RecurrentWeights<T>& weights, Index F, Index U, T* packed) const {
        kernels::gru_pack<T>(weights, F, U, reset_after, packed);
    }
    template <class T>
    void forward(const kernels::RecurrentPass& pass, const T* packed, const kernels::RecurrentInput<T>& in,
                 const kernels::RecurrentOutput<T>& out, T* saved, T* scratch) const {
        kernels::gru_forward<Act, Gate, T>(pass, reset_after, packed, in, out, saved, scratch);
    }
    template <class T>
    void backward(const kernels::RecurrentPass& pass, const T* packed, const kernels::RecurrentInput<T>& in,
                  const T* saved, const kernels::RecurrentOutputGradient<T>& up,
                  const kernels::RecurrentGradient<T>& gradient, T* scratch) const {
        kernels::gru_backward<Act, Gate, T>(pass, reset_after, packed, in, saved, up, gradient, scratch);
    }
};

}  // namespace

TEMPLATE_TEST_CASE("gru kernel agrees with its scalar twin", "[kernels][gru]", float, double) {
    check_recurrent_kernel<TestType>(GruKernel<>{.reset_after = true});
    check_recurrent_kernel<TestType>(GruKernel<>{.reset_after = false});
}

TEMPLATE_TEST_CASE("gru: the bits of a sequence do not depend on its neighbours", "[kernels][gru]", float, double) {
    check_neighbours<TestType>(GruKernel<>{.reset_after = true});
    check_neighbours<TestType>(GruKernel<>{.reset_after = false});
}

TEST_CASE("gru kernel with other activations", "[kernels][gru]") {
    for (const bool after : {false, true}) {
        CHECK(difference<double>(GruKernel<ReLU, HardSigmoid>{after}, 7, 5, 4, 9) < 1e-13);
        CHECK(difference<double>(GruKernel<Swish, Sigmoid>{after}, 7, 5, 4, 9) < 1e-13);
    }
}
