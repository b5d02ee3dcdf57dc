#include "kernels/linear/windows.hpp"

#include <deeprec/kernels/linear/winograd.hpp>
#include <deeprec/kernels/reference/linear/winograd.hpp>
#include <deeprec/kernels/simd/softmax.hpp>

#include "support/allocations.hpp"

using namespace deeprec;
using namespace deeprec::test;
using kernels::ConvolutionShape;

namespace {

template <class T>
struct Layer {
    explicit Layer(const ConvolutionShape& s)
        : x(s.batch * s.time() * s.features, 1),
          kernel(s.taps * s.features * s.filters, 2),
          bias(s.filters, 3),
          packed(kernels::winograd_packed_size<T>(s.taps, s.features, s.filters), 4) {
        kernels::winograd_pack(kernel.data(), s.taps, s.features, s.filters, packed.data());
    }
    Operand<T> x, kernel, bias, packed;
    Buffer<T> workspace;
};
template <class T>
Operand<T> output(const ConvolutionShape& s) {
    return Operand<T>(s.batch * s.steps * s.filters, 5, 3);
}

template <class T, class Act>
void check_convolution(const ConvolutionShape& s, const Act& act, bool bias, bool linear) {
    CAPTURE(s.taps, s.batch, s.steps, s.features, s.filters, s.dilation, bias, linear);
    Layer<T> layer(s);
    auto y = output<T>(s), expected = y, z = y, expected_z = y;
    const T* const b = bias ? layer.bias.data() : nullptr;
    kernels::winograd_convolution(s, layer.x.data(), layer.packed.data(), y.data(), layer.workspace,
                                  {b, act, linear ? z.data() : nullptr});
    kernels::reference::winograd_convolution(s, layer.x.data(), layer.kernel.data(), expected.data(), b, act,
                                             linear ? expected_z.data() : nullptr);
    CHECK(distance(y, expected) <= bound<T>(s.taps * s.features));
    CHECK(distance(z, expected_z) <= bound<T>(s.taps * s.features));
    CHECK((y.guards_intact() && z.guards_intact() && layer.packed.guards_intact()));
}

template <class T>
void check_gradient(const ConvolutionShape& s, Index gap) {
    CAPTURE(s.taps, s.batch, s.steps, s.features, s.filters, s.dilation, gap);
    Layer<T> layer(s);
    const Index stride = s.steps * s.filters + gap;
    const Operand<T> dy(s.batch * stride, 6, 5);
    Operand<T> gradient(layer.kernel.size(), 7, 2), expected(layer.kernel.size(), 7, 2);
    kernels::winograd_kernel_gradient(s, layer.x.data(), dy.data(), stride, gradient.data(), layer.workspace);
    kernels::reference::winograd_kernel_gradient(s, layer.x.data(), dy.data(), stride, expected.data());
    CHECK(distance(gradient, expected) <= bound<T>(s.batch * s.steps));
    CHECK(gradient.guards_intact());
}

}  // namespace

TEMPLATE_TEST_CASE("winograd_convolution equals the plain sum", "[kernels][winograd]", float, double) {
    using T = TestType;
    constexpr Index lanes = kernels::lanes<T>;
    for (const Index features : {Index{1}, lanes - 1, lanes + 1, 2 * lanes})
        for (const Index filters : {Index{1}, lanes, 2 * lanes + 3, 4 * lanes})
            for (const Index steps : {1, 2, 3, 4, 7})
                for (const Index batch : {1, 2, 5}) {
                    const ConvolutionShape s{batch, steps, features, filters, 1 + (steps + batch) % 3};
                    check_convolution<T>(s, linear, steps % 2 == 0, batch == 2);
                    check_convolution<T>(s, relu, true, batch == 1);
                }
    for (const Index taps : {2, 3, 4, 5, 6, 7, 8, 9})
        for (const Index features : {Index{1}, lanes - 1, 2 * lanes + 1})
            for (const Index steps : {1, 2, 5, 8})
                for (const Index dilation : {1, 3})
                    check_convolution<T>({1 + steps % 3, steps, features, 2 * lanes + 3, dilation, taps}, relu,
                                         steps > 2, features == 1);
    check_convolution<T>({0, 5, 3, 4, 1}, relu, true, false);
    check_convolution<T>({0, 5, 3, 4, 1, 5}, relu, true, false);
    check_convolution<T>({40, 9, 37, 50, 2, 5}, sigmoid, true, true);
    check_convolution<T>({40, 9, 37, 50, 2}, sigmoid, true, true);  // several blocks of pairs
    check_convolution<T>({3, 100, 64, 64, 3}, Tanh{}, false, true);
}

TEMPLATE_TEST_CASE("winograd_kernel_gradient equals the plain sum", "[kernels][winograd]", float, double) {
    using T = TestType;
    constexpr Index lanes = kernels::lanes<T>;
    for (const Index features : {Index{1}, lanes - 1, 2 * lanes + 1})
        for (const Index filters : {Index{1}, lanes, 2 * lanes + 3})
            for (const Index steps : {1, 2, 3, 6, 7})
                for (const Index dilation : {1, 2, 5})
                    check_gradient<T>({1 + steps % 3, steps, features, filters, dilation}, dilation * filters);
    for (const Index taps : {2, 3, 4, 5, 6, 7, 8, 9})
        for (const Index steps : {1, 2, 3, 8})
            for (const Index dilation : {1, 2})
                check_gradient<T>({1 + steps % 3, steps, 2 * lanes + 1, lanes + 3, dilation, taps}, 5);
    check_gradient<T>({0, 5, 3, 4, 1}, 0);
    check_gradient<T>({40, 9, 37, 50, 2, 5}, 0);
    check_gradient<T>({40, 9, 37, 50, 2}, 0);
    check_gradient<T>({3, 100, 64, 64, 3}, 7);
}

