#include <deeprec/kernels/reference/ranking/sampled_losses.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include <deeprec/core/random.hpp>

#include "support/catch.hpp"

using namespace deeprec;

namespace {
template <class T>
std::vector<T> sampled_scores(Index n, double size) {
    std::vector<T> z;
    for (Index i = 0; i < n; ++i)
        z.push_back(static_cast<T>(size * RandomStream(Seed{3}).normal(static_cast<std::uint64_t>(i))));
    if (n > 2) z[static_cast<std::size_t>(n / 2)] = kernels::left_out_score<T>;
    return z;
}
template <class T, class Fast, class Twin>
void agree(const Fast& fast, const Twin& twin, T tolerance) {
    for (const Index n : {0, 1, 3, 8, 17, 64, 100})
        for (const double size : {0.5, 30.0})
            for (const T positive : {T(-40), T(0.3), T(25)}) {
                std::vector<T> a = sampled_scores<T>(n, size), b = a;
                T slope_a = 0, slope_b = 0;
                const T loss_a = fast(positive, a.data(), n, T(0.25), slope_a);
                const T loss_b = twin(positive, b.data(), n, T(0.25), slope_b);
                INFO(n << ' ' << size << ' ' << positive);
                CHECK(std::abs(loss_a - loss_b) <= tolerance * (1 + std::abs(loss_b)));
                CHECK(std::abs(slope_a - slope_b) <= tolerance * (1 + std::abs(slope_b)));
                T worst = 0;
                for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
                CHECK(worst <= tolerance);
                if (n > 2) CHECK(a[static_cast<std::size_t>(n / 2)] == 0);  // left out
            }
}
}  // namespace

TEST_CASE("Losses against sampled scores agree with their scalar twins", "[sampled_losses]") {
    const auto check = [](auto number, auto tolerance) {
        using T = decltype(number);
        agree<T>([](T p, T* z, Index n, T w, T& s) { return kernels::softmax_against<T>(p, z, n, w, s); },
                 [](T p, T* z, Index n, T w, T& s) { return kernels::reference::softmax_against<T>(p, z, n, w, s); },
                 tolerance);
        agree<T>([](T p, T* z, Index n, T w, T& s) { return kernels::softplus_against<T>(p, z, n, w, s); },
                 [](T p, T* z, Index n, T w, T& s) { return kernels::reference::softplus_against<T>(p, z, n, w, s); },
                 tolerance);
    };
    check(1.0, 1e-13);
    check(1.0f, 4e-6f);
}

TEST_CASE("A NaN among sampled scores reaches the loss", "[sampled_losses]") {
    std::vector<float> z(20, 0.5f), again;
    z[13] = std::numeric_limits<float>::quiet_NaN();
    again = z;
    float slope = 0;
    CHECK(std::isnan(kernels::softmax_against(1.f, z.data(), 20, 1.f, slope)));
    CHECK(std::isnan(kernels::softplus_against(1.f, again.data(), 20, 1.f, slope)));
}
