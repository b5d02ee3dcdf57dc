// A metric in the place of the loss.
// expect: fit: the third argument must be a loss such as BinaryCrossEntropy
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
    Sequential model{Dense{1, sigmoid}};
    Tensor<float, 2> x(1, 1), y(1, 1);
    Adam optimizer;
#ifdef GOOD
    const BinaryCrossEntropy loss;
#else
    const BinaryAccuracy loss;
#endif
    fit(model, TensorDataset{x, y}, loss, optimizer, {});
}
