#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/training/fit.hpp>

#include <algorithm>
#include <string>

#include "oracle/models.hpp"

using namespace deeprec;

TEST_CASE("fit agrees with Keras' fit", "[oracle][training]") {
    oracle::run("fit", "model_fit", []<class T>(oracle::Case<T>& c) {
        if (c.config.contains("optimizer")) throw oracle::NotApplicable{"optimizer sgd with momentum"};
        oracle::with_model(c, [&](auto& model, const auto& rename) {
            c.load(model, rename);
            const auto labels = c.template tensor<2>("in/y");
            Tensor<T, 1> weights;
            if (c.has("in/sample_weight")) {
                const auto w = c.values("in/sample_weight");
                weights.resize(static_cast<Index>(w.size()));
                std::copy(w.begin(), w.end(), weights.data());
            }
            if (c.config.contains("class_weight")) {  // a weight for every sample, by its label
                weights.resize(labels.size());
                for (Index i = 0; i < labels.size(); ++i)
                    weights(i) = c.config["class_weight"][labels.data()[i] == 1 ? 1 : 0];
            }
            const TensorDataset train{oracle::inputs(c, model), labels, weights};
            const TensorDataset valid{oracle::inputs(c, model, "val_"), c.template tensor<2>("in/val_y"),
                                      Tensor<T, 1>{}};
            Adam optimizer{{.learning_rate = c.config["lr"]}};
            const auto accuracy = [&](const auto& data) {
                const auto y = predict(model, data.inputs());
                double right = 0;
                for (Index i = 0; i < y.size(); ++i)
                    right += (y.data()[i] > T(0.5)) == (data.targets().data()[i] > T(0.5));
                return right / static_cast<double>(y.size());
            };
            const History history =
                fit(model, train, BinaryCrossEntropy{}, optimizer,
                    {.epochs = c.config["epochs"],
                     .batch_size = c.config["batch_size"],
                     .validation = &valid,
                     .threads = 1,
                     .shuffle = false},
                    OnEpochEnd{[&](const auto&, EpochLog& log) { log.set("val_accuracy", accuracy(valid)); }});
            for (const std::string figure : {"loss", "val_loss", "val_accuracy"}) {
                const auto series = history.series(figure);
                c.close_values("out/" + figure, series.data(), static_cast<Index>(series.size()));
            }
            for_each_parameter(model, [&](std::string_view name, const auto& parameter) {
                c.close("out/final." + rename(std::string(name)), parameter);
            });
        });
    });
}
