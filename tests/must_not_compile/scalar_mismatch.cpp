// Layers of one model compute in one scalar type.
// expect: Dense: the input must have the scalar type of the layer
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
#ifdef GOOD
    Sequential model{Dense<double, ReLU>{4}, Dense<double, Linear>{1}};
#else
    Sequential model{Dense<float, ReLU>{4}, Dense<double, Linear>{1}};
#endif
    model.build({8}, Seed{1});
}
