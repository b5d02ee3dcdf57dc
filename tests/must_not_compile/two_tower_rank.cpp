// A tower must end in one vector a sample, but MaxPool1D leaves a sequence.
// expect: TwoTower: the item tower must end in one vector a sample
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
#ifdef GOOD
    TwoTower model{Sequential{Conv1D{8, 3}, Flatten{}}, Sequential{MaxPool1D{2}, Flatten{}}, Dot{}};
#else
    TwoTower model{Sequential{Conv1D{8, 3}, Flatten{}}, Sequential{Conv1D{8, 3}, MaxPool1D{2}}, Dot{}};
#endif
    static_cast<void>(model);
}
