// A layer over one tensor of a record must say which.
// expect: Branches: a layer over one tensor needs its name: field
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
#ifdef GOOD
    Branches model{field("item", Embedding{10, 4}), field("event", Embedding{4, 4})};
#else
    Branches model{Embedding{10, 4}, field("event", Embedding{4, 4})};
#endif
}
