/// A loss for each task of a model with several heads.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <deeprec/core/tasks.hpp>
#include <deeprec/losses/loss.hpp>
#include <deeprec/models/heads.hpp>

DEEPREC_BEGIN

/// loss = sum over tasks of weight * (mean loss of the samples that have the task's target):
///
///     Losses{on("click", BinaryCrossEntropy{}), on("rating", MeanSquaredError{}, 0.2)}
///
/// for a model that ends in Heads of these names and targets that have them too, `TensorDataset{x, Record{{"click",
/// clicks}, {"rating", ratings}}}`, in any order. Each loss means what it means alone, its reduction included, and
/// meets a final sigmoid or softmax of its head in logits. A target with a NaN is missing: the sample has no loss and
/// no gradient in that task, and does not count in its mean. Weights of samples multiply their losses in every task.
///
/// The tasks of a batch are divided each by their own number of targets, and an epoch is the mean of its batches: where
/// targets are missing, `accumulate` is not quite the step of one large batch. Throws ArgumentError for two losses of
/// one task, a weight that is negative or not finite, and when training starts unless heads, losses and targets have
/// the same names; ShapeError for targets of another width than the loss wants.
template <class... Each>
class Losses {
    static constexpr std::size_t count = sizeof...(Each);
    static_assert(
        requires { (Each::template takes_logits<void>, ...); },
        "Losses: every loss must be one of predictions, such as BinaryCrossEntropy");

public:
    explicit Losses(OnTask<Each>... losses) : losses_(std::move(losses)...) {
        std::vector<std::string> seen;
        each([&](std::size_t, const auto& loss) {
            detail::require_not_negative(name(), message("a weight of '", loss.task, "'"), loss.weight);
            if (std::find(seen.begin(), seen.end(), loss.task) != seen.end())
                throw ArgumentError(message("Losses: two losses of the task '", loss.task, "'"));
            seen.push_back(loss.task);
        });
    }
    static constexpr std::string_view name() { return "Losses"; }
    /// Of the last activations that a model has as a whole; those of heads are another matter.
    template <class FinalActivation>
    static constexpr bool takes_logits = false;

    // What a Trainer asks for, in this order.

