#include "model.hpp"

using namespace deeprec;

Model make_model() {
    Model model{Conv1D{4, 3, relu}, Flatten{}, Dense{1, sigmoid}};
    model.build({6, 2}, Seed{1});
    return model;
}
void build_with_a_wrong_shape() { Model{Conv1D{4, 3, relu}, Flatten{}, Dense{1, sigmoid}}.build({6, 2, 2}, Seed{1}); }
