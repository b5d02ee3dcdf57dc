/// What recurrent layers share: which outputs they return, and everything around their kernels.
#pragma once

#include <algorithm>

#include <deeprec/core/equal.hpp>
#include <deeprec/core/initializers.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/recurrent/recurrent.hpp>

DEEPREC_BEGIN

/// Policy of a recurrent layer: the output after the last step, [B, U].
struct ReturnLast {
    static constexpr bool sequences = false;  ///< what makes the output [B, U]
};
/// Policy of a recurrent layer: the output of every step, [B, T, U].
struct ReturnSequences {
    static constexpr bool sequences = true;  ///< what makes the output [B, T, U]
};
/// `LSTM{128, return_sequences}`; `return_last` is the default.
inline constexpr ReturnLast return_last{};
/// `LSTM{128, return_sequences}`: the output of every step.
inline constexpr ReturnSequences return_sequences{};

/// State of a recurrent layer without cell states: its output, [B, units]; empty means zeros.
template <class T>
struct HiddenState {
    Tensor<T, 2> h;  ///< [B, units]
};

/// Weights of a recurrent layer with G gates: `kernel` [F, G units], `recurrent_kernel` [units, G units], `bias`
/// [G units].
template <class T>
struct RecurrentParameters {
    Tensor<T, 2> kernel, recurrent_kernel;  ///< [F, G units] and [units, G units]
    Tensor<T, 1> bias;                      ///< [G units]; empty without
};

namespace detail {
/// Names kernels of `width` = G units columns.
template <class T, class Cell, class Parameters>
void kernel_fields(Fields<T>& f, Cell& cell, Parameters& g, Index features, Index units, Index width) {
    f.parameter("kernel", cell.parameters.kernel, {features, width}, cell.options.kernel_initializer, g.kernel, 0);
    f.parameter("recurrent_kernel", cell.parameters.recurrent_kernel, {units, width},
                cell.options.recurrent_initializer, g.recurrent_kernel, 1);
}
/// Data of a tensor, null for an empty one.
template <class Tensor>
auto data_or_null(Tensor& tensor) -> decltype(tensor.data()) {
    return tensor.size() ? tensor.data() : nullptr;
}
/// Kernels make their activation from its type, so a file may not bring another number than the type's.
template <class Activation>
void check_own_number(std::string_view layer, const Activation& activation) {
    const auto check = [&](std::string_view option, double own, double received) {
        if (!detail::equal(received, own))
            throw ArgumentError(
                message(layer, ": expected ", Activation::name, " with ", option, " ", own, ", received ", received));
    };
    if constexpr (requires { activation.alpha; }) check("alpha", Activation{}.alpha, activation.alpha);
    if constexpr (requires { activation.negative_slope; })
        check("negative_slope", Activation{}.negative_slope, activation.negative_slope);
}
}  // namespace detail

/// A layer `L` around a cell: LSTM, GRU and SimpleRNN are this with a name and a constructor. The cell has
///     Scalar, Options (with go_backwards and use_bias), Parameters, State (h, perhaps c)
///     options, parameters, activation, perhaps recurrent_activation
///     fields(f, gradients, F, U)   names the parameters       pack(F, U)   renews what its kernel reads
///     saved_size, forward_scratch_size, backward_scratch_size (pass)
///     forward(pass, in, out, saved, scratch), backward(pass, in, saved, up, gradient, scratch)
///
/// The output of step t is h_t; a masked step keeps the state and repeats the previous output, which is zero before the
/// first kept step. x [B, T, F] -> y [B, units], or [B, T, units] with `return_sequences`, where the mask travels on.
///
/// Streaming: `State` is a value that the caller carries from one part of a sequence to the next.
///
///     LSTM<float>::State state;  // empty = zeros
///     for (const auto& part : parts) {
///         y = lstm.forward(part, state, cache);
///         state = lstm.final_state(cache);
///     }
template <class L, class Cell, class Return>
class RecurrentLayer : public BasicLayer<L, typename Cell::Scalar> {
    using T = typename Cell::Scalar;
    using Base = BasicLayer<L, T>;
    using Base::features_;
    /// What the kernels read of a state that a caller has given.
    struct Parts {
        const T *h = nullptr, *c = nullptr;
        bool given = false;
    };

public:
    using Parameters = typename Cell::Parameters;
    using Gradients = Parameters;
    using State = typename Cell::State;
    using Options = typename Cell::Options;
    struct Cache : LayerCache {
        kernels::RecurrentPass pass;
        const T* x = nullptr;
        Parts initial, final_gradient;  // during the call that was given them
        bool from_state = false;
        Buffer<T> y, saved, scratch, dx, final_h, final_c;
        State final_state, initial_gradient;
    };

    void check() const {
        detail::check_positive(L::name(), "units", units_);
        detail::check_own_number(L::name(), cell_.activation);
        if constexpr (requires { cell_.recurrent_activation; })
            detail::check_own_number(L::name(), cell_.recurrent_activation);
    }
    Shape prepare(const Shape& in) const { return Return::sequences ? Shape{in[0], units_} : Shape{units_}; }
    void fields(Fields<T>& f, Gradients& g) {
        f.option("units", units_);
        f.fixed("return_sequences", Return::sequences);
        f.activation("activation", cell_.activation);
        if constexpr (requires { cell_.recurrent_activation; })
            f.activation("recurrent_activation", cell_.recurrent_activation);
        f.option("go_backwards", cell_.options.go_backwards);
        f.option("use_bias", cell_.options.use_bias);
        if constexpr (requires { cell_.options.reset_after; }) f.option("reset_after", cell_.options.reset_after);
        cell_.fields(f, g, features_, units_);
    }
    void parameters_changed() {
        if (cell_.parameters.kernel.size() > 0) cell_.pack(features_, units_);
    }