    /// Finds the heads, and takes their last activations over where losses do.
    template <class... Layers>
    void bind(const Heads<Layers...>& heads) {
        check_names("the model has the heads ", heads.shapes());
        width_ = 0;
        for (const FieldShape& h : heads.shapes()) width_ += h.shape.size();
        on_logits_ = 0;
        each([&](std::size_t i, auto& loss) {
            using Loss = std::remove_cvref_t<decltype(loss.value)>;
            tasks_[i].outputs = detail::columns_of(name(), loss.task, "model's heads", heads.shapes());
            if constexpr (requires { loss.value.on_logits(); })
                heads.each([&]<std::size_t At>(const auto& layer) {
                    using Activation = typename FinalActivationOf<std::remove_cvref_t<decltype(layer)>>::type;
                    if (!Loss::template takes_logits<Activation> || heads.shapes()[At].name != loss.task) return;
                    loss.value = loss.value.on_logits();
                    on_logits_ |= std::uint64_t{1} << At;
                });
        });
    }
    /// The bits of Pass::heads.
    std::uint64_t heads_on_logits() const { return on_logits_; }
    /// Finds the targets of a batch, and counts them.
    template <class T>
    void begin(std::span<const FieldShape> targets, const T* target, Index rows, Index width, const T* weight) {
        check_names("the targets are ", targets);
        each([&](std::size_t i, const auto& loss) {
            Task& task = tasks_[i];
            task.targets = detail::columns_of(name(), loss.task, "targets", targets);
            const Index wanted = loss.value.target_outputs(task.outputs.width);
            if (wanted != task.targets.width)
                throw ShapeError(message("Losses: expected targets of ", wanted, " numbers for '", loss.task,
                                         "', whose head gives ", task.outputs.width, ", received ",
                                         task.targets.width));
            double divisor = 0;
            for (Index r = 0; r < rows; ++r) {
                const T* own = target + r * width + task.targets.begin;
                if (detail::has_target(own, task.targets.width))
                    divisor += loss.value.divisor(own, 1, task.targets.width, weight ? weight + r : nullptr);
            }
            task.scale = detail::equal(divisor, 0) ? loss.weight : loss.weight / divisor;
        });
        target_width_ = width;
    }
    template <class T>
    double divisor(const T*, Index rows, Index, const T*, const std::uint8_t* = nullptr) const {
        return static_cast<double>(rows);
    }
    Index target_outputs(Index outputs) const { return outputs == width_ ? target_width_ : -1; }
    template <class T>
    bool ignores(const T*) const {
        return false;
    }
    /// What these samples add to the loss of the batch, and its gradient.
    template <class T>
    double accumulate(const T* prediction, const T* target, Index rows, Index outputs, const T* weight, double,
                      T* gradient, const std::uint8_t* = nullptr) const {
        double sum = 0;
        each([&](std::size_t i, const auto& loss) {
            const Task& task = tasks_[i];
            for (Index r = 0; r < rows; ++r) {
                const T* own = target + r * target_width_ + task.targets.begin;
                T* const d = gradient ? gradient + r * outputs + task.outputs.begin : nullptr;
                if (detail::has_target(own, task.targets.width))
                    sum += loss.value.accumulate(prediction + r * outputs + task.outputs.begin, own, 1,
                                                 task.outputs.width, weight ? weight + r : nullptr, task.scale, d);
                else if (d)
                    std::fill_n(d, task.outputs.width, T(0));
            }
        });
        return sum;
    }
    /// Predictions of what the heads gave on logits, for metrics.
    template <class T, class... Layers>
    void activate(const Heads<Layers...>& heads, const T* y, T* out, Index rows) const {
        std::copy_n(y, rows * width_, out);
        Index begin = 0;
        heads.each([&]<std::size_t At>(const auto& layer) {
            using Activation = typename FinalActivationOf<std::remove_cvref_t<decltype(layer)>>::type;
            const Index width = heads.shapes()[At].shape.size();
            if constexpr (!std::is_void_v<Activation>)
                for (Index r = 0; (on_logits_ >> At & 1) != 0 && r < rows; ++r)
                    kernels::activate_rows<Activation>(y + r * width_ + begin, out + r * width_ + begin, 1, width);
            begin += width;
        });
    }

private:
    struct Task {
        detail::TaskColumns outputs, targets;
        double scale = 1;
    };
    void check_names(const char* what, std::span<const FieldShape> there) const {
        bool all = there.size() == count;
        each([&](std::size_t, const auto& loss) {
            all = all && std::any_of(there.begin(), there.end(), [&](const auto& t) { return t.name == loss.task; });
        });
        if (all) return;
        RecordShape ours;
        each([&](std::size_t, const auto& loss) { ours.push_back({loss.task, {}}); });
        throw ArgumentError(message("Losses: expected a loss for each task; ", what, detail::listed_tasks(there),
                                    ", the losses are on ", detail::listed_tasks(ours)));
    }
    template <class Self, class F>
    static void each_of(Self& self, F&& f) {
        [&]<std::size_t... At>(std::index_sequence<At...>) {
            (f(At, std::get<At>(self.losses_)), ...);
        }(std::make_index_sequence<count>{});
    }
    template <class F>
    void each(F&& f) {
        each_of(*this, f);
    }
    template <class F>
    void each(F&& f) const {
        each_of(*this, f);
    }

    std::tuple<OnTask<Each>...> losses_;
    std::array<Task, count> tasks_{};
    std::uint64_t on_logits_ = 0;
    Index width_ = 0, target_width_ = 0;
};

DEEPREC_END
