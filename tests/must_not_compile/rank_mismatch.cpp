// Conv1D wants [batch, time, features], but Flatten leaves [batch, features].
// expect: Conv1D: the input must be
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
#ifdef GOOD
    Sequential model{Conv1D{8, 3, relu}, Flatten{}};
#else
    Sequential model{Flatten{}, Conv1D{8, 3, relu}};
#endif
    model.build({16, 4}, Seed{1});
}
