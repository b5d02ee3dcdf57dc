// A callback that cannot be called must not be passed over in silence.
// expect: fit: callbacks keep state, so pass them as objects that are not const
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
    Sequential model{Dense{1, sigmoid}};
    Tensor<float, 2> x(1, 1), y(1, 1);
    const TensorDataset data{x, y};
    Adam optimizer;
#ifndef GOOD
    const
#endif
        EarlyStopping stop{};
    fit(model, data, BinaryCrossEntropy{}, optimizer, {}, stop);
}
