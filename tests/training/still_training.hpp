/// A training that goes nowhere, for callbacks to be told events of.
#pragma once

#include <deeprec/training/events.hpp>

namespace support {

struct StillTraining : deeprec::TrainingControl {
    double rate = 0.1;
    deeprec::Index steps = 0;

    double learning_rate() const override { return rate; }
    void set_learning_rate(double r) override { rate = r; }
    deeprec::Index iterations() const override { return steps; }
    std::vector<double> weights() const override { return {}; }
    void set_weights(const std::vector<double>&) override {}
    std::string metric_without_state() const override { return {}; }
    void show(const deeprec::TrainingVisitor&) override {}
};

}  // namespace support
