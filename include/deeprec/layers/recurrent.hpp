/// What recurrent layers share: which outputs they return, and everything around their kernels.
#pragma once

#include <algorithm>

#include <deeprec/core/initializers.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/kernels/recurrent/recurrent.hpp>

DEEPREC_BEGIN

/// Policy of a recurrent layer: the output after the last step, [B, U].
struct ReturnLast {
    static constexpr bool sequences = false;
};
/// Policy of a recurrent layer: the output of every step, [B, T, U].
struct ReturnSequences {
    static constexpr bool sequences = true;
};
/// `LSTM{128, return_sequences}`; `return_last` is the default.
inline constexpr ReturnLast return_last{};
inline constexpr ReturnSequences return_sequences{};

/// State of a recurrent layer without cell states: its output, [B, units]; empty means zeros.
template <class T>
struct HiddenState {
    Tensor<T, 2> h;
};

/// Weights of a recurrent layer with G gates: `kernel` [F, G units], `recurrent_kernel` [units, G units], `bias`
/// [G units].
template <class T>
struct RecurrentParameters {
    Tensor<T, 2> kernel, recurrent_kernel;
    Tensor<T, 1> bias;
    template <class Visitor, class... Sets>
    static void visit(Visitor& visitor, Sets&... sets) {
        visitor("kernel", sets.kernel...);
        visitor("recurrent_kernel", sets.recurrent_kernel...);
        visitor("bias", sets.bias...);
    }
};

namespace detail {
/// Sizes kernels of `width` = G units columns and fills them as the options say.
template <class Parameters, class Options>
void initialize_kernels(Parameters& parameters, const Options& options, Index features, Index units, Index width,
                        Seed seed) {
    parameters.kernel.resize(features, width);
    fill(parameters.kernel, options.kernel_initializer, derive(seed, 0));
    parameters.recurrent_kernel.resize(units, width);
    fill(parameters.recurrent_kernel, options.recurrent_initializer, derive(seed, 1));
}
/// Data of a tensor, null for an empty one.
template <class Tensor>
auto data_or_null(Tensor& tensor) -> decltype(tensor.data()) {
    return tensor.size() ? tensor.data() : nullptr;
}
template <class Visitor, template <class...> class Cell, class T, class Activation, class... Recurrent>
void visit_activations(Visitor& visitor, const Cell<T, Activation, Recurrent...>&) {
    visitor.fixed("activation", Activation{});
    (visitor.fixed("recurrent_activation", Recurrent{}), ...);
}
}  // namespace detail

/// A layer around a cell: LSTM, GRU and SimpleRNN are this with a constructor and output_rank. The cell has
///     T, name, Options (with go_backwards and use_bias), Parameters, State (h, perhaps c)
///     options, parameters
///     initialize(F, U, seed)   sizes and fills the parameters      pack(F, U)   renews what its kernel reads
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
template <class Cell, class Return>
class RecurrentLayer {
    using T = typename Cell::Scalar;

protected:
    static constexpr int rank = Return::sequences ? 3 : 2;

public:
    using Scalar = T;
    using InputElement = T;
    using Parameters = typename Cell::Parameters;
    using Gradients = Parameters;
    using State = typename Cell::State;
    using Options = typename Cell::Options;
    struct Cache {
        kernels::RecurrentPass pass;
        const T* x = nullptr;
        bool from_state = false;
        Buffer<T> y, saved, scratch, dx, final_h, final_c;
        State final_state, initial_gradient;
    };

    /// Throws ArgumentError unless units is positive.
    RecurrentLayer(Index units, Options options) : units_(units) {
        detail::check_positive(name(), "units", units);
        cell_.options = options;
    }

    static constexpr std::string_view name() { return Cell::name; }
    Shape build(const Shape& in, Seed seed) {
        detail::check_rank(name(), in, 2, "[time, features]");
        features_ = in[1];
        detail::check_positive(name(), "number of input features", features_);
        cell_.initialize(features_, units_, seed);
        parameters_changed();
        return Return::sequences ? Shape{in[0], units_} : Shape{units_};
    }

