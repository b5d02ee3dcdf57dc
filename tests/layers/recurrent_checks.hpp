/// Checks that a recurrent layer whose state is its output alone must pass, beside the battery.
#pragma once

#include <deeprec/layers/recurrent.hpp>

#include "support/layer_battery.hpp"

namespace deeprec::test {

template <int Rank>
Tensor<double, Rank> random_tensor(std::uint64_t seed, const std::array<Index, Rank>& extents) {
    Tensor<double, Rank> x(extents);
    battery::Random(seed).fill(x.data(), x.size());
    return x;
}

/// A sequence read in parts with its state gives what it gives at once, without allocations.
template <class L>
void check_streaming(L layer) {
    const Index batch = 3, time = 7, features = 4, units = layer.units();
    layer.build({time, features}, Seed{1});
    const Tensor<double, 3> x = random_tensor<3>(7, {batch, time, features});
    typename L::Cache cache;
    const Tensor<double, 3> whole = layer.forward(x, cache);
    const typename L::State end = layer.final_state(cache);
    typename L::State state;
    for (Index t = 0; t < time; ++t) {
        const auto y = layer.forward(battery::step_of(x, t), state, cache);
        for (Index b = 0; b < batch; ++b)
            for (Index u = 0; u < units; ++u) CHECK(y(b, 0, u) == whole(b, t, u));
        state = layer.final_state(cache);
    }
    CHECK(std::equal(end.h.data(), end.h.data() + end.h.size(), state.h.data()));
    CHECK(support::allocations_in([&] {
              layer.forward(x, state, cache);
              state = layer.final_state(cache);
          }) == 0);
}

/// Gradients of the initial state and through the final state are central differences.
template <class L>
void check_state_gradients(L layer) {
    const Index batch = 2, time = 3, features = 3, units = layer.units();
    layer.build({time, features}, Seed{1});
    const Tensor<double, 3> x = random_tensor<3>(7, {batch, time, features});
    typename L::State initial{random_tensor<2>(8, {batch, units})};
    const typename L::State up{random_tensor<2>(9, {batch, units})};
    const Tensor<double, 2> dy = random_tensor<2>(10, {batch, units});
    typename L::Cache cache;
    const auto loss = [&] {
        const auto y = layer.forward(x, initial, cache, Training{});
        const auto& end = layer.final_state(cache);
        double sum = 0;
        for (Index i = 0; i < y.size(); ++i) sum += dy.data()[i] * y.data()[i] + up.h.data()[i] * end.h.data()[i];
        return sum;
    };
    loss();
    auto gradients = layer.zero_gradients();
    layer.backward(dy, up, cache, gradients);
    const Tensor<double, 2> found = layer.initial_state_gradient(cache).h;
    for (Index i = 0; i < found.size(); ++i) {
        double& value = initial.h.data()[i];
        const double before = value, h = 1e-5;
        value = before + h;
        const double above = loss();
        value = before - h;
        const double slope = (above - loss()) / (2 * h);
        value = before;
        CHECK(std::abs(slope - found.data()[i]) < 1e-6 * std::max(1e-2, std::abs(slope)));
    }
}

/// A state that a call was given is gone when the call has thrown.
template <class L>
void check_states_after_errors(L layer) {
    const Index batch = 2, time = 3, features = 3, units = layer.units();
    layer.build({time, features}, Seed{1});
    const Tensor<double, 3> x = random_tensor<3>(7, {batch, time, features}), wide(batch, time, features + 1);
    const typename L::State state{random_tensor<2>(8, {batch, units})};
    const Tensor<double, 2> dy = random_tensor<2>(9, {batch, units}), narrow(batch, units + 1);
    typename L::Cache fresh, cache;
    auto expected = layer.zero_gradients(), found = layer.zero_gradients();
    const auto y = layer.forward(x, fresh, Training{});
    const auto dx = layer.backward(dy, fresh, expected);
    CHECK_THROWS_AS(layer.forward(wide, state, cache, Training{}), ShapeError);
    CHECK(battery::detail::same_bits(layer.forward(x, cache, Training{}), y));
    CHECK_THROWS_AS(layer.backward(narrow, state, cache, found), ShapeError);
    CHECK(battery::detail::same_bits(layer.backward(dy, cache, found), dx));
    CHECK(battery::detail::same_bits(found.kernel, expected.kernel));
}

/// Masked steps repeat the output, zero before the first kept one, and the mask travels on.
template <class L>
void check_masks(L layer) {
    const Index units = layer.units();
    layer.build({5, 2}, Seed{1});
    const Tensor<double, 3> x = random_tensor<3>(7, {1, 5, 2});
    Tensor<std::uint8_t, 2> mask(1, 5);
    mask.setValues({{0, 1, 0, 1, 0}});
    typename L::Cache cache;
    typename L::State initial;
    initial.h.resize(1, units);
    initial.h.setConstant(0.5);
    const auto y = layer.forward(masked(x, mask), initial, cache);
    CHECK(y.mask.keep == mask.data());
    for (Index u = 0; u < units; ++u) {
        CHECK(y(0, 0, u) == 0.0);
        CHECK(y(0, 1, u) != 0.0);
        CHECK(y(0, 2, u) == y(0, 1, u));
        CHECK(y(0, 3, u) != y(0, 1, u));
        CHECK(y(0, 4, u) == y(0, 3, u));
    }
    mask.setZero();
    const auto nothing = layer.forward(masked(x, mask), initial, cache);
    for (Index i = 0; i < nothing.size(); ++i) CHECK(nothing.data()[i] == 0.0);
    for (Index u = 0; u < units; ++u) CHECK(layer.final_state(cache).h(0, u) == 0.5);
}

}  // namespace deeprec::test
