// A float model does not take a tensor of double.
// expect: Dense: the input must have the scalar type of the layer
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
    Dense layer{4, relu};
    layer.build({3}, Seed{1});
#ifdef GOOD
    Tensor<float, 2> x(2, 3);
#else
    Tensor<double, 2> x(2, 3);
#endif
    Dense<float, ReLU>::Cache cache;
    layer.forward(x, cache);
}
