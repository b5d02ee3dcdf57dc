#include <deeprec/losses/binary_cross_entropy.hpp>
#include <deeprec/metrics/binary.hpp>
#include <deeprec/optimizers/adam.hpp>
#include <deeprec/optimizers/sgd.hpp>
#include <deeprec/training/fit.hpp>

#include <algorithm>
#include <string>
#include <utility>

#include "oracle/models.hpp"

using namespace deeprec;

TEST_CASE("fit agrees with Keras' fit", "[oracle][training]") {
    oracle::run("fit", "model_fit", []<class T>(oracle::Case<T>& c) {
        c.config.only({"name", "towers", "head", "merge", "time", "features", "batch", "vocab", "store", "lr", "steps",
                       "batch_size", "epochs", "validation_rows", "class_weight", "sample_weight", "optimizer"});
        oracle::with_model(c, [&](auto& model, const auto& rename, const auto& inputs) {
            c.load(model, rename);
            Tensor<T, 1> weights;
            if (c.has("in/sample_weight")) weights = c.flat("in/sample_weight");
            const TensorDataset train{inputs(""), c.template tensor<2>("in/y"), weights};
            const TensorDataset valid{inputs("val_"), c.template tensor<2>("in/val_y"), Tensor<T, 1>{}};
            const auto fit_with = [&](auto optimizer) {
                return fit(model, train, BinaryCrossEntropy{}, optimizer,
                           {.epochs = c.config["epochs"],
                            .batch_size = c.config["batch_size"],
                            .validation = &valid,
                            .threads = 1,
                            .shuffle = false,
                            .class_weight = c.config.value("class_weight", std::vector<double>{})},
                           Unweighted{BinaryAccuracy{}});  // what Keras calls metrics
            };
            const std::string optimizer = c.config.value("optimizer", "adam");
            if (optimizer != "adam" && optimizer != "sgd_momentum")
                throw oracle::NotApplicable{"optimizer " + optimizer};
            const History history = optimizer == "adam" ? fit_with(Adam{{.learning_rate = c.config["lr"]}})
                                                        : fit_with(SGD{{.learning_rate = 0.05, .momentum = 0.9}});
            for (const auto& [ours, theirs] :
                 {std::pair{"loss", "loss"}, std::pair{"val_loss", "val_loss"},
                  std::pair{"binary_accuracy", "accuracy"}, std::pair{"val_binary_accuracy", "val_accuracy"}}) {
                if (!c.has(std::string("out/") + theirs)) continue;
                const auto series = history.series(ours);
                c.close_values(std::string("out/") + theirs, series.data(), static_cast<Index>(series.size()));
            }
            for (const auto& p : parameter_list(model))
                if (!p.is_state()) c.close_parameter_if("out/final." + rename(p.path), p);
        });
    });
}
