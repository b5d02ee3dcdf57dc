#include <deeprec/layers/bidirectional.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/models/sequential.hpp>

#include "oracle/rnn.hpp"

using namespace deeprec;

namespace {

/// Calls f with make(units), which gives a layer of the case's cell with this Return policy.
template <class T, class F>
void with_cell(const oracle::Case<T>& c, F&& f) {
    if (c.config["cell"] == "lstm") return f([]<class Return>(Index units, Return) { return LSTM<T, Return>{units}; });
    const GRUOptions options{.reset_after = c.config["reset_after"]};
    return f([options]<class Return>(Index units, Return) { return GRU<T, Return>{units, {}, options}; });
}

}  // namespace

TEST_CASE("Bidirectional agrees with Keras", "[oracle][bidirectional]") {
    oracle::run("rnn", "bidirectional", []<class T>(oracle::Case<T>& c) {
        CHECK(c.config["merge_mode"] == "concat");
        oracle::with_return(c, [&](auto returned) {
            with_cell(c, [&](const auto& make) {
                Bidirectional layer{make(c.config["units"], returned)};
                oracle::with_input(c, [&](const auto& x) { oracle::check_layer(c, layer, x); });
            });
        });
    });
}

TEST_CASE("stacked recurrent layers agree with Keras", "[oracle][stacked_rnn]") {
    oracle::run("rnn", "stacked_rnn", []<class T>(oracle::Case<T>& c) {
        oracle::with_return(c, [&](auto returned) {
            with_cell(c, [&](const auto& make) {
                Sequential model{make(c.config["units"][0], return_sequences), make(c.config["units"][1], returned)};
                oracle::with_input(c, [&](const auto& x) {
                    oracle::check_model(c, model, {x.extent(1), x.extent(2)}, x, "grad/x",
                                        [](const std::string& name) { return "layer" + name; });
                });
            });
        });
    });
}

TEST_CASE("recurrent layers after an Embedding agree with Keras", "[oracle][embedding_rnn]") {
    oracle::run("embedding", "embedding_rnn", []<class T>(oracle::Case<T>& c) {
        oracle::with_return(c, [&](auto returned) {
            with_cell(c, [&](const auto& make) {
                Sequential model{
                    Embedding<T>{c.config["input_dim"], c.config["output_dim"], {.mask_zero = c.config["mask_zero"]}},
                    make(c.config["units"], returned)};
                const auto ids = c.template tensor<2, std::int32_t>("in/ids");
                oracle::check_model(c, model, {ids.dimension(1)}, ids, "", [](const std::string& name) {
                    return name[0] == '0' ? name.substr(2) : "rnn" + name.substr(1);
                });
            });
        });
    });
}
