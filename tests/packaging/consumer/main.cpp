// Uses a model that another file makes: both include the whole library and must link into one program.
#include <iostream>

#include "model.hpp"

int main() {
    const Model model = make_model();
    deeprec::Tensor<float, 3> x(2, 6, 2);
    x.setConstant(0.5f);
    Model::Cache cache;
    const auto y = model.forward(x, cache);
    bool caught = false;
    try {
        build_with_a_wrong_shape();
    } catch (const deeprec::Error&) {
        caught = true;
    }
    const bool good =
        caught && y.extent(0) == 2 && y.extent(1) == 1 && y(0, 0) > 0 && y(0, 0) < 1 && y(0, 0) == y(1, 0);
    std::cout << "deeprec " << deeprec::version << ": " << y(0, 0) << '\n';
    return good ? 0 : 1;
}
