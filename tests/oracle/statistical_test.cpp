#include <deeprec/core/initializers.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/spatial_dropout1d.hpp>

#include <algorithm>
#include <cmath>
#include <string>

#include "support/oracle.hpp"

using namespace deeprec;

namespace {

constexpr double sigmas = 5;  // how far a figure of a random draw may be from its theory

/// The initialisers of the cases. The fans come from the shape.
template <class T, int Rank>
void initialize(Tensor<T, Rank>& tensor, const std::string& name, const oracle::Config& config) {
    const Seed seed{17};
    if (name == "glorot_uniform") return fill_scaled(tensor, glorot_uniform, seed);
    if (name == "glorot_normal") return fill_scaled(tensor, glorot_normal, seed);
    if (name == "he_uniform") return fill_scaled(tensor, he_uniform, seed);
    if (name == "he_normal") return fill_scaled(tensor, he_normal, seed);
    if (name == "lecun_uniform") return fill_scaled(tensor, lecun_uniform, seed);
    if (name == "lecun_normal") return fill_scaled(tensor, lecun_normal, seed);
    if (name == "random_uniform") return fill_uniform(tensor, config["limit"], seed);
    if (name == "random_normal") return fill_normal(tensor, config["std"], seed);
    if (name == "orthogonal") return fill_orthogonal(tensor, seed);
    throw oracle::NotApplicable{"initialiser " + name};
}
template <class T, int Rank>
void check_draw(const oracle::Config& config) {
    const std::string name = config["name"];
    std::array<Index, Rank> extents;
    for (std::size_t i = 0; i < Rank; ++i) extents[i] = config["shape"].at(i);
    Tensor<T, Rank> tensor(extents);
    initialize(tensor, name, config);
    CHECK(fans(tensor).in == config["fan_in"]);
    CHECK(fans(tensor).out == config["fan_out"]);
    const double n = static_cast<double>(tensor.size());
    double sum = 0, squares = 0, largest = 0;
    for (Index i = 0; i < tensor.size(); ++i) {
        const double x = static_cast<double>(tensor.data()[i]);
        sum += x;
        squares += x * x;
        largest = std::max(largest, std::abs(x));
    }
    if (name == "orthogonal") {
        const Index columns = extents[Rank - 1], rows = tensor.size() / columns;
        const Index count = std::min(rows, columns), length = std::max(rows, columns);
        const auto at = [&](Index i, Index k) {
            return static_cast<double>(tensor.data()[rows <= columns ? i * columns + k : k * columns + i]);
        };
        double worst = 0;
        for (Index i = 0; i < count; ++i)
            for (Index j = 0; j <= i; ++j) {
                double dot = 0;
                for (Index k = 0; k < length; ++k) dot += at(i, k) * at(j, k);
                worst = std::max(worst, std::abs(dot - (i == j)));
            }
        CHECK(worst < (std::is_same_v<T, double> ? 1e-13 : 1e-6));
        return;
    }
    const bool uniform = config.contains("limit");
    const double stddev = uniform ? config["limit"].get<double>() / std::sqrt(3.0) : config["std"].get<double>();
    CHECK(std::abs(sum / n) < sigmas * stddev / std::sqrt(n));
    CHECK(std::abs(std::sqrt(squares / n) / stddev - 1) < sigmas * std::sqrt(0.5 / n));
    const double limit = uniform ? config["limit"].get<double>() : 2 * stddev / 0.87962566;
    if (uniform || config.value("truncated", false)) {
        CHECK(largest <= limit * (1 + 1e-6));
        CHECK(largest > 0.99 * limit);
    } else {
        CHECK(largest > 3 * stddev);
    }
}

}  // namespace

TEST_CASE("Initialisers have the distributions of Keras'", "[oracle][initializers]") {
    oracle::run(
        "statistical", "initializer",
        []<class T>(oracle::Case<T>& c) {
            INFO(c.id << " " << c.config.dump());
            switch (c.config["shape"].size()) {
                case 2: return check_draw<T, 2>(c.config);
                case 3: return check_draw<T, 3>(c.config);
                default: throw oracle::NotApplicable{"shape " + c.config["shape"].dump()};
            }
        },
        true);
}

namespace {
/// y, dx and the inference of ones, and how many draws were kept.
template <template <class> class Layer, class T>
void check_dropout(const oracle::Config& config, bool spatial) {
    const oracle::Json& shape = config["shape"];
    if (shape.size() != 3) throw oracle::NotApplicable{"shape " + shape.dump()};
    const Index batch = shape.at(0), time = shape.at(1), features = shape.at(2);
    const Layer<T> layer{config["rate"].get<double>()};
    Tensor<T, 3> x(batch, time, features);
    x.setConstant(T(1));
    typename Layer<T>::Cache cache, other;
    NoParameters none;
    const auto y = layer.forward(x, cache, Training{Seed{5}});
    const auto dx = layer.backward(x, cache, none);
    const auto same = layer.forward(x, other);
    CHECK(std::equal(y.data(), y.data() + y.size(), dx.data()));
    CHECK(std::equal(same.data(), same.data() + same.size(), x.data()));
    const double factor = config["kept_value_factor"];
    Index kept = 0, wrong = 0;
    for (Index b = 0; b < batch; ++b)
        for (Index t = 0; t < time; ++t)
            for (Index f = 0; f < features; ++f) {
                const double value = static_cast<double>(y(b, t, f));
                if (!spatial || t == 0) kept += value != 0;
                wrong += spatial && y(b, t, f) != y(b, 0, f);
                wrong += value != 0 && std::abs(value - factor) > 1e-6 * factor;
            }
    CHECK(wrong == 0);
    const double draws = config["independent_draws"];
    CHECK(draws == static_cast<double>(spatial ? batch * features : batch * time * features));
    CHECK(std::abs(static_cast<double>(kept) / draws - config["keep_fraction"].get<double>()) <
          sigmas * config["sigma_of_keep_fraction"].get<double>());
}
}  // namespace

TEST_CASE("Dropout keeps the share of Keras'", "[oracle][dropout]") {
    oracle::run(
        "statistical", "dropout", []<class T>(oracle::Case<T>& c) { check_dropout<Dropout, T>(c.config, false); },
        true);
}
TEST_CASE("SpatialDropout1D keeps the share of Keras'", "[oracle][dropout]") {
    oracle::run(
        "statistical", "spatial_dropout1d",
        []<class T>(oracle::Case<T>& c) { check_dropout<SpatialDropout1D, T>(c.config, true); }, true);
}
