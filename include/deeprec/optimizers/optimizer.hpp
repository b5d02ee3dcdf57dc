/// What all optimizers share: state for each parameter, row-sparse steps, clipping, weight decay.
#pragma once

#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include <deeprec/core/parallel.hpp>
#include <deeprec/core/parameters.hpp>
#include <deeprec/core/sparse_rows.hpp>
#include <deeprec/kernels/simd/optimizers.hpp>
#include <deeprec/optimizers/clipping.hpp>

DEEPREC_BEGIN

/// Whose formula is followed where frameworks differ: where epsilon stands, whether weight decay is decoupled
/// (`w *= 1 - learning_rate weight_decay`, Keras) or joins the gradient (`g += weight_decay w`, PyTorch), and whether
/// momentum holds the learning rate. The numbers in the options stay as given; defaults are Keras'.
enum class UpdateRule { keras, torch };

/// Which rows of a table with a SparseRows gradient a step updates: those that were touched, while the others keep
/// value and state (PyTorch's SparseAdam), or all, where the gradient of an untouched row is 0 (Keras' and PyTorch's
/// dense Adam, whose moments go on without a gradient). All rows cost a pass over the table and its state.
enum class TableStep { touched_rows, all_rows };

namespace detail {
/// Throws ArgumentError unless 0 <= value < 1.
inline void check_decay(std::string_view optimizer, std::string_view option, double value) {
    if (!(value >= 0 && value < 1))
        throw ArgumentError(message(optimizer, ": expected ", option, " in [0, 1), received ", value));
}
/// Throws ArgumentError unless 0 <= value < infinity.
inline void check_size(std::string_view optimizer, std::string_view option, double value) {
    if (!(value >= 0) || !std::isfinite(value))
        throw ArgumentError(message(optimizer, ": expected ", option, " >= 0, received ", value));
}
/// Base of rules: how many arrays of state a parameter has. Starts at 0, and has `Max` of them, unless the rule hides
/// these functions.
template <int Max, int Min = Max>
struct Slots {
    static constexpr int max_slots = Max, min_slots = Min;
    template <class Options>
    static int slots(const Options&) {
        return Max;
    }
    template <class Options>
    static double initial(const Options&, int) {
        return 0;
    }
};
/// keras: sqrt(x + epsilon); torch: sqrt(x) + epsilon.
template <class T>
class Root {
public:
    Root(double epsilon, UpdateRule rule)
        : inner_(static_cast<T>(rule == UpdateRule::keras ? epsilon : 0)),
          outer_(static_cast<T>(rule == UpdateRule::keras ? 0 : epsilon)) {}
    template <class V>
    V operator()(const V& x) const {
        return kernels::sqrt(x + V(inner_)) + V(outer_);
    }

private:
    T inner_, outer_;
};
}  // namespace detail

/// An optimizer: `Rule` computes, this class keeps the books.
///
/// Rule gives: `Options` (with learning_rate, weight_decay and clipping); `check(options)`; `decoupled_decay(options)`;
/// what `detail::Slots` has, arrays of state a parameter; and
/// `template <class T> formula(const Options&, double t)`, for step number t = 1, 2, ... a function
/// `(V& w, V gradient, V* state)` for `kernels::optimize`.
/// Tables with a SparseRows gradient are stepped as TableStep says, `Adam adam{{}, TableStep::all_rows}`; the step
/// number is the global one. The state belongs to one model: use one optimizer for one model.
template <class Rule>
class Optimizer {
public:
    using Options = typename Rule::Options;

    /// Throws ArgumentError for options without meaning.
    explicit Optimizer(Options options = {}, TableStep table_step = TableStep::touched_rows);

    static constexpr std::string_view name() { return Rule::name(); }
    /// With the learning rate of the next step.
    const Options& options() const { return options_; }
    /// Of the next step.
    double learning_rate() const { return options_.learning_rate; }
    /// For schedules, which may reach 0; throws ArgumentError for a rate that is negative or not finite.
    void set_learning_rate(double rate) {
        detail::check_size(Rule::name(), "learning_rate", rate);
        options_.learning_rate = rate;
    }
    /// Steps made so far.
    Index iterations() const { return iterations_; }

