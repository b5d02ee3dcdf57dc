// Options in the place of the optimizer.
// expect: fit: the fourth argument must be an optimizer such as Adam
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
    Sequential model{Dense{1, sigmoid}};
    Tensor<float, 2> x(1, 1), y(1, 1);
#ifdef GOOD
    Adam optimizer;
#else
    AdamOptions optimizer;
#endif
    fit(model, TensorDataset{x, y}, BinaryCrossEntropy{}, optimizer, {});
}
