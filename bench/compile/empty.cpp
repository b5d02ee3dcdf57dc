// The umbrella alone.
#include <deeprec/deeprec.hpp>
int main() {}
