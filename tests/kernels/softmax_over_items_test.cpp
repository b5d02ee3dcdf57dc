#include <deeprec/kernels/softmax_over_items.hpp>

#include <cmath>
#include <cstring>
#include <vector>

#include <deeprec/core/random.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"

using namespace deeprec;

namespace {
struct Problem {
    Problem(Index rows, Index items, Index width, bool with_bias)
        : m(rows),
          n(items),
          d(width),
          h(draw(m * d, 1)),
          w(draw(n * d, 2)),
          b(with_bias ? draw(n, 3) : std::vector<double>{}) {
        const RandomStream random(Seed{4});
        for (Index r = 0; r < m; ++r)
            target.push_back(
                static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(r), static_cast<std::uint64_t>(n))));
    }
    static std::vector<double> draw(Index size, std::uint64_t seed) {
        std::vector<double> x;
        for (Index i = 0; i < size; ++i)
            x.push_back(RandomStream(Seed{seed}).uniform(static_cast<std::uint64_t>(i), -2, 2));
        return x;
    }
    struct Result {
        double loss = 0;
        std::vector<double> dh, dw, db;
    };
    /// By the definition, one number after another.
    Result expected(double scale) const {
        Result x{0, std::vector<double>(h.size()), std::vector<double>(w.size(), 1.0),
                 std::vector<double>(b.size(), 1.0)};
        for (Index r = 0; r < m; ++r) {
            std::vector<double> z(static_cast<std::size_t>(n));
            double sum = 0;
            for (Index j = 0; j < n; ++j) {
                double& score = z[static_cast<std::size_t>(j)];
                score = b.empty() ? 0 : b[static_cast<std::size_t>(j)];
                for (Index k = 0; k < d; ++k)
                    score += h[static_cast<std::size_t>(r * d + k)] * w[static_cast<std::size_t>(j * d + k)];
                sum += std::exp(score);
            }
            const auto t = target[static_cast<std::size_t>(r)];
            x.loss += scale * (std::log(sum) - z[static_cast<std::size_t>(t)]);
            for (Index j = 0; j < n; ++j) {
                const double g = scale * (std::exp(z[static_cast<std::size_t>(j)]) / sum - (j == t));
                if (!b.empty()) x.db[static_cast<std::size_t>(j)] += g;
                for (Index k = 0; k < d; ++k) {
                    x.dh[static_cast<std::size_t>(r * d + k)] += g * w[static_cast<std::size_t>(j * d + k)];
                    x.dw[static_cast<std::size_t>(j * d + k)] += g * h[static_cast<std::size_t>(r * d + k)];
                }
            }
        }
        return x;
    }
    Result computed(double scale, int threads) const {
        Result x{0, std::vector<double>(h.size()), std::vector<double>(w.size(), 1.0),
                 std::vector<double>(b.size(), 1.0)};
        ThreadPool pool(threads);
        kernels::ItemSoftmaxScratch<double> scratch;
        const auto run = [&] {
            return kernels::softmax_over_items<double>({w.data(), b.empty() ? nullptr : b.data(), n, d}, h.data(),
                                                       target.data(), m, scale, x.dh.data(), x.dw.data(),
                                                       b.empty() ? nullptr : x.db.data(), pool, scratch);
        };
        x.loss = run();
        return x;
    }
    Index m, n, d;
    std::vector<double> h, w, b;
    std::vector<std::int32_t> target;
};
void check_close(const std::vector<double>& a, const std::vector<double>& b) {
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) < 1e-12);
}
}  // namespace

TEST_CASE("Softmax over items is the definition, loss and gradients", "[softmax_over_items]") {
    const auto [rows, items, width] =
        GENERATE(table<Index, Index, Index>({{1, 1, 1}, {5, 7, 3}, {40, 600, 16}, {300, 33, 5}}));
    const Problem problem(rows, items, width, GENERATE(true, false));
    const auto found = problem.computed(0.25, 1), expected = problem.expected(0.25);
    CHECK(found.loss == Approx(expected.loss));
    check_close(found.dh, expected.dh);
    check_close(found.dw, expected.dw);
    check_close(found.db, expected.db);
}

TEST_CASE("Softmax over items gives the same bits on any number of threads", "[softmax_over_items][threads]") {
    const Problem problem(290, 1100, 8, true);
    const auto one = problem.computed(1, 1), three = problem.computed(1, 3);
    CHECK(one.loss == three.loss);
    CHECK(one.dh == three.dh);
    CHECK(one.dw == three.dw);
    CHECK(one.db == three.db);
}
