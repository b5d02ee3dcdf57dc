// Fields come from a record, so nothing may stand before Branches.
// expect: Branches: it reads a Record of named tensors, so nothing may stand before it
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
#ifdef GOOD
    Sequential model{Branches{field("item", Embedding{10, 4})}, Dense{4}};
#else
    Sequential model{Dense{4}, Branches{field("item", Embedding{10, 4})}};
#endif
}
