// Eigen's column: what its users write for elementwise functions and Adam. One thread, as Eigen's own.
#include <Eigen/Core>

#include "workloads.hpp"

using peers::Numbers;
using peers::Runner;

namespace {

void run_elementwise(const Runner& run) {
    const Eigen::Index n = peers::elements, length = peers::row_length;
    const Numbers numbers = peers::numbers(peers::elements, "ew", -4, 4);
    const Eigen::ArrayXf x = Eigen::Map<const Eigen::ArrayXf>(numbers.data(), n);
    Eigen::ArrayXf y(n);
    const auto function = [&](const char* name, const auto& f) {
        if (!run.wants(name)) return;
        f();
        run.run(name, {0, 8.0 * peers::elements, peers::Traffic::cache}, peers::sum(y.data(), numbers.size()), f);
    };
    function("ew_exp", [&] { y = x.exp(); });
    function("ew_sigmoid", [&] { y = x.logistic(); });
    function("ew_tanh", [&] { y = x.tanh(); });
    function("ew_relu", [&] { y = x.cwiseMax(0.f); });
    function("ew_softmax", [&] {
        for (Eigen::Index i = 0; i < n; i += length) {
            auto row = y.segment(i, length);
            row = (x.segment(i, length) - x.segment(i, length).maxCoeff()).exp();
            row *= 1 / row.sum();
        }
    });
}
void run_adam(const Runner& run) {
    if (!run.wants("adam_10M")) return;
    const Numbers gradient = peers::numbers(peers::adam_weights, "g");
    const Eigen::Map<const Eigen::ArrayXf> g(gradient.data(), peers::adam_weights);
    Eigen::ArrayXf w = Eigen::ArrayXf::Zero(peers::adam_weights), m = w, v = w;
    int step = 0;
    run.run("adam_10M", {12.0 * peers::adam_weights, 28.0 * peers::adam_weights, peers::Traffic::update}, NAN, [&] {
        ++step;
        const auto rate = static_cast<float>(1e-3 * std::sqrt(1 - std::pow(.999, step)) / (1 - std::pow(.9, step)));
        m = .9f * m + .1f * g;
        v = .999f * v + .001f * g.square();
        w -= rate * m / (v.sqrt() + 1e-7f);
    });
}

}  // namespace

int main(int argc, char** argv) {
    const Runner run("eigen", argc, argv);
    if (run.threads() > 1) return 0;
    run_elementwise(run);
    run_adam(run);
}
