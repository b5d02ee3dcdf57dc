#include <deeprec/training/regularizers.hpp>

#include <vector>

#include "support/oracle.hpp"

using namespace deeprec;

TEST_CASE("Penalties agree with Keras", "[oracle][training]") {
    oracle::run("regularizers", "regularizer", []<class T>(oracle::Case<T>& c) {
        c.config.only({"l1", "l2"});
        const L1L2 penalty{c.config.value("l1", 0.0), c.config.value("l2", 0.0)};
        const auto w = c.values("in/w");
        const auto n = static_cast<Index>(w.size());
        const double loss = penalty.penalty(w.data(), n);
        c.close_values("out/loss", &loss, 1);
        if (!c.has("grad/w")) return;
        std::vector<T> gradient(w.size());
        penalty.add_gradient(w.data(), gradient.data(), n);
        c.close_values("grad/w", gradient.data(), n);
    });
}
