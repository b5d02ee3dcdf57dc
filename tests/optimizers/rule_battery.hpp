/// What every optimizer has to do, checked against its formula written down plainly.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <deeprec/optimizers/optimizer.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

namespace rules {

using namespace deeprec;

/// A dense vector and a table with a sparse gradient.
template <class T>
struct Model {
    using Scalar = T;
    struct Gradients {
        Tensor<T, 1> bias;
        SparseRows<T> table;
    };
    Tensor<T, 1> bias;
    Tensor<T, 2> table;

    Model(Index n, Index rows, Index width) : bias(n), table(rows, width) {
        for (Index i = 0; i < n; ++i) bias(i) = T(0.5) - static_cast<T>(i % 7) / T(8);
        for (Index i = 0; i < table.size(); ++i) table.data()[i] = T(0.25) * static_cast<T>(i % 5 - 2);
    }
    Gradients zero_gradients() const {
        Gradients g{bias, {table.dimension(0), table.dimension(1)}};
        g.bias.setZero();
        return g;
    }
    void parameters_changed() {}
    void fields(Fields<T>& f, Gradients& g) {
        f.parameter("bias", bias, g.bias);
        f.parameter("table", table, g.table);
    }
};

/// `plain(double& w, double g, std::array<double, 3>& state, double t)` is step t of one number; the state begins at
/// `start`. Weight decay and clipping are not its business. Dense and sparse steps in both scalars must agree with it,
/// rows without a gradient must stay, NaN must stay where it is, and warm steps must not allocate.
template <class Optimizer, class Plain>
void check(typename Optimizer::Options options, std::array<double, 3> start, Plain plain) {
    const auto with = [&]<class T>(T) {
        const Index n = 2 * kernels::lanes<T> + 3, rows = 4, width = kernels::lanes<T> + 1;
        Model<T> model(n, rows, width);
        std::vector<double> w(model.bias.data(), model.bias.data() + n);
        w.insert(w.end(), model.table.data(), model.table.data() + model.table.size());
        std::vector<std::array<double, 3>> state(w.size(), start);
        auto gradients = model.zero_gradients();
        Optimizer optimizer{options};
        ThreadPool pool(1);
        double worst = 0;
        for (int t = 1; t <= 8; ++t) {
            const auto gradient = [t](Index i) { return std::sin(static_cast<double>(3 * i + 5 * t)); };
            gradients.table.setZero();
            for (Index i = 0; i < n; ++i) {
                gradients.bias(i) = static_cast<T>(gradient(i));
                plain(w[static_cast<std::size_t>(i)], static_cast<double>(gradients.bias(i)),
                      state[static_cast<std::size_t>(i)], t);
            }
            for (const int row : {2, t % 2}) {  // row 3 stays untouched
                T* g = gradients.table.row(row);
                for (Index j = 0; j < width; ++j) {
                    const auto at = static_cast<std::size_t>(n + row * width + j);
                    g[j] = static_cast<T>(gradient(row + j));
                    plain(w[at], static_cast<double>(g[j]), state[at], t);
                }
            }
            if (t <= 2)
                optimizer.step(model, gradients, &pool);
            else
                CHECK(support::allocations_in([&] { optimizer.step(model, gradients, &pool); }) == 0);
            for (std::size_t i = 0; i < w.size(); ++i) {
                const auto at = static_cast<Index>(i);
                const T got = at < n ? model.bias(at) : model.table.data()[at - n];
                worst = std::max(worst, std::abs(static_cast<double>(got) - w[i]));
            }
        }
        CHECK(worst <= 64 * static_cast<double>(std::numeric_limits<T>::epsilon()));
        CHECK(optimizer.iterations() == 8);
        gradients.bias(1) = std::numeric_limits<T>::quiet_NaN();
        optimizer.step(model, gradients);
        for (Index i = 0; i < n; ++i) CHECK(std::isnan(model.bias(i)) == (i == 1));
    };
    with(double{});
    with(float{});
}

/// The three numbers after a step from (1, -2, 0.5) with zero gradients: what weight decay does alone.
template <class Optimizer>
std::array<double, 3> decayed(typename Optimizer::Options options, int steps = 1) {
    Model<double> model(3, 1, 1);
    model.bias.setValues({1, -2, 0.5});
    auto gradients = model.zero_gradients();
    Optimizer optimizer{options};
    for (int i = 0; i < steps; ++i) optimizer.step(model, gradients);
    return {model.bias(0), model.bias(1), model.bias(2)};
}

}  // namespace rules