TEMPLATE_TEST_CASE("winograd_convolution: neither other samples nor steps before the window change a bit",
                   "[kernels][winograd]", float, double) {
    using T = TestType;
    const ConvolutionShape s{3, 9, 20, 33, GENERATE(1, 2, 3), GENERATE(2, 3, 4, 5, 7)};
    Layer<T> layer(s);
    auto all = output<T>(s);
    kernels::winograd_convolution(s, layer.x.data(), layer.packed.data(), all.data(), layer.workspace,
                                  {.bias = layer.bias.data(), .activation = relu});
    for (Index sample = 0; sample < s.batch; ++sample)
        for (Index skipped = 0; skipped < s.steps; ++skipped) {
            CAPTURE(sample, skipped);
            const ConvolutionShape last{1, s.steps - skipped, s.features, s.filters, s.dilation, s.taps};
            auto y = output<T>(last);
            kernels::winograd_convolution(last, layer.x.data() + (sample * s.time() + skipped) * s.features,
                                          layer.packed.data(), y.data(), layer.workspace,
                                          {.bias = layer.bias.data(), .activation = relu});
            const T* const expected = all.data() + (sample * s.steps + skipped) * s.filters;
            CHECK(std::equal(y.data(), y.data() + y.size(), expected));
        }
}

TEMPLATE_TEST_CASE("winograd_convolution keeps NaN and Inf within the windows that see them", "[kernels][winograd]",
                   float, double) {
    using T = TestType;
    const ConvolutionShape s{2, 9, 20, 33, GENERATE(1, 2, 3), GENERATE(2, 3, 4, 5, 7)};
    const auto sees = [&](Index t, Index at) {
        return at >= t && (at - t) % s.dilation == 0 && (at - t) / s.dilation < s.taps;
    };
    for (const T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()})
        for (Index at = 0; at < s.time(); ++at) {
            CAPTURE(bad, at);
            Layer<T> layer(s);
            layer.x[at * s.features + 3] = bad;
            auto y = output<T>(s);
            kernels::winograd_convolution(s, layer.x.data(), layer.packed.data(), y.data(), layer.workspace);
            for (Index b = 0; b < s.batch; ++b)
                for (Index t = 0; t < s.steps; ++t)
                    for (Index u = 0; u < s.filters; ++u)
                        CHECK(std::isfinite(y[(b * s.steps + t) * s.filters + u]) == (b > 0 || !sees(t, at)));
        }
}

TEST_CASE("winograd_convolution with an activation of rows", "[kernels][winograd]") {
    const ConvolutionShape s{2, 5, 18, 21, 1};
    Layer<float> layer(s);
    auto y = output<float>(s), expected = y;
    kernels::winograd_convolution(s, layer.x.data(), layer.packed.data(), y.data(), layer.workspace,
                                  {.bias = layer.bias.data(), .activation = softmax});
    kernels::reference::winograd_convolution(s, layer.x.data(), layer.kernel.data(), expected.data(), layer.bias.data(),
                                             linear, nullptr);
    for (Index r = 0; r < s.batch * s.steps; ++r)
        softmax.row(expected.data() + r * s.filters, expected.data() + r * s.filters, s.filters);
    CHECK(distance(y, expected) <= bound<float>(s.taps * s.features));
}

TEST_CASE("Warm calls of winograd allocate nothing", "[kernels][winograd]") {
    const ConvolutionShape s{4, 30, 32, 32, 1, GENERATE(3, 5)};
    Layer<float> layer(s);
    auto y = output<float>(s);
    Operand<float> gradient(layer.kernel.size());
    const auto all = [&] {
        kernels::winograd_convolution(s, layer.x.data(), layer.packed.data(), y.data(), layer.workspace,
                                      {.activation = relu});
        kernels::winograd_kernel_gradient(s, layer.x.data(), y.data(), s.steps * s.filters, gradient.data(),
                                          layer.workspace);
    };
    all();
    CHECK(support::allocations_in(all) == 0);
}

TEST_CASE("Taps are groups of three and two that follow each other", "[kernels][winograd]") {
    for (Index taps = 2; taps < 40; ++taps) {
        const kernels::TapGroups groups(taps);
        Index next = 0;
        for (Index g = 0; g < groups.count(); ++g) {
            CHECK(groups.first(g) == next);
            next += groups.size(g);
        }
        CHECK(next == taps);
        CHECK(groups.twos <= 2);
    }
}

TEST_CASE("winograd pays for wide layers of three taps and more", "[kernels][winograd]") {
    CHECK(kernels::winograd_pays(3, 64, 64));
    CHECK(kernels::winograd_pays(3, 32, 32));
    CHECK_FALSE(kernels::winograd_pays(3, 16, 16));
    CHECK_FALSE(kernels::winograd_pays(3, 8, 512));
    CHECK(kernels::winograd_pays(5, 32, 32));
    CHECK_FALSE(kernels::winograd_pays(4, 32, 32));
    CHECK(kernels::winograd_pays(4, 64, 64));
    CHECK_FALSE(kernels::winograd_pays(2, 512, 512));
    CHECK_FALSE(kernels::winograd_pays(1, 512, 512));
}
