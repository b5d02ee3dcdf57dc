#include "kernels/recurrent/recurrent_data.hpp"

#include <deeprec/kernels/recurrent/simple_rnn.hpp>
#include <deeprec/kernels/reference/recurrent/simple_rnn.hpp>

using namespace deeprec;
using namespace deeprec::test;

namespace {

/// The kernel as the checks of recurrent_data.hpp call it.
template <class Act = Tanh>
struct SimpleRnnKernel {
    static constexpr Index gates = 1;

    Index bias_rows() const { return 1; }
    template <class T>
    void reference_pass(const kernels::RecurrentPass& pass, const kernels::RecurrentWeights<T>& weights,
                        const kernels::RecurrentInput<T>& in, const kernels::RecurrentOutput<T>& out,
                        const kernels::RecurrentOutputGradient<T>& up,
                        const kernels::RecurrentGradient<T>& gradient) const {
        const auto trace = kernels::reference::simple_rnn_forward<Act, T>(pass, weights, in, out);
        kernels::reference::simple_rnn_backward<Act, T>(pass, weights, in, trace, up, gradient);
    }
    template <class T>
    Index packed_size(Index F, Index U) const {
        return kernels::simple_rnn_packed_size<T>(F, U);
    }
    template <class T>
    Index saved_size(const kernels::RecurrentPass& pass) const {
        return kernels::simple_rnn_saved_size<T>(pass);
    }
    template <class T>
    Index forward_scratch_size(const kernels::RecurrentPass& pass) const {
        return kernels::simple_rnn_forward_scratch_size<T>(pass);
    }
    template <class T>
    Index backward_scratch_size(const kernels::RecurrentPass& pass) const {
        return kernels::simple_rnn_backward_scratch_size<T>(pass);
    }
    template <class T>
    void pack(const kernels::RecurrentWeights<T>& weights, Index F, Index U, T* packed) const {
        kernels::simple_rnn_pack<T>(weights, F, U, packed);
    }
    template <class T>
    void forward(const kernels::RecurrentPass& pass, const T* packed, const kernels::RecurrentInput<T>& in,
                 const kernels::RecurrentOutput<T>& out, T* saved, T* scratch) const {
        kernels::simple_rnn_forward<Act, T>(pass, packed, in, out, saved, scratch);
    }
    template <class T>
    void backward(const kernels::RecurrentPass& pass, const T* packed, const kernels::RecurrentInput<T>& in,
                  const T* saved, const kernels::RecurrentOutputGradient<T>& up,
                  const kernels::RecurrentGradient<T>& gradient, T* scratch) const {
        kernels::simple_rnn_backward<Act, T>(pass, packed, in, saved, up, gradient, scratch);
    }
};

}  // namespace

TEMPLATE_TEST_CASE("simple_rnn kernel agrees with its scalar twin", "[kernels][simple_rnn]", float, double) {
    check_recurrent_kernel<TestType>(SimpleRnnKernel<>{});
}

TEMPLATE_TEST_CASE("simple_rnn: the bits of a sequence do not depend on its neighbours", "[kernels][simple_rnn]", float,
                   double) {
    check_neighbours<TestType>(SimpleRnnKernel<>{});
}

TEST_CASE("simple_rnn kernel with other activations", "[kernels][simple_rnn]") {
    CHECK(difference<double>(SimpleRnnKernel<ReLU>{}, 7, 5, 4, 9) < 1e-13);
    CHECK(difference<double>(SimpleRnnKernel<Swish>{}, 7, 5, 4, 9) < 1e-13);
}
