/// Metrics of a model over a data set: `evaluate`.
#pragma once

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/core/order.hpp>
#include <deeprec/core/tasks.hpp>
#include <deeprec/metrics/metric.hpp>
#include <deeprec/training/predict.hpp>

DEEPREC_BEGIN

/// Named results of `evaluate`.
struct Report {
    std::vector<std::pair<std::string, double>> figures;
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

/// Runs the model over a data source and shows every prediction to the metrics, with the masks and weights of the data:
/// `evaluate(model, test, Auc{}, LogLoss{})["auc"]`. Throws as the model's forward and the metrics' update.
template <class Model, class Data, class... Metrics>
Report evaluate(const Model& model, const Data& data, Metrics... metrics) {
    Predictor<Model> predictor(model);
    detail::each_batch(detail::all_indices(data.size()), 1024, [&](std::span<const Index> indices) {
        const auto& batch = data.batch(indices);
        const auto y = predictor.views(detail::input_views(batch.inputs));
        const auto show = [&](const auto& prediction) {
            const auto update = [&](auto& metric) {
                const TaskLists tasks = detail::task_lists(model, batch);
                if constexpr (is_on_task<std::remove_cvref_t<decltype(metric)>>)
                    metric.update(tasks, prediction, batch.targets, batch.sample_weights());
                else if (!tasks.targets.empty())
                    detail::refuse_metric("evaluate", metric.name(), tasks);
                else
                    detail::update_metric(metric, prediction, batch.targets, batch.sample_weights());
            };
            (update(metrics), ...);
        };
        if constexpr (std::remove_cvref_t<decltype(y)>::rank == 3) {
            show(y);
        } else {  // samples of a block lie in one row of targets
            const Index rows = batch.targets.extent(0);
            show(View<const typename Model::Scalar, 2>{y.data(), {rows, y.size() / std::max<Index>(rows, 1)}});
        }
    });
    return {{{std::string(metrics.name()), metrics.result()}...}};
}

DEEPREC_END
