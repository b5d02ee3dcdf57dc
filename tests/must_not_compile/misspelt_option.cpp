// An option that fit does not have.
// expect: (could not convert .* to .*FitOptions|no matching function for call to .fit.|no non-static data member named)
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
    Sequential model{Dense{1, sigmoid}};
    Tensor<float, 2> x(1, 1), y(1, 1);
    Adam optimizer;
#ifdef GOOD
    fit(model, TensorDataset{x, y}, BinaryCrossEntropy{}, optimizer, {.epochs = 3});
#else
    fit(model, TensorDataset{x, y}, BinaryCrossEntropy{}, optimizer, {.epoch = 3});
#endif
}
