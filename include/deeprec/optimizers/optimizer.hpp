/// What all optimizers share: state for each parameter, row-sparse steps, clipping, weight decay.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include <deeprec/core/parallel.hpp>
#include <deeprec/core/parameters.hpp>
#include <deeprec/core/sparse_rows.hpp>

DEEPREC_BEGIN

/// Whose formula is followed where frameworks differ (epsilon placement, weight decay, momentum).
enum class UpdateRule { keras, torch };

/// Limits on gradients, applied before the update; infinity = off. Names and rules are Keras', which also allows one at
/// a time.
struct Clipping {
    double value = std::numeric_limits<double>::infinity();        ///< each number is cut to [-value, value]
    double norm = std::numeric_limits<double>::infinity();         ///< each parameter's gradient is scaled to this norm
    double global_norm = std::numeric_limits<double>::infinity();  ///< all gradients together
};

/// An optimizer: `Rule` computes, this class keeps the books.
///
/// Rule gives: Options (with learning_rate, clipping); `slots(options)` <= `max_slots` arrays of state a parameter;
/// `template <class T> Step<T> step(const Options&, Index t)` for step number t = 1, 2, ...; and
/// `update(const Step<T>&, T* w, const T* g, T* const* state, Index n)`, whose Step has `gradient_scale` and `clip`.
/// A table whose gradient is SparseRows is stepped in the touched rows only: other rows keep value and state, the step
/// number is the global one (PyTorch's SparseAdam). The state belongs to one model: use one optimizer for one model.
template <class Rule>
class Optimizer {
public:
    using Options = typename Rule::Options;

    /// Throws ArgumentError for options without meaning.
    explicit Optimizer(Options options = {}) : options_(options) {
        Rule::check(options);
        int limits = 0;
        for (const double limit : {options.clipping.value, options.clipping.norm, options.clipping.global_norm}) {
            if (!(limit > 0))
                throw ArgumentError(
                    message(Rule::name(), ": expected a positive limit for clipping, received ", limit));
            limits += limit < std::numeric_limits<double>::infinity();
        }
        if (limits > 1)
            throw ArgumentError(message(Rule::name(), ": expected one kind of clipping, received ", limits));
    }

    const Options& options() const { return options_; }
    double learning_rate() const { return options_.learning_rate; }
    /// For schedules; throws ArgumentError unless positive and finite.
    void set_learning_rate(double rate) {
        Options changed = options_;
        changed.learning_rate = rate;
        Rule::check(changed);
        options_ = changed;
    }
    /// Steps made so far.
    Index iterations() const { return iterations_; }

    /// One update of all parameters of `model` by `gradients` (which stay as they are).
    template <class Model>
    void step(Model& model, typename Model::Gradients& gradients, ThreadPool* pool = nullptr) {
        ++iterations_;
        double global_scale = 1;
        if (options_.clipping.global_norm < std::numeric_limits<double>::infinity()) {
            double squares = 0;
            for_each_parameter(
                std::as_const(model), gradients,
                [&](std::string_view, const auto&, const auto& gradient) { squares += sum_of_squares(gradient); });
            global_scale = clip_scale(options_.clipping.global_norm, squares);
        }
        std::size_t number = 0;
        for_each_parameter(model, gradients, [&](std::string_view, auto& weights, const auto& gradient) {
            using T = typename std::remove_reference_t<decltype(weights)>::Scalar;
            auto step = Rule::template step<T>(options_, iterations_);
            step.gradient_scale = static_cast<T>(
                global_scale * clip_scale(options_.clipping.norm, [&] { return sum_of_squares(gradient); }));
            step.clip = static_cast<T>(options_.clipping.value);
            update(step, weights, gradient, state<T>(number++, weights.size()), pool);
        });
    }

private:
    static constexpr Index chunk = 1 << 16;  // numbers a thread takes at once

