// One number a sample is a feature, [batch, 1].
// expect: Record: ids are \[B\], \[B, T\] or \[B, T, n\], numbers \[B, F\] or \[B, T, F\]
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
#ifdef GOOD
    const Record x{{"age", Tensor<float, 2>(3, 1)}};
#else
    const Record x{{"age", Tensor<float, 1>(3)}};
#endif
}
