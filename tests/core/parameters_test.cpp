#include <deeprec/core/parameters.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace deeprec;

namespace {

struct Part {
    struct Parameters {
        Tensor<float, 2> kernel;
        Tensor<float, 1> bias;
        template <class Visitor, class... Sets>
        static void visit(Visitor& visitor, Sets&... sets) {
            visitor("kernel", sets.kernel...);
            visitor("bias", sets.bias...);
        }
    };
    using Gradients = Parameters;
    Parameters parameters;
    int renewed = 0;

    void parameters_changed() { ++renewed; }
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        visitor.scope(12, [&] { visitor.scope("part", [&] { Parameters::visit(visitor, self.parameters, others...); }); });
    }
};

}  // namespace

TEST_CASE("for_each_parameter names paths, passes over what is not there and renews packed copies", "[parameters]") {
    Part part;
    part.parameters.kernel.resize(2, 3);
    std::vector<std::string> names;
    for_each_parameter(part, [&](std::string_view name, auto& tensor) {
        names.emplace_back(name);
        tensor.setConstant(1);
    });
    CHECK(names == std::vector<std::string>{"12.part.kernel"});
    CHECK(part.renewed == 1);
    CHECK(parameter_count(part) == 6);
    CHECK(part.renewed == 1);  // a const walk changes nothing

    auto zeros = zeros_like(part.parameters);
    CHECK(zeros.kernel.size() == 6);
    CHECK(zeros.bias.size() == 0);
    for_each_parameter(part, zeros, [](std::string_view, auto& tensor, auto& zero) {
        CHECK(tensor.data()[5] == 1);
        CHECK(zero.data()[5] == 0);
    });
}

TEST_CASE("A path that is too long is refused", "[parameters]") {
    const auto ignore = [](std::string_view, auto&) {};
    ParameterVisitor visitor(ignore);
    Tensor<float, 1> p(1);
    const std::string name(GENERATE(257u, 300u), 'x');
    CHECK_THROWS_AS(visitor(name, p), ArgumentError);
}
