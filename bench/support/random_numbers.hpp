/// Operands of the kernels' benchmarks.
#pragma once

#include <deeprec/core/random.hpp>
#include <deeprec/core/tensor.hpp>

namespace deeprec::bench {

/// n numbers, uniform in [-limit, limit), at a cache line; the same ones each time.
struct RandomNumbers {
    explicit RandomNumbers(Index n, double limit = 1) : size(n) {
        const RandomStream random(Seed{1});
        float* const x = buffer.need(n);
        for (Index i = 0; i < n; ++i)
            x[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i), -limit, limit));
    }
    float* data() { return buffer.data(); }
    const float* data() const { return buffer.data(); }
    Buffer<float> buffer;
    Index size;
};

}  // namespace deeprec::bench
