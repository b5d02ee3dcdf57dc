/// Metrics of a model over a data set: `evaluate`.
#pragma once

#include <algorithm>
#include <cstring>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deeprec/core/order.hpp>
#include <deeprec/core/parameters.hpp>
#include <deeprec/core/tasks.hpp>
#include <deeprec/metrics/metric.hpp>
#include <deeprec/training/fingerprint.hpp>
#include <deeprec/training/predict.hpp>
#include <deeprec/training/world.hpp>

DEEPREC_BEGIN

/// Named results of `evaluate`.
struct Report {
    std::vector<std::pair<std::string, double>> figures;  ///< in the order of the metrics
    /// Throws ArgumentError for an unknown name.
    double operator[](std::string_view name) const {
        for (const auto& [known, value] : figures)
            if (known == name) return value;
        throw ArgumentError(message("Report: no figure named '", name, "'"));
    }
    friend std::ostream& operator<<(std::ostream& out, const Report& report) {
        for (std::size_t i = 0; i < report.figures.size(); ++i)
            out << (i ? "  " : "") << report.figures[i].first << ' ' << report.figures[i].second;
        return out;
    }
};

/// Of `evaluate`.
struct EvaluateOptions {
    /// Processes that share the work: each runs the model over its batches and hands the predictions to all. Every rank
    /// has the model and the whole data, and gets the figures of one process, to the bit.
    AnyWorld world{};
};

namespace detail {
/// Predictions as bytes: extents, numbers, mask.
template <class T, int Rank>
std::vector<std::byte> packed(const View<const T, Rank>& y) {
    std::vector<std::byte> bytes;
    const auto add = [&](const auto* from, Index count) {
        const auto* const p = reinterpret_cast<const std::byte*>(from);
        bytes.insert(bytes.end(), p, p + static_cast<std::size_t>(count) * sizeof *from);
    };
    add(y.extents().data(), Rank);
    add(y.data(), y.size());
    if constexpr (Rank > 1)
        if (y.mask) add(y.mask.keep, y.extent(0) * y.extent(1));
    return bytes;
}
template <class T, int Rank>
View<const T, Rank> unpacked(const std::vector<std::byte>& bytes) {
    typename View<const T, Rank>::Extents extents;
    std::memcpy(extents.data(), bytes.data(), sizeof extents);
    const auto* const numbers = reinterpret_cast<const T*>(bytes.data() + sizeof extents);
    const View<const T, Rank> y{numbers, extents};
    const auto* const end = reinterpret_cast<const std::uint8_t*>(numbers + y.size());
    const bool masked = end != reinterpret_cast<const std::uint8_t*>(bytes.data() + bytes.size());
    return {numbers, extents, Mask{masked ? end : nullptr}};
}
template <class Model, class Data>
void agree_to_evaluate(const Model& model, const Data& data, TrainingWorld& world) {
    std::uint64_t weights = hash_start;
    for (const auto& p : parameter_list(model))
        weights = hash_bytes(p.values, static_cast<std::size_t>(p.size()) * sizeof(*p.values), weights);
    const std::pair<std::string, std::string> facts[] = {
        {"samples", message(data.size())},
        {"data with the fingerprint", message(fingerprint_of(data))},
        {"weights with the fingerprint", message(weights)},
    };
    agree("evaluate: the ranks of a world evaluate one model alike", world, facts);
}
/// `evaluate`, alone or `Shared` by the ranks of a world: a program without one has none of the code that shares.
template <bool Shared, class Model, class Data, class... Metrics>
Report evaluate_batches(Predictor<Model>& predictor, const Data& data, [[maybe_unused]] const AnyWorld& world,
                        Metrics... metrics) {
    constexpr Index batch_size = 1024;
    const Model& model = predictor.model();
    const std::vector<Index> order = all_indices(data.size());
    const auto indices_of = [&](Index number) {
        const Index begin = number * batch_size, count = std::min(batch_size, data.size() - begin);
        return std::span(order).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
    };
    const auto predictions = [&](const auto& batch) { return predictor.views(input_views(batch.inputs)); };
    const auto show = [&](const auto& batch, const auto& y) {
        const auto show_shaped = [&](const auto& prediction) {
            const auto update = [&](auto& metric) {
                const TaskLists tasks = task_lists(model, batch);
                if constexpr (is_on_task<std::remove_cvref_t<decltype(metric)>>)
                    metric.update(tasks, prediction, batch.targets, batch.sample_weights());
                else if (!tasks.targets.empty())
                    refuse_metric("evaluate", metric.name(), tasks);
                else
                    update_metric(metric, prediction, batch.targets, batch.sample_weights());
            };
            (update(metrics), ...);
        };
        if constexpr (std::remove_cvref_t<decltype(y)>::rank == 3) {
            show_shaped(y);
        } else {  // samples of a block lie in one row of targets
            const Index rows = batch.targets.extent(0);
            show_shaped(View<const typename Model::Scalar, 2>{y.data(), {rows, y.size() / std::max<Index>(rows, 1)}});
        }
    };
    const Index batches = (data.size() + batch_size - 1) / batch_size;
    if constexpr (!Shared) {
        for (Index number = 0; number < batches; ++number) {
            const auto& batch = data.batch(indices_of(number));
            show(batch, predictions(batch));
        }
    } else {
        using Y = decltype(predictions(data.batch(indices_of(0))));
        const Index ranks = world.size(), rank = world.rank();
        agree_to_evaluate(model, data, *world);
        for (Index first = 0; first < batches; first += ranks) {
            const auto all = gather_work(*world, [&]() -> std::vector<std::byte> {
                if (first + rank >= batches) return {};
                return packed<typename Y::Scalar, Y::rank>(predictions(data.batch(indices_of(first + rank))));
            });
            for (Index number = first; number < std::min(first + ranks, batches); ++number)
                show(data.batch(indices_of(number)),
                     unpacked<typename Y::Scalar, Y::rank>(all[static_cast<std::size_t>(number - first)]));
        }
    }
    return {{{std::string(metrics.name()), metrics.result()}...}};
}
}  // namespace detail