    template <class X, class Mode = Inference>
    View<T, rank> forward(const X& x, Cache& cache, Mode mode = {}) const {
        cache.from_state = false;
        return run(view(x), {}, cache, mode);
    }
    /// From an initial state. Throws ShapeError unless its parts are [B, units] or empty.
    template <class X, class Mode = Inference>
    View<T, rank> forward(const X& x, const State& initial, Cache& cache, Mode mode = {}) const {
        cache.from_state = true;
        return run(view(x), parts("initial ", initial, view(x).extent(0)), cache, mode);
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

    /// Formulas in the kernel's header.
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        return run_back<Want>(view(dy), {}, cache, gradients);
    }
    /// With dL/d(final state) too; empty parts mean zero.
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, const State& final_gradient, Cache& cache, Gradients& gradients) const {
        return run_back<Want>(view(dy), parts("gradient of ", final_gradient, cache.pass.batch), cache, gradients);
    }
    /// dL/d(initial state), after a backward whose forward was given one.
    const State& initial_state_gradient(const Cache& cache) const { return cache.initial_gradient; }

    Index units() const { return units_; }
    const Options& options() const { return cell_.options; }
    /// Makes the layer read sequences (and masks) from the other end.
    void reverse() { cell_.options.go_backwards = !cell_.options.go_backwards; }
    const Parameters& parameters() const { return cell_.parameters; }
    Gradients zero_gradients() const { return zeros_like(cell_.parameters); }
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        Parameters::visit(visitor, self.cell_.parameters, others...);
    }
    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        auto& options = self.cell_.options;
        visitor.size("units", self.units_, 2);
        visitor.fixed("return_sequences", Return::sequences);
        detail::visit_activations(visitor, self.cell_);
        visitor("go_backwards", options.go_backwards);
        visitor("use_bias", options.use_bias);
        if constexpr (requires { options.reset_after; }) visitor("reset_after", options.reset_after);
    }
    void parameters_changed() { cell_.pack(features_, units_); }

private:
    static constexpr bool has_cell_state = requires(State& state) { state.c; };
    struct Parts {
        const T *h = nullptr, *c = nullptr;
    };

    template <class Mode>
    View<T, rank> run(const View<const T, 3>& x, Parts initial, Cache& cache, Mode mode) const {
        detail::check_extent(name(), "input features", features_, x.last());
        const Index batch = x.extent(0), time = x.extent(1);
        if (time < 1) throw ShapeError(message(name(), ": expected sequences of at least one step, received none"));
        cache.pass = {batch, time, features_, units_, Return::sequences, cell_.options.go_backwards, x.mask.keep};
        if constexpr (!Mode::training) cache.pass.pool = mode.pool;
        cache.x = Mode::training ? x.data() : nullptr;
        T* const y = cache.y.need(batch * (Return::sequences ? time : 1) * units_);
        kernels::RecurrentOutput<T> out{y, cache.final_h.need(batch * units_)};
        if constexpr (has_cell_state) out.c = cache.final_c.need(batch * units_);
        T* const saved = Mode::training ? cache.saved.need(cell_.saved_size(cache.pass)) : nullptr;
        T* const scratch = cache.scratch.need(cell_.forward_scratch_size(cache.pass));
        cell_.forward(cache.pass, {x.data(), initial.h, initial.c}, out, saved, scratch);
        if constexpr (Return::sequences)
            return {y, {batch, time, units_}, x.mask};
        else
            return {y, {batch, units_}};
    }

    template <InputGradient Want>
    auto run_back(const View<const T, rank>& dy, Parts final_gradient, Cache& cache, Gradients& gradients) const {
        detail::check_trained(name(), cache.x);
        const kernels::RecurrentPass& pass = cache.pass;
        detail::check_gradient(
            name(), Return::sequences ? Shape{pass.batch, pass.time, units_} : Shape{pass.batch, units_}, dy);
        kernels::RecurrentGradient<T> to{gradients.kernel.data(), gradients.recurrent_kernel.data()};
        to.bias = Cell::bias_data(gradients);
        if (Want == InputGradient::compute) to.x = cache.dx.need(pass.batch * pass.time * features_);
        if (cache.from_state) {
            const auto room = [&](Tensor<T, 2>& part) {
                part.resize(pass.batch, units_);
                return part.data();
            };
            to.h0 = room(cache.initial_gradient.h);
            if constexpr (has_cell_state) to.c0 = room(cache.initial_gradient.c);
        }
        cell_.backward(pass, {cache.x}, cache.saved.data(), {dy.data(), final_gradient.h, final_gradient.c}, to,
                       cache.scratch.need(cell_.backward_scratch_size(pass)));
        if constexpr (Want == InputGradient::skip)
            return NoGradient{};
        else
            return View<T, 3>{to.x, {pass.batch, pass.time, features_}};
    }

    /// What the kernels read of a state.
    Parts parts(std::string_view what, const State& state, Index batch) const {
        const auto checked = [&](std::string_view part, const Tensor<T, 2>& values) -> const T* {
            if (values.size() == 0) return nullptr;
            if (values.dimension(0) != batch || values.dimension(1) != units_)
                throw ShapeError(message(name(), ": expected ", what, part, " of [", batch, ", ", units_,
                                         "] or an empty one, received [", values.dimension(0), ", ",
                                         values.dimension(1), "]"));
            return values.data();
        };
        Parts found{checked("h", state.h)};
        if constexpr (has_cell_state) found.c = checked("c", state.c);
        return found;
    }

    Index units_ = 0, features_ = 0;
    Cell cell_;
};

DEEPREC_END
