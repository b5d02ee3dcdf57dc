// A last state [batch, features] cannot stand beside a sequence [batch, time, features].
// expect: "age"|97, 103, 101
// expect: Branches: sequences \[B, T, F\] and vectors \[B, F\] cannot stand side by side
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
#ifdef GOOD
    Branches model{field<"price">(LSTM{4, return_sequences}), field("event", Embedding{4, 4})};
#else
    Branches model{field<"price">(LSTM{4, return_sequences}), field<"age">(LSTM{4})};
#endif
}
