#include <deeprec/layers/bidirectional.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/models/sequential.hpp>

#include <algorithm>
#include <string>

#include "oracle/rnn.hpp"

using namespace deeprec;

namespace {
/// Throws for what no test here can ask of a composition: states.
void check_stateless(const oracle::Config& config) {
    config.require("return_state", false);
    config.require("has_initial_state", false);
}
MergeMode merge_mode(const oracle::Config& config) {
    const std::string name = config["merge_mode"].is_null() ? "none" : config["merge_mode"].get<std::string>();
    const auto found = std::find(merge_mode_names.begin(), merge_mode_names.end(), name);
    if (found == merge_mode_names.end()) throw oracle::NotApplicable{"merge_mode " + name};
    return static_cast<MergeMode>(found - merge_mode_names.begin());
}
}  // namespace

TEST_CASE("Bidirectional agrees with Keras", "[oracle][bidirectional]") {
    oracle::run("rnn", "bidirectional", []<class T>(oracle::Case<T>& c) {
        c.config.only({"cell", "units", "merge_mode", "activation", "recurrent_activation", "negative_slope", "alpha",
                       "use_bias", "reset_after", "return_sequences", "has_mask", "return_state", "has_initial_state"});
        check_stateless(c.config);
        oracle::with_return(c.config, [&](auto returned) {
            oracle::with_cell<T>(c.config["cell"], c.config, [&](const auto& make) {
                Bidirectional layer{make(c.config["units"], returned), {.merge_mode = merge_mode(c.config)}};
                oracle::with_input(c, [&](const auto& x) { oracle::check_layer(c, layer, x); });
            });
        });
    });
}

TEST_CASE("stacked recurrent layers agree with Keras", "[oracle][stacked_rnn]") {
    oracle::run("rnn", "stacked_rnn", []<class T>(oracle::Case<T>& c) {
        c.config.only({"cell", "units", "activation", "recurrent_activation", "negative_slope", "alpha", "use_bias",
                       "reset_after", "return_sequences", "has_mask", "return_state", "has_initial_state"});
        check_stateless(c.config);
        const std::vector<Index> units = c.config["units"];
        const auto check = [&](auto model) {
            oracle::with_input(c, [&](const auto& x) {
                oracle::check_layer(c, model, x, [](const std::string& name) { return "layer" + name; });
            });
        };
        oracle::with_return(c.config, [&](auto returned) {
            oracle::with_cell<T>(c.config["cell"], c.config, [&](const auto& make) {
                const auto inner = [&](std::size_t i) { return make(units[i], return_sequences); };
                switch (units.size()) {
                    case 1: return check(Sequential{make(units[0], returned)});
                    case 2: return check(Sequential{inner(0), make(units[1], returned)});
                    case 3: return check(Sequential{inner(0), inner(1), make(units[2], returned)});
                    default: throw oracle::NotApplicable{std::to_string(units.size()) + " layers"};
                }
            });
        });
    });
}

TEST_CASE("recurrent layers after an Embedding agree with Keras", "[oracle][embedding_rnn]") {
    oracle::run("embedding", "embedding_rnn", []<class T>(oracle::Case<T>& c) {
        c.config.only({"input_dim", "output_dim", "mask_zero", "cell", "units", "activation", "recurrent_activation",
                       "negative_slope", "alpha", "use_bias", "reset_after", "go_backwards", "return_sequences"});
        oracle::with_return(c.config, [&](auto returned) {
            oracle::with_cell<T>(c.config["cell"], c.config, [&](const auto& make) {
                Sequential model{Embedding<T>{c.config["input_dim"],
                                              c.config["output_dim"],
                                              {.mask_zero = c.config.value("mask_zero", false)}},
                                 make(c.config["units"], returned)};
                oracle::check_layer(
                    c, model, c.template tensor<2, std::int32_t>("in/ids"),
                    [](const std::string& name) { return name[0] == '0' ? name.substr(2) : "rnn" + name.substr(1); });
            });
        });
    });
}