    /// One update of all parameters of a list by its gradients (which stay as they are), and of its states. The packed
    /// copies of the model are the caller's to renew.
    template <class T>
    void step(const ParameterList<T>& list, ThreadPool* pool = nullptr);
    /// The same for a model and its gradients, packed copies too.
    template <class Model>
    void step(Model& model, typename Model::Gradients& gradients, ThreadPool* pool = nullptr) {
        auto& fields = fields_of<typename Model::Scalar>();
        detail::list_fields(std::as_const(model), gradients, fields);
        detail::drop_empty(fields.parameters());
        detail::check_gradients(fields.parameters());
        step(fields.parameters(), pool);
        model.parameters_changed();
    }

    /// What the next step depends on: f(name, T* numbers, count) for each array of state, in order, for a list of the
    /// same model. Arrays that no step has used yet begin with the rule's start values.
    template <class T, class F>
    void each_state(const ParameterList<T>& list, F&& f) {
        std::size_t number = 0;
        for (const Parameter<T>& p : list)
            if (!p.is_state()) f(p.path, state<T>(number++, p.size()), Rule::slots(options_) * p.size());
    }
    /// Of trained parameter `number`, which has grown at its end: old state stays, the rule's start values follow.
    template <class T>
    void grow_state(std::size_t number, Index before, Index after);
    /// Steps made so far, as a checkpoint has them.
    void set_iterations(Index steps) { iterations_ = steps; }

private:
    static constexpr Index chunk = 1 << 16;  // numbers a thread takes at once
    static constexpr Index rows_ahead = 8;   // a row of a table is asked for so many rows before its turn

    /// run(gradient, first number of the parameter, count, how far ahead to ask) over all that has a gradient, in
    /// pieces.
    template <class T, class Run>
    void each_run(const Parameter<T>& p, ThreadPool* pool, const Run& run) {
        if (!p.rows) {
            each_chunk(pool, p.size(), chunk,
                       [&](Index begin, Index end) { run(p.gradient + begin, begin, end - begin, kernels::along<T>); });
            return;
        }
        const SparseRows<T>& gradient = *p.rows;
        const Index width = gradient.width(), touched = static_cast<Index>(gradient.ids().size());
        if (table_step_ == TableStep::all_rows) {
            const Index bytes = width * static_cast<Index>(sizeof(T));
            const T* const zeros = reinterpret_cast<const T*>(no_gradient_.need_zeros(bytes));
            each_chunk(pool, gradient.rows(), std::max<Index>(1, chunk / width), [&](Index begin, Index end) {
                const auto of_row = [&](Index row) {
                    const T* const g = gradient.find(row);
                    return g ? g : zeros;
                };
                for (Index row = begin; row < end; ++row) {
                    kernels::prefetch_row(of_row(std::min(row + rows_ahead, end - 1)), width);
                    run(of_row(row), row * width, width, kernels::along<T>);
                }
            });
            return;
        }
        each_chunk(pool, touched, std::max<Index>(1, chunk / width), [&](Index begin, Index end) {
            const auto& ids = gradient.ids();
            for (Index i = begin; i < end; ++i) {
                const auto place = static_cast<std::size_t>(i);
                const Index row = ids[place],
                            later = ids[static_cast<std::size_t>(std::min(i + rows_ahead, touched - 1))];
                run(gradient.values(place), row * width, width, (later - row) * width);
            }
        });
    }
    /// Makes the number of slots a constant for the kernel.
    template <int Slots = Rule::max_slots, class T, std::size_t MaxSlots, class Formula>
    void optimize(T* w, const T* g, const std::array<T*, MaxSlots>& state, Index n,
                  const kernels::GradientTerms<T>& terms, const Formula& formula, Index ahead) const {
        if constexpr (Slots > Rule::min_slots)
            if (Rule::slots(options_) < Slots) return optimize<Slots - 1>(w, g, state, n, terms, formula, ahead);
        kernels::optimize<Slots>(w, g, state, n, terms, formula, ahead);
    }
    template <class F>
    static void each_chunk(ThreadPool* pool, Index n, Index size, F&& f) {
        const Index chunks = (n + size - 1) / size;
        run_tasks(pool, chunks, [&](Index i) { f(i * size, std::min(n, (i + 1) * size)); });
    }

    template <class T>
    Fields<T>& fields_of() {
        return std::get<Fields<T>>(fields_);
    }
    /// State of one parameter: `slots` arrays of `size` numbers, filled with the rule's start values at first use.
    template <class T>
    T* state(std::size_t number, Index size);