    using Base::forward;
    /// From an initial state. Throws ShapeError unless its parts are [B, units] or empty.
    template <class X>
    auto forward(const X& x, const State& initial, Cache& cache, const Pass& pass = {}) const {
        const ForOneCall call{cache.initial = parts("initial ", initial, view(x).extent(0))};
        return forward(x, cache, pass);
    }
    /// State after the last step of the last forward with this cache, in the cache.
    const State& final_state(Cache& cache) const {
        const auto copy = [&](const Buffer<T>& from, Tensor<T, 2>& to) {
            to.resize(cache.pass.batch, units_);
            std::copy_n(from.data(), to.size(), to.data());
        };
        copy(cache.final_h, cache.final_state.h);
        if constexpr (has_cell_state) copy(cache.final_c, cache.final_state.c);
        return cache.final_state;
    }

    using Base::backward;
    /// With dL/d(final state) too; empty parts mean zero.
    template <class DY>
    auto backward(const DY& dy, const State& final_gradient, Cache& cache, Gradients& gradients,
                  InputGradient want = InputGradient::compute) const {
        const ForOneCall call{cache.final_gradient = parts("gradient of ", final_gradient, cache.pass.batch)};
        return backward(dy, cache, gradients, want);
    }
    /// dL/d(initial state), after a backward whose forward was given one.
    const State& initial_state_gradient(const Cache& cache) const { return cache.initial_gradient; }

    Block<const T> run(const Block<const T>& x, Cache& cache, const Pass& pass) const {
        const Index batch = x.batch(), time = x.time();
        if (time < 1) throw ShapeError(message(L::name(), ": expected sequences of at least one step, received none"));
        cache.pass = {batch, time, features_, units_, Return::sequences, cell_.options.go_backwards, x.mask.keep};
        if (!pass.training) cache.pass.pool = pass.pool;
        cache.x = x.data;
        cache.from_state = cache.initial.given;
        T* const y = cache.y.need(batch * (Return::sequences ? time : 1) * units_);
        kernels::RecurrentOutput<T> out{y, cache.final_h.need(batch * units_)};
        if constexpr (has_cell_state) out.c = cache.final_c.need(batch * units_);
        T* const saved = pass.training ? cache.saved.need(cell_.saved_size(cache.pass)) : nullptr;
        T* const scratch = cache.scratch.need(cell_.forward_scratch_size(cache.pass));
        cell_.forward(cache.pass, {x.data, cache.initial.h, cache.initial.c}, out, saved, scratch);
        if constexpr (Return::sequences)
            return {y, {batch, time, units_}, x.mask};
        else
            return {y, {batch, units_}};
    }
    /// Formulas in the kernel's header.
    Block<const T> back(const Block<const T>& dy, Cache& cache, Gradients& gradients, bool want_dx) const {
        const kernels::RecurrentPass& pass = cache.pass;
        Block<T> dx{nullptr, {pass.batch, pass.time, features_}};
        if (want_dx) dx.data = cache.dx.need(dx.size());
        kernels::RecurrentGradient<T> to{gradients.kernel.data(), gradients.recurrent_kernel.data()};
        to.bias = Cell::bias_data(gradients);
        to.x = dx.data;
        if (cache.from_state) {
            const auto room = [&](Tensor<T, 2>& part) {
                part.resize(pass.batch, units_);
                return part.data();
            };
            to.h0 = room(cache.initial_gradient.h);
            if constexpr (has_cell_state) to.c0 = room(cache.initial_gradient.c);
        }
        cell_.backward(pass, {cache.x}, cache.saved.data(), {dy.data, cache.final_gradient.h, cache.final_gradient.c},
                       to, cache.scratch.need(cell_.backward_scratch_size(pass)));
        return dx;
    }

    Index units() const { return units_; }
    /// What it was made with.
    const Options& options() const { return cell_.options; }
    /// Makes the layer read sequences (and masks) from the other end.
    void reverse() { cell_.options.go_backwards = !cell_.options.go_backwards; }
    const Parameters& parameters() const { return cell_.parameters; }

protected:
    RecurrentLayer() = default;
    RecurrentLayer(Index units, Options options) : units_(units) {
        cell_.options = options;
        check();
    }

private:
    static constexpr bool has_cell_state = requires(State & state) { state.c; };
    /// Forgets the caller's state when the call is over, however it ends.
    struct ForOneCall {
        Parts& parts;
        ~ForOneCall() { parts = {}; }
    };

    /// What the kernels read of a state.
    Parts parts(std::string_view what, const State& state, Index batch) const {
        const auto checked = [&](std::string_view part, const Tensor<T, 2>& values) -> const T* {
            if (values.size() == 0) return nullptr;
            if (values.dimension(0) != batch || values.dimension(1) != units_)
                throw ShapeError(message(L::name(), ": expected ", what, part, " of [", batch, ", ", units_,
                                         "] or an empty one, received [", values.dimension(0), ", ",
                                         values.dimension(1), "]"));
            return values.data();
        };
        Parts found{checked("h", state.h)};
        if constexpr (has_cell_state) found.c = checked("c", state.c);
        found.given = true;
        return found;
    }

    Index units_ = 0;
    Cell cell_;
};

DEEPREC_END
