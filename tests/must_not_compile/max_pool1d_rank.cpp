// MaxPool1D wants [batch, time, features], but a global pooling leaves [batch, features].
// expect: MaxPool1D: the input must be \[batch, time, features\], rank 3
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
#ifdef GOOD
    Sequential model{MaxPool1D{2}, GlobalMaxPool1D{}};
#else
    Sequential model{GlobalMaxPool1D{}, MaxPool1D{2}};
#endif
    static_cast<void>(model);
}