    template <class T, int Rank, class Step>
    static void update(const Step& step, Tensor<T, Rank>& weights, const Tensor<T, Rank>& gradient, T* state,
                       ThreadPool* pool) {
        const Index n = weights.size();
        each_chunk(pool, n, chunk, [&](Index begin, Index end) {
            update_range(step, weights.data(), gradient.data() + begin, state, n, begin, end - begin);
        });
    }
    template <class T, class Step>
    static void update(const Step& step, Tensor<T, 2>& weights, const SparseRows<T>& gradient, T* state,
                       ThreadPool* pool) {
        const Index width = weights.dimension(1), touched = static_cast<Index>(gradient.ids().size());
        each_chunk(pool, touched, std::max<Index>(1, chunk / width), [&](Index begin, Index end) {
            for (Index i = begin; i < end; ++i) {
                const auto row = static_cast<std::size_t>(i);
                update_range(step, weights.data(), gradient.values(row), state, weights.size(),
                             static_cast<Index>(gradient.ids()[row]) * width, width);
            }
        });
    }
    template <class T, class Step>
    static void update_range(const Step& step, T* weights, const T* gradient, T* state, Index size, Index begin,
                             Index n) {
        std::array<T*, Rule::max_slots + 1> slots{};
        for (int s = 0; s < Rule::max_slots; ++s) slots[static_cast<std::size_t>(s)] = state + s * size + begin;
        Rule::update(step, weights + begin, gradient, slots.data(), n);
    }
    template <class F>
    static void each_chunk(ThreadPool* pool, Index n, Index size, F&& f) {
        const Index chunks = (n + size - 1) / size;
        const auto task = [&](Index i) { f(i * size, std::min(n, (i + 1) * size)); };
        if (pool)
            pool->run(chunks, task);
        else
            for (Index i = 0; i < chunks; ++i) task(i);
    }

    template <class T, int Rank>
    static double sum_of_squares(const Tensor<T, Rank>& gradient) {
        double sum = 0;
        for (Index i = 0; i < gradient.size(); ++i)
            sum += static_cast<double>(gradient.data()[i]) * static_cast<double>(gradient.data()[i]);
        return sum;
    }
    template <class T>
    static double sum_of_squares(const SparseRows<T>& gradient) {
        double sum = 0;
        for (std::size_t i = 0; i < gradient.ids().size(); ++i)
            for (Index j = 0; j < gradient.width(); ++j)
                sum += static_cast<double>(gradient.values(i)[j]) * static_cast<double>(gradient.values(i)[j]);
        return sum;
    }
    static double clip_scale(double limit, double squares) {
        const double norm = std::sqrt(squares);
        return norm > limit ? limit / norm : 1.0;
    }
    template <class F>
        requires std::is_invocable_v<F>
    static double clip_scale(double limit, F&& squares) {
        return limit < std::numeric_limits<double>::infinity() ? clip_scale(limit, squares()) : 1.0;
    }

    /// State of one parameter: `slots` arrays of `size` numbers, filled with the rule's start value at first use.
    template <class T>
    T* state(std::size_t number, Index size) {
        if (number == states_.size()) states_.emplace_back();
        Buffer<std::byte>& bytes = states_[number];
        const Index numbers = Rule::slots(options_) * size, needed = numbers * static_cast<Index>(sizeof(T));
        if (bytes.capacity() == 0 && needed > 0) {
            T* first = reinterpret_cast<T*>(bytes.need(needed));
            std::fill_n(first, numbers, static_cast<T>(Rule::initial(options_)));
        }
        if (bytes.capacity() != needed)
            throw ArgumentError(message(Rule::name(), ": this optimizer has the state of another model (parameter ",
                                        number, " had ", bytes.capacity(), " bytes, needs ", needed, ")"));
        return reinterpret_cast<T*>(bytes.data());
    }

    Options options_;
    Index iterations_ = 0;
    std::vector<Buffer<std::byte>> states_;
};

namespace detail {
inline void check_rate(std::string_view optimizer, double rate) {
    if (!(rate > 0) || !std::isfinite(rate))
        throw ArgumentError(message(optimizer, ": expected a positive learning_rate, received ", rate));
}
}  // namespace detail

DEEPREC_END