    Options options_;
    TableStep table_step_;
    Buffer<std::byte> no_gradient_;  // of an untouched row
    Index iterations_ = 0;
    std::vector<Buffer<std::byte>> states_;
    std::tuple<Fields<float>, Fields<double>> fields_;  // of the last model: their memory alone is kept
};

template <class Rule>
Optimizer<Rule>::Optimizer(Options options, TableStep table_step) : options_(options), table_step_(table_step) {
    detail::check_size(Rule::name(), "learning_rate", options.learning_rate);  // 0 is where a schedule may begin or end
    detail::check_size(Rule::name(), "weight_decay", options.weight_decay);
    Rule::check(options);
    int limits = 0;
    for (const double limit : {options.clipping.value, options.clipping.norm, options.clipping.global_norm}) {
        if (!(limit > 0))
            throw ArgumentError(message(Rule::name(), ": expected a positive limit for clipping, received ", limit));
        limits += limit < std::numeric_limits<double>::infinity();
    }
    if (limits > 1) throw ArgumentError(message(Rule::name(), ": expected one kind of clipping, received ", limits));
}

template <class Rule>
template <class T>
void Optimizer<Rule>::step(const ParameterList<T>& list, ThreadPool* pool) {
    ++iterations_;
    const Clipping& clipping = options_.clipping;
    constexpr double off = std::numeric_limits<double>::infinity();
    const double decay = options_.weight_decay;
    const bool decoupled = Rule::decoupled_decay(options_);
    const double global = clipping.global_norm < off ? gradient_norm(list) : 0.0;
    std::size_t number = 0;
    for (const Parameter<T>& p : list) {
        if (p.is_state()) {
            if (p.moves) p.moves->move(p.values, p.size());
            continue;
        }
        double scale = detail::clip_scale(global, clipping.global_norm);
        if (clipping.norm < off) scale *= detail::clip_scale(std::sqrt(detail::sum_of_squares(p)), clipping.norm);
        const kernels::GradientTerms<T> terms{static_cast<T>(scale), static_cast<T>(clipping.value),
                                              static_cast<T>(decoupled ? 0 : decay),
                                              static_cast<T>(decoupled ? 1 - options_.learning_rate * decay : 1)};
        const auto formula = Rule::template formula<T>(options_, static_cast<double>(iterations_));
        T* const slots = state<T>(number++, p.size());
        each_run(p, pool, [&](const T* g, Index begin, Index n, Index ahead) {
            std::array<T*, Rule::max_slots> state{};
            for (int s = 0; s < Rule::slots(options_); ++s)
                state[static_cast<std::size_t>(s)] = slots + s * p.size() + begin;
            optimize(p.values + begin, g, state, n, terms, formula, ahead);
        });
    }
}

template <class Rule>
template <class T>
void Optimizer<Rule>::grow_state(std::size_t number, Index before, Index after) {
    if (number >= states_.size() || states_[number].capacity() == 0) return;  // no step has used it
    const T* from = state<T>(number, before);
    const int slots = Rule::slots(options_);
    Buffer<std::byte> grown;
    T* to = reinterpret_cast<T*>(grown.need(slots * after * static_cast<Index>(sizeof(T))));
    for (int s = 0; s < slots; ++s) {
        to = std::copy_n(from + s * before, before, to);
        to = std::fill_n(to, after - before, static_cast<T>(Rule::initial(options_, s)));
    }
    states_[number] = std::move(grown);
}

template <class Rule>
template <class T>
T* Optimizer<Rule>::state(std::size_t number, Index size) {
    if (number == states_.size()) states_.emplace_back();
    Buffer<std::byte>& bytes = states_[number];
    const int slots = Rule::slots(options_);
    const Index needed = slots * size * static_cast<Index>(sizeof(T));
    if (bytes.capacity() == 0 && needed > 0) {
        T* first = reinterpret_cast<T*>(bytes.need(needed));
        for (int s = 0; s < slots; ++s) first = std::fill_n(first, size, static_cast<T>(Rule::initial(options_, s)));
    }
    if (bytes.capacity() != needed)
        throw ArgumentError(message(Rule::name(), ": this optimizer has the state of another model (parameter ", number,
                                    " had ", bytes.capacity(), " bytes, needs ", needed, ")"));
    return reinterpret_cast<T*>(bytes.data());
}

DEEPREC_END
