#include "kernels/data.hpp"

#include <limits>

#include <deeprec/kernels/linear/attention.hpp>
#include <deeprec/kernels/reference/linear/attention.hpp>

using namespace deeprec;
using namespace deeprec::test;

TEMPLATE_TEST_CASE("attention equals its scalar twin, there and back", "[kernels][attention]", float, double) {
    using T = TestType;
    const double epsilon = static_cast<double>(std::numeric_limits<T>::epsilon());
    for (const bool causal : {false, true})
        for (const Index heads : {Index{1}, Index{3}})
            for (const Index steps : {Index{0}, Index{1}, Index{2}, Index{7}, Index{16}, Index{45}})
                for (const Index key_dim : {Index{1}, Index{5}, Index{16}, Index{33}}) {
                    const kernels::AttentionShape s{steps, heads, key_dim, causal};
                    CAPTURE(causal, heads, steps, key_dim);
                    const Index width = heads * key_dim, ld = width + 3, size = steps * ld;
                    const Operand<T> q(size, 1), k(size, 2), v(size, 3), dy(steps * width, 4);
                    Operand<T> p(s.probabilities(), 5), y(steps * width, 6), dq(size, 7), dk(size, 8), dv(size, 9);
                    Operand<T> scratch(kernels::attention_scratch<T>(s), 10);
                    auto p2 = p, y2 = y, dq2 = dq, dk2 = dk, dv2 = dv;
                    const kernels::AttentionInput<T> in{q.data(), k.data(), v.data(), ld};
                    kernels::attention<T>(s, in, p.data(), y.data(), scratch.data());
                    kernels::reference::attention<T>(s, in, p2.data(), y2.data());
                    kernels::attention_backward<T>(s, dy.data(), in, p.data(), {dq.data(), dk.data(), dv.data()},
                                                   scratch.data());
                    kernels::reference::attention_backward<T>(s, dy.data(), in, p2.data(),
                                                              {dq2.data(), dk2.data(), dv2.data()});
                    CHECK(scratch.guards_intact());
                    for (const auto& [got, expected] :
                         {std::pair{&p, &p2}, {&y, &y2}, {&dq, &dq2}, {&dk, &dk2}, {&dv, &dv2}}) {
                        CHECK(distance(*got, *expected) <= 60 * epsilon);
                        CHECK(got->guards_intact());
                    }
                }
}

TEST_CASE("attention is finite for scores that exp alone would not survive", "[kernels][attention]") {
    const kernels::AttentionShape s{2, 1, 1};
    const float q[] = {1e4f, -1e4f}, k[] = {1, -1}, v[] = {3, 5};
    float p[4], y[2];
    std::vector<float> scratch(static_cast<std::size_t>(kernels::attention_scratch<float>(s)));
    kernels::attention<float>(s, {q, k, v, 1}, p, y, scratch.data());
    CHECK(y[0] == 3);
    CHECK(y[1] == 5);
}