/// Runs the model over a data source and shows every prediction to the metrics, with the masks and weights of the data:
/// `evaluate(model, test, Auc{}, LogLoss{})["auc"]`, or over ranks `evaluate(model, test, {.world = world}, Auc{})`.
/// Throws as the model's forward and the metrics' update; ArgumentError, on every rank and with both values, where one
/// has other data or weights.
///
/// A call starts threads and finds memory; of many in a row, `Predictor predictor{model}` keeps both:
/// `evaluate(predictor, test, Auc{})`.
template <class Model, class Data, class... Metrics>
Report evaluate(Predictor<Model>& predictor, const Data& data, EvaluateOptions options, Metrics... metrics) {
    return options.world ? detail::evaluate_batches<true>(predictor, data, options.world, std::move(metrics)...)
                         : detail::evaluate_batches<false>(predictor, data, {}, std::move(metrics)...);
}
template <class Model, class Data, class... Metrics>
Report evaluate(Predictor<Model>& predictor, const Data& data, Metrics... metrics) {
    return detail::evaluate_batches<false>(predictor, data, {}, std::move(metrics)...);
}
template <class Model, class Data, class... Metrics>
Report evaluate(const Model& model, const Data& data, EvaluateOptions options, Metrics... metrics) {
    Predictor<Model> predictor(model);
    return evaluate(predictor, data, std::move(options), std::move(metrics)...);
}
template <class Model, class Data, class... Metrics>
Report evaluate(const Model& model, const Data& data, Metrics... metrics) {
    Predictor<Model> predictor(model);
    return evaluate(predictor, data, std::move(metrics)...);
}

DEEPREC_END
