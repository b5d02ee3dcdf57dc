// Runtimes have their operators for float.
// expect: export_onnx: the model must be of float
#include <deeprec/io/onnx.hpp>
using namespace deeprec;

int main() {
#ifdef GOOD
    Sequential model{Flatten{}};
#else
    Sequential model{Flatten<double>{}};
#endif
    model.build({3, 2}, Seed{1});
    export_onnx(model, "model.onnx");
}
