#include <deeprec/core/function_ref.hpp>

#include <string>

#include "support/catch.hpp"

using namespace deeprec;

namespace {
int twice(int x) { return 2 * x; }
int through(FunctionRef<int(int)> f, int x) { return f(x); }
}  // namespace

TEST_CASE("A FunctionRef calls the callable that it refers to", "[function_ref]") {
    int calls = 0;
    auto count = [&](int x) { return calls += x; };
    const FunctionRef<int(int)> f = count;
    CHECK(f(2) == 2);
    CHECK(f(3) == 5);
    CHECK(calls == 5);
    const FunctionRef<int(int)> copy = f;
    CHECK(copy(1) == 6);
    CHECK(through([](int x) { return x + 1; }, 4) == 5);
    CHECK(through(&twice, 4) == 8);
}

TEST_CASE("A FunctionRef keeps the state of its callable, const or not", "[function_ref]") {
    auto counter = [n = 0]() mutable { return ++n; };
    const FunctionRef<int()> next = counter;
    CHECK(next() == 1);
    CHECK(next() == 2);
    CHECK(counter() == 3);
    const auto answer = [] { return 42; };
    CHECK(FunctionRef<long()>(answer)() == 42);
}

TEST_CASE("A FunctionRef hands on references", "[function_ref]") {
    const auto append = [](std::string& to, const std::string& more) -> std::string& { return to += more; };
    const FunctionRef<std::string&(std::string&, const std::string&)> f = append;
    std::string text = "a";
    CHECK(&f(text, "b") == &text);
    CHECK(text == "ab");
}
