#include <deeprec/layers/average_pool1d.hpp>
#include <deeprec/layers/global_pool1d.hpp>
#include <deeprec/layers/max_pool1d.hpp>

#include "support/oracle.hpp"

namespace {

template <class L, class T>
void check_windows(oracle::Case<T>& c) {
    c.config.only({"pool_size", "strides", "padding", "has_ties"});
    if (c.config.value("padding", "valid") == "causal") throw oracle::NotApplicable{"padding causal"};
    L layer{c.config["pool_size"],
            {.strides = c.config.value("strides", deeprec::Index(0)), .padding = oracle::padding(c.config)}};
    oracle::check_layer(c, layer, c.template tensor<3>("in/x"));
}

template <template <class, bool> class Global, class T>
void check_global(oracle::Case<T>& c) {
    c.config.only({"keepdims", "has_ties", "has_mask"});
    const auto x = c.template tensor<3>("in/x");
    const auto check = [&](auto layer) {
        if (c.has("in/mask")) {
            const auto mask = c.template tensor<2, std::uint8_t>("in/mask");
            oracle::check_layer(c, layer, deeprec::masked(x, mask));
        } else {
            oracle::check_layer(c, layer, x);
        }
    };
    if (c.config.value("keepdims", false))
        check(Global<T, true>{});
    else
        check(Global<T, false>{});
}

}  // namespace

TEST_CASE("MaxPool1D agrees with Keras", "[oracle][max_pool1d]") {
    oracle::run("pooling", "max_pool1d", []<class T>(oracle::Case<T>& c) { check_windows<deeprec::MaxPool1D<T>>(c); });
}
TEST_CASE("AveragePool1D agrees with Keras", "[oracle][average_pool1d]") {
    oracle::run("pooling", "average_pool1d",
                []<class T>(oracle::Case<T>& c) { check_windows<deeprec::AveragePool1D<T>>(c); });
}
TEST_CASE("GlobalMaxPool1D agrees with Keras", "[oracle][global_pool1d]") {
    oracle::run("pooling", "global_max_pool1d",
                []<class T>(oracle::Case<T>& c) { check_global<deeprec::GlobalMaxPool1D>(c); });
}
TEST_CASE("GlobalAveragePool1D agrees with Keras", "[oracle][global_pool1d]") {
    oracle::run("pooling", "global_average_pool1d",
                []<class T>(oracle::Case<T>& c) { check_global<deeprec::GlobalAveragePool1D>(c); });
}
